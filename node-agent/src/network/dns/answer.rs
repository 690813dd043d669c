//! What the resolver knows by itself: the names of a VPC. A pure function from question and plan to answer.
//!
//! `ip-172-31-0-5.ec2.internal` and its reverse are computed, since every address of the VPC has such a name, on whatever host it is.
//! `i-0123456789abcdef0.ec2.internal` is known of the instances that the VPC's statement names, and is the reverse of those that call
//! themselves so.
//! What the account calls its public addresses is their reverse; of others the world is asked.
//! An instance's public name means its private address here, as on EC2. The rest goes to the host's resolvers; the VPC's own domain
//! never does.

use std::net::Ipv4Addr;

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::{A, PTR, SOA};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use ipnet::IpNet;

use crate::network::plan::{Peering, VpcPlan};

const TTL: u32 = 60;

#[derive(Debug)]
pub enum Answer {
    Ready(Vec<u8>),
    Forward(Message),
    /// Not worth an answer: an answer itself, or no DNS at all.
    NotAQuestion,
}

/// What is known of a name.
#[derive(Debug, PartialEq)]
enum Known {
    Address(Ipv4Addr),
    Name(Name),
    /// Ours, and there is no such name.
    Nothing,
    Foreign,
}

pub fn answer(question: &[u8], vpc: &VpcPlan) -> Answer {
    let Ok(message) = Message::from_vec(question) else { return Answer::NotAQuestion };
    if message.metadata.message_type != MessageType::Query {
        return Answer::NotAQuestion;
    }
    let [query] = message.queries.as_slice() else { return ready(&refusal(&message, ResponseCode::FormErr)) };
    if message.metadata.op_code != OpCode::Query {
        return ready(&refusal(&message, ResponseCode::NotImp));
    }
    let known = known(query.name(), vpc);
    if known == Known::Foreign { Answer::Forward(message) } else { ready(&local(&message, query, known, vpc)) }
}

fn ready(message: &Message) -> Answer {
    message.to_vec().map_or(Answer::NotAQuestion, Answer::Ready)
}

fn refusal(question: &Message, code: ResponseCode) -> Message {
    let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
    answer.metadata.recursion_desired = question.metadata.recursion_desired;
    answer.metadata.recursion_available = true;
    answer.metadata.response_code = code;
    answer.queries.clone_from(&question.queries);
    answer
}

fn local(question: &Message, query: &Query, known: Known, vpc: &VpcPlan) -> Message {
    let mut answer = refusal(question, ResponseCode::NoError);
    answer.metadata.authoritative = true;
    let asked = |kind| matches!(query.query_type(), RecordType::ANY) || query.query_type() == kind;
    match known {
        Known::Address(address) if asked(RecordType::A) => {
            answer.add_answer(Record::from_rdata(query.name().clone(), TTL, RData::A(A(address))));
        }
        Known::Name(name) if asked(RecordType::PTR) => {
            answer.add_answer(Record::from_rdata(query.name().clone(), TTL, RData::PTR(PTR(name))));
        }
        Known::Nothing => answer.metadata.response_code = ResponseCode::NXDomain,
        Known::Address(_) | Known::Name(_) | Known::Foreign => {}
    }
    if answer.answers.is_empty()
        && let Some(authority) = authority(vpc)
    {
        answer.add_authority(authority);
    }
    answer
}

/// Tells for how long "no" holds.
fn authority(vpc: &VpcPlan) -> Option<Record> {
    let domain = Name::from_ascii(format!("{}.", vpc.domain)).ok()?;
    let soa = SOA::new(domain.clone(), domain.clone(), 1, 3600, 900, 86400, TTL);
    Some(Record::from_rdata(domain, TTL, RData::SOA(soa)))
}

