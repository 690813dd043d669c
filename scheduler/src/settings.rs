//! The scheduler's configuration, and what is left of it once it has been found valid.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use freehold_link::metrics::Address;
use ipnet::Ipv4Net;
use serde::Deserialize;

use crate::instance_type::{self, Catalogue, Family};
use crate::store::{DatabaseUrl, Place};

/// The `[scheduler]` table of freehold.toml.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Folder of the database and of the key that seals secrets, mode 0700. Default `/var/lib/freehold/scheduler`.
    pub data: PathBuf,
    /// The PostgreSQL database that the store is kept in, `postgres://USER@HOST/NAME`. Default: none, and the store is a file in `data`.
    /// The folder stays where the sealing key is: schedulers that share a database share it too.
    pub database: Option<DatabaseUrl>,
    /// File that every request is recorded in, one JSON line each. Default: none, the records go to the process's log.
    pub audit: Option<PathBuf>,
    /// Where metrics are read: a loopback address, or the path of a Unix socket. Default: nowhere.
    pub metrics: Option<Address>,
    /// AWS's name of the region. Clients accept only names on AWS's own list. Default `us-east-1`.
    pub region: String,
    /// Zone letters of the region, in the order of their subnets. Default `["a", "b", "c"]`.
    pub availability_zones: Vec<char>,
    /// Where public addresses come from. Default `198.18.0.0/15`, which is routed nowhere but on the hosts themselves.
    pub public_addresses: Ipv4Net,
    /// How far each host's capacity is promised to more than one instance.
    pub overcommit: Overcommit,
    /// How long an attending host may fail to carry out a launch before the instance is terminated for `Server.InternalError`. An
    /// instance that ran before and was only started again is stopped instead. Default 600, at most 604800 (a week).
    pub launch_timeout_seconds: u64,
    /// How long after it began to run an instance's status checks are `initializing`, as they are for some minutes on EC2. Default 120, at
    /// most 3600.
    pub status_initializing_seconds: u64,
    /// Where parts on other hosts reach this scheduler, over TLS with certificates on both sides; `0.0.0.0:8774` for all addresses. Default:
    /// none, so that a cloud on one host opens nothing.
    pub listen: Option<SocketAddr>,
    /// What join tokens say of where that is: `host:port`, each tried in turn. Default: `listen`, which must then be one address.
    pub advertise: Vec<String>,
    /// How long a part's certificate is good for; a fresh one is fetched at half of it. Default 1209600 (14 days), at least 2: a host that is
    /// off for longer must join again.
    pub certificate_seconds: u64,
    /// How long a host may fetch an image once it was told to run it; extended while the instance stands. Default 3600.
    pub grant_seconds: u64,
    /// Which addresses a service has that VPCs reach by gateway endpoints, `s3` and `dynamodb`: the blocks of its prefix list. Default: none,
    /// and the list is there and empty. Behind the endpoints there is nothing yet: what goes to these addresses through one is dropped.
    pub endpoint_services: BTreeMap<String, Vec<Ipv4Net>>,
    /// Instance types of your own, by family, in the form of AWS's in `scheduler/data/instance-types.toml`:
    /// `[scheduler.instance_families.lab]`. Default: none.
    pub instance_families: BTreeMap<String, Family>,
}

/// Promised capacity per real capacity. A stopped instance holds disk only, a terminated one nothing.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Overcommit {
    /// Default 8: burstable types mostly idle.
    pub vcpus: f64,
    /// Default 1: a host that swaps serves nobody.
    pub memory: f64,
    /// Default 4: overlays start empty and grow.
    pub disk: f64,
}

impl Default for Overcommit {
    fn default() -> Self {
        Self { vcpus: 8.0, memory: 1.0, disk: 4.0 }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data: "/var/lib/freehold/scheduler".into(),
            database: None,
            audit: None,
            metrics: None,
            region: "us-east-1".into(),
            availability_zones: vec!['a', 'b', 'c'],
            public_addresses: Ipv4Net::new_assert(std::net::Ipv4Addr::new(198, 18, 0, 0), 15),
            overcommit: Overcommit::default(),
            launch_timeout_seconds: 600,
            status_initializing_seconds: 120,
            listen: None,
            advertise: Vec::new(),
            certificate_seconds: 14 * 24 * 60 * 60,
            grant_seconds: 60 * 60,
            endpoint_services: BTreeMap::new(),
            instance_families: BTreeMap::new(),
        }
    }
}

impl Config {
    /// Where the store is.
    pub fn place(&self) -> Place {
        match &self.database {
            Some(url) => Place::Postgres(url.clone()),
            None => Place::File(self.data.join("freehold.db")),
        }
    }
}

/// An availability zone under both its names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// `us-east-1a`
    pub name: String,
    /// `use1-az1`
    pub id: String,
}

/// A service of the cloud that VPCs reach by gateway endpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointService {
    /// `s3`
    pub word: String,
    /// `com.amazonaws.us-east-1.s3`
    pub name: String,
    /// Each once.
    pub blocks: Vec<Ipv4Net>,
}

/// The services that AWS has gateway endpoints for.
const ENDPOINT_SERVICES: [&str; 2] = ["dynamodb", "s3"];

