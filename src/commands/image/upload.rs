//! Brings a disk into the image store: through the confined reader, block by block, as fast as the slower side.

use std::fs::File;
use std::path::Path;

use freehold_image_store::import::{Disk, Format};
use freehold_proto::internal::image as wire;
use freehold_proto::internal::image::image_store_client::ImageStoreClient;
use freehold_proto::internal::image::put_manifest_request::Kind;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::progress::Progress;
use crate::Failure;
use crate::config::Config;
use crate::trust;

/// Blocks between reader and store, 512 KiB each.
const IN_FLIGHT: usize = 4;
const BLOCK_BYTES: u64 = freehold_image_store::BLOCK_BYTES as u64;

/// Uploads the disk in `path`; what the store made of it. Dropped, it leaves no manifest.
pub async fn run(config: &Config, path: &Path, format: Format) -> Result<wire::PutManifestResponse, Failure> {
    let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    if !file.metadata()?.is_file() {
        return Err(format!("{} is not a file", path.display()).into());
    }
    let empty = tempfile::tempdir()?;
    let mut disk = Disk::open(reader(config, format)?, file, empty.path()).await.map_err(|error| format!("{}: {error}", path.display()))?;
    let socket = config.sockets().images;
    let elsewhere = config.image_store_addresses();
    // An image store on this host is the one, whatever else is said of where others reach it.
    let channel = if socket.exists() || elsewhere.is_empty() {
        freehold_link::unix::channel(socket.clone())
    } else {
        trust::operator_channel(config, elsewhere.clone()).await?
    };
    let mut store = ImageStoreClient::new(channel);
    let (sender, receiver) = mpsc::channel(IN_FLIGHT);
    let put = store.put_manifest(ReceiverStream::new(receiver));
    let (sent, answer) = tokio::join!(send(&mut disk, sender), put);
    match (sent, answer) {
        // The store's reason comes first: a reader that could not go on because of it has none of its own.
        (Err(Stopped::Disk(error)), _) => Err(format!("{}: {error}", path.display()).into()),
        (_, Err(status)) if !socket.exists() && elsewhere.is_empty() => {
            Err(format!("the image store does not run ({status}); `freehold up` starts it").into())
        }
        (_, Err(status)) => Err(format!("the image store: {}", status.message()).into()),
        (Err(Stopped::Store), Ok(_)) => Err("the image store stopped listening".into()),
        (Ok(()), Ok(answer)) => Ok(answer.into_inner()),
    }
}

enum Stopped {
    Disk(freehold_image_store::import::Error),
    Store,
}

/// Ends with Commit only when the reader has said that the disk is whole; otherwise the stream breaks off and the store forgets it.
async fn send(disk: &mut Disk, sender: mpsc::Sender<wire::PutManifestRequest>) -> Result<(), Stopped> {
    let progress = Progress::of("bringing the disk into the image store", disk.size_bytes());
    let message = |kind| wire::PutManifestRequest { kind: Some(kind) };
    let send = async |kind| sender.send(message(kind)).await.map_err(|_| Stopped::Store);
    send(Kind::Begin(wire::Begin { size_bytes: disk.size_bytes() })).await?;
    while let Some((index, data)) = disk.next().await.map_err(Stopped::Disk)? {
        progress.at(u64::from(index) * BLOCK_BYTES);
        send(Kind::Block(wire::PutBlock { index, data: data.into() })).await?;
    }
    send(Kind::Commit(wire::Commit {})).await
}

/// This program again, as `freehold image read`.
fn reader(config: &Config, format: Format) -> Result<tokio::process::Command, Failure> {
    let max_bytes = config.image_store.max_disk_gib.saturating_mul(1 << 30);
    let mut command = tokio::process::Command::new(freehold_link::program::path()?);
    command.args(["image", "read", "--format", format.as_str(), "--max-bytes", &max_bytes.to_string()]);
    Ok(command)
}
