//! Rows in memory, with the indexes that views need: all of them (the World), or those that a command has read in its transaction. A
//! view is put together out of [`Rows`], whichever these are, and so in one place only.
//!
//! Reads tables; knows no view. What a table is looked up by stands in the one list below.

mod mirror;

use std::collections::BTreeSet;
use std::sync::Arc;

use sea_orm::{ConnectionTrait, DbErr, EntityTrait, QueryOrder, StreamTrait};

pub use mirror::{Mirror, Mirrored};

use super::feed::triggers::Table;
use super::read::{Select, chosen};
use super::{
    dhcp_options, elastic_address, host, image, instance, interface_security_group, internet_gateway, key_pair, launch_template,
    launch_template_version, nat_gateway, nat_gateway_address, network_acl, network_acl_association, network_acl_entry, network_interface,
    network_interface_attachment, part, placement_group, prefix_list, prefix_list_entry, private_address, public_address, route,
    route_table, route_table_association, security_group, security_group_rule, snapshot, subnet, subnet_cidr_reservation, tag, volume,
    volume_attachment, vpc, vpc_cidr_block, vpc_endpoint, vpc_peering_connection,
};
use crate::network::endpoint::endpoint_of;
use crate::network::peering;
use crate::network::route::list_of;

/// The owner of what everybody may see.
pub const PUBLIC: &str = "public";

