//! Elastic IPs with what they are on.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::View;
use crate::store::{Rows, elastic_address, network_interface, network_interface_attachment};

/// An address as Describe shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ElasticAddressView {
    pub address: Arc<elastic_address::Model>,
    pub tags: BTreeMap<String, String>,
    pub interface: Option<Arc<network_interface::Model>>,
    pub attachment: Option<Arc<network_interface_attachment::Model>>,
}

impl View for ElasticAddressView {
    fn one(rows: &Rows, account: &str, id: &str) -> Option<Self> {
        let address = rows.elastic_addresses.one(id).filter(|row| row.account_id == account)?;
        let interface = address.network_interface_id.as_deref();
        Some(Self {
            tags: rows.tags_of(account, id),
            interface: interface.and_then(|id| rows.network_interfaces.one(id)).cloned(),
            attachment: interface.and_then(|id| rows.network_interface_attachments.one(id)).cloned(),
            address: Arc::clone(address),
        })
    }

    fn ids<'a>(rows: &'a Rows, account: &'a str, after: Option<&'a str>) -> Box<dyn Iterator<Item = &'a str> + 'a> {
        Box::new(rows.elastic_addresses.of(account, after))
    }

    fn id(&self) -> &str {
        &self.address.allocation_id
    }
}
