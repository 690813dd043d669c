//! Network interfaces with what hangs on them.

use std::collections::BTreeMap;

use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, JoinType, QueryFilter, QueryOrder, QuerySelect, SelectTwo};

use super::{Read, Select, chosen_pairs};
use crate::store::{
    interface_security_group, network_interface, network_interface_attachment, private_address, public_address, security_group,
};

/// An interface as Describe shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceView {
    pub interface: network_interface::Model,
    pub attachment: Option<network_interface_attachment::Model>,
    /// The primary one first.
    pub private_addresses: Vec<private_address::Model>,
    pub public_address: Option<String>,
    /// By group id.
    pub groups: Vec<security_group::Model>,
}

impl InterfaceView {
    pub fn primary_address(&self) -> &str {
        self.private_addresses.first().map_or("", |address| &address.address)
    }
}

impl Read {
    /// By interface id.
    pub async fn interfaces(&self, account: &str, select: &Select) -> Result<Vec<InterfaceView>, DbErr> {
        load(&self.snapshot().await?, account, select).await
    }
}

/// By interface id.
pub async fn load(db: &impl ConnectionTrait, account: &str, select: &Select) -> Result<Vec<InterfaceView>, DbErr> {
    let interfaces = attached(JoinType::LeftJoin).filter(network_interface::Column::AccountId.eq(account));
    let interfaces = chosen_pairs(db, interfaces, network_interface::Column::NetworkInterfaceId, select).await?;
    with_hanging(db, account, select, interfaces).await
}

/// The interfaces of these instances (or of all), by instance and device index.
pub async fn of_instances(
    db: &impl ConnectionTrait,
    account: &str,
    instances: &Select,
) -> Result<BTreeMap<String, Vec<InterfaceView>>, DbErr> {
    let interfaces = of_account_on_instances(account);
    let interfaces = chosen_pairs(db, interfaces, network_interface_attachment::Column::InstanceId, instances).await?;
    let mut by_instance: BTreeMap<String, Vec<InterfaceView>> = BTreeMap::new();
    for view in with_hanging(db, account, instances, interfaces).await? {
        if let Some(attachment) = &view.attachment {
            by_instance.entry(attachment.instance_id.clone()).or_default().push(view);
        }
    }
    for views in by_instance.values_mut() {
        views.sort_by_key(|view| view.attachment.as_ref().map(|attachment| attachment.device_index));
    }
    Ok(by_instance)
}

/// The account is asked of the attachment, by which some instances' interfaces are looked up.
fn of_account_on_instances(account: &str) -> SelectTwo<network_interface::Entity, network_interface_attachment::Entity> {
    attached(JoinType::InnerJoin).filter(network_interface_attachment::Column::AccountId.eq(account))
}

/// Interfaces with their attachments, by interface id.
fn attached(join: JoinType) -> SelectTwo<network_interface::Entity, network_interface_attachment::Entity> {
    use network_interface::{Column, Entity};
    use network_interface_attachment as attachment;
    let attached = Entity::belongs_to(attachment::Entity).from(Column::NetworkInterfaceId).to(attachment::Column::NetworkInterfaceId);
    Entity::find().join(join, attached.into()).select_also(attachment::Entity).order_by_asc(Column::NetworkInterfaceId)
}

type Attached = (network_interface::Model, Option<network_interface_attachment::Model>);

/// Puts to interfaces, which `select` chose some or all of, what hangs on them.
async fn with_hanging(
    db: &impl ConnectionTrait,
    account: &str,
    select: &Select,
    interfaces: Vec<Attached>,
) -> Result<Vec<InterfaceView>, DbErr> {
    // Whatever hangs on all interfaces of an account is read by account: shorter than naming them all.
    let hanging = match select {
        Select::All => Select::All,
        Select::Ids(_) => Select::Ids(interfaces.iter().map(|(interface, _)| interface.network_interface_id.clone()).collect()),
    };
    let mut hanging = Hanging::load(db, account, &hanging).await?;
    Ok(interfaces.into_iter().map(|(interface, attachment)| hanging.hang_on(interface, attachment)).collect())
}

/// What hangs on some interfaces, by interface id.
#[derive(Default)]
struct Hanging {
    private_addresses: BTreeMap<String, Vec<private_address::Model>>,
    public_addresses: BTreeMap<String, String>,
    groups: BTreeMap<String, Vec<security_group::Model>>,
}

impl Hanging {
    async fn load(db: &impl ConnectionTrait, account: &str, interfaces: &Select) -> Result<Self, DbErr> {
        let mut hanging = Self::default();
        hanging.load_addresses(db, account, interfaces).await?;
        hanging.load_groups(db, account, interfaces).await?;
        Ok(hanging)
    }

    /// An interface has a primary private address for as long as it is, so the public one can come along.
    async fn load_addresses(&mut self, db: &impl ConnectionTrait, account: &str, interfaces: &Select) -> Result<(), DbErr> {
        use private_address::{Column, Entity};
        let published =
            Entity::belongs_to(public_address::Entity).from(Column::NetworkInterfaceId).to(public_address::Column::NetworkInterfaceId);
        let of_account = Entity::find()
            .join(JoinType::LeftJoin, published.into())
            .select_also(public_address::Entity)
            .filter(Column::AccountId.eq(account))
            .order_by_desc(Column::IsPrimary)
            .order_by_asc(Column::Address);
        for (private, public) in chosen_pairs(db, of_account, Column::NetworkInterfaceId, interfaces).await? {
            if let Some(public) = public {
                self.public_addresses.insert(public.network_interface_id, public.address);
            }
            self.private_addresses.entry(private.network_interface_id.clone()).or_default().push(private);
        }
        Ok(())
    }

    async fn load_groups(&mut self, db: &impl ConnectionTrait, account: &str, interfaces: &Select) -> Result<(), DbErr> {
        use interface_security_group::{Column, Entity};
        let group = Entity::belongs_to(security_group::Entity).from(Column::GroupId).to(security_group::Column::GroupId);
        let of_account = Entity::find()
            .join(JoinType::InnerJoin, group.into())
            .select_also(security_group::Entity)
            .filter(Column::AccountId.eq(account))
            .order_by_asc(Column::GroupId);
        for (membership, group) in chosen_pairs(db, of_account, Column::NetworkInterfaceId, interfaces).await? {
            self.groups.entry(membership.network_interface_id).or_default().extend(group);
        }
        Ok(())
    }

    fn hang_on(&mut self, interface: network_interface::Model, attachment: Option<network_interface_attachment::Model>) -> InterfaceView {
        let id = &interface.network_interface_id;
        InterfaceView {
            attachment,
            private_addresses: self.private_addresses.remove(id).unwrap_or_default(),
            public_address: self.public_addresses.remove(id),
            groups: self.groups.remove(id).unwrap_or_default(),
            interface,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::read::{portions, tests::plan};

    #[tokio::test]
    async fn some_instances_interfaces_are_looked_up() {
        let some = Select::Ids(vec!["i-0123456789abcdef0".to_owned()]);
        let queries = portions(of_account_on_instances("111122223333"), network_interface_attachment::Column::InstanceId, &some);
        let plan = plan(&queries[0]).await;
        assert!(plan.iter().any(|step| step.contains("(instance_id=?)")), "{plan:?}");
        assert!(!plan.iter().any(|step| step.contains("(account_id=?)") || step.starts_with("SCAN")), "{plan:?}");
    }
}