fn known(name: &Name, vpc: &VpcPlan) -> Known {
    let text = name.to_ascii().to_ascii_lowercase();
    let text = text.trim_end_matches('.');
    let address = reverse(name);
    if let Some(name) = address.and_then(|address| vpc.reverse_names.get(&address)).and_then(|name| Name::from_ascii(name).ok()) {
        return Known::Name(name);
    }
    if let Some(address) = address.filter(|address| vpc.contains(*address)) {
        let host = vpc.resource_names.hostname_of(address).map_or_else(|| host_name(address), str::to_owned);
        let host = format!("{host}.{}.", vpc.domain);
        return Name::from_ascii(host).map_or(Known::Nothing, Known::Name);
    }
    if let Some(address) = by_public_name(text, vpc).or_else(|| by_peers_public_name(text, vpc)) {
        return Known::Address(address);
    }
    let host = match text.strip_suffix(vpc.domain.as_str()) {
        Some("") if !vpc.domain.is_empty() => return Known::Nothing,
        Some(host) if !vpc.domain.is_empty() && host.ends_with('.') => host.trim_end_matches('.'),
        _ => return Known::Foreign,
    };
    match address_of(host).or_else(|| vpc.resource_names.address_of(host)) {
        Some(address) if vpc.contains(address) => Known::Address(address),
        _ => Known::Nothing,
    }
}

fn reverse(name: &Name) -> Option<Ipv4Addr> {
    match name.parse_arpa_name().ok()? {
        IpNet::V4(net) if net.prefix_len() == 32 => Some(net.addr()),
        _ => None,
    }
}

/// `ec2-198-18-0-5.compute-1.amazonaws.com`, on whatever host of the VPC the address is.
fn by_public_name(text: &str, vpc: &VpcPlan) -> Option<Ipv4Addr> {
    if let Some(public) = public_address_of(text, &vpc.public_domain) {
        let here = vpc.public().find(|(there, _)| *there == public).map(|(_, private)| private);
        return here.or_else(|| vpc.elsewhere.values().find_map(|remote| remote.public.get(&public).copied()));
    }
    // From a scheduler that says no domain.
    let named = |instance: &&std::sync::Arc<freehold_proto::internal::host::InstanceDesired>| {
        instance.metadata.as_ref().is_some_and(|metadata| !text.is_empty() && metadata.public_dns_name == text)
    };
    let instance = vpc.instances.values().find(named)?;
    vpc.interfaces.values().find(|interface| interface.instance_id == instance.instance_id && interface.public.is_some()).map(|i| i.address)
}

/// The same of a peer that has its names answered so.
fn by_peers_public_name(text: &str, vpc: &VpcPlan) -> Option<Ipv4Addr> {
    let private = |peering: &Peering| peering.public.get(&public_address_of(text, &peering.public_domain)?).copied();
    vpc.peerings.values().find_map(private)
}

fn public_address_of(text: &str, domain: &str) -> Option<Ipv4Addr> {
    let host = text.strip_suffix(domain).filter(|_| !domain.is_empty())?;
    address_after("ec2-", host.strip_suffix('.')?)
}

fn host_name(address: Ipv4Addr) -> String {
    let [a, b, c, d] = address.octets();
    format!("ip-{a}-{b}-{c}-{d}")
}

fn address_of(host: &str) -> Option<Ipv4Addr> {
    address_after("ip-", host)
}

