//! Who the parts of this machine are to parts elsewhere: certificates fetched at the start or by joining, and kept fresh.

use std::io::BufRead;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use freehold_link::identity::{Kind, is_name};
use freehold_link::tls::{self, CertifyError, Credentials, Current, Reach, Renewal, Wanted};
use freehold_link::token::Token;
use freehold_link::{Service, unix};
use freehold_proto::clock::{Clock, SystemClock};

use crate::Failure;
use crate::cli::Join;
use crate::config::Config;
use crate::output;

/// A scheduler that is just being started gives certificates soon.
const CERTIFIED_WITHIN: Duration = Duration::from_secs(30);
const ASK_EVERY: Duration = Duration::from_millis(500);

pub fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

/// The token that was given, on the command line or, for `-`, on the standard input, where nobody else sees it.
pub fn token(text: &str) -> Result<Token, Failure> {
    if text != "-" {
        return Ok(text.parse()?);
    }
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(line.parse()?)
}

/// A part other than an agent, as it is to others.
pub struct Identified {
    pub current: Arc<Current>,
    pub renewal: Renewal,
    /// A way to the scheduler.
    pub scheduler: Service,
}

/// What this part is called: as it was told to, or as this machine is.
fn name(given: Option<&str>) -> Result<String, Failure> {
    let name = match given {
        Some(name) => name.to_owned(),
        None => nix::unistd::gethostname()?.to_string_lossy().into_owned(),
    };
    if is_name(&name) {
        Ok(name)
    } else {
        Err(format!("'{name}' can not be a part's name; give one of letters, digits, dots and dashes with --name").into())
    }
}

fn folder(config: &Config, kind: Kind) -> PathBuf {
    config.data_dir().join(kind.as_str()).join("trust")
}

/// The credentials of a part that has joined; `None` for one that stands beside its scheduler.
pub fn credentials(config: &Config, kind: Kind) -> Result<Option<Credentials>, Failure> {
    Ok(Credentials::load(&folder(config, kind))?)
}

/// Joins if a token was given, and answers who this part is if it has ever joined.
pub async fn joined(config: &Config, kind: Kind, join: &Join, names: Vec<String>) -> Result<Option<Identified>, Failure> {
    let clock = clock();
    let before = credentials(config, kind)?;
    if let Some(text) = &join.join {
        let token = token(text)?;
        match &before {
            Some(own) if !token.is_of(&tls::fingerprint(&own.authority)) => {
                return Err(format!(
                    "this {kind} has joined another cluster than the token's; remove {} to leave it",
                    folder(config, kind).display()
                )
                .into());
            }
            Some(own) if clock.now() < own.expires => output::progress("has joined before; the token was not needed"),
            _ => {
                let wanted = Wanted { kind, name: name(join.name.as_deref())?, names: names.clone() };
                tls::join(&token, &wanted, &folder(config, kind), &clock).await?;
                output::progress(&format!("joined as {kind} {}", wanted.name));
            }
        }
    }
    let Some(own) = credentials(config, kind)? else { return Ok(None) };
    let set = if kind == Kind::ImageStore { &config.image_store.scheduler } else { &config.gateway.scheduler };
    let addresses = if set.is_empty() { own.reach.scheduler.clone() } else { set.clone() };
    let wanted = Wanted { kind, name: own.identity.name.clone(), names };
    let current = Current::new(own);
    let scheduler = tls::service(addresses, tls::SCHEDULER, &current, &clock)?;
    let renewal = Renewal { parts: scheduler.clone(), wanted, current: Arc::clone(&current), folder: Some(folder(config, kind)), clock };
    Ok(Some(Identified { current, renewal, scheduler }))
}

/// A certificate for a part beside its scheduler, which is asked over `scheduler`: a socket that admits root alone, or this very process.
pub async fn beside(scheduler: Service, kind: Kind, names: Vec<String>) -> Result<Identified, Failure> {
    let clock = clock();
    let wanted = Wanted { kind, name: name(None)?, names };
    let deadline = Instant::now() + CERTIFIED_WITHIN;
    let own = loop {
        match tls::certify(scheduler.clone(), &wanted, Reach::default(), &*clock).await {
            Ok(own) => break own,
            Err(CertifyError::Refused(status)) if status.code() == tonic::Code::Unavailable && Instant::now() < deadline => {
                tokio::time::sleep(ASK_EVERY).await;
            }
            Err(error) => return Err(error.into()),
        }
    };
    let current = Current::new(own);
    let renewal = Renewal { parts: scheduler.clone(), wanted, current: Arc::clone(&current), folder: None, clock };
    Ok(Identified { current, renewal, scheduler })
}

/// A channel to an image store on another host, as an operator: root here may do there what root there may.
pub async fn operator_channel(config: &Config, addresses: Vec<String>) -> Result<tonic::transport::Channel, Failure> {
    let scheduler = unix::service(config.sockets().scheduler);
    let own =
        tls::certify(scheduler, &Wanted { kind: Kind::Operator, name: "root".into(), names: Vec::new() }, Reach::default(), &*clock())
            .await;
    let current = Current::new(own.map_err(|error| format!("no certificate to reach the image store with: {error}"))?);
    Ok(tls::channel(addresses, tls::IMAGE_STORE, &current, &clock())?)
}

/// Names and addresses that clients may reach the API of this machine by.
pub fn api_names(config: &Config) -> Vec<String> {
    let listen = config.gateway.listen.ip();
    let mut names: Vec<String> = config.gateway.names.iter().map(|name| name.trim_end_matches('.').to_ascii_lowercase()).collect();
    if listen.is_unspecified() {
        names.extend(own_addresses());
    } else {
        names.push(listen.to_string());
    }
    if let Ok(hostname) = nix::unistd::gethostname() {
        names.push(hostname.to_string_lossy().to_ascii_lowercase());
    }
    names.push("localhost".into());
    let mut seen = std::collections::BTreeSet::new();
    names.retain(|name| is_name(name) || name.parse::<std::net::IpAddr>().is_ok());
    names.retain(|name| seen.insert(name.clone()));
    names
}

fn own_addresses() -> Vec<String> {
    let Ok(interfaces) = nix::ifaddrs::getifaddrs() else { return Vec::new() };
    interfaces
        .filter_map(|interface| interface.address)
        .filter_map(|address| {
            let v4 = address.as_sockaddr_in().map(|address| std::net::IpAddr::V4(address.ip()));
            v4.or_else(|| address.as_sockaddr_in6().map(|address| std::net::IpAddr::V6(address.ip())))
        })
        .filter(|address| !matches!(address, std::net::IpAddr::V6(address) if address.is_unicast_link_local()))
        .map(|address| address.to_string())
        .collect()
}
