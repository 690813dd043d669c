//! `DeregisterImage`. Its snapshot stays, as EC2's does: instances and volumes name it. A public AMI of another account is there to be
//! seen and not to be taken away.

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::{EntityTrait, ModelTrait};

use super::create_tags::remove_tags;
use super::resolve::IMAGE;
use crate::engine::Command;
use crate::store::{Outcome, Tx, image};

impl Command for ec2::DeregisterImageRequest {
    const ERRORS: &'static [ErrorCode] = &[ErrorCode::AuthFailure, ErrorCode::InvalidAmiIdMalformed, ErrorCode::InvalidAmiIdNotFound];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::DeregisterImageResult> {
        IMAGE.check(&self.image_id)?;
        let row = image::Entity::find_by_id(&self.image_id).one(tx.db()).await?;
        let row = row.filter(|row| row.public || row.account_id == tx.account()).ok_or_else(|| IMAGE.absent(&self.image_id))?;
        if row.account_id != tx.account() {
            let message = format!("Not authorized for image:{}: it is another account's.", self.image_id);
            return Err(Fault::new(ErrorCode::AuthFailure, message).into());
        }
        remove_tags(tx, &self.image_id).await?;
        row.delete(tx.db()).await?;
        Ok(ec2::DeregisterImageResult { r#return: Some(true), ..Default::default() })
    }
}
