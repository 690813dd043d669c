//! EC2's actions, one file each, named as EC2 names them. What they share is in [`message`] (the forms of requests and answers),
//! [`resolve`] (ids), [`find`] (by ids or by pages), [`paging`] (EC2's limits of pages) and [`model`] (one file per resource: its message and its filters).

pub mod find;
pub mod message;
mod metadata_options;
pub mod model;
mod paging;
mod placement_groups;
pub mod resolve;
pub mod shown;

mod authorize_security_group_ingress;
pub mod chosen_instances;
mod consoles;
mod cpu_credits;
pub mod cpu_options;
mod create_key_pair;
mod create_placement_group;
mod create_tags;
mod delete_key_pair;
mod delete_placement_group;
mod delete_tags;
mod deregister_image;
mod describe_account_attributes;
mod describe_availability_zones;
mod describe_images;
mod describe_instance_attribute;
mod describe_instance_credit_specifications;
mod describe_instance_status;
mod describe_instance_topology;
mod describe_instance_type_offerings;
mod describe_instance_types;
mod describe_instances;
mod describe_key_pairs;
mod describe_network_interfaces;
mod describe_placement_groups;
mod describe_regions;
mod describe_security_groups;
mod describe_subnets;
mod describe_tags;
mod describe_volumes;
mod describe_vpcs;
mod get_console_output;
mod get_console_screenshot;
mod get_instance_types_from_instance_requirements;
mod get_password_data;
mod import_key_pair;
mod modify_instance_attribute;
mod modify_instance_cpu_options;
mod modify_instance_credit_specification;
mod modify_instance_metadata_options;
mod modify_instance_placement;
mod monitor_instances;
mod offers;
mod reboot_instances;
mod reset_instance_attribute;
mod revoke_security_group_ingress;
mod run_instances;
mod start_instances;
mod stop_instances;
mod terminate_instances;
mod unmonitor_instances;

#[cfg(test)]
pub(crate) mod tests;
