//! The gateway's part of the configuration file. Everything that a client can make large or slow has a bound here.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use freehold_link::metrics::Address;
use freehold_link::tls;
use serde::{Deserialize, Deserializer};

/// `[gateway]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where the API listens: `127.0.0.1:8773`. HTTPS wherever that is not a loopback address.
    pub listen: SocketAddr,
    /// HTTPS on a loopback address as well: `false`.
    pub tls: bool,
    /// Names and addresses, besides the one it listens on and this host's own, that clients reach the API by: the certificate of HTTPS covers
    /// them, and profiles name the first. None.
    pub names: Vec<String>,
    /// Where a gateway that has joined a cluster elsewhere reaches its scheduler, `host:port` each. Default: what its join token said.
    pub scheduler: Vec<String>,
    /// The region that requests must be signed for: `us-east-1`.
    pub region: String,
    /// Where metrics are read: a loopback address, or the path of a Unix socket. Default: nowhere.
    pub metrics: Option<Address>,
    pub limits: Limits,
    pub day_keys: DayKeyCache,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8773)),
            tls: false,
            names: Vec::new(),
            scheduler: Vec::new(),
            region: "us-east-1".into(),
            metrics: None,
            limits: Limits::default(),
            day_keys: DayKeyCache::default(),
        }
    }
}

/// `[gateway.limits]`. Times are whole seconds in the file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Open connections; further ones wait to be accepted. 4,096.
    pub connections: usize,
    /// Of these, from one address (of IPv6: from one /64); further ones are hung up on. Raise it where all clients come by way of one. 1,024.
    pub connections_per_address: usize,
    /// Requests being answered at one moment; further ones are told to retry (`RequestLimitExceeded`). 256.
    pub requests: usize,
    /// Bytes of a request's line and headers together. 32 KiB, at least 8 KiB.
    pub header_bytes: usize,
    /// Number of headers. 100.
    pub headers: usize,
    /// Bytes of a body: 1 MiB. EC2's largest legal request, 16 KiB of user data in base64 and percent-encoding, is far below.
    pub body_bytes: usize,
    /// Bytes of all bodies that are in memory at once; a request whose body would go beyond is told to retry. 256 MiB.
    pub bodies_bytes: usize,
    /// Number of Query parameters. 20,000.
    pub parameters: usize,
    /// For a request's headers to arrive, and for an idle connection to bring the next request. 30 s.
    #[serde(rename = "header_seconds", deserialize_with = "seconds")]
    pub header_time: Duration,
    /// For a body to arrive once its headers have. 20 s.
    #[serde(rename = "body_seconds", deserialize_with = "seconds")]
    pub body_time: Duration,
    /// For a client to take the next bytes of its answer. 30 s.
    #[serde(rename = "write_seconds", deserialize_with = "seconds")]
    pub write_time: Duration,
    /// For a request to be answered once it is whole. 30 s.
    #[serde(rename = "request_seconds", deserialize_with = "seconds")]
    pub request_time: Duration,
    /// For requests under way to finish when the gateway stops. 10 s.
    #[serde(rename = "drain_seconds", deserialize_with = "seconds")]
    pub drain_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4096,
            connections_per_address: 1024,
            requests: 256,
            header_bytes: 32 << 10,
            headers: 100,
            body_bytes: 1 << 20,
            bodies_bytes: 256 << 20,
            parameters: 20_000,
            header_time: Duration::from_secs(30),
            body_time: Duration::from_secs(20),
            write_time: Duration::from_secs(30),
            request_time: Duration::from_secs(30),
            drain_time: Duration::from_secs(10),
        }
    }
}

/// `[gateway.day_keys]`: how long the scheduler's word on an access key is taken without asking again.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DayKeyCache {
    /// Keys kept at once. 4,096.
    pub capacity: usize,
    /// A key that exists. 60 s. The scheduler says at once when one is disabled; while its word does not come through, none is kept.
    #[serde(rename = "found_seconds", deserialize_with = "seconds")]
    pub found: Duration,
    /// A key that does not exist. 2 s.
    #[serde(rename = "absent_seconds", deserialize_with = "seconds")]
    pub absent: Duration,
}

impl Default for DayKeyCache {
    fn default() -> Self {
        Self { capacity: 4096, found: Duration::from_mins(1), absent: Duration::from_secs(2) }
    }
}

/// The longest time that a limit may give.
const LONGEST: Duration = Duration::from_hours(24);

/// Names that an operator may give: half of what a certificate takes, so that this machine's own addresses have room beside them.
const MOST_NAMES: usize = tls::MOST_NAMES / 2;

fn is_coverable(name: &str) -> bool {
    name.parse::<IpAddr>().is_ok() || tls::is_public_name(name.to_ascii_lowercase().trim_end_matches('.'))
}

