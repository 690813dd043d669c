//! The store's gRPC door. Translates and bounds; [`crate::store`] decides.
//!
//! A slow peer is not waited for for ever: each message has [`PEER_PATIENCE`], and transfers beyond the configured number wait that long for
//! their turn. Blocks in flight are bounded per transfer, so a peer that reads slowly slows the disk, not the memory.

use std::sync::Arc;
use std::time::Duration;

use freehold_link::tls::Peer;
use freehold_proto::internal::image as wire;
use freehold_proto::internal::image::image_store_server::{ImageStore as Contract, ImageStoreServer};
use freehold_proto::internal::image::put_manifest_request::Kind;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use crate::error::Error;
use crate::guard::Guard;
use crate::manifest::{MAX_BLOCKS, Manifest, ManifestId};
use crate::metrics::Transfer;
use crate::store::{ImageStore, Upload};

/// How long one message, or one's turn, is waited for.
const PEER_PATIENCE: Duration = Duration::from_mins(2);

/// Blocks of one transfer that are in memory at once, 512 KiB each.
const IN_FLIGHT: usize = 8;

impl ImageStore {
    /// The gRPC service `freehold.image.v1.ImageStore`, for who is on this host.
    pub fn routes(&self) -> tonic::service::Routes {
        tonic::service::Routes::new(ImageStoreServer::new(Service { store: self.clone(), guard: None }))
    }

    /// The same for parts on other hosts, which need a grant for what they fetch.
    pub fn link_routes(&self, guard: Guard) -> tonic::service::Routes {
        tonic::service::Routes::new(ImageStoreServer::new(Service { store: self.clone(), guard: Some(guard) }))
    }
}

struct Service {
    store: ImageStore,
    guard: Option<Guard>,
}

#[tonic::async_trait]
impl Contract for Service {
    async fn put_manifest(
        &self,
        request: Request<Streaming<wire::PutManifestRequest>>,
    ) -> Result<Response<wire::PutManifestResponse>, Status> {
        let _turn = self.turn(self.store.uploads()).await?;
        let _counted = self.store.metrics().transfer("upload");
        let mut messages = request.into_inner();
        let Some(Kind::Begin(begin)) = next(&mut messages).await? else {
            return Err(Status::invalid_argument("the first message must be Begin"));
        };
        let upload = Arc::new(self.store.upload(begin.size_bytes)?);
        receive_blocks(&mut messages, &upload).await?;
        let upload = Arc::into_inner(upload).ok_or_else(|| Status::internal("a block is still being written"))?;
        let done = blocking(move || upload.commit()).await?;
        tracing::info!(manifest = %done.manifest, blocks = done.blocks, new_blocks = done.new_blocks, "manifest committed");
        Ok(Response::new(wire::PutManifestResponse {
            manifest: done.manifest.to_string(),
            size_bytes: done.size_bytes,
            new_blocks: done.new_blocks,
            blocks: done.blocks,
        }))
    }

    async fn get_manifest(&self, request: Request<wire::GetManifestRequest>) -> Result<Response<wire::Manifest>, Status> {
        self.check(&request, &request.get_ref().manifest)?;
        let id = parse_id(&request.get_ref().manifest)?;
        let manifest = self.manifest(id).await?;
        let blocks =
            manifest.blocks().iter().map(|(index, hash)| wire::BlockRef { index: *index, hash: hash.as_bytes().to_vec().into() }).collect();
        Ok(Response::new(wire::Manifest { manifest: id.to_string(), size_bytes: manifest.size_bytes(), blocks }))
    }

    type GetBlocksStream = ReceiverStream<Result<wire::Block, Status>>;

    async fn get_blocks(&self, request: Request<wire::GetBlocksRequest>) -> Result<Response<Self::GetBlocksStream>, Status> {
        self.check(&request, &request.get_ref().manifest)?;
        let whose = request.extensions().get::<Peer>().and_then(|peer| peer.identity.as_ref()).map(|identity| identity.name.clone());
        let request = request.into_inner();
        if request.indexes.len() > MAX_BLOCKS {
            return Err(Status::invalid_argument(format!("at most {MAX_BLOCKS} indexes in one request")));
        }
        let id = parse_id(&request.manifest)?;
        // Before the manifest is read, which may be large: those who wait hold nothing. One host that wants everything waits for itself first.
        let share = match whose {
            Some(host) => Some(self.turn(self.store.downloads_of(host)).await?),
            None => None,
        };
        let turn = (self.turn(self.store.downloads()).await?, share, self.store.metrics().transfer("download"));
        let manifest = self.manifest(id).await?;
        let indexes =
            if request.indexes.is_empty() { manifest.blocks().iter().map(|(index, _)| *index).collect() } else { request.indexes };
        let (sender, receiver) = mpsc::channel(IN_FLIGHT);
        tokio::spawn(send_blocks(self.store.clone(), manifest, indexes, sender, turn));
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn list_manifests(&self, _: Request<wire::ListManifestsRequest>) -> Result<Response<wire::ListManifestsResponse>, Status> {
        let store = self.store.clone();
        let manifests = blocking(move || {
            let one = |id| match store.manifest(id) {
                // Deleted since it was listed.
                Err(Error::NoManifest(_)) => None,
                read => Some(read.map(|manifest| summary(id, &manifest))),
            };
            store.manifests()?.into_iter().filter_map(one).collect::<Result<_, _>>()
        })
        .await?;
        Ok(Response::new(wire::ListManifestsResponse { manifests }))
    }

    async fn delete_manifest(
        &self,
        request: Request<wire::DeleteManifestRequest>,
    ) -> Result<Response<wire::DeleteManifestResponse>, Status> {
        let id = parse_id(&request.get_ref().manifest)?;
        let store = self.store.clone();
        blocking(move || store.delete_manifest(id)).await?;
        Ok(Response::new(wire::DeleteManifestResponse {}))
    }
}

impl Service {
    fn check<T>(&self, request: &Request<T>, manifest: &str) -> Result<(), Status> {
        self.guard.as_ref().map_or(Ok(()), |guard| guard.check(request, manifest))
    }