macro_rules! mirrored {
    ($($rows:ident = $table:ident ($variant:ident) by $column:ident $key:ident, of $belongs:expr $(, ranked $rank:expr)?;)*) => {
        /// The tables that Describes show, and who is part of the cluster.
        #[derive(Debug, Default, PartialEq)]
        pub struct Rows {
            $(pub $rows: Mirror<$table::Model>,)*
        }

        $(impl Mirrored for $table::Model {
            fn feed_key(&self) -> &str {
                &self.$key
            }

            fn belongs_to(&self, say: &mut dyn FnMut(&str)) {
                let belongs: fn(&Self, &mut dyn FnMut(&str)) = $belongs;
                belongs(self, say);
            }

            $(fn rank(&self) -> (i64, &str) {
                let rank: fn(&Self) -> (i64, &str) = $rank;
                rank(self)
            })?
        })*

        /// Some rows of one table as they are now, with the keys that were asked for.
        #[derive(Debug)]
        pub enum Fresh {
            $($variant(Vec<String>, Vec<$table::Model>),)*
        }

        impl Fresh {
            /// None for a table that is not mirrored.
            pub async fn read(db: &impl ConnectionTrait, table: Table, keys: Vec<String>) -> Result<Option<Self>, DbErr> {
                match table {
                    $(Table::$variant => {
                        let select = Select::Ids(keys);
                        let rows = chosen(db, $table::Entity::find(), $table::Column::$column, &select).await?;
                        let Select::Ids(keys) = select else { return Ok(None) };
                        Ok(Some(Self::$variant(keys, rows)))
                    })*
                    _ => Ok(None),
                }
            }
        }

        impl Rows {
            /// Everything there is.
            pub async fn load(db: &(impl ConnectionTrait + StreamTrait)) -> Result<Self, DbErr> {
                let mut rows = Self::default();
                $(rows.$rows.fill($table::Entity::find().order_by_asc($table::Column::$column).stream(db).await?).await?;)*
                Ok(rows)
            }

            pub fn apply(&mut self, fresh: Fresh) {
                match fresh {
                    $(Fresh::$variant(keys, rows) => self.$rows.replace(keys, rows),)*
                }
            }
        }
    };
}
mirrored! {
    dhcp_options = dhcp_options (DhcpOptions) by DhcpOptionsId dhcp_options_id, of |row, say| say(&row.account_id);
    elastic_addresses = elastic_address (ElasticAddress) by AllocationId allocation_id, of |row, say| {
        say(&row.account_id);
        row.network_interface_id.iter().for_each(|id| say(id));
    };
    hosts = host (Host) by HostId host_id, of |_, _| {};
    images = image (Image) by ImageId image_id, of |row, say| {
        say(&row.account_id);
        if row.public {
            say(PUBLIC);
        }
    };
    instances = instance (Instance) by InstanceId instance_id, of |row, say| {
        say(&row.account_id);
        row.host_id.iter().for_each(|host_id| say(host_id));
    };
    interface_security_groups = interface_security_group (InterfaceSecurityGroup) by NetworkInterfaceId network_interface_id,
        of |row, say| say(&row.group_id), ranked |row| (0, &row.group_id);
    internet_gateways = internet_gateway (InternetGateway) by InternetGatewayId internet_gateway_id, of |row, say| {
        say(&row.account_id);
        row.vpc_id.iter().for_each(|vpc_id| say(vpc_id));
    };
    key_pairs = key_pair (KeyPair) by KeyPairId key_pair_id, of |row, say| say(&row.account_id);
    launch_templates = launch_template (LaunchTemplate) by LaunchTemplateId launch_template_id, of |row, say| {
        say(&row.account_id);
        say(&named(&row.account_id, &row.launch_template_name));
    };
    launch_template_versions = launch_template_version (LaunchTemplateVersion) by LaunchTemplateVersionId launch_template_version_id,
        of |row, say| say(&row.launch_template_id);
    nat_gateways = nat_gateway (NatGateway) by NatGatewayId nat_gateway_id, of |row, say| {
        say(&row.account_id);
        say(&row.network_interface_id);
        row.host_id.iter().for_each(|host_id| say(host_id));
    };
    nat_gateway_addresses = nat_gateway_address (NatGatewayAddress) by NatGatewayId nat_gateway_id,
        of |_, _| {}, ranked |row| (i64::from(row.number), "");
    network_acls = network_acl (NetworkAcl) by NetworkAclId network_acl_id, of |row, say| {
        say(&row.account_id);
        say(&row.vpc_id);
    };
    network_acl_associations = network_acl_association (NetworkAclAssociation) by NetworkAclId network_acl_id,
        of |row, say| say(&row.subnet_id), ranked |row| (0, &row.association_id);
    network_acl_entries = network_acl_entry (NetworkAclEntry) by NetworkAclId network_acl_id,
        of |_, _| {}, ranked |row| (i64::from(row.rule_number) * 2 + i64::from(row.is_egress), "");
    network_interfaces = network_interface (NetworkInterface) by NetworkInterfaceId network_interface_id, of |row, say| {
        say(&row.account_id);
        say(&row.vpc_id);
    };
    network_interface_attachments = network_interface_attachment (NetworkInterfaceAttachment) by NetworkInterfaceId network_interface_id,
        of |row, say| say(&row.instance_id);
    parts = part (Part) by Name name, of |_, _| {}, ranked |row| (0, &row.kind);
    placement_groups = placement_group (PlacementGroup) by GroupId group_id, of |row, say| say(&row.account_id);
    prefix_lists = prefix_list (PrefixList) by PrefixListId prefix_list_id, of |row, say| say(&row.account_id);
    prefix_list_entries = prefix_list_entry (PrefixListEntry) by PrefixListId prefix_list_id,
        of |_, _| {}, ranked |row| (row.since, &row.cidr);
    private_addresses = private_address (PrivateAddress) by NetworkInterfaceId network_interface_id,
        of |row, say| say(&row.subnet_id), ranked |row| (i64::from(!row.is_primary), &row.address);
    public_addresses = public_address (PublicAddress) by NetworkInterfaceId network_interface_id,
        of |_, _| {}, ranked |row| (0, &row.private_ip_address);
    routes = route (Route) by RouteTableId route_table_id, of |row, say| {
        list_of(&row.destination).into_iter().for_each(&mut *say);
        endpoint_of(&row.target).into_iter().for_each(say);
    }, ranked |row| (row.created, &row.destination);
    route_tables = route_table (RouteTable) by RouteTableId route_table_id, of |row, say| {
        say(&row.account_id);
        say(&row.vpc_id);
    };
    route_table_associations = route_table_association (RouteTableAssociation) by RouteTableId route_table_id, of |row, say| {
        row.subnet_id.iter().for_each(|subnet_id| say(subnet_id));
    }, ranked |row| (row.created, &row.association_id);
    security_groups = security_group (SecurityGroup) by GroupId group_id, of |row, say| {
        say(&row.account_id);
        say(&row.vpc_id);
    };
    security_group_rules = security_group_rule (SecurityGroupRule) by GroupId group_id,
        of |row, say| {
            say(&row.security_group_rule_id);
            row.referenced_group_id.iter().chain(&row.prefix_list_id).for_each(|id| say(id));
        }, ranked |row| (row.created, &row.security_group_rule_id);
    snapshots = snapshot (Snapshot) by SnapshotId snapshot_id, of |row, say| say(&row.account_id);
    subnets = subnet (Subnet) by SubnetId subnet_id, of |row, say| {
        say(&row.account_id);
        say(&row.vpc_id);
    };
    subnet_cidr_reservations = subnet_cidr_reservation (SubnetCidrReservation) by SubnetCidrReservationId subnet_cidr_reservation_id,
        of |row, say| {
            say(&row.account_id);
            say(&row.subnet_id);
        };
    tags = tag (Tag) by ResourceId resource_id, of |row, say| {
        say(&row.account_id);
        say(&tagged(&row.account_id, &row.key, &row.value));
    }, ranked |row| (0, &row.key);
    volumes = volume (Volume) by VolumeId volume_id, of |row, say| say(&row.account_id);
    volume_attachments = volume_attachment (VolumeAttachment) by VolumeId volume_id, of |row, say| say(&row.instance_id);
    vpcs = vpc (Vpc) by VpcId vpc_id, of |row, say| say(&row.account_id);
    vpc_cidr_blocks = vpc_cidr_block (VpcCidrBlock) by VpcId vpc_id, of |row, say| say(&row.association_id),
        ranked |row| (row.created, &row.association_id);
    vpc_endpoints = vpc_endpoint (VpcEndpoint) by VpcEndpointId vpc_endpoint_id, of |row, say| {
        say(&row.account_id);
        say(&row.vpc_id);
    };
    vpc_peering_connections = vpc_peering_connection (VpcPeeringConnection) by VpcPeeringConnectionId vpc_peering_connection_id, of |row, say| {
        peering::seen_by(row).for_each(&mut *say);
        say(&row.requester_vpc_id);
        say(&row.accepter_vpc_id);
    };
}

