//! What a DHCP request is answered with: a pure function (RFC 2131, the side of the server).
//!
//! ```text
//!  DISCOVER                                  OFFER
//!  REQUEST naming another server             nothing: the client chose that one
//!  REQUEST for the tap's address             ACK      (selecting, after a reboot, renewing, rebinding)
//!  REQUEST for any other address             NAK
//!  INFORM                                    ACK without an address
//!  DECLINE, RELEASE, anything else           nothing
//! ```

use std::net::Ipv4Addr;

use dhcproto::v4::{DhcpOption, HType, Message, MessageType, Opcode, OptionCode};
use dhcproto::{Decodable, Decoder};

use crate::network::plan::{DhcpOptions, Interface};

/// Below this a client would ask without a pause.
const SHORTEST_LEASE: u32 = 4;

/// The fixed part of a message, with the cookie before its options.
const HEAD: usize = 240;
const PAD: u8 = 0;
const END: u8 = 255;
/// Requested address, message type, server identifier, client identifier.
const RELEVANT: [u8; 4] = [50, 53, 54, 61];

/// What there is to give to one interface.
pub struct Lease<'a> {
    pub interface: &'a Interface,
    pub options: &'a DhcpOptions,
    pub mtu: u32,
    /// The address is the interface's for good; the client merely asks again now and then.
    pub seconds: u32,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    pub message: Message,
    pub source: Ipv4Addr,
    pub to: Ipv4Addr,
}

pub fn reply(request: &Message, lease: &Lease<'_>) -> Option<Reply> {
    let ours = request.opcode() == Opcode::BootRequest
        && request.htype() == HType::Eth
        && request.hlen() == 6
        && request.chaddr() == lease.interface.mac.0
        && request.giaddr().is_unspecified();
    if !ours {
        return None;
    }
    match request.opts().msg_type()? {
        MessageType::Discover => Some(granted(request, lease, MessageType::Offer)),
        MessageType::Request => requested(request, lease),
        MessageType::Inform => Some(informed(request, lease)),
        _ => None,
    }
}

/// The request in a packet. dhcproto panics on some options of the wrong length, and a guest chooses what it sends: so it gets to see
/// those that matter here, and no other.
pub fn decode(packet: &[u8]) -> Option<Message> {
    let (head, mut options) = packet.split_at_checked(HEAD)?;
    if head.get(2).is_none_or(|length| *length > 16) {
        return None;
    }
    let mut kept = head.to_vec();
    while let [code, rest @ ..] = options {
        options = rest;
        match *code {
            PAD => continue,
            END => break,
            _ => {}
        }
        let (length, rest) = options.split_first()?;
        let (value, rest) = rest.split_at_checked(usize::from(*length))?;
        options = rest;
        if RELEVANT.contains(code) {
            kept.extend([*code, *length]);
            kept.extend(value);
        }
    }
    kept.push(END);
    Message::decode(&mut Decoder::new(&kept)).ok()
}

fn requested(request: &Message, lease: &Lease<'_>) -> Option<Reply> {
    let server = match request.opts().get(OptionCode::ServerIdentifier) {
        Some(DhcpOption::ServerIdentifier(server)) => Some(*server),
        _ => None,
    };
    if server.is_some_and(|server| server != lease.interface.gateway) {
        return None;
    }
    let asked = match request.opts().get(OptionCode::RequestedIpAddress) {
        Some(DhcpOption::RequestedIpAddress(address)) => *address,
        _ => request.ciaddr(),
    };
    Some(if asked == lease.interface.address { granted(request, lease, MessageType::Ack) } else { refused(request, lease) })
}

fn granted(request: &Message, lease: &Lease<'_>, kind: MessageType) -> Reply {
    let address = lease.interface.address;
    let mut message = empty(request, lease, kind);
    message.set_yiaddr(address).set_ciaddr(request.ciaddr());
    options(&mut message, lease);
    let seconds = lease.seconds.max(SHORTEST_LEASE);
    let times =
        [DhcpOption::AddressLeaseTime(seconds), DhcpOption::Renewal(seconds / 2), DhcpOption::Rebinding(seconds - seconds.div_ceil(8))];
    for time in times {
        message.opts_mut().insert(time);
    }
    let to = match request.ciaddr() {
        Ipv4Addr::UNSPECIFIED if request.flags().broadcast() => Ipv4Addr::BROADCAST,
        Ipv4Addr::UNSPECIFIED => address,
        client => client,
    };
    Reply { message, source: lease.interface.gateway, to }
}

