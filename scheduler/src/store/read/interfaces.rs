//! Network interfaces with what hangs on them.

use std::collections::BTreeMap;

use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder};

use super::{Read, Select, chosen};
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
    use network_interface::{Column, Entity};
    let interfaces = Entity::find().filter(Column::AccountId.eq(account)).order_by_asc(Column::NetworkInterfaceId);
    let interfaces = chosen(db, interfaces, Column::NetworkInterfaceId, select).await?;
    // Whatever hangs on all interfaces of an account is read by account: shorter than naming them all.
    let hanging = match select {
        Select::All => Select::All,
        Select::Ids(_) => Select::Ids(interfaces.iter().map(|interface| interface.network_interface_id.clone()).collect()),
    };
    let mut hanging = Hanging::load(db, account, &hanging).await?;
    Ok(interfaces.into_iter().map(|interface| hanging.hang_on(interface)).collect())
}

/// The interfaces of these instances (or of all), by instance and device index.
pub async fn of_instances(
    db: &impl ConnectionTrait,
    account: &str,
    instances: &Select,
) -> Result<BTreeMap<String, Vec<InterfaceView>>, DbErr> {
    use network_interface_attachment::{Column, Entity};
    let interfaces = match instances {
        Select::All => Select::All,
        Select::Ids(_) => {
            let attachments = chosen(db, Entity::find().filter(Column::AccountId.eq(account)), Column::InstanceId, instances).await?;
            Select::Ids(attachments.into_iter().map(|attachment| attachment.network_interface_id).collect())
        }
    };
    let mut by_instance: BTreeMap<String, Vec<InterfaceView>> = BTreeMap::new();
    for view in load(db, account, &interfaces).await? {
        if let Some(attachment) = &view.attachment {
            by_instance.entry(attachment.instance_id.clone()).or_default().push(view);
        }
    }
    for views in by_instance.values_mut() {
        views.sort_by_key(|view| view.attachment.as_ref().map(|attachment| attachment.device_index));
    }
    Ok(by_instance)
}

/// What hangs on some interfaces, by interface id.
#[derive(Default)]
struct Hanging {
    attachments: BTreeMap<String, network_interface_attachment::Model>,
    private_addresses: BTreeMap<String, Vec<private_address::Model>>,
    public_addresses: BTreeMap<String, String>,
    groups: BTreeMap<String, Vec<security_group::Model>>,
}

impl Hanging {
    async fn load(db: &impl ConnectionTrait, account: &str, interfaces: &Select) -> Result<Self, DbErr> {
        let mut hanging = Self::default();
        hanging.load_attachments(db, account, interfaces).await?;
        hanging.load_addresses(db, account, interfaces).await?;
        hanging.load_groups(db, account, interfaces).await?;
        Ok(hanging)
    }

    async fn load_attachments(&mut self, db: &impl ConnectionTrait, account: &str, interfaces: &Select) -> Result<(), DbErr> {
        use network_interface_attachment::{Column, Entity};
        let rows = chosen(db, Entity::find().filter(Column::AccountId.eq(account)), Column::NetworkInterfaceId, interfaces).await?;
        self.attachments = rows.into_iter().map(|row| (row.network_interface_id.clone(), row)).collect();
        Ok(())
    }

    async fn load_addresses(&mut self, db: &impl ConnectionTrait, account: &str, interfaces: &Select) -> Result<(), DbErr> {
        let of_account = private_address::Entity::find()
            .filter(private_address::Column::AccountId.eq(account))
            .order_by_desc(private_address::Column::IsPrimary)
            .order_by_asc(private_address::Column::Address);
        for row in chosen(db, of_account, private_address::Column::NetworkInterfaceId, interfaces).await? {
            self.private_addresses.entry(row.network_interface_id.clone()).or_default().push(row);
        }
        let of_account = public_address::Entity::find().filter(public_address::Column::AccountId.eq(account));
        let rows = chosen(db, of_account, public_address::Column::NetworkInterfaceId, interfaces).await?;
        self.public_addresses = rows.into_iter().map(|row| (row.network_interface_id, row.address)).collect();
        Ok(())
    }

    async fn load_groups(&mut self, db: &impl ConnectionTrait, account: &str, interfaces: &Select) -> Result<(), DbErr> {
        use interface_security_group::{Column, Entity};
        let of_account = Entity::find().filter(Column::AccountId.eq(account)).order_by_asc(Column::GroupId);
        let memberships = chosen(db, of_account, Column::NetworkInterfaceId, interfaces).await?;
        let groups = security_group::Entity::find().filter(security_group::Column::AccountId.eq(account)).all(db).await?;
        let groups: BTreeMap<_, _> = groups.into_iter().map(|group| (group.group_id.clone(), group)).collect();
        for row in memberships {
            if let Some(group) = groups.get(&row.group_id) {
                self.groups.entry(row.network_interface_id).or_default().push(group.clone());
            }
        }
        Ok(())
    }

    fn hang_on(&mut self, interface: network_interface::Model) -> InterfaceView {
        let id = &interface.network_interface_id;
        InterfaceView {
            attachment: self.attachments.remove(id),
            private_addresses: self.private_addresses.remove(id).unwrap_or_default(),
            public_address: self.public_addresses.remove(id),
            groups: self.groups.remove(id).unwrap_or_default(),
            interface,
        }
    }
}
