//! What a host may say of itself. It is shown to operators, and operators act on it: a host that was taken over must not be able to pass for
//! another one there, nor to write on their terminals.

use std::net::Ipv4Addr;

use freehold_proto::id::HostId;
use freehold_proto::internal::host::Hello;
use tonic::Status;

/// Bytes of a name: what DNS allows.
const LONGEST_NAME: usize = 255;

/// Bytes of a word: a driver, a version, a zone.
const LONGEST_WORD: usize = 64;

/// Ways to run guests on one host.
const MOST_DRIVERS: usize = 16;

/// Instance types, or patterns of such, that one host says it offers.
const MOST_OFFERS: usize = 256;

/// Refuses a Hello that no agent sends.
pub fn check(hello: &Hello) -> Result<(), Status> {
    if HostId::parse(&hello.host_id).is_err() {
        return refuse("the host id is malformed");
    }
    if !is_plain(&hello.hostname, LONGEST_NAME) {
        return refuse("the host's name is longer than 255 bytes or has control characters in it");
    }
    if HostId::parse(&hello.hostname).is_ok() {
        return refuse(
            "the host's name has the form of a host's id, which would be taken for another host; give it another with agent.hostname",
        );
    }
    if hello.drivers.len() > MOST_DRIVERS {
        return refuse("the host names too many drivers");
    }
    if hello.instance_types.len() > MOST_OFFERS || hello.instance_types.iter().any(|word| !is_plain(word, LONGEST_WORD)) {
        return refuse(
            "the host names more than 256 instance types, or one that is longer than 64 bytes or has control characters in it; \
             shorten agent.instance_types",
        );
    }
    if !hello.tunnel_address.is_empty() && !is_unicast(&hello.tunnel_address) {
        return refuse("the host's tunnel address is not an IPv4 address that other hosts can send to; see agent.network.tunnel_address");
    }
    let drivers = hello.drivers.iter().flat_map(|driver| [&driver.name, &driver.accelerator, &driver.architecture]);
    if drivers.chain([&hello.version, &hello.availability_zone]).any(|word| !is_plain(word, LONGEST_WORD)) {
        return refuse("a driver, the version or the zone of the host is longer than 64 bytes or has control characters in it");
    }
    Ok(())
}

fn is_plain(text: &str, longest: usize) -> bool {
    text.len() <= longest && !text.chars().any(char::is_control)
}

/// One address in its one spelling.
fn is_unicast(text: &str) -> bool {
    text.parse::<Ipv4Addr>().is_ok_and(|address| {
        let nobody = address.is_unspecified() || address.is_loopback() || address.is_multicast() || address.octets()[0] >= 240;
        !nobody && address.to_string() == text
    })
}

fn refuse(why: &str) -> Result<(), Status> {
    Err(Status::invalid_argument(why))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::hello;

    const ID: &str = "host-0123456789abcdef0";

    #[test]
    fn what_would_pass_for_another_host_or_write_on_a_terminal_is_refused() {
        assert!(check(&hello(ID)).is_ok());
        assert!(check(&Hello { hostname: "hôte-1.example".into(), ..hello(ID) }).is_ok());
        let named = |hostname: &str| check(&Hello { hostname: hostname.into(), ..hello(ID) }).is_err();
        assert!(named("host-0123456789abcdef1") && named("host-01234567"), "another host's id");
        assert!(named("\u{1b}[2J") && named("a\nb") && named("a\u{9b}1m"), "control characters");
        assert!(named(&"x".repeat(256)));
        assert!(check(&Hello { version: "v\r".into(), ..hello(ID) }).is_err());
        let mut driver = hello(ID).drivers.remove(0);
        assert!(check(&Hello { drivers: vec![driver.clone(); 17], ..hello(ID) }).is_err());
        driver.accelerator = "x".repeat(65);
        assert!(check(&Hello { drivers: vec![driver], ..hello(ID) }).is_err());
        assert!(check(&hello("pizza")).is_err());
        let tunnel = |address: &str| check(&Hello { tunnel_address: address.into(), ..hello(ID) });
        assert!(tunnel("10.0.0.1").is_ok());
        assert!(
            ["0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255", "fe80::1", "10.0.0.1\n"].into_iter().all(|it| tunnel(it).is_err())
        );
        let offering = |types: Vec<String>| check(&Hello { instance_types: types, ..hello(ID) });
        assert!(offering(vec!["m5.*".into()]).is_ok());
        assert!(offering(vec!["m5.\n".into()]).is_err() && offering(vec!["m5.*".into(); 257]).is_err());
    }
}
