//! What guests of a VPC are told together with their address.

use std::net::Ipv4Addr;

use freehold_proto::internal::host::{DhcpOptionsDesired, VpcDesired};

use super::Fault;

/// As EC2's option sets name the VPC's own resolver.
const OWN_RESOLVER: &str = "AmazonProvidedDNS";

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DhcpOptions {
    pub domain_name_servers: Vec<Ipv4Addr>,
    /// Empty: none.
    pub domain_name: String,
    pub ntp_servers: Vec<Ipv4Addr>,
    pub netbios_name_servers: Vec<Ipv4Addr>,
    pub netbios_node_type: Option<u8>,
}

impl DhcpOptions {
    /// What is no address is left out, and named.
    pub fn new(vpc: &VpcDesired, resolver: Ipv4Addr, faults: &mut Vec<Fault>) -> Self {
        let Some(stated) = &vpc.dhcp_options else {
            return Self { domain_name_servers: vec![resolver], domain_name: vpc.domain_name.clone(), ..Self::default() };
        };
        let DhcpOptionsDesired { domain_name_servers, domain_name, ntp_servers, netbios_name_servers, netbios_node_type } = stated;
        let mut addresses = |texts: &[String]| -> Vec<Ipv4Addr> {
            let address = |text: &String| if text == OWN_RESOLVER { Ok(resolver) } else { text.parse().map_err(|_| text.clone()) };
            let (good, bad): (Vec<_>, Vec<_>) = texts.iter().map(address).partition(Result::is_ok);
            let reason = |text: String| format!("its DHCP options name {text:?}, which is not an IPv4 address");
            faults.extend(bad.into_iter().filter_map(Result::err).map(|text| Fault { subject: vpc.vpc_id.clone(), reason: reason(text) }));
            good.into_iter().flatten().collect()
        };
        Self {
            domain_name_servers: addresses(domain_name_servers),
            domain_name: domain_name.clone(),
            ntp_servers: addresses(ntp_servers),
            netbios_name_servers: addresses(netbios_name_servers),
            netbios_node_type: u8::try_from(*netbios_node_type).ok().filter(|kind| matches!(kind, 1 | 2 | 4 | 8)),
        }
    }
}
