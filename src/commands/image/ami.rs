//! Makes an AMI of a disk, the last step of every import and build.

use std::path::Path;

use freehold_image_store::import::Format;
use freehold_proto::internal::operator::{ListImagesRequest, RegisterImageRequest};
use serde::Serialize;

use super::arguments::Ami;
use super::upload;
use crate::Failure;
use crate::cli::Output;
use crate::config::Config;
use crate::{operator, output};

/// What was made.
#[derive(Serialize)]
struct Made {
    image_id: String,
    snapshot_id: String,
    name: String,
    manifest: String,
    size_bytes: u64,
    blocks: u64,
    new_blocks: u64,
}

/// Fails where an AMI of this name could not be registered anyway, before hours are spent on its disk.
pub async fn check(config: &Config, name: &str, ami: &Ami) -> Result<(), Failure> {
    let images = operator::call(&config.sockets().operator, operator::connect(config).list_images(ListImagesRequest {})).await?.images;
    let same_account = |image_account: &str| ami.account.as_deref().is_none_or(|account| account == image_account);
    match images.iter().find(|image| image.name == name && same_account(&image.account_id)) {
        Some(image) if ami.account.is_some() => Err(format!("{} has this name already; choose another one", image.image_id).into()),
        // Which account is the first one is the scheduler's to say; it refuses the name if it is taken there.
        _ => Ok(()),
    }
}

/// Uploads the disk and registers it. The same content uploaded again stores nothing new.
pub async fn make(config: &Config, output: Output, name: String, ami: Ami, disk: &Path, format: Format) -> Result<(), Failure> {
    let stored = upload::run(config, disk, format).await?;
    let request = RegisterImageRequest {
        name: name.clone(),
        description: ami.description,
        account_id: ami.account.unwrap_or_default(),
        public: ami.public,
        architecture: ami.architecture,
        root_device_name: ami.root_device_name,
        manifest: stored.manifest.clone(),
        size_bytes: stored.size_bytes,
        tags: std::collections::HashMap::new(),
    };
    let registered = operator::call(&config.sockets().operator, operator::connect(config).register_image(request)).await?;
    let made = Made {
        image_id: registered.image_id,
        snapshot_id: registered.snapshot_id,
        name,
        manifest: stored.manifest,
        size_bytes: stored.size_bytes,
        blocks: stored.blocks,
        new_blocks: stored.new_blocks,
    };
    match output {
        Output::Json => output::json(&made),
        Output::Table => {
            output::progress(&format!("{}: {} blocks, {} of them new in the store", made.name, made.blocks, made.new_blocks));
            output::line(&made.image_id)
        }
    }
}
