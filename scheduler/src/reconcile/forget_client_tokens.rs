//! An idempotent request's answer is remembered for a day.

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::Reconciler;
use crate::engine::CLIENT_TOKEN_KEPT_MILLIS;
use crate::store::{Outcome, Store, client_token};

pub struct ForgetClientTokens;

impl Reconciler for ForgetClientTokens {
    const NAME: &'static str = "forget-client-tokens";
    type Due = client_token::Model;

    async fn due(&self, store: &Store) -> Outcome<Vec<client_token::Model>> {
        let past = store.clock().now_millis() - CLIENT_TOKEN_KEPT_MILLIS;
        Ok(client_token::Entity::find().filter(client_token::Column::Created.lte(past)).all(store.reader()).await?)
    }

    /// The token may have been given anew meanwhile: only this very row goes.
    async fn step(&self, store: &Store, old: client_token::Model) -> Outcome<()> {
        let tx = store.begin(&old.account_id).await?;
        client_token::Entity::delete_many()
            .filter(client_token::Column::AccountId.eq(&old.account_id))
            .filter(client_token::Column::Action.eq(&old.action))
            .filter(client_token::Column::Token.eq(&old.token))
            .filter(client_token::Column::Created.eq(old.created))
            .exec(tx.db())
            .await?;
        Ok(tx.commit().await?)
    }
}
