//! An instance. `desired_*` is what the host is told, `observed_*` what it reported, `state` what EC2 shows.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "instance")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub instance_id: String,
    pub account_id: String,
    pub reservation_id: String,
    pub ami_launch_index: i32,
    pub image_id: String,
    pub instance_type: String,
    pub architecture: String,
    pub vcpus: i32,
    pub memory_mib: i64,
    pub root_device_name: String,
    pub key_name: Option<String>,
    pub public_key: Option<String>,
    pub user_data: Option<String>,
    pub vpc_id: String,
    pub subnet_id: String,
    pub availability_zone: String,
    pub private_ip_address: String,
    pub instance_initiated_shutdown_behavior: String,
    pub ebs_optimized: bool,
    pub http_tokens: String,
    pub http_endpoint: String,
    pub http_put_response_hop_limit: i32,
    pub instance_metadata_tags: String,
    pub associate_public_ip_address: bool,
    pub host_id: Option<String>,
    pub driver: String,
    pub placement_reason: String,
    pub state: String,
    pub state_reason_code: Option<String>,
    pub state_reason_message: Option<String>,
    pub state_transition_reason: String,
    pub launch_time: i64,
    pub terminated_at: Option<i64>,
    pub generation: i64,
    pub desired_power: String,
    pub desired_reboot_count: i64,
    pub desired_start_count: i64,
    pub desired_force_stop: bool,
    pub observed_state: Option<String>,
    pub observed_generation: i64,
    pub observed_reboot_count: i64,
    pub observed_since: Option<i64>,
    pub observed_fault_code: String,
    pub observed_fault_message: String,
    pub observed_machine_type: String,
    pub observed_accelerator: String,
    pub created: i64,
    /// Since when its host has said, of what it was told last, that it can not carry it out. Of the scheduler's clock.
    pub impaired_since: Option<i64>,
    /// As the launch gave it; "" without one.
    pub client_token: String,
    /// When it was last seen to run after a start, by the scheduler's clock.
    pub running_since: Option<i64>,
    /// EC2's word, where a client has given one; its type's otherwise.
    pub cpu_credits: Option<String>,
    /// StopInstances is refused.
    pub disable_api_stop: bool,
    /// TerminateInstances is refused.
    pub disable_api_termination: bool,
    /// Detailed monitoring.
    pub monitoring: bool,
    /// The state in which its end was ordered; "" before.
    pub ended_from: String,
    pub placement_group_id: Option<String>,
    /// Of a partition placement group.
    pub partition_number: Option<i32>,
    /// As a client has asked for them, together; none: its type's own.
    pub cpu_core_count: Option<i32>,
    pub cpu_threads_per_core: Option<i32>,
    /// EC2's word for what its private name is made of.
    pub hostname_type: String,
    /// Whether the name that is made of its id means its address.
    pub resource_name_dns_a_record: bool,
    /// EC2's word for whether its host starts it again by itself.
    pub auto_recovery: String,
}

super::standalone!();
