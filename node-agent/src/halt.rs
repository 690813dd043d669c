//! Every guest of this host switched off and its network removed, at the operator's word. Disks, plan and identity stay: the next start of
//! the agent brings back what should run, as after a reboot of the host.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use freehold_proto::clock::SystemClock;
use freehold_proto::id::OsEntropy;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::agent::{AgentError, drivers};
use crate::config::{Config, DriverName};
use crate::desired::Desired;
use crate::host::Host;
use crate::hypervisor::{DriverError, Guest, Hypervisor};
use crate::line::Line;
use crate::network::DataPlane;
use crate::ports::{NoPorts, Ports};
use crate::reconciler::Queue;

const LOOK: Duration = Duration::from_millis(200);

/// Halts the host whose agent does not run (its state folder is taken meanwhile). Answers how many guests were on.
pub async fn halt(config: Config) -> Result<usize, AgentError> {
    let host = Host::open(&config.state_folder, &OsEntropy)?;
    let mut tasks = JoinSet::new();
    let ports: Arc<dyn Ports> = Arc::new(NoPorts);
    let drivers = drivers(&config, &Line::local(&config), &ports, &(Arc::new(SystemClock) as _), &Queue::default(), &mut tasks).await?;
    let patience = Duration::from_secs(config.stop_timeout_seconds);
    let mut halted = 0;
    for driver in drivers.values() {
        halted += switch_off(driver.as_ref(), patience).await?;
    }
    if config.drivers.contains(&DriverName::Qemu) {
        remove_network(&config, host.id().as_str()).await?;
    }
    Ok(halted)
}

/// Asks all of a driver's guests at once, waits for them together, takes the power from those that did not go.
async fn switch_off(driver: &dyn Hypervisor, patience: Duration) -> Result<usize, DriverError> {
    let on = guests_that_are_on(driver).await?;
    for instance_id in &on {
        if let Err(error) = driver.request_shutdown(instance_id).await {
            tracing::warn!(instance_id, %error, "can not be asked to shut down and will lose its power");
        }
    }
    wait_until(patience, || async { Ok(guests_that_are_on(driver).await?.is_empty()) }).await?;
    let mut failed = None;
    for instance_id in &driver.held().await? {
        if let Err(error) = driver.power_off(instance_id).await {
            tracing::error!(instance_id, %error, "can not be switched off");
            failed = Some(error);
        }
    }
    failed.map_or(Ok(on.len()), Err)
}

/// One that can not be asked counts as on.
async fn guests_that_are_on(driver: &dyn Hypervisor) -> Result<Vec<String>, DriverError> {
    let mut on = Vec::new();
    for instance_id in driver.held().await? {
        if matches!(driver.observe(&instance_id).await, Ok(Guest::Starting | Guest::Running) | Err(_)) {
            on.push(instance_id);
        }
    }
    Ok(on)
}

/// Until it is so, or the patience is at its end.
async fn wait_until<F: Future<Output = Result<bool, DriverError>>>(patience: Duration, is_so: impl Fn() -> F) -> Result<(), DriverError> {
    let deadline = Instant::now() + patience;
    while !is_so().await? && Instant::now() < deadline {
        sleep(LOOK).await;
    }
    Ok(())
}

/// The data plane finds what is this host's by name; what should be there does not matter.
async fn remove_network(config: &Config, host_id: &str) -> Result<(), AgentError> {
    let (_nothing, desired) = watch::channel(Arc::new(Desired::default()));
    let data_plane = DataPlane::start(config.network.clone(), &config.state_folder, host_id, desired, Arc::new(SystemClock)).await?;
    Ok(data_plane.teardown().await?)
}
