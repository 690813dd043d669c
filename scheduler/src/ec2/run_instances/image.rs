//! The AMI of a launch: the caller's own, or a public one. Somebody else's private one is as absent as none.

use freehold_proto::Fault;
use sea_orm::EntityTrait;

use super::disks::{self, Disk};
use super::request::{Asked, invalid};
use crate::ec2::resolve::IMAGE;
use crate::store::{Outcome, Tx, image, snapshot};

/// An image with the volumes that an instance of it will have.
pub struct Image {
    pub row: image::Model,
    pub snapshot: snapshot::Model,
    /// The root first.
    pub disks: Vec<Disk>,
}

impl Image {
    pub async fn find(tx: &Tx, asked: &Asked) -> Outcome<Self> {
        IMAGE.check(&asked.image_id)?;
        let row = image::Entity::find_by_id(&asked.image_id).one(tx.db()).await?;
        let row = row.filter(|row| row.public || row.account_id == tx.account()).ok_or_else(|| IMAGE.absent(&asked.image_id))?;
        if row.architecture != asked.architecture {
            let message = format!(
                "The architecture '{}' of the specified instance type does not match the architecture '{}' of the specified AMI. \
                 Specify an instance type and an AMI that have matching architectures, and try again.",
                asked.architecture, row.architecture
            );
            return Err(invalid(message).into());
        }
        let snapshot = snapshot::Entity::find_by_id(&row.snapshot_id).one(tx.db()).await?;
        let snapshot = snapshot.ok_or_else(|| Fault::internal("an image without its snapshot", row.image_id.clone()))?;
        let disks = disks::of_image(&asked.mappings, &row.root_device_name, &snapshot)?;
        Ok(Self { row, snapshot, disks })
    }

    /// What all its volumes take.
    pub fn disk_mib(&self) -> i64 {
        self.disks.iter().map(|disk| disk.size_gib * 1024).sum()
    }
}
