//! Network interfaces with what hangs on them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sea_orm::{ConnectionTrait, DbErr, EntityTrait, JoinType, QuerySelect, SelectTwo};

use super::resources::Tagged;
use super::{Select, View, chosen, chosen_pairs};
use crate::Settings;
use crate::store::{
    Rows, elastic_address, interface_security_group, network_interface, network_interface_attachment, private_address, public_address,
    security_group, vpc,
};

/// An interface as Describe shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceView {
    pub interface: Arc<network_interface::Model>,
    pub attachment: Option<Arc<network_interface_attachment::Model>>,
    /// The primary one first.
    pub private_addresses: Vec<Arc<private_address::Model>>,
    /// Each of a private one.
    pub public_addresses: Vec<Arc<public_address::Model>>,
    /// Those of them that are the account's own. A transaction does not read them.
    pub elastic_addresses: Vec<Arc<elastic_address::Model>>,
    /// Whose it is, where it is a NAT gateway's. A transaction does not read it.
    pub nat_gateway_id: Option<String>,
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

    pub fn secondary_addresses(&self) -> impl Iterator<Item = &str> {
        self.private_addresses.iter().filter(|address| !address.is_primary).map(|address| address.address.as_str())
    }

    /// Those of its secondary addresses.
    pub fn other_public_addresses(&self) -> impl Iterator<Item = &public_address::Model> {
        self.public_addresses.iter().filter(|row| row.private_ip_address != self.primary_address()).map(AsRef::as_ref)
    }

    /// That of the primary address.
    pub fn public_address(&self) -> Option<&str> {
        self.public_of(self.primary_address())
    }

    /// What a private address is known as outside.
    pub fn public_of(&self, private: &str) -> Option<&str> {
        self.public_addresses.iter().find(|row| row.private_ip_address == private).map(|row| row.address.as_str())
    }

    /// Of the public address of the primary one, if there is one and the VPC gives names.
    pub fn public_name(&self, settings: &Settings) -> Option<String> {
        self.public_address().and_then(|address| self.name_of(address, settings))
    }

    /// A public address's name, if the VPC gives names.
    pub fn name_of(&self, address: &str, settings: &Settings) -> Option<String> {
        self.has_public_names.then(|| settings.public_dns_name(address))
    }

    /// The account's own address that a public one is.
    pub fn elastic(&self, address: &str) -> Option<&elastic_address::Model> {
        self.elastic_addresses.iter().find(|row| row.address == address).map(AsRef::as_ref)
    }

    /// To whom a public address belongs: those of the pool to the cloud, not to the account.
    pub fn ip_owner_id(&self, address: &str) -> String {
        self.elastic(address).map_or_else(|| "amazon".to_owned(), |row| row.account_id.clone())
    }

    fn put_together(rows: &Rows, id: &str) -> Option<Self> {
        let memberships = rows.interface_security_groups.get(id);
        let interface = rows.network_interfaces.one(id)?;
        Some(Self {
            tags: rows.tags_of(&interface.account_id, id),
            interface: Arc::clone(interface),
            attachment: rows.network_interface_attachments.one(id).cloned(),
            private_addresses: rows.private_addresses.get(id).to_vec(),
            public_addresses: rows.public_addresses.get(id).to_vec(),
            elastic_addresses: rows.elastic_addresses.of(id, None).filter_map(|id| rows.elastic_addresses.one(id)).cloned().collect(),
            nat_gateway_id: rows.nat_gateways.of(id, None).next().map(str::to_owned),
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

/// One interface as a transaction sees it.
pub async fn load(db: &impl ConnectionTrait, id: &str) -> Result<Option<InterfaceView>, DbErr> {
    let mut rows = Rows::default();
    let select = Select::Ids(vec![id.to_owned()]);
    let interfaces = chosen(db, network_interface::Entity::find(), network_interface::Column::NetworkInterfaceId, &select).await?;
    let attachments = network_interface_attachment::Entity::find();
    let attachments = chosen(db, attachments, network_interface_attachment::Column::NetworkInterfaceId, &select).await?;
    rows.network_interface_attachments.add(attachments);
    hang_on(db, &mut rows, interfaces).await?;
    Ok(InterfaceView::put_together(&rows, id))
}

/// Adds interfaces with all that hangs on them but their attachments.
pub(super) async fn hang_on(db: &impl ConnectionTrait, rows: &mut Rows, interfaces: Vec<network_interface::Model>) -> Result<(), DbErr> {
    let ids = Select::Ids(interfaces.iter().map(|row| row.network_interface_id.clone()).collect());
    let vpcs: BTreeSet<String> = interfaces.iter().map(|row| row.vpc_id.clone()).collect();
    rows.vpcs.add(chosen(db, vpc::Entity::find(), vpc::Column::VpcId, &Select::Ids(vpcs.into_iter().collect())).await?);
    rows.network_interfaces.add(interfaces);
    let (private, public) = chosen_pairs(db, addresses(), private_address::Column::NetworkInterfaceId, &ids).await?;
    rows.private_addresses.add(private);
    rows.public_addresses.add(public);
    let (memberships, groups) = chosen_pairs(db, memberships(), interface_security_group::Column::NetworkInterfaceId, &ids).await?;
    rows.interface_security_groups.add(memberships);
    rows.security_groups.add(once(groups, |row| row.group_id.clone()));
    Ok(())
}

fn once<M>(rows: Vec<M>, key: impl Fn(&M) -> String) -> impl Iterator<Item = M> {
    rows.into_iter().map(|row| (key(&row), row)).collect::<BTreeMap<_, _>>().into_values()
}

/// Each with the public one that means it.
fn addresses() -> SelectTwo<private_address::Entity, public_address::Entity> {
    use private_address::{Column, Entity};
    use public_address::Column as Public;
    let public = Entity::belongs_to(public_address::Entity)
        .from((Column::NetworkInterfaceId, Column::Address))
        .to((Public::NetworkInterfaceId, Public::PrivateIpAddress));
    Entity::find().join(JoinType::LeftJoin, public.into()).select_also(public_address::Entity)
}

fn memberships() -> SelectTwo<interface_security_group::Entity, security_group::Entity> {
    use interface_security_group::{Column, Entity};
    let group = Entity::belongs_to(security_group::Entity).from(Column::GroupId).to(security_group::Column::GroupId);
    Entity::find().join(JoinType::InnerJoin, group.into()).select_also(security_group::Entity)
}
