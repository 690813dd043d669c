//! The cloud's own lists: one for each service that has gateway endpoints, with the blocks that the operator says it has.

use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel, Set};

use super::{CLOUD, Entries, become_next, entries, insert, state};
use crate::settings::{EndpointService, Settings};
use crate::store::{Outcome, Store, Tx, prefix_list};

/// How much of what may be there a rule or a route takes that names one, however many blocks there are: AWS's lists of these services
/// weigh as much. Source: <https://docs.aws.amazon.com/vpc/latest/userguide/working-with-aws-managed-prefix-lists.html>.
const WEIGHT: i32 = 1;

/// The id of a service's list: the same in every cloud, so that it can be written down.
pub fn list_id(service: &str) -> String {
    stable_id("pl", service)
}

/// The service's own, likewise.
pub fn service_id(service: &str) -> String {
    stable_id("vpce-svc", service)
}

fn stable_id(prefix: &str, service: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, format!("{prefix} of {service}").as_bytes());
    let number = digest.as_ref().first_chunk().map_or(0, |bytes| u128::from_be_bytes(*bytes));
    format!("{prefix}-{:017x}", number >> (128 - 4 * 17))
}

/// Makes the lists what the configuration says, and tells hosts where that changes something.
pub async fn bring(store: &Store, settings: &Settings) -> Outcome<()> {
    let mut tx = store.begin(CLOUD).await?;
    for service in &settings.endpoint_services {
        bring_one(&mut tx, service).await?;
    }
    Ok(tx.commit().await?)
}

async fn bring_one(tx: &mut Tx, service: &EndpointService) -> Outcome<()> {
    let id = list_id(&service.word);
    let wanted: Entries = service.blocks.iter().map(|block| (block.to_string(), None)).collect();
    let Some(row) = prefix_list::Entity::find_by_id(&id).one(tx.db()).await? else {
        let row = prefix_list::Model {
            prefix_list_id: id,
            account_id: CLOUD.into(),
            prefix_list_name: service.name.clone(),
            max_entries: WEIGHT,
            version: 1,
            state: state::CREATED.into(),
            created: tx.now(),
        };
        let row = row.into_active_model().insert(tx.db()).await?;
        return insert(tx, &row.prefix_list_id, row.version, wanted).await;
    };
    let row = if row.prefix_list_name == service.name {
        row
    } else {
        let mut row = row.into_active_model();
        row.prefix_list_name = Set(service.name.clone());
        row.update(tx.db()).await?
    };
    if entries(tx, &id, row.version).await? != wanted {
        become_next(tx, row, wanted, state::CREATED).await?;
    }
    Ok(())
}
