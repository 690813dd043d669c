//! One file per table, columns as [`super::migration`] made them. Rows only: no rule lives here.
//!
//! Relations are not declared: reads join by hand in [`super::read`], which knows what it needs with what.

/// What every entity needs and none of ours uses.
macro_rules! standalone {
    () => {
        #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
        pub enum Relation {}

        impl ActiveModelBehavior for ActiveModel {}
    };
}
use standalone;

pub mod access_key;
pub mod account;
pub mod address_pool;
pub mod authority;
pub mod change;
pub mod client_token;
pub mod cluster;
pub mod condemned_guest;
pub mod console_question;
pub mod dhcp_options;
pub mod elastic_address;
pub mod fenced_host;
pub mod host;
pub mod image;
pub mod instance;
pub mod interface_security_group;
pub mod internet_gateway;
pub mod join_token;
pub mod key_pair;
pub mod launch_template;
pub mod launch_template_version;
pub mod lease;
pub mod nat_gateway;
pub mod nat_gateway_address;
pub mod network_acl;
pub mod network_acl_association;
pub mod network_acl_entry;
pub mod network_interface;
pub mod network_interface_attachment;
pub mod part;
pub mod placement;
pub mod placement_group;
pub mod prefix_list;
pub mod prefix_list_entry;
pub mod private_address;
pub mod public_address;
pub mod refused_placement;
pub mod reservation;
pub mod route;
pub mod route_table;
pub mod route_table_association;
pub mod scheduler;
pub mod security_group;
pub mod security_group_rule;
pub mod snapshot;
pub mod subnet;
pub mod subnet_cidr_reservation;
pub mod tag;
pub mod tombstone;
pub mod volume;
pub mod volume_attachment;
pub mod vpc;
pub mod vpc_cidr_block;
pub mod vpc_endpoint;
pub mod vpc_peering_connection;

#[cfg(test)]
mod tests;
