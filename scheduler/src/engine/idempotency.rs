//! ClientToken: the same request under the same token has the same answer and happens once.
//! Source: <https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html>.
//!
//! The remembered answer is a row of the command's own transaction, unique by (account, action, token): of two racing requests one
//! commits first, and the other finds its answer. A refused request is not remembered.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use freehold_proto::{Action, ErrorCode, Fault};
use prost::Message;
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel, ModelTrait};

use super::{Command, Prepared};
use crate::store::{Failure, Outcome, Tx, client_token};

/// How long an answer is remembered.
pub const KEPT_MILLIS: i64 = 24 * 60 * 60 * 1000;

/// EC2's bound, in ASCII characters, which it states with each action.
fn longest_token(action: &str) -> usize {
    if action == "RunInstances" { 64 } else { 128 }
}

/// One idempotent request: its token and what it asked.
pub struct Once {
    token: String,
    request_hash: String,
}

impl Once {
    /// Of a request that carries a token.
    pub fn of<A: Action>(request: &A) -> Option<Self> {
        let token = request.client_token().filter(|token| !token.is_empty())?;
        let hash = ring::digest::digest(&ring::digest::SHA256, &request.encode_to_vec());
        Some(Self { token: token.to_owned(), request_hash: STANDARD.encode(hash) })
    }

    /// The remembered answer, or a new one, remembered.
    pub async fn answer<A: Command>(self, request: A, tx: &mut Tx) -> Outcome<A::Answer> {
        if let Some(remembered) = self.remembered::<A>(tx).await? {
            return Ok(remembered);
        }
        let answer = request.run(tx).await?;
        self.remember::<A>(tx, answer).await
    }

    /// As [`Once::answer`], with what was made before the transaction: in vain where the answer is remembered.
    pub async fn answer_prepared<A: Prepared>(self, request: A, made: A::Made, tx: &mut Tx) -> Outcome<A::Answer> {
        if let Some(remembered) = self.remembered::<A>(tx).await? {
            return Ok(remembered);
        }
        let answer = request.run(made, tx).await?;
        self.remember::<A>(tx, answer).await
    }

    async fn remember<A: Action>(self, tx: &Tx, answer: A::Answer) -> Outcome<A::Answer> {
        let row = client_token::Model {
            account_id: tx.account().to_owned(),
            action: A::NAME.to_owned(),
            token: self.token,
            request_hash: self.request_hash,
            answer: STANDARD.encode(answer.encode_to_vec()),
            created: tx.now(),
        };
        row.into_active_model().insert(tx.db()).await?;
        Ok(answer)
    }

    async fn remembered<A: Action>(&self, tx: &Tx) -> Outcome<Option<A::Answer>> {
        let longest = longest_token(A::NAME);
        if self.token.len() > longest || !self.token.is_ascii() {
            let message = format!("Invalid value for clientToken: at most {longest} ASCII characters are allowed.");
            return Err(Failure::refuse(ErrorCode::InvalidParameterValue, message));
        }
        let key = (tx.account().to_owned(), A::NAME.to_owned(), self.token.clone());
        let Some(row) = client_token::Entity::find_by_id(key).one(tx.db()).await? else { return Ok(None) };
        if tx.now() - row.created >= KEPT_MILLIS {
            row.delete(tx.db()).await?;
            return Ok(None);
        }
        if row.request_hash != self.request_hash {
            let message = "The client token you have provided is already in use with different parameters.";
            return Err(Failure::refuse(ErrorCode::IdempotentParameterMismatch, message));
        }
        let corrupt = |error: Box<dyn std::error::Error + Send + Sync>| Fault::internal("a remembered answer can not be read", error);
        let bytes = STANDARD.decode(&row.answer).map_err(|error| corrupt(error.into()))?;
        Ok(Some(A::Answer::decode(bytes.as_slice()).map_err(|error| corrupt(error.into()))?))
    }
}
