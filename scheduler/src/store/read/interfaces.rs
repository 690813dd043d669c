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
    pub public_address: Option<String>,
    /// The account's own address, where the public one is. A transaction does not read it.
    pub elastic_address: Option<Arc<elastic_address::Model>>,
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

    /// Of its public address, if it has one and its VPC gives names.
    pub fn public_name(&self, settings: &Settings) -> Option<String> {
        self.public_address.as_deref().filter(|_| self.has_public_names).map(|address| settings.public_dns_name(address))
    }

    /// To whom its public address belongs: those of the pool to the cloud, not to the account.
    pub fn ip_owner_id(&self) -> String {
        self.elastic_address.as_ref().map_or_else(|| "amazon".to_owned(), |row| row.account_id.clone())
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
            elastic_address: rows.elastic_addresses.of(id, None).find_map(|id| rows.elastic_addresses.one(id)).cloned(),
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
    // It comes with each of the interface's private addresses.
    rows.public_addresses.add(once(public, |row| row.address.clone()));
    let (memberships, groups) = chosen_pairs(db, memberships(), interface_security_group::Column::NetworkInterfaceId, &ids).await?;
    rows.interface_security_groups.add(memberships);
    rows.security_groups.add(once(groups, |row| row.group_id.clone()));
    Ok(())
}

fn once<M>(rows: Vec<M>, key: impl Fn(&M) -> String) -> impl Iterator<Item = M> {
    rows.into_iter().map(|row| (key(&row), row)).collect::<BTreeMap<_, _>>().into_values()
}

/// An interface has a primary private address for as long as it is, so the public one can come along.
fn addresses() -> SelectTwo<private_address::Entity, public_address::Entity> {
    use private_address::{Column, Entity};
    let public = Entity::belongs_to(public_address::Entity).from(Column::NetworkInterfaceId).to(public_address::Column::NetworkInterfaceId);
    Entity::find().join(JoinType::LeftJoin, public.into()).select_also(public_address::Entity)
}

fn memberships() -> SelectTwo<interface_security_group::Entity, security_group::Entity> {
    use interface_security_group::{Column, Entity};
    let group = Entity::belongs_to(security_group::Entity).from(Column::GroupId).to(security_group::Column::GroupId);
    Entity::find().join(JoinType::InnerJoin, group.into()).select_also(security_group::Entity)
}
