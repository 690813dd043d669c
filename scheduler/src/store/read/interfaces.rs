//! Network interfaces with what hangs on them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::View;
use super::resources::Tagged;
use crate::Settings;
use crate::store::{Rows, network_interface, network_interface_attachment, private_address, security_group};

/// An interface as Describe shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceView {
    pub interface: Arc<network_interface::Model>,
    pub attachment: Option<Arc<network_interface_attachment::Model>>,
    /// The primary one first.
    pub private_addresses: Vec<Arc<private_address::Model>>,
    pub public_address: Option<String>,
    /// Whether its VPC gives public names to public addresses.
    pub has_public_names: bool,
    /// By group id.
    pub groups: Vec<Arc<security_group::Model>>,
    /// Its own, not those of the instance that it is attached to. A transaction does not read them.
    pub tags: BTreeMap<String, String>,
}

impl InterfaceView {
    pub fn primary_address(&self) -> &str {
        self.private_addresses.first().map_or("", |address| &address.address)
    }

    /// Of its public address, if it has one and its VPC gives names.
    pub fn public_name(&self, settings: &Settings) -> Option<String> {
        self.public_address.as_deref().filter(|_| self.has_public_names).map(|address| settings.public_dns_name(address))
    }

    fn put_together(rows: &Rows, id: &str) -> Option<Self> {
        let memberships = rows.interface_security_groups.get(id);
        let interface = rows.network_interfaces.one(id)?;
        Some(Self {
            tags: rows.tags_of(&interface.account_id, id),
            interface: Arc::clone(interface),
            attachment: rows.network_interface_attachments.one(id).cloned(),
            private_addresses: rows.private_addresses.get(id).to_vec(),
            public_address: rows.public_addresses.one(id).map(|row| row.address.clone()),
            has_public_names: rows.vpcs.one(&interface.vpc_id).is_some_and(|vpc| vpc.enable_dns_support && vpc.enable_dns_hostnames),
            groups: memberships.iter().filter_map(|row| rows.security_groups.one(&row.group_id).cloned()).collect(),
        })
    }

    /// By device index.
    pub(super) fn of_instance(rows: &Rows, instance_id: &str) -> Vec<Self> {
        let attached = rows.network_interface_attachments.of(instance_id, None);
        let mut views: Vec<Self> = attached.filter_map(|id| Self::put_together(rows, id)).collect();
        views.sort_by_key(|view| view.attachment.as_ref().map(|attachment| attachment.device_index));
        views
    }
}

impl View for Tagged<InterfaceView> {
    fn one(rows: &Rows, account: &str, id: &str) -> Option<Self> {
        let item = InterfaceView::put_together(rows, id).filter(|view| view.interface.account_id == account)?;
        Some(Self { tags: item.tags.clone(), item })
    }

    fn ids<'a>(rows: &'a Rows, account: &'a str, after: Option<&'a str>) -> Box<dyn Iterator<Item = &'a str> + 'a> {
        Box::new(rows.network_interfaces.of(account, after))
    }

    fn id(&self) -> &str {
        &self.item.interface.network_interface_id
    }
}
