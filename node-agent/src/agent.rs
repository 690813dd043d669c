//! Puts the parts together and runs them.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use freehold_link::metrics::Doors;
use freehold_proto::clock::{Clock, SystemClock};
use freehold_proto::id::{Entropy, OsEntropy};
use tokio::task::JoinSet;

use crate::capacity;
use crate::config::{Config, DriverName};
use crate::durable::{Disk, DurableError};
use crate::host::{Host, HostError};
use crate::hypervisor::qemu::Qemu;
use crate::hypervisor::simulated::Simulated;
use crate::hypervisor::{DriverError, Hypervisor};
use crate::image_cache::ImageCache;
use crate::line::{Line, LineError};
use crate::network::DataPlane;
use crate::observations::Observations;
use crate::plan::Plan;
use crate::ports::{NoPorts, Ports, networked};
use crate::reconciler::{Burials, Queue, Reconciler, Surroundings};
use crate::session::Session;
use crate::tunnel;

#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    #[error(transparent)]
    Host(#[from] HostError),
    #[error(transparent)]
    Durable(#[from] DurableError),
    #[error(transparent)]
    Driver(#[from] DriverError),
    #[error(transparent)]
    Network(#[from] crate::network::Error),
    #[error(transparent)]
    Line(#[from] LineError),
    #[error("the machine's capacity can not be measured; set agent.capacity")]
    Capacity(#[source] std::io::Error),
    #[error("a part of the agent ended, which is a fault of this program; guests go on, and the agent is to be started again")]
    PartEnded,
    #[error(transparent)]
    Metrics(freehold_link::BoxError),
    #[error("agent.drivers is empty; name at least one of \"qemu\" and \"simulated\"")]
    NoDriver,
}

/// An agent ready to run, with what a test replaces.
pub struct Agent {
    config: Config,
    host: Host,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

/// Runs a node agent until `shutdown` resolves. Guests outlive it.
pub async fn run(config: Config, shutdown: impl Future<Output = ()> + Send) -> Result<(), AgentError> {
    Agent::open(config, Arc::new(SystemClock), Arc::new(OsEntropy))?.run(shutdown).await
}

impl Agent {
    /// Takes the state folder, which no other agent may use meanwhile.
    pub fn open(config: Config, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Result<Self, AgentError> {
        if config.drivers.is_empty() {
            return Err(AgentError::NoDriver);
        }
        let host = Host::open(&config.state_folder, entropy.as_ref())?;
        Ok(Self { config, host, clock, entropy })
    }

    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) -> Result<(), AgentError> {
        // Guests' connections are descriptors here: dozens of guests that want it have hundreds.
        freehold_link::open_files::raise();
        let Self { mut config, host, clock, entropy } = self;
        let queue = Queue::default();
        let plan = Arc::new(Plan::open(Disk::default(), &config.state_folder.join("plan"))?);
        let mut tasks = JoinSet::new();
        let line = Line::open(&config, &host, &clock, &mut tasks)?;
        config.network.tunnel_address = tunnel::address(&config, &line.scheduler);
        let ports = ports(&config, host.id().as_str(), &plan, &clock, &mut tasks).await?;
        let drivers = drivers(&config, &line, &ports, &clock, &queue, &mut tasks).await?;
        let around = surroundings(&config, plan, drivers, ports, queue, clock);
        let mut doors = Doors::default();
        doors.show(config.metrics.as_ref(), around.metrics.part(&around.observations, config.state_folder.join("images")));
        for door in doors.open().await.map_err(AgentError::Metrics)? {
            tasks.spawn(door.run(std::future::pending()));
        }
        let reconciler = Reconciler::open(around.clone(), Disk::default(), &config.state_folder.join("records"))?;
        let capacity = capacity::measure(&config.capacity, &config.state_folder).map_err(AgentError::Capacity)?;
        let tunnel_address = config.network.tunnel_address;
        tracing::info!(host_id = %host.id(), ?capacity, drivers = ?config.drivers, ?tunnel_address, "the node agent starts");
        let session = Session {
            line,
            hostname: hostname(config.hostname),
            availability_zone: config.availability_zone,
            capacity,
            instance_types: config.instance_types,
            tunnel_address: config.network.tunnel_address,
            entropy,
            around,
        };
        tasks.spawn(session.run(host));
        let done = tokio::select! {
            done = reconciler.run(shutdown) => done.map_err(AgentError::from),
            // None of them ever does but by a panic. Half an agent is worse than one that is started again.
            _ = tasks.join_next() => Err(AgentError::PartEnded),
        };
        tasks.shutdown().await;
        tracing::info!("the node agent stops; guests go on");
        done
    }
}

/// With nothing observed and nothing buried yet.
pub(crate) fn surroundings(
    config: &Config,
    plan: Arc<Plan>,
    drivers: Drivers,
    ports: Arc<dyn Ports>,
    queue: Queue,
    clock: Arc<dyn Clock>,
) -> Surroundings {
    Surroundings {
        plan,
        drivers,
        ports,
        observations: Arc::new(Observations::default()),
        burials: Arc::new(Burials::default()),
        queue,
        clock,
        stop_timeout: Duration::from_secs(config.stop_timeout_seconds),
        causes: Arc::default(),
        metrics: Arc::default(),
    }
}

type Drivers = BTreeMap<String, Arc<dyn Hypervisor>>;

/// The data plane, where a driver's guests have interfaces.
async fn ports(
    config: &Config,
    host_id: &str,
    plan: &Plan,
    clock: &Arc<dyn Clock>,
    tasks: &mut JoinSet<()>,
) -> Result<Arc<dyn Ports>, AgentError> {
    if !config.drivers.contains(&DriverName::Qemu) {
        return Ok(Arc::new(NoPorts));
    }
    let (networked, following) = networked(plan.subscribe());
    tasks.spawn(following);
    let data_plane = DataPlane::start(config.network.clone(), &config.state_folder, host_id, networked, Arc::clone(clock)).await?;
    let data_plane = Arc::new(data_plane);
    let watched = Arc::clone(&data_plane);
    tasks.spawn(async move { watched.ended().await });
    Ok(data_plane)
}

pub(crate) async fn drivers(
    config: &Config,
    line: &Line,
    ports: &Arc<dyn Ports>,
    clock: &Arc<dyn Clock>,
    queue: &Queue,
    tasks: &mut JoinSet<()>,
) -> Result<Drivers, AgentError> {
    let mut drivers = Drivers::new();
    for name in &config.drivers {
        let driver: Arc<dyn Hypervisor> = match name {
            DriverName::Simulated => {
                let folder = config.state_folder.join("simulated");
                let simulated = Simulated::open(config.simulated.clone(), Disk::default(), &folder, Arc::clone(clock), queue.clone())?;
                tasks.spawn(Arc::clone(&simulated).obey_control_files());
                simulated
            }
            DriverName::Qemu => {
                let limit = config.qemu.image_cache_mib.saturating_mul(1 << 20);
                let images = ImageCache::open(&config.state_folder.join("images"), line, limit, queue.clone())?;
                let qemu = Qemu::open(&config.qemu, &config.state_folder.join("qemu"), images, Arc::clone(ports), queue.clone()).await?;
                tasks.spawn(Arc::clone(&qemu).bound_logs());
                qemu
            }
        };
        drivers.insert(driver.describe().name, driver);
    }
    Ok(drivers)
}

fn hostname(configured: String) -> String {
    if configured.is_empty() {
        nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    } else {
        configured
    }
}
