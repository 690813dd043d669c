//! Hosts on other machines at the image store's door: real TLS on loopback, real blocks.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use freehold_image_store::{BLOCK_BYTES, Config, Door, Guard, ImageStore};
use freehold_link::grant::{self, Signer};
use freehold_link::identity::Kind;
use freehold_link::tls::{self, Authority, Credentials, Current, Key, Reach};
use freehold_proto::clock::{Clock, ManualClock};
use freehold_proto::internal::image::image_store_client::ImageStoreClient;
use freehold_proto::internal::image::{DeleteManifestRequest, GetBlocksRequest, GetManifestRequest, ListManifestsRequest};
use tokio::net::TcpListener;
use tonic::transport::Channel;
use tonic::{Code, Request};

const HOUR: Duration = Duration::from_hours(1);

struct Cloud {
    clock: ManualClock,
    signer: Signer,
    authority: Authority,
    address: SocketAddr,
    /// Two images, each all of one byte.
    images: [String; 2],
    _folder: tempfile::TempDir,
}

fn credentials(authority: &Authority, clock: &ManualClock, kind: Kind, name: &str) -> Arc<Current> {
    let key = Key::generate().unwrap();
    let certified = authority.certify(kind, name, &[], &key.request().unwrap(), clock.now(), 24 * HOUR).unwrap();
    Current::new(Credentials::new(&key, &certified, Reach::default(), clock.now()).unwrap())
}

impl Cloud {
    async fn start() -> Self {
        Self::start_with(Config::default(), 1).await
    }

