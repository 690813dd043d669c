//! AMIs as the operator makes them, of a manifest that the image store already has.

use std::collections::BTreeMap;

use freehold_proto::ErrorCode;
use freehold_proto::id::{ImageId, SnapshotId};
use freehold_proto::internal::operator as proto;
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel, ModelTrait, QueryOrder};

use super::timestamp;
use crate::identity::account;
use crate::store::{Failure, Outcome, Store, Tx, image, is_unique_violation, snapshot, tag};
use crate::tags;

const ARCHITECTURES: &[&str] = &["x86_64", "arm64"];

/// An AMI with its snapshot, all or nothing.
pub async fn register(store: &Store, request: proto::RegisterImageRequest) -> Outcome<proto::RegisterImageResponse> {
    check(&request)?;
    let account_id = owner(store, &request.account_id).await?;
    let tags = tags::validate(request.tags.iter().map(|(key, value)| (Some(key.as_str()), Some(value.as_str()))))?;
    let tx = store.begin(&account_id).await?;
    let snapshot = snapshot::Model {
        snapshot_id: SnapshotId::draw(tx.entropy()).into(),
        account_id: account_id.clone(),
        manifest: request.manifest,
        size_bytes: i64::try_from(request.size_bytes).map_err(|_| invalid("The image is too large."))?,
        description: format!("Root volume of {}", request.name),
        created: tx.now(),
    };
    let snapshot_id = snapshot.into_active_model().insert(tx.db()).await?.snapshot_id;
    let row = image::Model {
        image_id: ImageId::draw(tx.entropy()).into(),
        account_id,
        name: request.name,
        description: request.description,
        public: request.public,
        architecture: request.architecture,
        root_device_name: request.root_device_name,
        snapshot_id: snapshot_id.clone(),
        created: tx.now(),
    };
    let image_id = match row.into_active_model().insert(tx.db()).await {
        Err(error) if is_unique_violation(&error) => return Err(invalid("There is an AMI of this name already. Choose another name.")),
        inserted => inserted?.image_id,
    };
    for (key, value) in tags {
        insert_tag(&tx, &image_id, key, value).await?;
    }
    tx.commit().await?;
    Ok(proto::RegisterImageResponse { image_id, snapshot_id })
}

async fn insert_tag(tx: &Tx, image_id: &str, key: String, value: String) -> Outcome<()> {
    let row =
        tag::Model { account_id: tx.account().to_owned(), resource_id: image_id.to_owned(), resource_type: "image".into(), key, value };
    row.into_active_model().insert(tx.db()).await?;
    Ok(())
}

fn check(request: &proto::RegisterImageRequest) -> Outcome<()> {
    // Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RegisterImage.html
    let fits = |c: char| c.is_ascii_alphanumeric() || "()[] ./-'@_".contains(c);
    if !(3..=128).contains(&request.name.len()) || !request.name.chars().all(fits) {
        return Err(invalid("An AMI's name has 3 to 128 characters: letters, digits and ()[] ./-'@_"));
    }
    if !ARCHITECTURES.contains(&request.architecture.as_str()) {
        return Err(invalid("The architecture must be x86_64 or arm64."));
    }
    if !request.root_device_name.starts_with("/dev/") {
        return Err(invalid("The root device name must be of the form /dev/xvda."));
    }
    if request.manifest.len() != 64 || !request.manifest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(invalid("The manifest must be 64 hex digits, as the image store answered."));
    }
    if request.size_bytes == 0 || !request.size_bytes.is_multiple_of(512) {
        return Err(invalid("The size must be a whole number of 512-byte sectors."));
    }
    Ok(())
}

async fn owner(store: &Store, given: &str) -> Outcome<String> {
    let mut accounts = account::list(store).await?.into_iter().map(|account| account.account_id);
    let found = if given.is_empty() { accounts.next() } else { accounts.find(|id| id == given) };
    found.ok_or_else(|| invalid("There is no such account. `freehold account create` makes one."))
}

pub async fn list(store: &Store) -> Outcome<Vec<proto::Image>> {
    let rows = image::Entity::find().order_by_asc(image::Column::Created).order_by_asc(image::Column::ImageId).all(store.reader()).await?;
    let snapshots = snapshot::Entity::find().all(store.reader()).await?;
    let snapshots: BTreeMap<_, _> = snapshots.into_iter().map(|row| (row.snapshot_id.clone(), row)).collect();
    Ok(rows.into_iter().map(|row| shown(&snapshots, row)).collect())
}

fn shown(snapshots: &BTreeMap<String, snapshot::Model>, row: image::Model) -> proto::Image {
    let snapshot = snapshots.get(&row.snapshot_id);
    proto::Image {
        size_bytes: snapshot.and_then(|snapshot| u64::try_from(snapshot.size_bytes).ok()).unwrap_or_default(),
        manifest: snapshot.map(|snapshot| snapshot.manifest.clone()).unwrap_or_default(),
        image_id: row.image_id,
        name: row.name,
        account_id: row.account_id,
        public: row.public,
        architecture: row.architecture,
        snapshot_id: row.snapshot_id,
        created: Some(timestamp(row.created)),
    }
}

/// The snapshot stays, as EC2's does: instances and volumes name it.
pub async fn deregister(store: &Store, image_id: &str) -> Outcome<()> {
    let Some(row) = image::Entity::find_by_id(image_id).one(store.reader()).await? else {
        return Err(Failure::refuse(ErrorCode::InvalidAmiIdNotFound, format!("The image id '[{image_id}]' does not exist")));
    };
    let tx = store.begin(&row.account_id).await?;
    row.delete(tx.db()).await?;
    tx.commit().await?;
    Ok(())
}

fn invalid(message: &str) -> Failure {
    Failure::refuse(ErrorCode::InvalidParameterValue, message)
}