/// The owner of what an account has tagged so.
fn tagged(account: &str, key: &str, value: &str) -> String {
    format!("{account}\0{key}\0{value}")
}

/// The owner of what an account has named so.
fn named(account: &str, name: &str) -> String {
    format!("{account}\0{name}")
}

impl Rows {
    /// An account's launch template of a name.
    pub fn launch_template_named(&self, account: &str, name: &str) -> Option<&Arc<launch_template::Model>> {
        self.launch_templates.of(&named(account, name), None).find_map(|id| self.launch_templates.one(id))
    }

    /// The ids of whatever an account has tagged with one of `values`, in order, from the one behind `after` on.
    pub fn tagged<'a>(&'a self, account: &str, key: &str, values: &[&str], after: Option<&str>) -> Box<dyn Iterator<Item = &'a str> + 'a> {
        let of = |value: &str| self.tags.of(&tagged(account, key, value), after);
        match values {
            [value] => Box::new(of(value)),
            several => Box::new(several.iter().flat_map(|value| of(value)).collect::<BTreeSet<_>>().into_iter()),
        }
    }

    /// The tags that an account has put on a resource.
    pub fn tags_of(&self, account: &str, resource_id: &str) -> std::collections::BTreeMap<String, String> {
        let own = self.tags.get(resource_id).iter().filter(|row| row.account_id == account);
        own.map(|row| (row.key.clone(), row.value.clone())).collect()
    }

    /// An account's default VPC.
    pub fn default_vpc(&self, account: &str) -> Option<&Arc<vpc::Model>> {
        self.vpcs.of(account, None).filter_map(|id| self.vpcs.one(id)).find(|row| row.is_default)
    }
}
