use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use freehold_proto::internal::image::image_store_server::{ImageStore, ImageStoreServer};
use freehold_proto::internal::image::{self as wire, Block, BlockRef};
use tonic::{Request, Response, Status, Streaming};

use super::*;

/// An image store with one image of three blocks, the middle one zeros, the last one short.
#[derive(Clone, Default)]
struct Store {
    fetches: Arc<AtomicUsize>,
    lies: Arc<AtomicBool>,
    /// As the image store of another machine: both calls of a fetch need this grant.
    asks_for: Arc<Mutex<Option<String>>>,
}

impl Store {
    fn check<T>(&self, request: &Request<T>) -> Result<(), Status> {
        let wanted = self.asks_for.lock().unwrap().clone();
        let shown = request.metadata().get(freehold_link::grant::METADATA).map(|grant| grant.to_str().unwrap().to_owned());
        if wanted.is_none() || wanted == shown { Ok(()) } else { Err(Status::permission_denied("no grant")) }
    }
}

const SIZE: u64 = 2 * BLOCK_BYTES + 1024;

fn block(index: u32) -> Vec<u8> {
    vec![u8::try_from(index + 1).unwrap(); if index == 2 { 1024 } else { usize::try_from(BLOCK_BYTES).unwrap() }]
}

fn manifest() -> (String, Manifest) {
    let blocks = [0, 2].map(|index| (index, *blake3::hash(&block(index)).as_bytes())).to_vec();
    let manifest = Manifest { size_bytes: SIZE, blocks };
    (blake3::hash(&manifest.encode()).to_hex().to_string(), manifest)
}

#[tonic::async_trait]
impl ImageStore for Store {
    type GetBlocksStream = tokio_stream::Iter<std::vec::IntoIter<Result<Block, Status>>>;

    async fn get_manifest(&self, request: Request<wire::GetManifestRequest>) -> Result<Response<wire::Manifest>, Status> {
        self.check(&request)?;
        let (id, manifest) = manifest();
        if request.into_inner().manifest != id {
            return Err(Status::not_found("no such manifest"));
        }
        self.fetches.fetch_add(1, Ordering::SeqCst);
        let blocks = manifest.blocks.iter().map(|(index, hash)| BlockRef { index: *index, hash: hash.to_vec().into() }).collect();
        Ok(Response::new(wire::Manifest { manifest: id, size_bytes: SIZE, blocks }))
    }

    async fn get_blocks(&self, request: Request<wire::GetBlocksRequest>) -> Result<Response<Self::GetBlocksStream>, Status> {
        self.check(&request)?;
        let mut blocks = [0, 2].map(|index| Block { index, data: block(index).into() });
        if self.lies.load(Ordering::SeqCst) {
            blocks[1].data = vec![9; 1024].into();
        }
        Ok(Response::new(tokio_stream::iter(blocks.map(Ok).to_vec())))
    }

    async fn put_manifest(&self, _: Request<Streaming<wire::PutManifestRequest>>) -> Result<Response<wire::PutManifestResponse>, Status> {
        Err(Status::unimplemented("only read here"))
    }

    async fn list_manifests(&self, _: Request<wire::ListManifestsRequest>) -> Result<Response<wire::ListManifestsResponse>, Status> {
        Err(Status::unimplemented("only read here"))
    }

    async fn delete_manifest(&self, _: Request<wire::DeleteManifestRequest>) -> Result<Response<wire::DeleteManifestResponse>, Status> {
        Err(Status::unimplemented("only read here"))
    }
}

struct Setting {
    folder: tempfile::TempDir,
    store: Store,
    queue: Queue,
    serving: tokio::task::JoinHandle<()>,
}

impl Setting {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::default();
        let listener = freehold_link::unix::bind(&folder.path().join("images.sock")).unwrap();
        let routes = tonic::service::Routes::new(ImageStoreServer::new(store.clone()));
        let serving = tokio::spawn(async move {
            freehold_link::unix::serve(listener, routes, std::future::pending()).await.unwrap();
        });
        Self { folder, store, queue: Queue::default(), serving }
    }

    fn cache(&self, limit_bytes: u64) -> Arc<ImageCache> {
        self.cache_with(limit_bytes, &Arc::default())
    }

    fn cache_with(&self, limit_bytes: u64, grants: &Arc<Grants>) -> Arc<ImageCache> {
        let folder = self.folder.path();
        let config = crate::Config { images_socket: folder.join("images.sock"), ..crate::Config::default() };
        let line = Line { grants: Arc::clone(grants), ..Line::local(&config) };
        ImageCache::open(&folder.join("images"), &line, limit_bytes, self.queue.clone()).unwrap()
    }

    /// Asks as a reconciler does: again when woken.
    async fn fetched(&self, cache: &Arc<ImageCache>, id: &str) -> Result<CachedImage, ImageError> {
        loop {
            match cache.want(id, "i-a").await? {
                Wanted::Ready(image) => return Ok(image),
                Wanted::Fetching => {
                    let woken = tokio::time::timeout(Duration::from_secs(30), self.queue.next()).await.expect("woken in time");
                    self.queue.done(&woken, None);
                }
            }
        }
    }
}

