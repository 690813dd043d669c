//! Tags by resource.

use std::collections::BTreeMap;

use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter};

use super::{Read, Select, chosen};
use crate::store::tag;

impl Read {
    /// The tags of these resources (or of all), by resource id and key.
    pub async fn tags(&self, account: &str, resources: &Select) -> Result<BTreeMap<String, BTreeMap<String, String>>, DbErr> {
        of_resources(&self.snapshot().await?, account, resources).await
    }
}

pub async fn of_resources(
    db: &impl ConnectionTrait,
    account: &str,
    resources: &Select,
) -> Result<BTreeMap<String, BTreeMap<String, String>>, DbErr> {
    let rows = tag::Entity::find().filter(tag::Column::AccountId.eq(account));
    let mut by_resource: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for row in chosen(db, rows, tag::Column::ResourceId, resources).await? {
        by_resource.entry(row.resource_id).or_default().insert(row.key, row.value);
    }
    Ok(by_resource)
}