fn informed(request: &Message, lease: &Lease<'_>) -> Reply {
    let mut message = empty(request, lease, MessageType::Ack);
    message.set_ciaddr(request.ciaddr());
    options(&mut message, lease);
    Reply { message, source: lease.interface.gateway, to: lease.interface.address }
}

/// Always broadcast: the client has no business with the address it asked for.
fn refused(request: &Message, lease: &Lease<'_>) -> Reply {
    let message = empty(request, lease, MessageType::Nak);
    Reply { message, source: lease.interface.gateway, to: Ipv4Addr::BROADCAST }
}

fn empty(request: &Message, lease: &Lease<'_>, kind: MessageType) -> Message {
    let none = Ipv4Addr::UNSPECIFIED;
    let mut message = Message::new_with_id(request.xid(), none, none, none, none, &lease.interface.mac.0);
    message.set_opcode(Opcode::BootReply).set_flags(request.flags());
    message.opts_mut().insert(DhcpOption::MessageType(kind));
    message.opts_mut().insert(DhcpOption::ServerIdentifier(lease.interface.gateway));
    // A client that names itself is named in the answer (RFC 6842).
    if let Some(client) = request.opts().get(OptionCode::ClientIdentifier) {
        message.opts_mut().insert(client.clone());
    }
    message
}