    /// With images of so many blocks.
    async fn start_with(config: Config, blocks: u32) -> Self {
        let clock = ManualClock::at(SystemTime::UNIX_EPOCH + 500_000 * HOUR);
        let signer = Signer::new(&grant::generate().unwrap(), "c", HOUR).unwrap();
        let (certificate, key) = tls::generate_authority("c", clock.now()).unwrap();
        let authority = Authority::open(certificate, &key, "c", signer.public_key()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let store = ImageStore::open(&Config { folder: folder.path().to_owned(), reserve_mib: 0, ..config }).unwrap();
        let images = [1, 2].map(|content| {
            let upload = store.upload(u64::from(blocks) * BLOCK_BYTES as u64).unwrap();
            for index in 0..blocks {
                upload.put(index, &vec![content; BLOCK_BYTES]).unwrap();
            }
            upload.commit().unwrap().manifest.to_string()
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let current = credentials(&authority, &clock, Kind::ImageStore, "i");
        let guard = Guard { current: Arc::clone(&current), clock: Arc::new(clock.clone()) };
        let served: Arc<dyn Clock> = Arc::new(clock.clone());
        tokio::spawn(async move {
            Box::pin(tls::serve(listener, store.link_routes(guard), Arc::new(Door), &current, served, std::future::pending())).await
        });
        Self { clock, signer, authority, address, images, _folder: folder }
    }

    fn client(&self, kind: Kind, name: &str) -> ImageStoreClient<Channel> {
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        let current = credentials(&self.authority, &self.clock, kind, name);
        ImageStoreClient::new(tls::channel(vec![self.address.to_string()], tls::IMAGE_STORE, &current, &clock).unwrap())
    }

    fn grant(&self, host: &str, image: usize) -> String {
        self.signer.grant(host, &self.images[image], self.clock.now()).unwrap()
    }

    /// The first byte of an image, fetched as `host` with a grant.
    async fn fetch(&self, host: &str, image: usize, grant: Option<&str>) -> Result<u8, Code> {
        let mut client = self.client(Kind::Host, host);
        let shown = |request: &mut tonic::metadata::MetadataMap| {
            if let Some(grant) = grant {
                request.insert(grant::METADATA, grant.parse().unwrap());
            }
        };
        let manifest = self.images[image].clone();
        let mut request = Request::new(GetManifestRequest { manifest: manifest.clone() });
        shown(request.metadata_mut());
        let listed = client.get_manifest(request).await.map(|_| ());
        let mut request = Request::new(GetBlocksRequest { manifest, indexes: Vec::new() });
        shown(request.metadata_mut());
        let blocks = client.get_blocks(request).await;
        // Both calls of a fetch are guarded alike.
        assert_eq!(listed.map_err(|status| status.code()).err(), blocks.as_ref().map_err(tonic::Status::code).err());
        let mut blocks = blocks.map_err(|status| status.code())?.into_inner();
        Ok(blocks.message().await.unwrap().unwrap().data[0])
    }
}

#[tokio::test]
async fn a_host_fetches_the_images_that_it_was_granted_and_no_others() {
    let cloud = Cloud::start().await;
    let granted = cloud.grant("host-a", 0);
    assert_eq!(cloud.fetch("host-a", 0, Some(&granted)).await, Ok(1));
    assert_eq!(cloud.fetch("host-a", 0, None).await, Err(Code::PermissionDenied));
    assert_eq!(cloud.fetch("host-a", 1, Some(&granted)).await, Err(Code::PermissionDenied), "another image");
    assert_eq!(cloud.fetch("host-b", 0, Some(&granted)).await, Err(Code::PermissionDenied), "another host's grant");
    cloud.clock.advance(HOUR);
    assert_eq!(cloud.fetch("host-a", 0, Some(&granted)).await, Err(Code::PermissionDenied), "expired");
    assert_eq!(cloud.fetch("host-a", 0, Some(&cloud.grant("host-a", 0))).await, Ok(1), "a fresh one");
}

#[tokio::test]
async fn a_host_lists_and_deletes_nothing_and_an_operator_does() {
    let cloud = Cloud::start().await;
    let delete = || DeleteManifestRequest { manifest: cloud.images[0].clone() };
    let mut host = cloud.client(Kind::Host, "host-a");
    assert_eq!(host.list_manifests(ListManifestsRequest {}).await.unwrap_err().code(), Code::PermissionDenied);
    assert_eq!(host.delete_manifest(delete()).await.unwrap_err().code(), Code::PermissionDenied);
    assert_eq!(cloud.client(Kind::Gateway, "g").list_manifests(ListManifestsRequest {}).await.unwrap_err().code(), Code::PermissionDenied);
    let mut operator = cloud.client(Kind::Operator, "root");
    assert_eq!(operator.list_manifests(ListManifestsRequest {}).await.unwrap().into_inner().manifests.len(), 2);
    operator.delete_manifest(delete()).await.unwrap();
}

#[tokio::test]
async fn a_host_that_wants_everything_leaves_the_others_their_share() {
    let config = Config { concurrent_downloads: 3, concurrent_downloads_per_host: 2, ..Config::default() };
    // More than is under way to one that reads nothing.
    let cloud = Cloud::start_with(config, 64).await;
    let mut client = cloud.client(Kind::Host, "host-a");
    let mut unread = Vec::new();
    loop {
        let mut request = Request::new(GetBlocksRequest { manifest: cloud.images[0].clone(), indexes: Vec::new() });
        request.metadata_mut().insert(grant::METADATA, cloud.grant("host-a", 0).parse().unwrap());
        match tokio::time::timeout(Duration::from_secs(1), client.get_blocks(request)).await {
            Ok(begun) => unread.push(begun.unwrap()),
            Err(_) => break,
        }
    }
    assert_eq!(unread.len(), 2, "the third waits for one of the first two");
    let other = cloud.grant("host-b", 1);
    let fetched = tokio::time::timeout(Duration::from_secs(30), cloud.fetch("host-b", 1, Some(&other))).await;
    assert_eq!(fetched, Ok(Ok(2)));
}

#[tokio::test]
async fn without_a_certificate_nobody_connects() {
    let cloud = Cloud::start().await;
    let clock: Arc<dyn Clock> = Arc::new(cloud.clock.clone());
    let visitor = tls::Visitor::new(&tls::pem(cloud.authority.certificate()), &clock).unwrap();
    let stream = tokio::net::TcpStream::connect(cloud.address).await.unwrap();
    // In TLS 1.3 the client hears of it after its own last word.
    if let Ok(mut connected) = visitor.connect(tls::IMAGE_STORE.to_owned(), stream).await {
        let heard = tokio::time::timeout(Duration::from_secs(30), tokio::io::AsyncReadExt::read(&mut connected, &mut [0])).await.unwrap();
        let error = heard.expect_err("hung up on with an alert");
        assert!(error.to_string().contains("CertificateRequired"), "{error}");
    }
}
