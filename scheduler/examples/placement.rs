//! How fast instances are placed on many hosts, for `deploy/bench placement`: the decision alone, beside the one that reads every host, and
//! whole durable RunInstances.
//!
//! `placement HOSTS`: hosts are rows that nobody attends, so that launches stay `pending` and nothing else is measured.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use freehold_proto::Caller;
use freehold_proto::aws::ec2;
use freehold_proto::clock::SystemClock;
use freehold_proto::id::OsEntropy;
use freehold_proto::internal::operator::RegisterImageRequest;
use freehold_scheduler::hosts::Driver;
use freehold_scheduler::identity::{account, root_arn};
use freehold_scheduler::placement::{Amount, Request, hosts, place};
use freehold_scheduler::store::host;
use freehold_scheduler::{Config, Scheduler};
use sea_orm::{EntityTrait, IntoActiveModel};
use tokio::task::JoinSet;

type Failure = Box<dyn Error + Send + Sync>;

const ACCOUNT: &str = "111122223333";
const ZONES: [&str; 3] = ["us-east-1a", "us-east-1b", "us-east-1c"];
const ROWS_PER_INSERT: usize = 500;

/// How long each figure is measured.
const TURN: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let count: usize = std::env::args().nth(1).ok_or("placement HOSTS")?.parse()?;
    let folder = std::env::temp_dir().join(format!("freehold-placement-{}", std::process::id()));
    let measured = measure(&folder, count).await;
    std::fs::remove_dir_all(&folder)?;
    measured
}

async fn measure(folder: &Path, count: usize) -> Result<(), Failure> {
    let config = Config { data: folder.to_owned(), ..Config::default() };
    let scheduler = Scheduler::open(config, Arc::new(SystemClock), Arc::new(OsEntropy)).await?;
    account::create(scheduler.store(), ACCOUNT, "bench").await?;
    let image = freehold_scheduler::operator::register_image(scheduler.store(), image()).await?.image_id;
    add_hosts(&scheduler, count).await?;
    println!("{count} hosts in {} zones", ZONES.len());
    decisions(&scheduler).await?;
    for (clients, instances) in [(1, 1), (8, 1), (1, 50)] {
        launches(&scheduler, &image, clients, instances).await?;
    }
    Ok(())
}

fn image() -> RegisterImageRequest {
    RegisterImageRequest {
        name: "bench".into(),
        account_id: ACCOUNT.into(),
        architecture: "x86_64".into(),
        root_device_name: "/dev/xvda".into(),
        manifest: "a".repeat(64),
        size_bytes: 1 << 30,
        ..RegisterImageRequest::default()
    }
}

async fn add_hosts(scheduler: &Scheduler, count: usize) -> Result<(), Failure> {
    let driver = Driver { name: "simulated".into(), accelerator: "none".into(), architecture: "x86_64".into() };
    let drivers = serde_json::to_string(&[driver])?;
    let row = |at: usize| host::Model {
        host_id: format!("host-{at:017x}"),
        hostname: format!("bench-{at}"),
        availability_zone: ZONES[at % ZONES.len()].into(),
        vcpus: 64,
        memory_mib: 262_144,
        disk_mib: 4_194_304,
        drivers: drivers.clone(),
        version: "bench".into(),
        connected: true,
        attended_by: None,
        last_seen: 0,
        quarantined: "[]".into(),
        drained_since: None,
        instances: 0,
        vcpus_used: 0,
        memory_mib_used: 0,
        disk_mib_used: 0,
        instance_types: None,
        tunnel_address: String::new(),
    };
    let rows: Vec<_> = (0..count).map(|at| row(at).into_active_model()).collect();
    let tx = scheduler.store().begin("").await?;
    for some in rows.chunks(ROWS_PER_INSERT) {
        host::Entity::insert_many(some.to_vec()).exec(tx.db()).await?;
    }
    Ok(tx.commit().await?)
}

/// One decision for one instance: by the index, and by reading every host.
async fn decisions(scheduler: &Scheduler) -> Result<(), Failure> {
    let (db, overcommit) = (scheduler.store().reader(), scheduler.store().settings().overcommit);
    let amount = Amount { vcpus: 2, memory_mib: 1024, disk_mib: 1024 };
    let request = Request { availability_zone: ZONES[1], architecture: "x86_64", instance_type: "t3.micro", amount };
    let (mut indexed, mut whole) = (0_u32, 0_u32);
    let began = Instant::now();
    while began.elapsed() < TURN {
        let read = match hosts::few(db).await? {
            Some(all) => all,
            None => hosts::best(db, &request, overcommit, 1).await?,
        };
        if place(&request, &read, overcommit, 1).chosen.is_empty() {
            return Err("no host was chosen".into());
        }
        indexed += 1;
    }
    say("decisions, one zone", indexed, began);
    let began = Instant::now();
    while began.elapsed() < TURN {
        place(&request, &hosts::load(db).await?, overcommit, 1);
        whole += 1;
    }
    say("  beside: reading every host", whole, began);
    Ok(())
}

async fn launches(scheduler: &Arc<Scheduler>, image: &str, clients: u32, instances: i32) -> Result<(), Failure> {
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..clients {
        let (scheduler, image) = (Arc::clone(scheduler), image.to_owned());
        tasks.spawn(async move {
            let mut placed = 0_u32;
            while began.elapsed() < TURN {
                let request = ec2::RunInstancesRequest {
                    image_id: Some(image.clone()),
                    instance_type: Some("t3.nano".into()),
                    min_count: instances,
                    max_count: instances,
                    ..ec2::RunInstancesRequest::default()
                };
                let answer = scheduler.call(request, caller()).await?;
                placed += u32::try_from(answer.instances.len())?;
            }
            Ok::<_, Failure>(placed)
        });
    }
    let mut placed = 0;
    while let Some(done) = tasks.join_next().await {
        placed += done??;
    }
    say(&format!("durable placements, {clients} clients, {instances} instances per RunInstances, any of 3 zones"), placed, began);
    Ok(())
}

fn caller() -> Caller {
    Caller { account_id: ACCOUNT.into(), principal_arn: root_arn(ACCOUNT), user_id: ACCOUNT.into(), request_id: "bench".into() }
}

fn say(what: &str, count: u32, began: Instant) {
    println!("{what:<90} {:>9.0} /s", f64::from(count) / began.elapsed().as_secs_f64());
}