fn options(message: &mut Message, lease: &Lease<'_>) {
    let interface = lease.interface;
    let options = message.opts_mut();
    options.insert(DhcpOption::SubnetMask(interface.subnet.netmask()));
    options.insert(DhcpOption::BroadcastAddr(interface.subnet.broadcast()));
    options.insert(DhcpOption::Router(vec![interface.gateway]));
    options.insert(DhcpOption::InterfaceMtu(u16::try_from(lease.mtu).unwrap_or(u16::MAX)));
    let DhcpOptions { domain_name_servers, domain_name, ntp_servers, netbios_name_servers, netbios_node_type } = lease.options;
    if !domain_name.is_empty() {
        options.insert(DhcpOption::DomainName(domain_name.clone()));
    }
    // An option without a value is no option.
    let lists = [
        (domain_name_servers, DhcpOption::DomainNameServer as fn(Vec<Ipv4Addr>) -> DhcpOption),
        (ntp_servers, DhcpOption::NtpServers),
        (netbios_name_servers, DhcpOption::NetBiosNameServers),
    ];
    for (addresses, option) in lists.into_iter().filter(|(addresses, _)| !addresses.is_empty()) {
        options.insert(option(addresses.clone()));
    }
    if let Some(kind) = netbios_node_type {
        options.insert(DhcpOption::NetBiosNodeType((*kind).into()));
    }
    if !interface.hostname.is_empty() {
        options.insert(DhcpOption::Hostname(interface.hostname.clone()));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use dhcproto::Encodable;
    use dhcproto::v4::Flags;
    use proptest::prelude::*;

    use super::*;
    use crate::network::plan::Mac;

    const MINE: Ipv4Addr = Ipv4Addr::new(172, 31, 0, 5);
    const GATEWAY: Ipv4Addr = Ipv4Addr::new(172, 31, 0, 1);
    const MAC: [u8; 6] = [10, 0, 0, 0, 0, 5];

    fn interface() -> Interface {
        Interface {
            network_interface_id: "eni-5".into(),
            instance_id: "i-5".into(),
            tap: "tap5".into(),
            mac: Mac(MAC),
            address: MINE,
            secondary: BTreeSet::new(),
            draining: BTreeSet::new(),
            public: None,
            other_public: std::collections::BTreeMap::new(),
            subnet: "172.31.0.0/20".parse().unwrap(),
            gateway: GATEWAY,
            route_table: String::new(),
            acl: String::new(),
            groups: vec![],
            source_dest_check: true,
            translates: false,
            hostname: "ip-172-31-0-5".into(),
        }
    }

    fn ask(request: &Message) -> Option<Reply> {
        let options = DhcpOptions {
            domain_name_servers: vec![Ipv4Addr::new(172, 31, 0, 2)],
            domain_name: "ec2.internal".into(),
            ..DhcpOptions::default()
        };
        ask_with(request, &options)
    }

    fn ask_with(request: &Message, options: &DhcpOptions) -> Option<Reply> {
        reply(request, &Lease { interface: &interface(), options, mtu: 1500, seconds: 3600 })
    }

    fn request(kind: MessageType, options: &[DhcpOption]) -> Message {
        let none = Ipv4Addr::UNSPECIFIED;
        let mut request = Message::new_with_id(7, none, none, none, none, &MAC);
        request.opts_mut().insert(DhcpOption::MessageType(kind));
        for option in options {
            request.opts_mut().insert(option.clone());
        }
        request
    }

    fn kind(reply: Option<&Reply>) -> Option<MessageType> {
        reply.and_then(|reply| reply.message.opts().msg_type())
    }

    #[test]
    fn a_discover_is_offered_the_interfaces_address_and_all_options() {
        let reply = ask(&request(MessageType::Discover, &[])).unwrap();
        assert_eq!((reply.to, reply.source, reply.message.yiaddr(), reply.message.xid()), (MINE, GATEWAY, MINE, 7));
        let options: Vec<DhcpOption> = reply.message.opts().iter().map(|(_, option)| option.clone()).collect();
        for expected in [
            DhcpOption::MessageType(MessageType::Offer),
            DhcpOption::ServerIdentifier(GATEWAY),
            DhcpOption::SubnetMask(Ipv4Addr::new(255, 255, 240, 0)),
            DhcpOption::BroadcastAddr(Ipv4Addr::new(172, 31, 15, 255)),
            DhcpOption::Router(vec![GATEWAY]),
            DhcpOption::DomainNameServer(vec![Ipv4Addr::new(172, 31, 0, 2)]),
            DhcpOption::DomainName("ec2.internal".into()),
            DhcpOption::Hostname("ip-172-31-0-5".into()),
            DhcpOption::InterfaceMtu(1500),
            DhcpOption::AddressLeaseTime(3600),
            DhcpOption::Renewal(1800),
            DhcpOption::Rebinding(3150),
        ] {
            assert!(options.contains(&expected), "{expected:?}");
        }
        assert_eq!(options.len(), 12, "and nothing else: {options:?}");
    }

    #[test]
    fn a_set_of_options_says_what_is_told_and_an_empty_one_nothing() {
        let servers = vec![Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(172, 31, 0, 2)];
        let options = DhcpOptions {
            domain_name_servers: servers.clone(),
            domain_name: "a.example b.example".into(),
            ntp_servers: servers[..1].to_vec(),
            netbios_name_servers: servers[1..].to_vec(),
            netbios_node_type: Some(2),
        };
        let told = |options: &DhcpOptions| -> Vec<DhcpOption> {
            let reply = ask_with(&request(MessageType::Discover, &[]), options).unwrap();
            reply.message.opts().iter().map(|(_, option)| option.clone()).collect()
        };
        let all = told(&options);
        for expected in [
            DhcpOption::DomainNameServer(servers.clone()),
            DhcpOption::DomainName("a.example b.example".into()),
            DhcpOption::NtpServers(servers[..1].to_vec()),
            DhcpOption::NetBiosNameServers(servers[1..].to_vec()),
            DhcpOption::NetBiosNodeType(2.into()),
        ] {
            assert!(all.contains(&expected), "{expected:?}");
        }
        assert_eq!(told(&DhcpOptions::default()).len(), all.len() - 5, "nothing but the address and what goes with it");
    }

    #[test]
    fn a_request_is_granted_for_the_right_address_only() {
        let wrong = Ipv4Addr::new(172, 31, 0, 6);
        let naming = |server| DhcpOption::ServerIdentifier(server);
        let wanting = |address| DhcpOption::RequestedIpAddress(address);
        let table = [
            (vec![naming(GATEWAY), wanting(MINE)], Some(MessageType::Ack)),
            (vec![naming(GATEWAY), wanting(wrong)], Some(MessageType::Nak)),
            (vec![naming(wrong), wanting(MINE)], None),
            (vec![wanting(MINE)], Some(MessageType::Ack)),
            (vec![wanting(wrong)], Some(MessageType::Nak)),
            (vec![], Some(MessageType::Nak)),
        ];
        for (options, expected) in table {
            assert_eq!(kind(ask(&request(MessageType::Request, &options)).as_ref()), expected, "{options:?}");
        }
    }

    #[test]
    fn a_renewal_is_answered_to_the_client_itself() {
        let mut renewal = request(MessageType::Request, &[]);
        renewal.set_ciaddr(MINE);
        let reply = ask(&renewal).unwrap();
        assert_eq!((kind(Some(&reply)), reply.to), (Some(MessageType::Ack), MINE));
        renewal.set_ciaddr(Ipv4Addr::new(172, 31, 0, 6));
        let reply = ask(&renewal).unwrap();
        assert_eq!((kind(Some(&reply)), reply.to), (Some(MessageType::Nak), Ipv4Addr::BROADCAST));
    }

    #[test]
    fn a_client_that_cannot_take_unicast_gets_a_broadcast() {
        let mut discover = request(MessageType::Discover, &[]);
        discover.set_flags(Flags::default().set_broadcast());
        assert_eq!(ask(&discover).unwrap().to, Ipv4Addr::BROADCAST);
    }

    #[test]
    fn an_inform_is_told_everything_but_an_address() {
        let mut inform = request(MessageType::Inform, &[]);
        inform.set_ciaddr(MINE);
        let reply = ask(&inform).unwrap();
        assert_eq!((kind(Some(&reply)), reply.message.yiaddr()), (Some(MessageType::Ack), Ipv4Addr::UNSPECIFIED));
        assert!(!reply.message.opts().contains(OptionCode::AddressLeaseTime));
        assert!(reply.message.opts().contains(OptionCode::Router));
    }

    #[test]
    fn nobody_else_is_answered() {
        assert_eq!(ask(&request(MessageType::Decline, &[])), None);
        assert_eq!(ask(&request(MessageType::Release, &[])), None);
        assert_eq!(ask(&request(MessageType::Offer, &[])), None, "a guest that plays server");
        let mut foreign = request(MessageType::Discover, &[]);
        foreign.set_chaddr(&[10, 0, 0, 0, 0, 6]);
        assert_eq!(ask(&foreign), None, "another's hardware address");
        let mut relayed = request(MessageType::Discover, &[]);
        relayed.set_giaddr(MINE);
        assert_eq!(ask(&relayed), None, "a guest that plays relay");
        let mut answer = request(MessageType::Discover, &[]);
        answer.set_opcode(Opcode::BootReply);
        assert_eq!(ask(&answer), None);
    }

    #[test]
    fn a_request_is_decoded_with_all_that_matters_of_it() {
        let options = [
            DhcpOption::ServerIdentifier(GATEWAY),
            DhcpOption::RequestedIpAddress(MINE),
            DhcpOption::ClientIdentifier(vec![1, 2]),
            DhcpOption::Hostname("guest".into()),
        ];
        let mut sent = request(MessageType::Request, &options);
        let decoded = decode(&sent.to_vec().unwrap()).unwrap();
        sent.opts_mut().remove(OptionCode::Hostname);
        assert_eq!(decoded, sent);
    }

    proptest! {
        #[test]
        fn no_packet_makes_it_panic(
            head in prop::collection::vec(any::<u8>(), 236..=236),
            options in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            let mut packet = head;
            packet.extend([99, 130, 83, 99]);
            packet.extend(options);
            if let Some(request) = decode(&packet) {
                drop(ask(&request));
            }
        }
    }
}
