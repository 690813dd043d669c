//! The scheduler put together: what it opens, what it serves, what it runs.

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use freehold_link::metrics::Part;
use freehold_link::tls::Admits;
use freehold_link::unix::MAX_MESSAGE_BYTES;
use freehold_proto::clock::Clock;
use freehold_proto::id::Entropy;
use freehold_proto::internal::host::hosts_server::HostsServer;
use freehold_proto::internal::identity::identity_server::IdentityServer;
use freehold_proto::internal::operator::operator_server::OperatorServer;
use freehold_proto::internal::parts::parts_server::PartsServer;
use freehold_proto::{Action, Caller, Fault};
use tonic::service::Routes;

use crate::engine::{self, Audit, Engine, Table};
use crate::hosts::{Hosts, HostsService};
use crate::identity::{self, IdentityService, KeyFeed, Vault};
use crate::metrics::Metrics;
use crate::operator::OperatorService;
use crate::page::Sealer;
use crate::parts::{self, Door, PartsService, Trust};
use crate::schedulers::{self, Pulse};
use crate::store::{self, Store};
use crate::{Config, Invalid, Settings, cluster, network};

/// Why a scheduler does not start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Config(#[from] Invalid),
    #[error("the folder {0} can not be used")]
    Folder(PathBuf, #[source] io::Error),
    #[error("the audit log can not be opened")]
    Audit(#[source] io::Error),
    #[error(transparent)]
    Key(#[from] identity::Unusable),
    #[error(transparent)]
    Store(#[from] store::OpenError),
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// One scheduler. Everything it knows is in its store.
pub struct Scheduler {
    engine: Arc<Engine>,
    vault: Arc<Vault>,
    trust: Arc<Trust>,
    keys: Arc<KeyFeed>,
    table: Arc<Table>,
}

impl Scheduler {
    /// Opens the store in `config.data`, making what is not there yet.
    pub async fn open(config: Config, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Result<Arc<Self>, OpenError> {
        let settings = Arc::new(Settings::try_from(&config)?);
        make_private_folder(&config.data).map_err(|error| OpenError::Folder(config.data.clone(), error))?;
        let vault = Arc::new(Vault::open(&config.data.join("sealing.key"), &*entropy)?);
        let sealer = Sealer::new(&vault.derive("page tokens"), Arc::clone(&entropy))?;
        let audit = config.audit.as_deref().map_or(Ok(Audit::to_log()), Audit::to_file).map_err(OpenError::Audit)?;
        let store = Store::open(&config.place(), settings, clock, entropy).await?;
        cluster::begin_epoch(&store).await.map_err(Fault::from)?;
        network::default::complete(&store).await.map_err(Fault::from)?;
        network::prefix_list::cloud::bring(&store, store.settings()).await.map_err(Fault::from)?;
        let hosts = Arc::new(Hosts::new(Arc::clone(&store)));
        schedulers::enter(&store, hosts.scheduler_id()).await.map_err(Fault::from)?;
        let trust = Trust::open(&store, &vault, store.settings().grant_lifetime).await.map_err(Fault::from)?;
        let keys = Arc::new(KeyFeed::of(&store));
        let engine = Arc::new(Engine { store, hosts, sealer, audit });
        Ok(Arc::new(Self { engine, vault, trust: Arc::new(trust), keys, table: Arc::new(table()) }))
    }

    pub fn store(&self) -> &Arc<Store> {
        &self.engine.store
    }

    /// Answers one action in this process.
    pub async fn call<A: Action>(&self, request: A, caller: Caller) -> Result<A::Answer, Fault> {
        self.table.call(&self.engine, request, caller).await
    }

    #[cfg(test)]
    pub(crate) fn trust(&self) -> Arc<Trust> {
        Arc::clone(&self.trust)
    }

    #[cfg(test)]
    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// What is counted here, to be shown at the metrics' door.
    pub fn metrics(&self) -> Part {
        Metrics::part(&self.engine.store, &self.engine.hosts)
    }

    /// AWS's actions, the gateway's questions about who signed, and certificates; for who is on this host.
    pub fn command_routes(&self) -> Routes {
        self.with_actions(Routes::new(self.parts()))
    }

    /// The same and the agents' streams, for parts on other hosts. Who may call what of it is for [`Self::door`] to say.
    pub fn link_routes(&self) -> Routes {
        self.with_actions(self.host_routes().add_service(self.parts()))
    }

    /// Who may call what of [`Self::link_routes`].
    pub fn door(&self) -> Arc<dyn Admits> {
        Door::open(Arc::clone(&self.engine.store))
    }

    fn with_actions(&self, routes: Routes) -> Routes {
        let (store, vault, feed) = (Arc::clone(&self.engine.store), Arc::clone(&self.vault), Arc::clone(&self.keys));
        let identity = IdentityServer::new(IdentityService { store, vault, feed });
        engine::routes(routes.add_service(identity), Arc::clone(&self.engine), Arc::clone(&self.table))
    }

    fn parts(&self) -> PartsServer<PartsService> {
        let store = Arc::clone(&self.engine.store);
        let service = PartsService { lifetime: store.settings().certificate_lifetime, store, trust: Arc::clone(&self.trust) };
        PartsServer::new(service).max_decoding_message_size(parts::LARGEST_REQUEST)
    }

    /// The agents' streams.
    pub fn host_routes(&self) -> Routes {
        Routes::new(HostsServer::new(self.hosts_service()).max_decoding_message_size(MAX_MESSAGE_BYTES))
    }

    /// The agents' door without a transport.
    pub fn hosts_service(&self) -> HostsService {
        let (store, hosts) = (Arc::clone(&self.engine.store), Arc::clone(&self.engine.hosts));
        HostsService { store, hosts, trust: Arc::clone(&self.trust) }
    }

    /// The operator's commands.
    pub fn operator_routes(&self) -> Routes {
        let operator = OperatorService {
            store: Arc::clone(&self.engine.store),
            vault: Arc::clone(&self.vault),
            trust: Arc::clone(&self.trust),
            keys: Arc::clone(&self.keys),
            scheduler_id: self.engine.hosts.scheduler_id().to_owned(),
        };
        Routes::new(OperatorServer::new(operator))
    }

    /// Runs the reconcilers until `shutdown` resolves, and then ends the hosts' sessions.
    pub async fn run(self: Arc<Self>, shutdown: impl Future<Output = ()> + Send) {
        let (store, hosts) = (&self.engine.store, &self.engine.hosts);
        tokio::select! {
            () = crate::reconcile::run(Arc::clone(store), hosts.scheduler_id(), shutdown) => {}
            () = Pulse::new(Arc::clone(store), Arc::clone(hosts)).keep() => {}
        }
        hosts.close();
        self.keys.close();
        if let Err(failure) = schedulers::leave(store, hosts.scheduler_id()).await {
            // The next one to start, or another one's beat, finds it gone.
            tracing::info!(%failure, "this scheduler's end could not be written down");
        }
    }
}

/// Every action that `proto/actions.toml` says is served: one without a handler does not compile.
pub fn table() -> Table {
    macro_rules! serve_all {
        ($($request:ty,)*) => { Table::default()$(.serve::<$request, _>())* };
    }
    freehold_proto::for_each_action!(serve_all)
}

fn make_private_folder(folder: &std::path::Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))
}
