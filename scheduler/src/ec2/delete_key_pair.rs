//! `DeleteKeyPair`. By name it succeeds whether or not there is such a pair, as EC2's does; an id must exist. Instances keep the key
//! they were launched with.

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::{ColumnTrait, EntityTrait, ModelTrait, QueryFilter};

use super::create_tags::remove_tags;
use super::message::missing;
use super::resolve::KEY_PAIR;
use crate::engine::Command;
use crate::store::{Outcome, Tx, key_pair};

impl Command for ec2::DeleteKeyPairRequest {
    const ERRORS: &'static [ErrorCode] =
        &[ErrorCode::InvalidKeyPairNotFound, ErrorCode::InvalidParameterCombination, ErrorCode::MissingParameter];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::DeleteKeyPairResult> {
        let of_account = key_pair::Entity::find().filter(key_pair::Column::AccountId.eq(tx.account()));
        let row = match (&self.key_name, &self.key_pair_id) {
            (Some(name), None) => of_account.filter(key_pair::Column::KeyName.eq(name)).one(tx.db()).await?,
            (None, Some(id)) => {
                KEY_PAIR.check(id)?;
                let row = of_account.filter(key_pair::Column::KeyPairId.eq(id)).one(tx.db()).await?;
                Some(row.ok_or_else(|| KEY_PAIR.absent(id))?)
            }
            (None, None) => return Err(missing("KeyName or KeyPairId").into()),
            (Some(_), Some(_)) => {
                let message = "The parameter KeyName cannot be used with the parameter KeyPairId";
                return Err(Fault::new(ErrorCode::InvalidParameterCombination, message).into());
            }
        };
        let mut answer = ec2::DeleteKeyPairResult { r#return: Some(true), key_pair_id: None };
        if let Some(row) = row {
            remove_tags(tx, &row.key_pair_id).await?;
            answer.key_pair_id = Some(row.key_pair_id.clone());
            row.delete(tx.db()).await?;
        }
        Ok(answer)
    }
}
