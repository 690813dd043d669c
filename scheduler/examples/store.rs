//! What the store costs on this machine: durable RunInstances per second, a Describe by id and by page as the cloud grows, memory.
//!
//! `deploy/bench store` runs it on a file and on PostgreSQL. Prints figures and judges none.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use freehold_proto::Caller;
use freehold_proto::aws::ec2;
use freehold_proto::clock::SystemClock;
use freehold_proto::id::{HostId, OsEntropy};
use freehold_proto::internal::host::hosts_client::HostsClient;
use freehold_proto::internal::host::{Capacity, Driver, FromAgent, Hello, from_agent};
use freehold_proto::internal::operator::RegisterImageRequest;
use freehold_scheduler::identity::account;
use freehold_scheduler::store::{DatabaseUrl, Rows};
use freehold_scheduler::{Config, Scheduler};
use tokio_stream::wrappers::ReceiverStream;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Fits into a default subnet of 4,091 addresses.
const PER_ACCOUNT: u64 = 4000;
const FOR: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> Result<(), Error> {
    let most: u64 = std::env::args().nth(1).map_or(Ok(10_000), |most| most.parse())?;
    let folder = tempfile::tempdir()?;
    let database = std::env::var("FREEHOLD_TEST_DATABASE").ok().map(DatabaseUrl::try_from).transpose()?;
    println!("store: {}", if database.is_some() { "PostgreSQL" } else { "SQLite" });
    let config = Config { data: folder.path().to_owned(), database, ..Config::default() };
    let scheduler = Scheduler::open(config, Arc::new(SystemClock), Arc::new(OsEntropy)).await?;
    let mut bench = Bench::new(scheduler).await?;
    for clients in [8, 64] {
        let rate = bench.launches(clients).await?;
        println!("RunInstances, {clients} clients: {rate:.0}/s");
    }
    let mut size = 100;
    while size <= most {
        bench.grow(size).await?;
        bench.reads(size).await?;
        size *= 10;
    }
    bench.memory().await
}

struct Bench {
    scheduler: Arc<Scheduler>,
    image_id: String,
    accounts: Vec<String>,
    instances: u64,
    newest: String,
}

impl Bench {
    /// With one host that has room for everything and never says a word.
    async fn new(scheduler: Arc<Scheduler>) -> Result<Self, Error> {
        let first = account::create(scheduler.store(), "", "bench").await?.account_id;
        let image = RegisterImageRequest {
            name: "bench".into(),
            account_id: first.clone(),
            public: true,
            architecture: "x86_64".into(),
            root_device_name: "/dev/xvda".into(),
            manifest: "a".repeat(64),
            size_bytes: 1 << 30,
            ..RegisterImageRequest::default()
        };
        let image_id = freehold_scheduler::operator::register_image(scheduler.store(), image).await?.image_id;
        attend(&scheduler).await?;
        Ok(Self { scheduler, image_id, accounts: vec![first], instances: 0, newest: String::new() })
    }

    async fn account(&mut self) -> Result<String, Error> {
        let id = account::create(self.scheduler.store(), "", "bench").await?.account_id;
        self.accounts.push(id.clone());
        Ok(id)
    }

    fn launch(&self, count: u64) -> ec2::RunInstancesRequest {
        let count = i32::try_from(count).unwrap_or(i32::MAX);
        ec2::RunInstancesRequest {
            image_id: Some(self.image_id.clone()),
            instance_type: Some("t3.nano".into()),
            min_count: count,
            max_count: count,
            ..ec2::RunInstancesRequest::default()
        }
    }

