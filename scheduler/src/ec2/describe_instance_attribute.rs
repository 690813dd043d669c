//! `DescribeInstanceAttribute`: one attribute of one instance.

use std::slice;

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};

use super::find::named;
use super::model::instance::{block_device, groups, identifier};
use super::resolve::INSTANCE;
use crate::engine::{Ask, Query};
use crate::store::Outcome;
use crate::store::read::instances::InstanceView;

impl Query for ec2::DescribeInstanceAttributeRequest {
    const ERRORS: &'static [ErrorCode] = &[ErrorCode::InvalidInstanceIdMalformed, ErrorCode::InvalidInstanceIdNotFound];

    async fn answer(self, ask: &Ask) -> Outcome<ec2::InstanceAttribute> {
        let found: Vec<InstanceView> = named(&ask.rows(), ask.account(), &INSTANCE, slice::from_ref(&self.instance_id))?;
        let view = found.first().ok_or_else(|| INSTANCE.absent(&self.instance_id))?;
        let shown = attribute(view, &self.attribute)?;
        Ok(ec2::InstanceAttribute { instance_id: Some(self.instance_id), ..shown })
    }
}

fn text(value: &str) -> ec2::AttributeValue {
    ec2::AttributeValue { value: Some(value.to_owned()) }
}

fn flag(value: bool) -> ec2::AttributeBooleanValue {
    ec2::AttributeBooleanValue { value: Some(value) }
}

fn attribute(view: &InstanceView, name: &str) -> Result<ec2::InstanceAttribute, Fault> {
    let row = &view.instance;
    // Instances of hardware virtualization have neither kernels of their own nor the older network's flag: the element is there, and empty.
    let nothing = Some(ec2::AttributeValue::default());
    let mut shown = ec2::InstanceAttribute::default();
    match name {
        "blockDeviceMapping" => shown.block_device_mappings = view.volumes.iter().filter_map(block_device).collect(),
        "disableApiStop" => shown.disable_api_stop = Some(flag(row.disable_api_stop)),
        "disableApiTermination" => shown.disable_api_termination = Some(flag(row.disable_api_termination)),
        "ebsOptimized" => shown.ebs_optimized = Some(flag(row.ebs_optimized)),
        "enaSupport" => shown.ena_support = Some(flag(true)),
        "enclaveOptions" => shown.enclave_options = Some(ec2::EnclaveOptions { enabled: Some(false) }),
        "groupSet" => shown.groups = groups(view).map(identifier).collect(),
        "instanceInitiatedShutdownBehavior" => {
            shown.instance_initiated_shutdown_behavior = Some(text(&row.instance_initiated_shutdown_behavior));
        }
        "instanceType" => shown.instance_type = Some(text(&row.instance_type)),
        "kernel" => shown.kernel_id = nothing,
        "productCodes" => {}
        "ramdisk" => shown.ramdisk_id = nothing,
        "rootDeviceName" => shown.root_device_name = Some(text(&row.root_device_name)),
        "sourceDestCheck" => {
            shown.source_dest_check = view.interfaces.first().map(|interface| flag(interface.interface.source_dest_check));
        }
        "sriovNetSupport" => shown.sriov_net_support = nothing,
        "userData" => shown.user_data = Some(ec2::AttributeValue { value: row.user_data.clone() }),
        // The gateway lets in EC2's words alone.
        other => return Err(Fault::internal("an attribute that EC2 has not", other.to_owned())),
    }
    Ok(shown)
}