    async fn turn(&self, semaphore: Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Status> {
        turn(semaphore).await.map_err(|busy| {
            self.store.metrics().failed(&busy);
            busy.into()
        })
    }

    async fn manifest(&self, id: ManifestId) -> Result<Manifest, Status> {
        let store = self.store.clone();
        blocking(move || store.manifest(id)).await
    }
}

/// Writes up to [`IN_FLIGHT`] blocks at once; returns when Commit has come and every block is written.
async fn receive_blocks(messages: &mut Streaming<wire::PutManifestRequest>, upload: &Arc<Upload>) -> Result<(), Status> {
    let mut writes = JoinSet::new();
    loop {
        match next(messages).await? {
            Some(Kind::Block(block)) => {
                let upload = Arc::clone(upload);
                writes.spawn_blocking(move || upload.put(block.index, &block.data));
            }
            Some(Kind::Commit(_)) => break,
            Some(Kind::Begin(_)) => return Err(Status::invalid_argument("Begin came twice")),
            None => return Err(Status::invalid_argument("the stream ended without Commit")),
        }
        if writes.len() >= IN_FLIGHT {
            one_written(&mut writes).await?;
        }
    }
    while !writes.is_empty() {
        one_written(&mut writes).await?;
    }
    Ok(())
}

async fn one_written(writes: &mut JoinSet<Result<(), Error>>) -> Result<(), Status> {
    match writes.join_next().await {
        Some(Ok(result)) => Ok(result?),
        Some(Err(_)) => Err(Status::internal("writing a block did not finish")),
        None => Ok(()),
    }
}

async fn send_blocks(
    store: ImageStore,
    manifest: Manifest,
    indexes: Vec<u32>,
    sender: mpsc::Sender<Result<wire::Block, Status>>,
    _turn: (OwnedSemaphorePermit, Option<OwnedSemaphorePermit>, Transfer),
) {
    let manifest = Arc::new(manifest);
    let metrics = store.metrics().clone();
    for index in indexes {
        let (store, manifest) = (store.clone(), Arc::clone(&manifest));
        let block = blocking(move || store.block(&manifest, index)).await.map(|data| wire::Block { index, data: data.into() });
        let failed = block.is_err();
        let bytes = block.as_ref().map_or(0, |block| block.data.len());
        // A peer that went away or does not read ends its own transfer.
        if sender.send_timeout(block, PEER_PATIENCE).await.is_err() || failed {
            return;
        }
        metrics.sent(bytes);
    }
}

async fn next(messages: &mut Streaming<wire::PutManifestRequest>) -> Result<Option<Kind>, Status> {
    match tokio::time::timeout(PEER_PATIENCE, messages.message()).await {
        Ok(Ok(Some(message))) => message.kind.map(Some).ok_or_else(|| Status::invalid_argument("a message of no known kind")),
        Ok(Ok(None)) => Ok(None),
        Ok(Err(status)) => Err(status),
        Err(_) => Err(Status::deadline_exceeded(format!("nothing came for {} s", PEER_PATIENCE.as_secs()))),
    }
}

async fn turn(semaphore: Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Error> {
    match tokio::time::timeout(PEER_PATIENCE, semaphore.acquire_owned()).await {
        Ok(Ok(permit)) => Ok(permit),
        Ok(Err(_)) | Err(_) => Err(Error::Busy),
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Status> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(Status::internal("the image store's work did not finish")),
    }
}

fn parse_id(text: &str) -> Result<ManifestId, Status> {
    ManifestId::parse(text).ok_or_else(|| Status::invalid_argument("a manifest's id is 64 lower-case hex digits"))
}

fn summary(id: ManifestId, manifest: &Manifest) -> wire::ManifestSummary {
    wire::ManifestSummary { manifest: id.to_string(), size_bytes: manifest.size_bytes(), blocks: manifest.blocks().len() as u64 }
}
