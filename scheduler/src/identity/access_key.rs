//! Access keys: `AKIA` and 16 characters, a secret of 40.

use freehold_proto::ErrorCode;
use freehold_proto::id::Entropy;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder};

use super::Vault;
use crate::store::{Failure, Kind, Outcome, Store, access_key, account};

/// RFC 4648's, which AWS's ids keep to.
const ID_ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const SECRET_ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// A key with its secret, which is not to be had again.
pub struct Created {
    pub access_key_id: String,
    pub secret_access_key: String,
}

pub async fn create(store: &Store, vault: &Vault, account_id: &str) -> Outcome<Created> {
    let mut tx = store.begin(account_id).await?;
    if account::Entity::find_by_id(account_id).one(tx.db()).await?.is_none() {
        return Err(Failure::refuse(ErrorCode::InvalidParameterValue, format!("There is no account '{account_id}'.")));
    }
    let access_key_id = format!("AKIA{}", draw(ID_ALPHABET, 16, tx.entropy()));
    let secret_access_key = draw(SECRET_ALPHABET, 40, tx.entropy());
    let row = access_key::Model {
        sealed_secret: vault.seal(&access_key_id, &secret_access_key, tx.entropy())?,
        access_key_id: access_key_id.clone(),
        account_id: account_id.to_owned(),
        active: true,
        created: tx.now(),
    };
    row.into_active_model().insert(tx.db()).await?;
    tx.changed(Kind::AccessKey, access_key_id.clone());
    tx.commit().await?;
    Ok(Created { access_key_id, secret_access_key })
}

/// The account and the secret of an active key.
pub async fn find(store: &Store, vault: &Vault, access_key_id: &str) -> Result<Option<(String, String)>, Failure> {
    let row = access_key::Entity::find_by_id(access_key_id).one(store.reader()).await?;
    let Some(row) = row.filter(|row| row.active) else { return Ok(None) };
    let secret = vault.open_sealed(&row.access_key_id, &row.sealed_secret)?;
    Ok(Some((row.account_id, secret)))
}

/// In the order they were made; "": every account's.
pub async fn list(store: &Store, account_id: &str) -> Outcome<Vec<access_key::Model>> {
    let mut keys = access_key::Entity::find().order_by_asc(access_key::Column::Created).order_by_asc(access_key::Column::AccessKeyId);
    if !account_id.is_empty() {
        keys = keys.filter(access_key::Column::AccountId.eq(account_id));
    }
    Ok(keys.all(store.reader()).await?)
}

/// Durable when it returns; the gateways are told by [`super::KeyFeed`].
pub async fn set_active(store: &Store, access_key_id: &str, active: bool) -> Outcome<()> {
    let mut tx = store.begin("").await?;
    let row = access_key::Entity::find_by_id(access_key_id).one(tx.db()).await?.ok_or_else(|| no_such(access_key_id))?;
    access_key::Model { active, ..row }.into_active_model().reset_all().update(tx.db()).await?;
    tx.changed(Kind::AccessKey, access_key_id);
    tx.commit().await?;
    Ok(())
}

/// As [`set_active`], for good.
pub async fn delete(store: &Store, access_key_id: &str) -> Outcome<()> {
    let mut tx = store.begin("").await?;
    if access_key::Entity::delete_by_id(access_key_id).exec(tx.db()).await?.rows_affected == 0 {
        return Err(no_such(access_key_id));
    }
    tx.changed(Kind::AccessKey, access_key_id);
    tx.commit().await?;
    Ok(())
}

fn no_such(access_key_id: &str) -> Failure {
    Failure::refuse(ErrorCode::InvalidParameterValue, format!("There is no access key '{access_key_id}'."))
}

/// Both alphabets are powers of two, so that a byte's low bits are fair.
fn draw(alphabet: &[u8], characters: usize, entropy: &dyn Entropy) -> String {
    let mut bytes = vec![0; characters];
    entropy.fill(&mut bytes);
    bytes.iter().map(|byte| char::from(alphabet[usize::from(*byte) % alphabet.len()])).collect()
}
