//! `freehold gateway | scheduler | image-store` and all three in one process, as `freehold up` runs them.
//!
//! A door that can not be opened (an address in use, a damaged store) ends the process at once, with the reason as its last word.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use freehold_api_gateway::{Backend, Gateway};
use freehold_image_store::{Guard, ImageStore};
use freehold_link::identity::Kind;
use freehold_link::metrics::Doors;
use freehold_link::tls::{self, Acceptor, Admits, LOOK, Renewal};
use freehold_link::{BoxError, Service, open_files, unix};
use freehold_proto::clock::SystemClock;
use freehold_proto::id::OsEntropy;
use freehold_scheduler::Scheduler;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tonic::service::Routes;

use crate::Failure;
use crate::cli::Join;
use crate::config::Config;
use crate::part::Part;
use crate::supervise;
use crate::trust::{self, Identified};

/// What runs side by side in this process; the first that ends ends them all.
struct Process {
    tasks: JoinSet<Result<(), BoxError>>,
    stop: watch::Receiver<bool>,
    /// Where what the parts count is read.
    metrics: Doors,
}

impl Process {
    fn new() -> Result<Self, Failure> {
        // Each peer is a descriptor.
        open_files::raise();
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

    /// Serves on the socket of this host, and answers what serves hosts elsewhere once there is a certificate for that.
    fn image_store(&mut self, config: &Config) -> Result<ImageStore, Failure> {
        let store = ImageStore::open(&config.image_store)?;
        self.metrics.show(config.image_store.metrics.as_ref(), store.metrics_part());
        let swept = store.clone().keep_swept(self.asked_to_end());
        self.tasks.spawn(async move {
            swept.await;
            Ok(())
        });
        self.serve(&config.sockets().images, store.routes())?;
        Ok(store)
    }

    async fn image_store_elsewhere(&mut self, store: &ImageStore, listen: SocketAddr, who: Identified) -> Result<(), Failure> {
        let guard = Guard { current: Arc::clone(&who.current), clock: trust::clock() };
        self.serve_tls(listen, store.link_routes(guard), Arc::new(freehold_image_store::Door), who).await
    }

    async fn serve_tls(&mut self, listen: SocketAddr, routes: Routes, door: Arc<dyn Admits>, who: Identified) -> Result<(), Failure> {
        let listener = TcpListener::bind(listen).await.map_err(|error| format!("{listen}: {error}"))?;
        let Identified { current, renewal, .. } = who;
        tracing::info!(%listen, identity = %current.get().identity, "parts on other hosts are served");
        self.keep(renewal);
        let stop = self.asked_to_end();
        self.tasks.spawn(async move { Box::pin(tls::serve(listener, routes, door, &current, trust::clock(), stop)).await });
        Ok(())
    }

    fn keep(&mut self, renewal: Renewal) {
        let stop = self.asked_to_end();
        self.tasks.spawn(async move {
            tokio::select! {
                () = renewal.run(LOOK) => {}
                () = stop => {}
            }
            Ok(())
        });
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
        if let Some(listen) = config.scheduler.listen {
            let who = trust::beside(commands.clone(), Kind::Scheduler, Vec::new()).await?;
            self.serve_tls(listen, scheduler.link_routes(), scheduler.door(), who).await?;
        }
        let stop = self.asked_to_end();
        self.tasks.spawn(async move {
            scheduler.run(stop).await;
            Ok(())
        });
        Ok(commands)
    }

    /// `who`: the certificate of a gateway that has joined; one beside its scheduler fetches its own if it needs it.
    async fn gateway(&mut self, config: &Config, scheduler: Service, who: Option<Identified>) -> Result<(), Failure> {
        let who = match who {
            None if config.gateway.is_https() => Some(trust::beside(scheduler.clone(), Kind::Gateway, trust::api_names(config)).await?),
            who => who,
        };
        let acceptor = |who: &Identified| Acceptor::new(&who.current, &trust::clock());
        let https = who.as_ref().filter(|_| config.gateway.is_https()).map(acceptor).transpose()?;
        let backend = Backend { commands: scheduler.clone(), identity: scheduler };
        let gateway = Gateway::bind(config.gateway.clone(), backend, https).await?;
        if let Some(who) = who {
            self.keep(who.renewal);
        }
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

pub async fn gateway(config: &Config, join: &Join) -> Result<(), Failure> {
    let _claim = super::claim(config, Part::Gateway)?;
    let mut process = Process::new()?;
    let who = trust::joined(config, Kind::Gateway, join, trust::api_names(config)).await?;
    let scheduler = who.as_ref().map_or_else(|| unix::service(config.sockets().scheduler), |who| who.scheduler.clone());
    process.gateway(config, scheduler, who).await?;
    process.run().await
}

pub async fn scheduler(config: &Config) -> Result<(), Failure> {
    let _claim = super::claim(config, Part::Scheduler)?;
    let mut process = Process::new()?;
    process.scheduler(config).await?;
    process.run().await
}

pub async fn image_store(config: &Config, join: &Join) -> Result<(), Failure> {
    let _claim = super::claim(config, Part::ImageStore)?;
    let mut process = Process::new()?;
    let who = trust::joined(config, Kind::ImageStore, join, Vec::new()).await?;
    let store = process.image_store(config)?;
    if let Some(listen) = config.image_store.listen {
        let who = match who {
            Some(who) => who,
            None => trust::beside(unix::service(config.sockets().scheduler), Kind::ImageStore, Vec::new()).await?,
        };
        process.image_store_elsewhere(&store, listen, who).await?;
    } else if who.is_some() {
        return Err(
            "this image store has joined a cluster and no host reaches it: set [image_store] listen, 0.0.0.0:8775 for instance".into()
        );
    }
    process.run().await
}

pub async fn all(config: &Config) -> Result<(), Failure> {
    let _claim = super::claim(config, Part::ControlPlane)?;
    let mut process = Process::new()?;
    let images = process.image_store(config)?;
    let scheduler = process.scheduler(config).await?;
    if let Some(listen) = config.image_store.listen {
        let who = trust::beside(scheduler.clone(), Kind::ImageStore, Vec::new()).await?;
        process.image_store_elsewhere(&images, listen, who).await?;
    }
    process.gateway(config, scheduler, None).await?;
    process.run().await
}
