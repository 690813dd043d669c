//! The options that guests are told with their address.

use freehold_proto::Fault;
use freehold_proto::id::DhcpOptionsId;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};
use serde::{Deserialize, Serialize};

use crate::store::{Outcome, Tx, dhcp_options};

/// The VPC's own resolver. Source: <https://docs.aws.amazon.com/vpc/latest/userguide/DHCPOptionSet.html>.
pub const AMAZON_PROVIDED_DNS: &str = "AmazonProvidedDNS";

/// One option with its values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Configuration {
    pub key: String,
    pub values: Vec<String>,
}

pub fn read(row: &dhcp_options::Model) -> Result<Vec<Configuration>, Fault> {
    serde_json::from_str(&row.configurations).map_err(|error| Fault::internal("stored DHCP options are unreadable", error))
}

/// The account's default set, which is made when it is first needed, and again where a client has deleted it.
pub async fn default_set(tx: &Tx, account_id: &str) -> Outcome<dhcp_options::Model> {
    let of_account = dhcp_options::Entity::find().filter(dhcp_options::Column::AccountId.eq(account_id));
    match of_account.filter(dhcp_options::Column::IsDefault.eq(true)).one(tx.db()).await? {
        Some(row) => Ok(row),
        None => insert_default(tx, account_id, DhcpOptionsId::draw(tx.entropy()).into()).await,
    }
}

/// Makes the default set under an id that is spoken of already.
pub async fn insert_default(tx: &Tx, account_id: &str, dhcp_options_id: String) -> Outcome<dhcp_options::Model> {
    let one = |key: &str, value: String| Configuration { key: key.to_owned(), values: vec![value] };
    let configurations = [one("domain-name", tx.settings().private_domain()), one("domain-name-servers", AMAZON_PROVIDED_DNS.to_owned())];
    let row = dhcp_options::Model {
        dhcp_options_id,
        account_id: account_id.to_owned(),
        is_default: true,
        configurations: serde_json::to_string(&configurations).map_err(|error| Fault::internal("writing DHCP options", error))?,
        created: tx.now(),
    };
    Ok(row.into_active_model().insert(tx.db()).await?)
}