/// What a prefix list may have.
const MOST_BLOCKS: usize = 1_000;

/// The valid configuration that rules ask.
#[derive(Clone, Debug)]
pub struct Settings {
    pub region: String,
    pub zones: Vec<Zone>,
    pub public_addresses: Ipv4Net,
    pub overcommit: Overcommit,
    /// After how long an impaired launch is given up.
    pub launch_timeout: Duration,
    /// For how long a running instance's status checks are `initializing`.
    pub status_initializing: Duration,
    /// Of certificates.
    pub certificate_lifetime: Duration,
    pub grant_lifetime: Duration,
    /// Which instance types there are.
    pub catalogue: Catalogue,
    /// In the order of their names.
    pub endpoint_services: Vec<EndpointService>,
}

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum Invalid {
    #[error("scheduler.region {0:?} is not of AWS's form, such as us-east-1")]
    Region(String),
    #[error("scheduler.availability_zones must be 1 to 16 different lower-case letters")]
    Zones,
    #[error("scheduler.public_addresses {0} is too small: at least a /30 is needed")]
    Pool(Ipv4Net),
    #[error("the instance types are unusable")]
    Catalogue(#[from] instance_type::Unusable),
    #[error("scheduler.overcommit values must be between 0.01 and 1000")]
    Overcommit,
    #[error("scheduler.launch_timeout_seconds must be between 1 and 604800")]
    LaunchTimeout,
    #[error("scheduler.status_initializing_seconds must be at most 3600")]
    StatusInitializing,
    #[error("scheduler.certificate_seconds must be between 2 and 31536000, scheduler.grant_seconds between 60 and 604800")]
    Lifetimes,
    #[error("scheduler.endpoint_services has {0:?}: it is {words}, each with at most {MOST_BLOCKS} blocks", words = ENDPOINT_SERVICES.join(" and "))]
    EndpointServices(String),
}

/// The default VPC's /16 holds sixteen /20 subnets.
const MOST_ZONES: usize = 16;

const LONGEST_LAUNCH_SECONDS: u64 = 7 * 24 * 60 * 60;

const LONGEST_INITIALIZING_SECONDS: u64 = 60 * 60;
const LONGEST_CERTIFICATE_SECONDS: u64 = 365 * 24 * 60 * 60;

const LONGEST_GRANT_SECONDS: u64 = 7 * 24 * 60 * 60;

impl TryFrom<&Config> for Settings {
    type Error = Invalid;

    fn try_from(config: &Config) -> Result<Self, Invalid> {
        let short = short_region(&config.region).ok_or_else(|| Invalid::Region(config.region.clone()))?;
        let letters = &config.availability_zones;
        let different: std::collections::BTreeSet<_> = letters.iter().collect();
        if letters.is_empty()
            || letters.len() > MOST_ZONES
            || different.len() != letters.len()
            || !letters.iter().all(char::is_ascii_lowercase)
        {
            return Err(Invalid::Zones);
        }
        if config.public_addresses.prefix_len() > 30 {
            return Err(Invalid::Pool(config.public_addresses));
        }
        let Overcommit { vcpus, memory, disk } = config.overcommit;
        if ![vcpus, memory, disk].iter().all(|factor| (0.01..=1000.0).contains(factor)) {
            return Err(Invalid::Overcommit);
        }
        if !(1..=LONGEST_LAUNCH_SECONDS).contains(&config.launch_timeout_seconds) {
            return Err(Invalid::LaunchTimeout);
        }
        if config.status_initializing_seconds > LONGEST_INITIALIZING_SECONDS {
            return Err(Invalid::StatusInitializing);
        }
        if !(2..=LONGEST_CERTIFICATE_SECONDS).contains(&config.certificate_seconds)
            || !(60..=LONGEST_GRANT_SECONDS).contains(&config.grant_seconds)
        {
            return Err(Invalid::Lifetimes);
        }
        let zone = |(at, letter): (usize, &char)| Zone { name: format!("{}{letter}", config.region), id: format!("{short}-az{}", at + 1) };
        Ok(Self {
            region: config.region.clone(),
            zones: letters.iter().enumerate().map(zone).collect(),
            public_addresses: config.public_addresses.trunc(),
            overcommit: config.overcommit,
            launch_timeout: Duration::from_secs(config.launch_timeout_seconds),
            status_initializing: Duration::from_secs(config.status_initializing_seconds),
            certificate_lifetime: Duration::from_secs(config.certificate_seconds),
            grant_lifetime: Duration::from_secs(config.grant_seconds),
            catalogue: Catalogue::built_in()?.with(&config.instance_families)?,
            endpoint_services: endpoint_services(config)?,
        })
    }
}

fn endpoint_services(config: &Config) -> Result<Vec<EndpointService>, Invalid> {
    let wrong = |(word, blocks): &(&String, &Vec<Ipv4Net>)| !ENDPOINT_SERVICES.contains(&word.as_str()) || blocks.len() > MOST_BLOCKS;
    if let Some((word, _)) = config.endpoint_services.iter().find(wrong) {
        return Err(Invalid::EndpointServices(word.clone()));
    }
    let service = |word: &str| EndpointService {
        word: word.to_owned(),
        name: format!("com.amazonaws.{}.{word}", config.region),
        blocks: config.endpoint_services.get(word).into_iter().flatten().map(Ipv4Net::trunc).collect::<BTreeSet<_>>().into_iter().collect(),
    };
    Ok(ENDPOINT_SERVICES.map(service).into())
}

impl Settings {
    pub fn endpoint_service(&self, name: &str) -> Option<&EndpointService> {
        self.endpoint_services.iter().find(|service| service.name == name)
    }

    pub fn zone(&self, name: &str) -> Option<&Zone> {
        self.zones.iter().find(|zone| zone.name == name)
    }

    /// The domain of private names. Source: <https://docs.aws.amazon.com/vpc/latest/userguide/vpc-dns.html>.
    pub fn private_domain(&self) -> String {
        if self.region == "us-east-1" { "ec2.internal".into() } else { format!("{}.compute.internal", self.region) }
    }

    /// `ip-172-31-0-10.ec2.internal`
    pub fn private_dns_name(&self, address: &str) -> String {
        format!("ip-{}.{}", address.replace('.', "-"), self.private_domain())
    }

    /// `i-0123456789abcdef0.ec2.internal`
    pub fn resource_dns_name(&self, instance_id: &str) -> String {
        format!("{instance_id}.{}", self.private_domain())
    }

    /// `ec2-198-18-0-1.compute-1.amazonaws.com`
    pub fn public_dns_name(&self, address: &str) -> String {
        format!("ec2-{}.{}", address.replace('.', "-"), self.public_domain())
    }

    /// The domain of public names.
    pub fn public_domain(&self) -> String {
        let of_region = if self.region == "us-east-1" { "compute-1".into() } else { format!("{}.compute", self.region) };
        format!("{of_region}.amazonaws.com")
    }
}

/// `us-east-1` is `use1`, `ap-southeast-2` is `apse2`, as AWS's zone ids begin.
fn short_region(region: &str) -> Option<String> {
    let parts: Vec<&str> = region.split('-').collect();
    let [first, middle @ .., number] = parts.as_slice() else { return None };
    let letters = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    if middle.is_empty() || number.parse::<u8>().is_err() || !letters(first) || !middle.iter().all(|part| letters(part)) {
        return None;
    }
    let short = |part: &&str| match *part {
        "northeast" => "ne".to_owned(),
        "northwest" => "nw".to_owned(),
        "southeast" => "se".to_owned(),
        "southwest" => "sw".to_owned(),
        other => other[..1].to_owned(),
    };
    Some(format!("{first}{}{number}", middle.iter().map(short).collect::<String>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zone_ids_begin_as_aws_writes_them() {
        for (region, short) in [("us-east-1", "use1"), ("ap-southeast-2", "apse2"), ("eu-central-1", "euc1"), ("us-gov-west-1", "usgw1")] {
            assert_eq!(short_region(region).as_deref(), Some(short));
        }
        for wrong in ["", "us", "us-1", "us-east", "US-east-1", "us--1", "us-east-x"] {
            assert_eq!(short_region(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_defaults_are_valid_and_what_can_not_work_is_refused() {
        let settings = Settings::try_from(&Config::default()).expect("valid");
        assert_eq!(settings.zones[1], Zone { name: "us-east-1b".into(), id: "use1-az2".into() });
        assert_eq!(settings.private_dns_name("172.31.0.10"), "ip-172-31-0-10.ec2.internal");
        let refused = |change: fn(&mut Config)| {
            let mut config = Config::default();
            change(&mut config);
            Settings::try_from(&config).is_err()
        };
        assert!(refused(|config| config.availability_zones = vec!['a', 'a']));
        assert!(refused(|config| config.availability_zones = vec![]));
        assert!(refused(|config| config.overcommit.memory = 0.0));
        assert!(refused(|config| config.region = "here".into()));
        assert!(refused(|config| config.launch_timeout_seconds = 0));
        assert!(refused(|config| config.launch_timeout_seconds = u64::MAX));
        assert!(refused(|config| config.status_initializing_seconds = 3601));
        assert!(refused(|config| config.endpoint_services = [("ec2".into(), vec![])].into()));
    }

    #[test]
    fn the_operator_adds_instance_types_by_configuration() {
        let text = "[instance_families.lab]\nhypervisor = 'nitro'\nmanufacturer = 'AMD'\nclock_ghz = 4.2\nsizes = [\n\
                    { size = 'tiny', vcpus = 2, memory_mib = 256, network = 'Low', interfaces = 1, addresses = 1 },\n]";
        let config: Config = toml::from_str(text).expect("a configuration");
        let settings = Settings::try_from(&config).expect("valid");
        assert_eq!(settings.catalogue.get("lab.tiny").map(|kind| kind.memory_mib), Some(256));
        let taken: Config = toml::from_str(&text.replace("lab", "t3").replace("tiny", "nano")).expect("a configuration");
        assert!(matches!(Settings::try_from(&taken), Err(Invalid::Catalogue(_))));
    }
}
