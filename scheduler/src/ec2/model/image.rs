//! AMIs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use freehold_proto::Fault;
use freehold_proto::aws::ec2;

use crate::Settings;
use crate::ec2::message;
use crate::ec2::shown::{Shown, Shows, shown};
use crate::filter::{Table, flag};
use crate::store::rows::PUBLIC;
use crate::store::{Rows, View, image, snapshot};

/// An AMI as Describe shows it to one account: the tags are that account's.
pub struct ImageView {
    pub image: Arc<image::Model>,
    pub snapshot: Option<Arc<snapshot::Model>>,
    pub tags: BTreeMap<String, String>,
    /// Whether the asking account owns it.
    pub own: bool,
}

/// An account sees its own AMIs and the public ones.
impl View for ImageView {
    fn one(rows: &Rows, account: &str, id: &str) -> Option<Self> {
        let image = rows.images.one(id).filter(|row| row.public || row.account_id == account)?;
        Some(Self {
            snapshot: rows.snapshots.one(&image.snapshot_id).cloned(),
            tags: rows.tags_of(account, id),
            own: image.account_id == account,
            image: Arc::clone(image),
        })
    }

    fn ids<'a>(rows: &'a Rows, account: &'a str, after: Option<&'a str>) -> Box<dyn Iterator<Item = &'a str> + 'a> {
        let seen: BTreeSet<&str> = rows.images.of(account, after).chain(rows.images.of(PUBLIC, after)).collect();
        Box::new(seen.into_iter())
    }

    fn id(&self) -> &str {
        &self.image.image_id
    }
}

const STATE: &str = "available";
const GIB: i64 = 1 << 30;

impl ImageView {
    /// Only the operator can publish an AMI, and the operator is what Amazon is on EC2.
    pub fn owner_alias(&self) -> Option<&'static str> {
        self.image.public.then_some("amazon")
    }

    fn location(&self) -> String {
        format!("{}/{}", self.image.account_id, self.image.name)
    }

    fn volume_size_gib(&self) -> i64 {
        self.snapshot.as_ref().map_or(0, |snapshot| (snapshot.size_bytes + GIB - 1) / GIB)
    }
}

pub const FILTERS: Table<Shown<ImageView>> = Table {
    names: &[
        ("architecture", |view, say| say(&view.image.architecture)),
        shown!("block-device-mapping.delete-on-termination" => block_device_mappings.ebs.delete_on_termination),
        ("block-device-mapping.device-name", |view, say| say(&view.image.root_device_name)),
        ("block-device-mapping.snapshot-id", |view, say| say(&view.image.snapshot_id)),
        shown!("block-device-mapping.encrypted" => block_device_mappings.ebs.encrypted),
        shown!("block-device-mapping.volume-size" => block_device_mappings.ebs.volume_size),
        shown!("block-device-mapping.volume-type" => block_device_mappings.ebs.volume_type),
        ("creation-date", |view, say| say(&message::iso8601(view.image.created))),
        ("description", |view, say| say(&view.image.description)),
        shown!("ena-support" => ena_support),
        shown!("free-tier-eligible" => free_tier_eligible),
        ("hypervisor", |_, say| say("xen")),
        shown!("image-allowed" => image_allowed),
        ("image-id", |view, say| say(&view.image.image_id)),
        ("image-type", |_, say| say("machine")),
        ("is-public", |view, say| say(flag(view.image.public))),
        shown!("kernel-id" => kernel_id),
        ("manifest-location", |view, say| say(&view.location())),
        ("name", |view, say| say(&view.image.name)),
        ("owner-alias", |view, say| view.owner_alias().into_iter().for_each(say)),
        ("owner-id", |view, say| say(&view.image.account_id)),
        shown!("platform" => platform),
        shown!("product-code" => product_codes.product_code_id),
        shown!("product-code.type" => product_codes.product_code_type),
        shown!("ramdisk-id" => ramdisk_id),
        ("root-device-name", |view, say| say(&view.image.root_device_name)),
        ("root-device-type", |_, say| say("ebs")),
        shown!("source-image-id" => source_image_id),
        shown!("source-image-region" => source_image_region),
        shown!("source-instance-id" => source_instance_id),
        shown!("sriov-net-support" => sriov_net_support),
        ("state", |_, say| say(STATE)),
        shown!("state-reason-code" => state_reason.code),
        shown!("state-reason-message" => state_reason.message),
        ("virtualization-type", |_, say| say("hvm")),
    ],
    tags: Some(|view, say| view.tags.iter().for_each(|(key, value)| say(key, value))),
};

impl Shows for ImageView {
    type Message = ec2::Image;

    fn message(&self, _: &Settings) -> Result<ec2::Image, Fault> {
        let (view, image) = (self, &self.image);
        let root = ec2::EbsBlockDevice {
            delete_on_termination: Some(true),
            encrypted: Some(false),
            snapshot_id: Some(image.snapshot_id.clone()),
            volume_size: message::int(view.volume_size_gib()),
            volume_type: Some("gp3".into()),
            ..Default::default()
        };
        Ok(ec2::Image {
            image_id: Some(image.image_id.clone()),
            name: Some(image.name.clone()),
            description: (!image.description.is_empty()).then(|| image.description.clone()),
            owner_id: Some(image.account_id.clone()),
            image_owner_alias: view.owner_alias().map(str::to_owned),
            image_location: Some(view.location()),
            public: Some(image.public),
            state: Some(STATE.into()),
            creation_date: Some(message::iso8601(image.created)),
            architecture: Some(image.architecture.clone()),
            image_type: Some("machine".into()),
            hypervisor: Some("xen".into()),
            virtualization_type: Some("hvm".into()),
            platform_details: Some("Linux/UNIX".into()),
            root_device_name: Some(image.root_device_name.clone()),
            root_device_type: Some("ebs".into()),
            block_device_mappings: vec![ec2::BlockDeviceMapping {
                device_name: Some(image.root_device_name.clone()),
                ebs: Some(root),
                ..Default::default()
            }],
            tags: message::tags(&view.tags),
            ena_support: Some(true),
            ..ec2::Image::default()
        })
    }
}
