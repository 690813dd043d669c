//! The options that guests are told with their address.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use freehold_proto::id::DhcpOptionsId;
use freehold_proto::internal::host::DhcpOptionsDesired;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};
use serde::{Deserialize, Serialize};

use crate::store::{Outcome, Tx, dhcp_options};

/// The VPC's own resolver. Source: <https://docs.aws.amazon.com/vpc/latest/userguide/DHCPOptionSet.html>.
pub const AMAZON_PROVIDED_DNS: &str = "AmazonProvidedDNS";

/// What a VPC has in the place of a set's id while guests are told nothing but their address.
pub const NONE: &str = "default";

/// An account's option sets. EC2's is 100 until one asks for more.
pub const MOST: u64 = 1_000;

/// Values of one option that is a list.
const MOST_VALUES: usize = 4;
/// B-node, P-node, M-node and H-node (RFC 2132).
const NODE_TYPES: [&str; 4] = ["1", "2", "4", "8"];
/// What fits into an option of DHCP.
const LONGEST_DOMAIN: usize = 255;

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
    let row = dhcp_options::Model { is_default: true, account_id: account_id.to_owned(), ..row(tx, dhcp_options_id, &configurations)? };
    Ok(row.into_active_model().insert(tx.db()).await?)
}

/// A set of the transaction's account.
pub fn row(tx: &Tx, dhcp_options_id: String, configurations: &[Configuration]) -> Result<dhcp_options::Model, Fault> {
    Ok(dhcp_options::Model {
        dhcp_options_id,
        account_id: tx.account().to_owned(),
        is_default: false,
        configurations: serde_json::to_string(configurations).map_err(|error| Fault::internal("writing DHCP options", error))?,
        created: tx.now(),
    })
}

/// What a client asks for, checked. Every option is one that guests are told: none is kept and forgotten.
pub fn check(given: Vec<Configuration>) -> Result<Vec<Configuration>, Fault> {
    if given.is_empty() {
        return Err(Fault::new(ErrorCode::MissingParameter, "The request must contain the parameter dhcpConfiguration"));
    }
    let mut keys = BTreeSet::new();
    for option in &given {
        if !keys.insert(option.key.as_str()) {
            return Err(refused(option, "is given twice. Give it once, with all of its values"));
        }
        check_values(option)?;
    }
    Ok(given)
}

fn check_values(option: &Configuration) -> Result<(), Fault> {
    let values = &option.values;
    let most = if matches!(option.key.as_str(), "domain-name" | "netbios-node-type") { 1 } else { MOST_VALUES };
    if values.is_empty() || values.len() > most {
        return Err(refused(option, &format!("has {} values. Give one{}", values.len(), if most > 1 { " to four" } else { "" })));
    }
    let is_address = |value: &String| value.parse::<Ipv4Addr>().is_ok();
    match option.key.as_str() {
        "domain-name-servers" if values.iter().all(|value| is_address(value) || value == AMAZON_PROVIDED_DNS) => Ok(()),
        "domain-name-servers" => Err(refused(option, "takes IPv4 addresses and AmazonProvidedDNS")),
        "ntp-servers" | "netbios-name-servers" if values.iter().all(is_address) => Ok(()),
        "ntp-servers" | "netbios-name-servers" => Err(refused(option, "takes IPv4 addresses")),
        "netbios-node-type" if NODE_TYPES.contains(&values[0].as_str()) => Ok(()),
        "netbios-node-type" => Err(refused(option, "is 1, 2, 4 or 8; 2 is recommended")),
        "domain-name" if is_domain(&values[0]) => Ok(()),
        "domain-name" => Err(refused(option, "takes a domain name, or several with spaces between them")),
        _ => {
            let known = "domain-name, domain-name-servers, ntp-servers, netbios-name-servers or netbios-node-type";
            Err(refused(option, &format!("is not an option that guests are told. Give {known}")))
        }
    }
}

/// Some clients take several, with spaces between them; what a resolver makes of it is its own affair.
fn is_domain(text: &str) -> bool {
    let label = |label: &str| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    let name = |name: &str| name.strip_suffix('.').unwrap_or(name).split('.').all(label);
    !text.is_empty() && text.len() <= LONGEST_DOMAIN && text.split(' ').all(name)
}

fn refused(option: &Configuration, why: &str) -> Fault {
    let Configuration { key, values } = option;
    Fault::new(ErrorCode::InvalidParameterValue, format!("Value ({}) for parameter {key} is invalid. It {why}.", values.join(", ")))
}

/// The set of a VPC as hosts are told of it.
pub fn desired(configurations: Vec<Configuration>) -> DhcpOptionsDesired {
    let mut desired = DhcpOptionsDesired::default();
    for Configuration { key, values } in configurations {
        match key.as_str() {
            "domain-name-servers" => desired.domain_name_servers = values,
            "domain-name" => desired.domain_name = values.join(" "),
            "ntp-servers" => desired.ntp_servers = values,
            "netbios-name-servers" => desired.netbios_name_servers = values,
            "netbios-node-type" => desired.netbios_node_type = values.first().and_then(|value| value.parse().ok()).unwrap_or_default(),
            _ => {}
        }
    }
    desired
}
