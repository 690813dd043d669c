//! One image from the store: the manifest, then its blocks, each verified before it is written.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use freehold_link::Service;
use freehold_link::unix::MAX_MESSAGE_BYTES;
use freehold_proto::internal::image::image_store_client::ImageStoreClient;
use freehold_proto::internal::image::{Block, GetBlocksRequest, GetManifestRequest};
use tonic::Request;
use tonic::metadata::{Ascii, MetadataValue};

use super::ImageError;
use super::manifest::{BLOCK_BYTES, Manifest};

/// Between one message and the next; a whole image may take as long as it has blocks.
const SILENCE: Duration = Duration::from_secs(30);

/// Publishes `ID.raw` and `ID.manifest` in `folder`, or leaves nothing.
pub(super) async fn fetch(store: &Service, grant: Option<String>, folder: &Path, id: &str) -> Result<(), ImageError> {
    let fetched = try_fetch(store, grant, folder, id).await;
    if fetched.is_err() {
        // Without the space that it took, another image may fit. That it never came so far is no error.
        drop(fs::remove_file(folder.join(format!("{id}.part"))));
    }
    fetched
}

async fn try_fetch(store: &Service, grant: Option<String>, folder: &Path, id: &str) -> Result<(), ImageError> {
    // What is none that a header can carry opens no door either, and the store says so.
    let grant: Option<MetadataValue<Ascii>> = grant.and_then(|grant| grant.parse().ok());
    let shown = |mut request: Request<()>| {
        if let Some(grant) = &grant {
            request.metadata_mut().insert(freehold_link::grant::METADATA, grant.clone());
        }
        Ok(request)
    };
    let mut store = ImageStoreClient::with_interceptor(store.clone(), shown).max_decoding_message_size(MAX_MESSAGE_BYTES);
    let request = GetManifestRequest { manifest: id.to_owned() };
    let answered = heard(store.get_manifest(request)).await?.into_inner();
    let manifest = Manifest::verify(id, &answered).ok_or_else(|| ImageError::Forged(id.to_owned()))?;
    let part = folder.join(format!("{id}.part"));
    let file = create(&part, manifest.size_bytes)?;
    let request = GetBlocksRequest { manifest: id.to_owned(), indexes: Vec::new() };
    let mut blocks = heard(store.get_blocks(request)).await?.into_inner();
    let mut left = manifest.blocks.iter();
    while let Some(block) = heard(blocks.message()).await? {
        let expected = left.next().filter(|(index, hash)| *index == block.index && matches(&manifest, &block, hash));
        if expected.is_none() {
            return Err(ImageError::Forged(id.to_owned()));
        }
        file.write_all_at(&block.data, u64::from(block.index) * BLOCK_BYTES)?;
    }
    if left.next().is_some() {
        return Err(ImageError::Store("it sent fewer blocks than the manifest lists".to_owned()));
    }
    let (folder, id) = (folder.to_owned(), id.to_owned());
    tokio::task::spawn_blocking(move || publish(&folder, &id, &file, &manifest)).await.map_err(io::Error::other)??;
    Ok(())
}

fn matches(manifest: &Manifest, block: &Block, hash: &[u8; 32]) -> bool {
    block.data.len() as u64 == manifest.block_len(block.index) && blake3::hash(&block.data).as_bytes() == hash
}

async fn heard<T>(answer: impl Future<Output = Result<T, tonic::Status>>) -> Result<T, ImageError> {
    match tokio::time::timeout(SILENCE, answer).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(status)) => Err(ImageError::Store(format!("{} ({:?})", status.message(), status.code()))),
        Err(_) => Err(ImageError::Store(format!("it said nothing for {} seconds", SILENCE.as_secs()))),
    }
}

fn create(part: &Path, size_bytes: u64) -> io::Result<File> {
    let file = File::options().write(true).create(true).truncate(true).open(part)?;
    file.set_len(size_bytes)?;
    Ok(file)
}

/// The manifest first: an image without one is not handed out, a manifest without an image is fetched again.
fn publish(folder: &Path, id: &str, file: &File, manifest: &Manifest) -> io::Result<()> {
    // Guests' processes read it under users of their own; nobody writes it again.
    file.set_permissions(Permissions::from_mode(0o444))?;
    file.sync_all()?;
    let named = folder.join(format!("{id}.manifest"));
    fs::write(&named, manifest.encode())?;
    File::open(&named)?.sync_all()?;
    fs::rename(folder.join(format!("{id}.part")), folder.join(format!("{id}.raw")))?;
    File::open(folder)?.sync_all()
}
