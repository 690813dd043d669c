//! Who the parts of this machine are to parts elsewhere: certificates fetched at the start or by joining, and kept fresh.

use std::io::BufRead;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use freehold_link::identity::{Kind, LONGEST_NAME, is_name};
use freehold_link::tls::{self, CertifyError, Credentials, Current, Joined, Reach, Renewal, Wanted};
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

/// What this machine is called.
fn machine() -> Option<String> {
    Some(nix::unistd::gethostname().ok()?.to_string_lossy().into_owned())
}

/// What a part beside its scheduler is called: nobody asks for it, so that a machine whose name can not be a part's is no hindrance.
fn beside_name(kind: Kind, machine: Option<String>) -> String {
    machine.filter(|name| is_name(name)).unwrap_or_else(|| kind.to_string())
}

/// What a part that joins is called: as it was before, as it was told to, or as this machine is.
fn name(given: Option<&str>, before: Option<&str>) -> Result<String, Failure> {
    match (given, before) {
        (Some(given), Some(before)) if given != before => {
            Err(format!("this part has joined as {before}; to join as {given}, remove its trust folder first").into())
        }
        (_, Some(before)) => Ok(before.to_owned()),
        (Some(given), None) if is_name(given) => Ok(given.to_owned()),
        (Some(given), None) => {
            Err(format!("'{given}' can not be a part's name: --name takes letters, digits, dots and dashes, at most {LONGEST_NAME}").into())
        }
        (None, None) => machine()
            .filter(|name| is_name(name))
            .ok_or_else(|| "a part can not be called what this machine is called; give it a name with --name".into()),
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
        if before.as_ref().is_some_and(|own| !token.is_of(&tls::fingerprint(&own.authority))) {
            let folder = folder(config, kind);
            return Err(format!("this {kind} has joined another cluster than the token's; remove {} to leave it", folder.display()).into());
        }
        let name = name(join.name.as_deref(), before.as_ref().map(|own| own.identity.name.as_str()))?;
        let wanted = Wanted { kind, name, names: names.clone() };
        match tls::join(&token, &wanted, before, &folder(config, kind), &clock).await? {
            Joined::Now => output::progress(&format!("joined as {kind} {}", wanted.name)),
            Joined::Already => output::progress("has joined before; the token was not needed"),
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
    let wanted = Wanted { kind, name: beside_name(kind, machine()), names };
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

/// Names and addresses that clients may reach the API of this machine by, as a certificate has them: as many as one covers, those that somebody
/// has chosen first.
pub fn api_names(config: &Config) -> Vec<String> {
    let listen = config.gateway.listen.ip();
    let listens = if listen.is_unspecified() { own_addresses() } else { vec![listen.to_string()] };
    covered(config.gateway.names.iter().cloned().chain(["localhost".into()]).chain(machine()).chain(listens))
}

fn covered(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen = std::collections::BTreeSet::new();
    let written = names.filter_map(|name| match name.parse::<IpAddr>() {
        // The shortest form, which is what is read from a certificate.
        Ok(address) => Some(address.to_string()),
        Err(_) => Some(name.trim_end_matches('.').to_ascii_lowercase()).filter(|name| tls::is_public_name(name)),
    });
    written.filter(|name| seen.insert(name.clone())).take(tls::MOST_NAMES).collect()
}

fn own_addresses() -> Vec<String> {
    let Ok(interfaces) = nix::ifaddrs::getifaddrs() else { return Vec::new() };
    interfaces
        .filter_map(|interface| interface.address)
        .filter_map(|address| {
            let v4 = address.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
            v4.or_else(|| address.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip())))
        })
        .filter(|address| !matches!(address, IpAddr::V6(address) if address.is_unicast_link_local()))
        .map(|address| address.to_string())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_as_a_certificate_has_them_and_no_more_than_it_takes() {
        let covered = |names: &[&str]| covered(names.iter().map(|&name| name.to_owned()));
        assert_eq!(
            covered(&["API.Example.org.", "2001:db8:0:0::1", "2001:db8::1", "my_machine", "10.0.0.1", "api.example.org"]),
            ["api.example.org", "2001:db8::1", "10.0.0.1"]
        );
        let many: Vec<String> = (0..300).map(|at| format!("10.0.{}.{}", at / 256, at % 256)).collect();
        let many: Vec<&str> = ["chosen.example.org"].into_iter().chain(many.iter().map(String::as_str)).collect();
        let covered = covered(&many);
        assert_eq!((covered.len(), covered[0].as_str()), (tls::MOST_NAMES, "chosen.example.org"));
    }

    #[test]
    fn a_machine_whose_name_can_be_no_part_s_has_parts_all_the_same() {
        assert_eq!(beside_name(Kind::Scheduler, Some("my_machine".into())), "scheduler");
        assert_eq!(beside_name(Kind::ImageStore, None), "image-store");
        assert_eq!(beside_name(Kind::Gateway, Some("vm-1".into())), "vm-1");
    }

    #[test]
    fn a_part_keeps_the_name_that_it_joined_with() {
        assert_eq!(name(None, Some("gw")).unwrap(), "gw");
        assert_eq!(name(Some("gw"), Some("gw")).unwrap(), "gw");
        assert!(name(Some("other"), Some("gw")).unwrap_err().to_string().contains("joined as gw"));
        assert!(name(Some("my_machine"), None).unwrap_err().to_string().contains("--name"));
    }
}
