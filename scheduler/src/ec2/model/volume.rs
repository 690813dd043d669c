//! Volumes.

use freehold_proto::Fault;
use freehold_proto::aws::ec2;

use crate::Settings;
use crate::ec2::message;
use crate::ec2::shown::{Shown, Shows, never, shown};
use crate::filter::{Table, flag};
use crate::store::read::resources::Tagged;
use crate::store::read::volumes::VolumeView;

pub type Volume = Tagged<VolumeView>;

pub const FILTERS: Table<Shown<Volume>> = Table {
    names: &[
        ("attachment.attach-time", |volume, say| {
            volume.item.attachment.iter().for_each(|attachment| say(&message::iso8601(attachment.attach_time)));
        }),
        ("attachment.delete-on-termination", |volume, say| {
            volume.item.attachment.iter().for_each(|attachment| say(flag(attachment.delete_on_termination)));
        }),
        ("attachment.device", |volume, say| volume.item.attachment.iter().for_each(|attachment| say(&attachment.device_name))),
        ("attachment.instance-id", |volume, say| volume.item.attachment.iter().for_each(|attachment| say(&attachment.instance_id))),
        ("attachment.status", |volume, say| volume.item.attachment.iter().for_each(|_| say("attached"))),
        ("availability-zone", |volume, say| say(&volume.item.volume.availability_zone)),
        shown!("availability-zone-id" => availability_zone_id),
        ("create-time", |volume, say| say(&message::iso8601(volume.item.volume.created))),
        ("encrypted", |_, say| say("false")),
        never!("fast-restored"),
        ("multi-attach-enabled", |_, say| say("false")),
        shown!("operator.managed" => operator.managed),
        shown!("operator.principal" => operator.principal),
        ("size", |volume, say| say(&volume.item.volume.size_gib.to_string())),
        ("snapshot-id", |volume, say| say(&volume.item.volume.snapshot_id)),
        ("status", |volume, say| say(state(&volume.item))),
        ("volume-id", |volume, say| say(&volume.item.volume.volume_id)),
        ("volume-type", |volume, say| say(&volume.item.volume.volume_type)),
    ],
    tags: Some(|volume, say| volume.tags.iter().for_each(|(key, value)| say(key, value))),
};

fn state(view: &VolumeView) -> &'static str {
    match &view.attachment {
        // EC2's word for a volume whose data can not be had back.
        // Source: <https://docs.aws.amazon.com/ebs/latest/userguide/ebs-describing-volumes.html>.
        _ if view.volume.lost => "error",
        Some(_) => "in-use",
        None => "available",
    }
}

impl Shows for Volume {
    type Message = ec2::Volume;

    fn message(&self, settings: &Settings) -> Result<ec2::Volume, Fault> {
        let Tagged { item: view, tags } = self;
        let row = &view.volume;
        let attachment = |attachment: &std::sync::Arc<crate::store::volume_attachment::Model>| ec2::VolumeAttachment {
            attach_time: Some(message::timestamp(attachment.attach_time)),
            delete_on_termination: Some(attachment.delete_on_termination),
            device: Some(attachment.device_name.clone()),
            instance_id: Some(attachment.instance_id.clone()),
            state: Some("attached".into()),
            volume_id: Some(attachment.volume_id.clone()),
            ..Default::default()
        };
        Ok(ec2::Volume {
            volume_id: Some(row.volume_id.clone()),
            availability_zone: Some(row.availability_zone.clone()),
            availability_zone_id: settings.zone(&row.availability_zone).map(|zone| zone.id.clone()),
            create_time: Some(message::timestamp(row.created)),
            encrypted: Some(false),
            iops: message::int(row.iops),
            multi_attach_enabled: Some(false),
            size: message::int(row.size_gib),
            snapshot_id: Some(row.snapshot_id.clone()),
            state: Some(state(view).into()),
            throughput: message::int(row.throughput),
            volume_type: Some(row.volume_type.clone()),
            attachments: view.attachment.iter().map(attachment).collect(),
            tags: message::tags(tags),
            operator: Some(ec2::OperatorResponse { managed: Some(false), ..ec2::OperatorResponse::default() }),
            ..ec2::Volume::default()
        })
    }
}
