//! Parts as the operator sees and removes them.

use freehold_link::identity::Kind;
use freehold_proto::ErrorCode;
use sea_orm::{EntityTrait, QueryOrder};

use super::{has_joined, remove};
use crate::store::{Failure, Outcome, Store, part};

/// By kind and name.
pub async fn list(store: &Store) -> Outcome<Vec<part::Model>> {
    Ok(part::Entity::find().order_by_asc(part::Column::Kind).order_by_asc(part::Column::Name).all(store.reader()).await?)
}

fn refuse<T>(message: String) -> Outcome<T> {
    Err(Failure::refuse(ErrorCode::IncorrectState, message))
}

/// Removes a gateway or an image store. When it returns, this scheduler refuses whatever it asks; others on the same store have heard of it
/// a moment later.
pub async fn remove_listed(store: &Store, kind: &str, name: &str) -> Outcome<()> {
    let kind = match Kind::parse(kind) {
        Some(kind @ (Kind::Gateway | Kind::ImageStore)) => kind,
        Some(Kind::Host) => {
            return refuse(format!(
                "A host is removed with what it holds: `freehold host rm {name}`, or with --lost if it will never return."
            ));
        }
        _ => return refuse(format!("There are no parts of the kind '{kind}'. `freehold part ls` lists them.")),
    };
    let tx = store.begin("").await?;
    if !has_joined(tx.db(), kind, name).await? {
        return refuse(format!("No {kind} '{name}' has joined. `freehold part ls` lists them; one beside its scheduler needs not to."));
    }
    remove(&tx, kind, name).await?;
    tx.commit().await?;
    store.world().caught_up().await?;
    tracing::warn!(%kind, name, "a part was removed");
    Ok(())
}
