//! The AMI of a launch: the caller's own, or a public one. Somebody else's private one is as absent as none.

use freehold_proto::{ErrorCode, Fault};
use sea_orm::EntityTrait;

use super::request::{Asked, invalid, only_root};
use crate::ec2::resolve::IMAGE;
use crate::store::{Outcome, Tx, image, snapshot};

/// As large as EC2's general-purpose volumes get.
const MOST_GIB: i64 = 16 * 1024;

const GIB: i64 = 1 << 30;

/// An image with what its root volume will be.
pub struct Image {
    pub row: image::Model,
    pub snapshot: snapshot::Model,
    pub size_gib: i64,
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
        if asked.root.device_name.as_ref().is_some_and(|name| *name != row.root_device_name) {
            return Err(only_root().into());
        }
        let snapshot = snapshot::Entity::find_by_id(&row.snapshot_id).one(tx.db()).await?;
        let snapshot = snapshot.ok_or_else(|| Fault::internal("an image without its snapshot", row.image_id.clone()))?;
        let size_gib = size(asked, &snapshot)?;
        Ok(Self { row, snapshot, size_gib })
    }
}

fn size(asked: &Asked, snapshot: &snapshot::Model) -> Result<i64, Fault> {
    let least = (snapshot.size_bytes + GIB - 1) / GIB;
    let wanted = asked.root.size_gib.unwrap_or(least);
    let refuse = |message: String| Err(Fault::new(ErrorCode::InvalidBlockDeviceMapping, message));
    if wanted < least {
        let id = &snapshot.snapshot_id;
        return refuse(format!("Volume of size {wanted}GB is smaller than snapshot '{id}', expect size >= {least}GB"));
    }
    if wanted > MOST_GIB {
        return refuse(format!("Volume of size {wanted}GB is too large, expect size <= {MOST_GIB}GB"));
    }
    Ok(wanted)
}
