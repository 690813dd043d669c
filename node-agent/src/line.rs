//! The ways out of this host: to the scheduler and to the image store. Over Unix sockets where both are on this machine; over TLS once this host
//! has joined a cluster elsewhere, with its own certificate.

use std::path::PathBuf;
use std::sync::Arc;

use freehold_link::identity::Kind;
use freehold_link::tls::{self, Credentials, Current, JoinError, Joined, LOOK, Renewal, Unusable, Wanted};
use freehold_link::token::Token;
use freehold_link::{Service, unix};
use freehold_proto::clock::Clock;
use freehold_proto::id::Entropy;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::config::Config;
use crate::grants::Grants;
use crate::host::{Host, HostError};

#[derive(Debug, thiserror::Error)]
pub enum LineError {
    #[error(transparent)]
    Host(#[from] HostError),
    #[error(transparent)]
    Credentials(#[from] Unusable),
    #[error(transparent)]
    Join(#[from] JoinError),
    #[error("TLS can not be set up")]
    Tls(#[from] tls::Error),
    #[error("{folder} holds the certificate of {identity}, and this host is {host_id}; remove that folder and join again")]
    OtherHost { folder: PathBuf, identity: String, host_id: String },
    #[error("this host has joined another cluster than the token's; to give up its guests, empty the agent's state folder")]
    OtherCluster,
}

fn trust_folder(config: &Config) -> PathBuf {
    config.state_folder.join("trust")
}

fn wanted(host: &Host) -> Wanted {
    Wanted { kind: Kind::Host, name: host.id().to_string(), names: Vec::new() }
}

/// Makes this host part of the token's cluster. No agent may run on the state folder meanwhile.
pub async fn join(config: &Config, token: &Token, clock: &Arc<dyn Clock>, entropy: &dyn Entropy) -> Result<Joined, LineError> {
    let host = Host::open(&config.state_folder, entropy)?;
    let folder = trust_folder(config);
    let own = credentials(config, &host)?;
    if own.as_ref().is_some_and(|own| !token.is_of(&tls::fingerprint(&own.authority))) {
        return Err(LineError::OtherCluster);
    }
    Ok(tls::join(token, &wanted(&host), own, &folder, clock).await?)
}

fn credentials(config: &Config, host: &Host) -> Result<Option<Credentials>, LineError> {
    let folder = trust_folder(config);
    let Some(credentials) = Credentials::load(&folder)? else { return Ok(None) };
    let identity = &credentials.identity;
    if identity.kind == Kind::Host && identity.name == host.id().as_str() {
        return Ok(Some(credentials));
    }
    Err(LineError::OtherHost { folder, identity: identity.to_string(), host_id: host.id().to_string() })
}

/// Both ways out, and what opens the image store's door. Each call goes out on a connection of the newest certificate.
#[derive(Clone)]
pub struct Line {
    pub hosts: Service,
    pub images: Service,
    pub grants: Arc<Grants>,
    /// Where the scheduler of a cluster elsewhere is; nowhere, if it is on this machine.
    pub scheduler: Vec<String>,
    /// Ticks when there is a new certificate. What was begun before ends with the one that it was begun with.
    pub renewed: watch::Receiver<u64>,
}

impl Line {
    /// Over Unix sockets: as it is on a host that has not joined.
    pub fn local(config: &Config) -> Self {
        let (hosts, images) = (unix::service(&config.hosts_socket), unix::service(&config.images_socket));
        Self { hosts, images, grants: Arc::default(), scheduler: Vec::new(), renewed: watch::channel(0).1 }
    }

    /// As this host is, its certificate being kept fresh by one of `tasks`.
    pub fn open(config: &Config, host: &Host, clock: &Arc<dyn Clock>, tasks: &mut JoinSet<()>) -> Result<Self, LineError> {
        let Some(credentials) = credentials(config, host)? else { return Ok(Self::local(config)) };
        let or = |set: &Vec<String>, learnt: &Vec<String>| if set.is_empty() { learnt.clone() } else { set.clone() };
        let scheduler = or(&config.scheduler, &credentials.reach.scheduler);
        let image_store = or(&config.image_store, &credentials.reach.image_store);
        tracing::info!(identity = %credentials.identity, ?scheduler, ?image_store, "this host is part of a cluster elsewhere");
        let current = Current::new(credentials);
        let renewal = Renewal {
            parts: tls::service(scheduler.clone(), tls::SCHEDULER, &current, clock)?,
            wanted: wanted(host),
            current: Arc::clone(&current),
            folder: Some(trust_folder(config)),
            clock: Arc::clone(clock),
        };
        tasks.spawn(renewal.run(LOOK));
        Ok(Self {
            scheduler: scheduler.clone(),
            hosts: tls::service(scheduler, tls::SCHEDULER, &current, clock)?,
            images: tls::service(image_store, tls::IMAGE_STORE, &current, clock)?,
            grants: Arc::default(),
            renewed: current.renewed(),
        })
    }
}