impl Drop for Setting {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

#[tokio::test]
async fn an_image_is_fetched_once_sparse_and_read_only() {
    let setting = Setting::new();
    let (id, _) = manifest();
    let cache = setting.cache(u64::MAX);
    let image = setting.fetched(&cache, &id).await.unwrap();
    let content = fs::read(&image.path).unwrap();
    assert_eq!(content, [block(0), vec![0; usize::try_from(BLOCK_BYTES).unwrap()], block(2)].concat());
    let metadata = fs::metadata(&image.path).unwrap();
    assert!(metadata.blocks() * 512 < SIZE && metadata.mode() & 0o222 == 0);
    setting.fetched(&setting.cache(u64::MAX), &id).await.unwrap();
    assert_eq!(setting.store.fetches.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn the_newest_grant_of_an_image_is_shown_and_without_one_the_store_s_word_is_reported() {
    let setting = Setting::new();
    let (id, _) = manifest();
    *setting.store.asks_for.lock().unwrap() = Some("fresh".into());
    let grants = Arc::new(Grants::default());
    let cache = setting.cache_with(u64::MAX, &grants);
    let refused = setting.fetched(&cache, &id).await.unwrap_err();
    assert!(refused.to_string().contains("no grant"), "{refused}");
    grants.take(id.clone(), "stale".into());
    assert!(setting.fetched(&cache, &id).await.is_err());
    grants.take(id.clone(), "fresh".into());
    setting.fetched(&cache, &id).await.unwrap();
}

#[tokio::test]
async fn many_who_ask_at_once_share_one_fetch_and_are_all_woken() {
    let setting = Setting::new();
    let (id, _) = manifest();
    let cache = setting.cache(u64::MAX);
    let asked = futures_util::future::join_all((0..20).map(|at| {
        let (cache, id) = (Arc::clone(&cache), id.clone());
        async move { cache.want(&id, &format!("i-{at}")).await.unwrap() }
    }));
    let waiting = asked.await.iter().filter(|wanted| matches!(wanted, Wanted::Fetching)).count();
    for _ in 0..waiting {
        let woken = tokio::time::timeout(Duration::from_secs(30), setting.queue.next()).await.expect("woken in time");
        setting.queue.done(&woken, None);
    }
    assert_eq!(setting.store.fetches.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_block_that_is_not_what_the_manifest_says_publishes_nothing() {
    let setting = Setting::new();
    let (id, _) = manifest();
    setting.store.lies.store(true, Ordering::SeqCst);
    let cache = setting.cache(u64::MAX);
    assert!(matches!(setting.fetched(&cache, &id).await, Err(ImageError::Forged(_))));
    assert_eq!(fs::read_dir(setting.folder.path().join("images")).unwrap().count(), 0, "nor does a part of it stay");
    fs::write(setting.folder.path().join("images").join(format!("{id}.part")), "of an agent that was killed").unwrap();
    let cache = setting.cache(u64::MAX);
    assert_eq!(fs::read_dir(setting.folder.path().join("images")).unwrap().count(), 0);
    setting.store.lies.store(false, Ordering::SeqCst);
    setting.fetched(&cache, &id).await.unwrap();
}

#[tokio::test]
async fn a_damaged_image_is_fetched_again() {
    let setting = Setting::new();
    let (id, _) = manifest();
    let image = setting.fetched(&setting.cache(u64::MAX), &id).await.unwrap();
    for damage in [vec![7; 100], Vec::new()] {
        fs::remove_file(&image.path).unwrap();
        let mut content = [block(0), vec![0; usize::try_from(BLOCK_BYTES).unwrap()], block(2)].concat();
        content.truncate(content.len() - damage.len().max(1));
        content.extend_from_slice(&damage);
        fs::write(&image.path, content).unwrap();
        let image = setting.fetched(&setting.cache(u64::MAX), &id).await.unwrap();
        assert_eq!(fs::read(&image.path).unwrap()[..100], [1; 100]);
        assert_eq!(fs::metadata(&image.path).unwrap().len(), SIZE);
    }
    assert_eq!(setting.store.fetches.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn an_absent_store_and_an_absent_manifest_are_told() {
    let setting = Setting::new();
    let cache = setting.cache(u64::MAX);
    assert!(matches!(setting.fetched(&cache, &"0".repeat(64)).await, Err(ImageError::Store(_))));
    assert!(matches!(cache.want("../evil", "i-a").await, Err(ImageError::Malformed(_))));
    fs::remove_file(setting.folder.path().join("images.sock")).unwrap();
    let cache = setting.cache(u64::MAX);
    assert!(matches!(setting.fetched(&cache, &manifest().0).await, Err(ImageError::Store(_))));
}

#[test]
fn room_is_made_of_what_nothing_uses_longest_unasked_first() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for (age, name) in [(40, "used"), (30, "oldest"), (20, "newer"), (10, "fresh")] {
        fs::write(at(&format!("{name}.raw")), vec![1; 4096]).unwrap();
        fs::write(at(&format!("{name}.manifest")), b"").unwrap();
        let asked = std::time::SystemTime::now() - Duration::from_secs(age);
        fs::File::options().append(true).open(at(&format!("{name}.manifest"))).unwrap().set_modified(asked).unwrap();
    }
    fs::hard_link(at("used.raw"), at("volume")).unwrap();
    space::make_room(folder.path(), 3 * 4096, "fresh");
    let left = |name: &str| at(&format!("{name}.raw")).exists();
    assert_eq!([left("used"), left("oldest"), left("newer"), left("fresh")], [true, false, true, true]);
    space::make_room(folder.path(), 0, "fresh");
    assert_eq!([left("used"), left("newer"), left("fresh")], [true, false, true]);
}
