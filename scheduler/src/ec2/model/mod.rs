//! Resources as EC2 shows them: for each its message, and the table of its filters.

pub mod dhcp_options;
pub mod elastic_address;
pub mod image;
pub mod instance;
pub mod instance_filters;
pub mod instance_status;
pub mod instance_type;
pub mod internet_gateway;
pub mod key_pair;
pub mod launch_template;
pub mod nat_gateway;
pub mod network_acl;
pub mod network_interface;
pub mod placement_group;
pub mod prefix_list;
pub mod route_table;
pub mod security_group;
pub mod subnet;
pub mod subnet_cidr_reservation;
pub mod tag;
pub mod volume;
pub mod vpc;
pub mod vpc_endpoint;
pub mod vpc_peering_connection;
