//! Accounts: 12 digits, a name, and from the first moment a default VPC.

use freehold_proto::id::Entropy;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel, QueryOrder};

use crate::network;
use crate::store::{Failure, Outcome, Store, account, is_unique_violation};

const LONGEST_NAME: usize = 128;

/// Makes an account with its default VPC. An empty `account_id` is drawn.
pub async fn create(store: &Store, account_id: &str, name: &str) -> Outcome<account::Model> {
    let account_id = if account_id.is_empty() { draw(store.entropy()) } else { account_id.to_owned() };
    if account_id.len() != 12 || !account_id.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(invalid(format!("'{account_id}' is not an account id. Give 12 digits, or none to have one drawn.")));
    }
    if name.is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
        return Err(invalid(format!("An account's name has 1 to {LONGEST_NAME} characters.")));
    }
    let mut tx = store.begin(&account_id).await?;
    let row = account::Model { account_id: account_id.clone(), name: name.to_owned(), created: tx.now() };
    match row.clone().into_active_model().insert(tx.db()).await {
        Err(error) if is_unique_violation(&error) => return Err(invalid(format!("There is an account {account_id} already."))),
        inserted => inserted?,
    };
    network::default::create(&mut tx).await?;
    tx.commit().await?;
    Ok(row)
}

/// In the order they were made.
pub async fn list(store: &Store) -> Outcome<Vec<account::Model>> {
    let accounts = account::Entity::find().order_by_asc(account::Column::Created).order_by_asc(account::Column::AccountId);
    Ok(accounts.all(store.reader()).await?)
}

fn invalid(message: String) -> Failure {
    Fault::new(ErrorCode::InvalidParameterValue, message).into()
}

/// Never with a leading zero, which spreadsheets and YAML lose.
fn draw(entropy: &dyn Entropy) -> String {
    let mut bytes = [0; 8];
    entropy.fill(&mut bytes);
    (100_000_000_000 + u64::from_be_bytes(bytes) % 900_000_000_000).to_string()
}