    /// Each client waits for its answer before it asks again.
    async fn launches(&mut self, clients: usize) -> Result<f64, Error> {
        let done = Arc::new(AtomicU64::new(0));
        let mut tasks = tokio::task::JoinSet::new();
        let (mut accounts, end) = (Vec::new(), Instant::now() + FOR);
        for _ in 0..clients {
            accounts.push(self.account().await?);
        }
        let began = Instant::now();
        for account in accounts {
            let (scheduler, done, launch) = (Arc::clone(&self.scheduler), Arc::clone(&done), self.launch(1));
            tasks.spawn(async move {
                while Instant::now() < end {
                    scheduler.call(launch.clone(), caller(&account)).await?;
                    done.fetch_add(1, Ordering::Relaxed);
                }
                Ok::<(), freehold_proto::Fault>(())
            });
        }
        while let Some(ended) = tasks.join_next().await {
            ended??;
        }
        let launched = done.load(Ordering::Relaxed);
        self.instances += launched;
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        Ok(launched as f64 / began.elapsed().as_secs_f64())
    }

    async fn grow(&mut self, size: u64) -> Result<(), Error> {
        while self.instances < size {
            let account = self.account().await?;
            for _ in 0..(PER_ACCOUNT.min(size - self.instances)).div_ceil(100) {
                let made = self.scheduler.call(self.launch(100), caller(&account)).await?;
                self.instances += 100;
                self.newest = made.instances.into_iter().find_map(|made| made.instance_id).unwrap_or_default();
            }
        }
        Ok(())
    }

    async fn reads(&self, size: u64) -> Result<(), Error> {
        let account = self.accounts.last().cloned().unwrap_or_default();
        if self.newest.is_empty() {
            return Ok(());
        }
        let one = ec2::DescribeInstancesRequest { instance_ids: vec![self.newest.clone()], ..Default::default() };
        let page = ec2::DescribeInstancesRequest { max_results: Some(1000), ..Default::default() };
        let (one, page) = (self.time(1000, one, &account).await?, self.time(20, page, &account).await?);
        println!("{size:>7} instances ({} in all): by id {one:?}, a page of 1,000 {page:?}", self.instances);
        Ok(())
    }

    async fn time(&self, times: u32, request: ec2::DescribeInstancesRequest, account: &str) -> Result<Duration, Error> {
        let began = Instant::now();
        for _ in 0..times {
            self.scheduler.call(request.clone(), caller(account)).await?;
        }
        Ok(began.elapsed() / times)
    }

    /// What a second World takes of memory.
    async fn memory(&self) -> Result<(), Error> {
        let before = resident()?;
        let began = Instant::now();
        let rows = Rows::load(self.scheduler.store().reader()).await?;
        let took = began.elapsed();
        println!(
            "{} instances are loaded in {took:?} and take {} bytes each",
            rows.instances.values().count(),
            (resident()? - before) / self.instances
        );
        Ok(())
    }
}

fn caller(account: &str) -> Caller {
    Caller { account_id: account.into(), principal_arn: String::new(), user_id: account.into(), request_id: "bench".into() }
}

async fn attend(scheduler: &Arc<Scheduler>) -> Result<(), Error> {
    let (up, messages) = tokio::sync::mpsc::channel(16);
    let hello = Hello {
        host_id: HostId::draw(&OsEntropy).to_string(),
        hostname: "bench".into(),
        availability_zone: "us-east-1a".into(),
        version: "bench".into(),
        capacity: Some(Capacity { vcpus: 1 << 30, memory_mib: 1 << 40, disk_mib: 1 << 40 }),
        drivers: vec![Driver { name: "simulated".into(), accelerator: "none".into(), architecture: "x86_64".into() }],
        ..Hello::default()
    };
    up.send(FromAgent { kind: Some(from_agent::Kind::Hello(hello)) }).await?;
    let mut client = HostsClient::new(freehold_link::unix::in_process(scheduler.host_routes()));
    let mut down = client.attend(ReceiverStream::new(messages)).await?.into_inner();
    tokio::spawn(async move {
        let _open = up;
        while let Ok(Some(_)) = down.message().await {}
    });
    Ok(())
}

/// Bytes.
fn resident() -> Result<u64, Error> {
    let pages: u64 = std::fs::read_to_string("/proc/self/statm")?.split(' ').nth(1).unwrap_or_default().parse()?;
    Ok(pages * 4096)
}
