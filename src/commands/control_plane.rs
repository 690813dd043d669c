//! `freehold gateway | scheduler | image-store` and all three in one process, as `freehold up` runs them.
//!
//! A door that can not be opened (an address in use, a damaged store) ends the process at once, with the reason as its last word.

use std::path::Path;
use std::sync::Arc;

use freehold_api_gateway::{Backend, Gateway};
use freehold_image_store::ImageStore;
use freehold_link::metrics::Doors;
use freehold_link::{BoxError, Service, unix};
use freehold_proto::clock::SystemClock;
use freehold_proto::id::OsEntropy;
use freehold_scheduler::Scheduler;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tonic::service::Routes;

use crate::Failure;
use crate::config::Config;
use crate::part::Part;
use crate::supervise;

/// What runs side by side in this process; the first that ends ends them all.
struct Process {
    tasks: JoinSet<Result<(), BoxError>>,
    stop: watch::Receiver<bool>,
    /// Where what the parts count is read.
    metrics: Doors,
}

impl Process {
    fn new() -> Result<Self, Failure> {
        Ok(Self { tasks: JoinSet::new(), stop: supervise::until_asked_to_end()?, metrics: Doors::default() })
    }

    /// Resolves when the process is asked to end.
    fn asked_to_end(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut stop = self.stop.clone();
        async move {
            // An error means that nobody can ask any more: the process is ending anyway.
            let _ = stop.wait_for(|stop| *stop).await;
        }
    }

    fn serve(&mut self, socket: &Path, routes: Routes) -> Result<(), Failure> {
        let listener = unix::bind(socket).map_err(|error| format!("socket {}: {error}", socket.display()))?;
        let stop = self.asked_to_end();
        self.tasks.spawn(async move { unix::serve(listener, routes, stop).await });
        Ok(())
    }

    fn image_store(&mut self, config: &Config) -> Result<(), Failure> {
        let store = ImageStore::open(&config.image_store)?;
        self.metrics.show(config.image_store.metrics.as_ref(), store.metrics_part());
        let swept = store.clone().keep_swept(self.asked_to_end());
        self.tasks.spawn(async move {
            swept.await;
            Ok(())
        });
        self.serve(&config.sockets().images, store.routes())
    }

    /// Opens the store, serves its three doors and returns the one that the gateway of the same process may use directly.
    async fn scheduler(&mut self, config: &Config) -> Result<Service, Failure> {
        let scheduler = Scheduler::open(config.scheduler.clone(), Arc::new(SystemClock), Arc::new(OsEntropy)).await?;
        self.metrics.show(config.scheduler.metrics.as_ref(), scheduler.metrics());
        let sockets = config.sockets();
        self.serve(&sockets.scheduler, scheduler.command_routes())?;
        self.serve(&sockets.hosts, scheduler.host_routes())?;
        self.serve(&sockets.operator, scheduler.operator_routes())?;
        let commands = unix::in_process(scheduler.command_routes());
        let stop = self.asked_to_end();
        self.tasks.spawn(async move {
            scheduler.run(stop).await;
            Ok(())
        });
        Ok(commands)
    }

    async fn gateway(&mut self, config: &Config, scheduler: Service) -> Result<(), Failure> {
        let backend = Backend { commands: scheduler.clone(), identity: scheduler };
        let gateway = Gateway::bind(config.gateway.clone(), backend).await?;
        tracing::info!(address = %gateway.address(), "the API listens");
        self.metrics.show(config.gateway.metrics.as_ref(), gateway.metrics());
        let stop = self.asked_to_end();
        self.tasks.spawn(async move {
            gateway.run(stop).await;
            Ok(())
        });
        Ok(())
    }

    /// Waits until everything has ended. A part that ends unasked ends the process, for whoever supervises it to start again.
    async fn run(mut self) -> Result<(), Failure> {
        for door in std::mem::take(&mut self.metrics).open().await? {
            tracing::info!(address = %door.address(), "metrics are shown");
            let stop = self.asked_to_end();
            self.tasks.spawn(async move {
                door.run(stop).await;
                Ok(())
            });
        }
        while let Some(ended) = self.tasks.join_next().await {
            ended??;
            if !*self.stop.borrow() {
                return Err("a part of this process ended by itself; the log says which".into());
            }
        }
        Ok(())
    }
}

pub async fn gateway(config: &Config) -> Result<(), Failure> {
    let _claim = super::claim(config, Part::Gateway)?;
    let mut process = Process::new()?;
    process.gateway(config, unix::service(config.sockets().scheduler)).await?;
    process.run().await
}

pub async fn scheduler(config: &Config) -> Result<(), Failure> {
    let _claim = super::claim(config, Part::Scheduler)?;
    let mut process = Process::new()?;
    process.scheduler(config).await?;
    process.run().await
}

pub async fn image_store(config: &Config) -> Result<(), Failure> {
    let _claim = super::claim(config, Part::ImageStore)?;
    let mut process = Process::new()?;
    process.image_store(config)?;
    process.run().await
}

pub async fn all(config: &Config) -> Result<(), Failure> {
    let _claim = super::claim(config, Part::ControlPlane)?;
    let mut process = Process::new()?;
    process.image_store(config)?;
    let scheduler = process.scheduler(config).await?;
    process.gateway(config, scheduler).await?;
    process.run().await
}