/// Only the one spelling: no leading zeros.
fn address_after(prefix: &str, host: &str) -> Option<Ipv4Addr> {
    let numbers = host.strip_prefix(prefix)?;
    let address: Ipv4Addr = numbers.replace('-', ".").parse().ok()?;
    (address.to_string().replace('.', "-") == numbers).then_some(address)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use freehold_proto::internal::host::{ResourceName, VpcDesired};
    use proptest::prelude::*;

    use super::*;
    use crate::network::plan::ResourceNames;

    fn vpc() -> VpcPlan {
        VpcPlan {
            vpc_id: "vpc-1".into(),
            host_id: "host-1".into(),
            namespace: String::new(),
            uplink: String::new(),
            blocks: vec!["172.31.0.0/16".parse().unwrap()],
            resolves: true,
            route_tables: BTreeMap::new(),
            acls: BTreeMap::new(),
            domain: "ec2.internal".into(),
            public_domain: "compute-1.amazonaws.com".into(),
            resolver: Ipv4Addr::new(172, 31, 0, 2),
            dhcp: crate::network::plan::DhcpOptions::default(),
            resource_names: ResourceNames::default(),
            reverse_names: [(Ipv4Addr::new(198, 18, 0, 6), "mail.example.com.".to_owned())].into(),
            gateways: BTreeSet::new(),
            interfaces: BTreeMap::new(),
            groups: BTreeMap::new(),
            elsewhere: BTreeMap::new(),
            vni: 0,
            routers: BTreeMap::new(),
            peerings: BTreeMap::new(),
            instances: BTreeMap::new(),
            ruleset: std::sync::Arc::default(),
        }
    }

    /// With one instance that calls itself by its id, and one that merely is known by it.
    fn named() -> VpcPlan {
        let name =
            |id: &str, address: &str, is_hostname| ResourceName { instance_id: id.into(), private_ip_address: address.into(), is_hostname };
        let resource_names = vec![name("i-0a", "172.31.4.5", true), name("i-0b", "172.31.4.6", false), name("i-0c", "10.0.0.1", true)];
        VpcPlan { resource_names: ResourceNames::new(&VpcDesired { resource_names, ..VpcDesired::default() }), ..vpc() }
    }

    fn question(name: &str, kind: RecordType) -> Vec<u8> {
        let mut message = Message::new(9, MessageType::Query, OpCode::Query);
        message.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
        message.to_vec().unwrap()
    }

    fn ask(name: &str, kind: RecordType) -> Option<Message> {
        ask_of(&vpc(), name, kind)
    }

    fn ask_of(vpc: &VpcPlan, name: &str, kind: RecordType) -> Option<Message> {
        match answer(&question(name, kind), vpc) {
            Answer::Ready(bytes) => Some(Message::from_vec(&bytes).unwrap()),
            Answer::Forward(_) => None,
            Answer::NotAQuestion => panic!("it is a question"),
        }
    }

    fn data(message: &Message) -> Vec<String> {
        message.answers.iter().map(|record| record.data.to_string()).collect()
    }

    #[test]
    fn a_private_name_means_its_address_whatever_its_case() {
        for name in ["ip-172-31-4-5.ec2.internal.", "IP-172-31-4-5.EC2.internal."] {
            let answer = ask(name, RecordType::A).unwrap();
            assert_eq!((data(&answer), answer.metadata.id), (vec!["172.31.4.5".to_owned()], 9));
            assert!(answer.metadata.authoritative);
        }
    }

    #[test]
    fn the_reverse_of_an_address_is_its_name() {
        let answer = ask("5.4.31.172.in-addr.arpa.", RecordType::PTR).unwrap();
        assert_eq!(data(&answer), ["ip-172-31-4-5.ec2.internal."]);
    }

    #[test]
    fn a_public_address_that_the_account_names_is_called_so() {
        let answer = ask("6.0.18.198.in-addr.arpa.", RecordType::PTR).unwrap();
        assert_eq!((data(&answer), answer.metadata.response_code), (vec!["mail.example.com.".to_owned()], ResponseCode::NoError));
        assert_eq!(data(&ask("6.0.18.198.in-addr.arpa.", RecordType::A).unwrap()), Vec::<String>::new());
        assert!(ask("7.0.18.198.in-addr.arpa.", RecordType::PTR).is_none(), "the world is asked");
        assert!(ask("mail.example.com.", RecordType::A).is_none(), "its forward record is the world's, too");
    }

    #[test]
    fn an_instance_s_own_name_is_answered_for_where_the_vpc_names_it() {
        let vpc = named();
        let said = |name: &str, kind| data(&ask_of(&vpc, name, kind).unwrap());
        assert_eq!(said("i-0a.ec2.internal.", RecordType::A), ["172.31.4.5"]);
        assert_eq!(said("I-0B.ec2.internal.", RecordType::A), ["172.31.4.6"]);
        assert_eq!(said("ip-172-31-4-5.ec2.internal.", RecordType::A), ["172.31.4.5"], "the older name goes on");
        assert_eq!(said("5.4.31.172.in-addr.arpa.", RecordType::PTR), ["i-0a.ec2.internal."]);
        assert_eq!(said("6.4.31.172.in-addr.arpa.", RecordType::PTR), ["ip-172-31-4-6.ec2.internal."]);
        assert_eq!(said("i-0a.ec2.internal.", RecordType::AAAA), Vec::<String>::new());
        for name in ["i-0c.ec2.internal.", "i-0d.ec2.internal."] {
            assert_eq!(ask_of(&vpc, name, RecordType::A).unwrap().metadata.response_code, ResponseCode::NXDomain, "{name}");
        }
    }

    #[test]
    fn a_public_name_means_the_private_address_on_whatever_host_it_is() {
        use crate::network::plan::Remote;
        let [public, private] = [Ipv4Addr::new(198, 18, 0, 6), Ipv4Addr::new(172, 31, 0, 6)];
        let remote = Remote {
            host: Ipv4Addr::new(10, 209, 0, 2),
            addresses: vec![private],
            subnet: "172.31.0.0/20".parse().unwrap(),
            groups: Vec::new(),
            source_dest_check: true,
            public: [(public, private)].into(),
        };
        let vpc = VpcPlan { elsewhere: [("eni-1".to_owned(), remote)].into(), ..vpc() };
        let said = |vpc: &VpcPlan, name: &str| ask_of(vpc, name, RecordType::A).map(|answer| data(&answer));
        for name in ["ec2-198-18-0-6.compute-1.amazonaws.com.", "EC2-198-18-0-6.Compute-1.amazonaws.com."] {
            assert_eq!(said(&vpc, name), Some(vec!["172.31.0.6".to_owned()]), "{name}");
        }
        for name in ["ec2-198-18-0-7.compute-1.amazonaws.com.", "ec2-198-18-00-6.compute-1.amazonaws.com.", "ec2-198-18-0-6.compute-1.org."]
        {
            assert_eq!(said(&vpc, name), None, "{name}: the world is asked");
        }
        // The same interface, of a peer.
        let peering = Peering { public_domain: "compute-1.amazonaws.com".into(), public: [(public, private)].into(), ..Peering::default() };
        let peer = |peering: Peering| VpcPlan { elsewhere: BTreeMap::new(), peerings: [("pcx-1".into(), peering)].into(), ..vpc.clone() };
        assert_eq!(said(&peer(peering.clone()), "ec2-198-18-0-6.compute-1.amazonaws.com."), Some(vec!["172.31.0.6".to_owned()]));
        assert_eq!(said(&peer(peering.clone()), "ec2-198-18-0-7.compute-1.amazonaws.com."), None, "the world is asked");
        let silent = Peering { public: BTreeMap::new(), ..peering };
        assert_eq!(said(&peer(silent), "ec2-198-18-0-6.compute-1.amazonaws.com."), None, "the peer does not want it");
        let nameless = VpcPlan { public_domain: String::new(), ..vpc };
        assert_eq!(said(&nameless, "ec2-198-18-0-6.compute-1.amazonaws.com."), None, "the VPC gives no names");
    }

    #[test]
    fn what_is_not_of_the_vpc_does_not_exist_in_its_domain() {
        for name in ["ip-10-0-0-1.ec2.internal.", "www.ec2.internal.", "ec2.internal.", "ip-172-31-04-5.ec2.internal."] {
            let answer = ask(name, RecordType::A).unwrap();
            assert_eq!(answer.metadata.response_code, ResponseCode::NXDomain, "{name}");
            assert_eq!(answer.authorities.len(), 1);
        }
    }

    #[test]
    fn a_private_name_has_no_other_kind_of_record() {
        let answer = ask("ip-172-31-4-5.ec2.internal.", RecordType::AAAA).unwrap();
        assert_eq!((answer.metadata.response_code, answer.answers.len(), answer.authorities.len()), (ResponseCode::NoError, 0, 1));
    }

    #[test]
    fn the_rest_of_the_world_is_asked_elsewhere() {
        for name in ["example.org.", "notec2.internal.", "1.0.0.10.in-addr.arpa.", "172.in-addr.arpa."] {
            assert!(ask(name, RecordType::A).is_none(), "{name}");
        }
    }

    #[test]
    fn what_is_no_question_gets_no_answer_and_odd_ones_a_refusal() {
        assert!(matches!(answer(b"nonsense", &vpc()), Answer::NotAQuestion));
        let mut message = Message::new(9, MessageType::Query, OpCode::Update);
        message.add_query(Query::query(Name::from_ascii("a.").unwrap(), RecordType::A));
        let Answer::Ready(bytes) = answer(&message.to_vec().unwrap(), &vpc()) else { panic!("refused") };
        assert_eq!(Message::from_vec(&bytes).unwrap().metadata.response_code, ResponseCode::NotImp);
        let response = Message::response(9, OpCode::Query);
        assert!(matches!(answer(&response.to_vec().unwrap(), &vpc()), Answer::NotAQuestion), "else two resolvers would talk for ever");
    }

    proptest! {
        #[test]
        fn no_packet_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            drop(answer(&bytes, &vpc()));
        }
    }
}
