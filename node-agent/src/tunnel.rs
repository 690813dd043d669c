//! At which address this host takes other hosts' packets for its guests.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use crate::config::{Config, DriverName};

/// Nobody's, by RFC 5737: the way to it is the way to the world.
const ANYWHERE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// As configured; else the one from which a scheduler elsewhere is reached. Asks the kernel's routes, and nobody else: a host that starts
/// again while no name is answered has the same address.
pub fn address(config: &Config, scheduler: &[String]) -> Option<Ipv4Addr> {
    if let Some(configured) = config.network.tunnel_address {
        return (!configured.is_unspecified()).then_some(configured);
    }
    if scheduler.is_empty() || !config.drivers.contains(&DriverName::Qemu) {
        return None;
    }
    let found = leaving_for(named(scheduler).unwrap_or(ANYWHERE));
    if found.is_none() {
        tracing::warn!(
            "there is no way to the scheduler yet, so guests reach those of no other host; set agent.network.tunnel_address, or start the \
             agent again when there is"
        );
    }
    found
}

/// The first that is an address and not a name.
fn named(scheduler: &[String]) -> Option<Ipv4Addr> {
    scheduler.iter().find_map(|text| match text.parse::<SocketAddr>().ok()?.ip() {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    })
}

/// Sends nothing: a datagram socket that is connected has looked up its route.
fn leaving_for(destination: Ipv4Addr) -> Option<Ipv4Addr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((destination, 9)).ok()?;
    match socket.local_addr().ok()?.ip() {
        IpAddr::V4(address) if !address.is_unspecified() && !address.is_loopback() => Some(address),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_by_itself_is_alone_and_what_is_configured_counts() {
        let config = |tunnel_address| {
            let mut config = Config::default();
            config.network.tunnel_address = tunnel_address;
            config
        };
        assert_eq!(address(&config(None), &[]), None);
        let own = Ipv4Addr::new(10, 0, 0, 7);
        assert_eq!(address(&config(Some(own)), &[]), Some(own));
        assert_eq!(address(&config(Some(Ipv4Addr::UNSPECIFIED)), &["10.0.0.1:8774".into()]), None);
        let simulated = Config { drivers: vec![DriverName::Simulated], ..config(None) };
        assert_eq!(address(&simulated, &["10.0.0.1:8774".into()]), None, "its guests have no network");
        assert_eq!(named(&["cloud.example.org:8774".into(), "10.0.0.1:8774".into()]), Some(Ipv4Addr::new(10, 0, 0, 1)));
        assert_eq!(leaving_for(Ipv4Addr::LOCALHOST), None);
    }
}