/// Why a configuration is not one to serve with.
#[derive(Debug, thiserror::Error)]
pub enum Invalid {
    #[error(
        "gateway.listen = \"{0}\" is not a loopback address, and the gateway was given no certificate: plain HTTP must not leave this host"
    )]
    NotLoopback(SocketAddr),
    #[error("gateway.{0} must be at least {1}")]
    TooSmall(&'static str, usize),
    #[error("gateway.{0} must be at least 1 and at most {longest} (a day)", longest = LONGEST.as_secs())]
    Time(&'static str),
    #[error(
        "gateway.names: no certificate can cover '{0}'. Give names as DNS has them (letters, digits, dashes and dots; no wildcard, no underscore, \
         at most 253 characters), each one by itself, or addresses"
    )]
    Name(String),
    #[error("gateway.names has {0} names, and a certificate covers at most {MOST_NAMES} of them: leave out what no client uses")]
    Names(usize),
    #[error("gateway.region is empty")]
    NoRegion,
}

impl Config {
    /// Whether the API is HTTPS: asked for, or because plain HTTP must not leave this host.
    pub fn is_https(&self) -> bool {
        self.tls || !self.listen.ip().is_loopback()
    }

    /// Checks what types alone can not.
    pub fn validate(&self) -> Result<(), Invalid> {
        if self.region.is_empty() {
            return Err(Invalid::NoRegion);
        }
        if self.names.len() > MOST_NAMES {
            return Err(Invalid::Names(self.names.len()));
        }
        if let Some(name) = self.names.iter().find(|name| !is_coverable(name)) {
            return Err(Invalid::Name(name.clone()));
        }
        let least = [
            ("limits.connections", self.limits.connections, 1),
            ("limits.connections_per_address", self.limits.connections_per_address, 1),
            ("limits.requests", self.limits.requests, 1),
            ("limits.header_bytes", self.limits.header_bytes, 8 << 10),
            ("limits.headers", self.limits.headers, 16),
            ("limits.body_bytes", self.limits.body_bytes, 1),
            ("limits.bodies_bytes", self.limits.bodies_bytes, self.limits.body_bytes),
            ("limits.parameters", self.limits.parameters, 2),
            ("day_keys.capacity", self.day_keys.capacity, 1),
        ];
        if let Some((name, _, least)) = least.into_iter().find(|(_, value, least)| value < least) {
            return Err(Invalid::TooSmall(name, least));
        }
        // No time at all refuses everything, and gRPC can not say a time of centuries.
        let times = [
            ("limits.header_seconds", self.limits.header_time),
            ("limits.body_seconds", self.limits.body_time),
            ("limits.write_seconds", self.limits.write_time),
            ("limits.request_seconds", self.limits.request_time),
        ];
        match times.into_iter().find(|(_, time)| time.is_zero() || *time > LONGEST) {
            Some((name, _)) => Err(Invalid::Time(name)),
            None => Ok(()),
        }
    }
}

fn seconds<'de, D: Deserializer<'de>>(source: D) -> Result<Duration, D::Error> {
    u64::deserialize(source).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_stays_on_loopback() {
        let config = |listen: &str| Config { listen: listen.parse().unwrap(), ..Config::default() };
        assert!(!config("127.0.0.1:0").is_https() && !config("[::1]:8773").is_https());
        assert!(Config { tls: true, ..Config::default() }.is_https());
        for listen in ["0.0.0.0:8773", "192.0.2.1:8773", "[::]:8773"] {
            assert!(config(listen).is_https(), "{listen}");
        }
    }

    #[test]
    fn a_limit_that_would_refuse_everything_is_invalid() {
        let limits = Limits { header_bytes: 100, ..Limits::default() };
        assert!(matches!(Config { limits, ..Config::default() }.validate(), Err(Invalid::TooSmall("limits.header_bytes", 8192))));
    }

    #[test]
    fn a_time_that_would_refuse_everything_or_never_ends_is_invalid() {
        for request_time in [Duration::ZERO, Duration::from_secs(u64::MAX)] {
            let limits = Limits { request_time, ..Limits::default() };
            assert!(matches!(Config { limits, ..Config::default() }.validate(), Err(Invalid::Time("limits.request_seconds"))));
        }
    }

    #[test]
    fn a_name_that_no_certificate_covers_is_refused_with_what_to_do() {
        let said = |names: &[&str]| {
            let names = names.iter().map(|&name| name.to_owned()).collect();
            Config { names, ..Config::default() }.validate().map_err(|invalid| invalid.to_string())
        };
        let long = format!("{}.{}.example.com", "a".repeat(63), "b".repeat(63));
        assert_eq!(said(&["Cloud.Example.org.", "10.0.0.1", "2001:db8:0:0::1", "localhost", &long]), Ok(()));
        for wrong in ["*.example.org", "my_machine", "", "scheduler.freehold.internal", "a b", &"x".repeat(64)] {
            let refused = said(&["api.example.org", wrong]).unwrap_err();
            assert!(refused.contains(&format!("'{wrong}'")) && refused.contains("no wildcard"), "{refused}");
        }
        assert!(said(&vec!["api.example.org"; 65]).unwrap_err().contains("at most 64"));
    }

    #[test]
    fn unknown_settings_are_refused() {
        let read = |text: serde_json::Value| serde_json::from_value::<Config>(text);
        assert_eq!(read(serde_json::json!({"limits": {"body_seconds": 7}})).unwrap().limits.body_time, Duration::from_secs(7));
        assert!(read(serde_json::json!({"limits": {"body_secs": 7}})).is_err());
    }
}
