//! Guests of peered VPCs.

mod across;
mod bypass;
mod names;
mod trace;

use std::sync::Arc;

use freehold_node_agent::network::Config;
use freehold_proto::internal::host::route_desired::Target;
use freehold_proto::internal::host::{PeeringDesired, RuleDesired, VpcDesired};

use crate::across::{Capture, Conversation};
use crate::lab::{Guest, Lab, Listener, World, all_egress, from_group, gateway, ingress, machine, outside, reach, rule, run};

const ALL: &str = "0.0.0.0/0";

pub fn open() -> Vec<RuleDesired> {
    vec![ingress("-1", -1, -1), all_egress()]
}

/// The connection of two VPCs.
pub fn pcx(a: u8, b: u8) -> String {
    format!("pcx-{:015}{}{}", 0, a.min(b), a.max(b))
}

pub fn over(a: u8, b: u8) -> Target {
    Target::VpcPeeringConnectionId(pcx(a, b))
}

impl World {
    fn change(mut self, n: u8, change: impl FnOnce(&mut VpcDesired)) -> Self {
        change(Arc::make_mut(self.0.vpcs.get_mut(&format!("vpc-{n}")).unwrap()));
        self
    }

    /// `vpc-N` with 10.N.0.0/16: subnets a from 10.N.0.0 and b from 10.N.16.0 on, without any route.
    pub fn numbered(self, n: u8) -> Self {
        self.vpc(&format!("vpc-{n}")).change(n, |vpc| {
            vpc.cidr_block = format!("10.{n}.0.0/16");
            for (subnet, third) in vpc.subnets.iter_mut().zip(["0", "16"]) {
                subnet.cidr_block = format!("10.{n}.{third}.0/20");
            }
            vpc.route_tables.iter_mut().for_each(|table| table.routes.clear());
        })
    }

    /// Both say it.
    pub fn peered(self, a: u8, b: u8) -> Self {
        self.speaks(a, b).speaks(b, a)
    }

    fn speaks(self, a: u8, b: u8) -> Self {
        let peering = PeeringDesired { vpc_peering_connection_id: pcx(a, b), peer_vpc_id: format!("vpc-{b}"), answers_public_names: true };
        self.change(a, |vpc| vpc.peerings.push(peering))
    }

    /// Routes of subnet a of each to the other.
    pub fn routed(self, a: u8, b: u8) -> Self {
        self.leads(a, b).leads(b, a)
    }

    pub fn leads(self, a: u8, b: u8) -> Self {
        self.routes(&format!("vpc-{a}"), "rtb-a", &[(&format!("10.{b}.0.0/16"), Some(over(a, b)))])
    }

    pub fn guests(self, guests: &[&Guest]) -> Self {
        guests.iter().fold(self, |world, guest| world.guest(guest))
    }
}

/// In subnet a of `vpc-N`.
pub fn guest(number: u8, n: u8, groups: &[&str]) -> Guest {
    Guest::new(number, &format!("vpc-{n}"), groups).at("subnet-a", &format!("10.{n}.0.{number}"))
}

pub fn plug(guests: &[&Guest]) {
    for guest in guests {
        let name = guest.plug().name();
        let octets: Vec<&str> = guest.address.split('.').collect();
        let near = format!("{}.{}.{}.1", octets[0], octets[1], octets[2]);
        run(&format!("ip -n {name} addr add {}/20 dev eth0; ip -n {name} route add default via {near}", guest.address));
    }
}

/// As [`reach`], and once more: a link that was just made passes nothing until the kernel has seen to it.
fn reached(from: &Guest, address: &str, port: u16) -> Option<String> {
    (0..3).find_map(|_| reach(from, address, port))
}

fn pings(from: &Guest, address: &str) -> bool {
    from.succeeds(&format!("busybox ping -c1 -W1 {address}"))
}

#[test]
fn peers_reach_each_other_where_routes_of_both_lead() {
    machine("peers_reach_each_other_where_routes_of_both_lead", || async {
        let a = guest(5, 1, &["sg-open"]);
        let unrouted = guest(6, 1, &["sg-open"]).at("subnet-b", "10.1.16.6");
        let b = guest(7, 2, &["sg-open"]).also("10.2.0.77");
        // The addresses of a, in a VPC that is nobody's peer.
        let twin = Guest::new(8, "vpc-3", &["sg-open"]).at("subnet-a", "10.1.0.5");
        let guests = [&a, &unrouted, &b, &twin];
        plug(&guests);
        b.run("ip addr add 10.2.0.77/32 dev eth0");
        let mut world = World::default().numbered(1).numbered(2).group("sg-open", open());
        let twins = world.0.vpcs["vpc-1"].as_ref().clone();
        world.0.vpcs.insert("vpc-3".into(), Arc::new(VpcDesired { vpc_id: "vpc-3".into(), vni: 5000, ..twins }));
        let world = world.guests(&guests);
        let lab = Lab::start(world.0.clone()).await;
        let _listeners = [&a, &b, &twin].map(|guest| Listener::start(&guest.name(), 80));
        assert_eq!(reach(&a, "10.2.0.7", 80), None, "they are no peers");

        let peered = world.clone().peered(1, 2);
        lab.state(&peered.0).await;
        assert_eq!(reach(&a, "10.2.0.7", 80), None, "no route");
        let capture = Capture::start(&b);
        lab.state(&peered.clone().leads(1, 2).0).await;
        assert_eq!(reach(&a, "10.2.0.7", 80), None, "no route of the answer");
        assert!(capture.end().contains(&"10.1.0.5 6".to_owned()), "it arrived");

        let routed = peered.clone().routed(1, 2);
        lab.state(&routed.0).await;
        assert_eq!(reached(&a, "10.2.0.7", 80).as_deref(), Some("10.1.0.5"));
        assert_eq!(reached(&a, "10.2.0.77", 80).as_deref(), Some("10.1.0.5"), "at a secondary address");
        assert_eq!(reached(&b, "10.1.0.5", 80).as_deref(), Some("10.2.0.7"), "and back");
        assert!(pings(&a, "10.2.0.7") && pings(&b, "10.1.0.5") && !pings(&a, "10.2.0.9"));
        assert_eq!(reach(&unrouted, "10.2.0.7", 80), None, "another route table");
        assert_eq!((reach(&twin, "10.2.0.7", 80), reach(&b, "10.1.0.5", 80).as_deref()), (None, Some("10.2.0.7")), "not the twin");

        // A route that covers more than the peer has leads to what it has.
        let wide = peered.clone().routes("vpc-1", "rtb-a", &[(ALL, Some(over(1, 2)))]).leads(2, 1);
        lab.state(&wide.0).await;
        assert_eq!(reached(&a, "10.2.0.7", 80).as_deref(), Some("10.1.0.5"));
        assert!(!pings(&a, "10.3.0.1") && !pings(&a, "203.0.113.254"));
    });
}

#[test]
fn a_connection_lives_as_long_as_the_routes_and_the_peering() {
    machine("a_connection_lives_as_long_as_the_routes_and_the_peering", || async {
        let (a, b) = (guest(5, 1, &["sg-a"]), guest(7, 2, &["sg-b"]));
        plug(&[&a, &b]);
        let before = snapshot();
        let near = |block: &str| vec![rule(false, "-1", -1, -1, block), all_egress()];
        let groups = World::default().numbered(1).numbered(2).group("sg-a", near("10.2.0.0/16")).group("sg-b", near("10.1.0.0/16"));
        let apart = groups.guests(&[&a, &b]);
        let peered = apart.clone().peered(1, 2);
        let routed = peered.clone().routed(1, 2);
        let lab = Lab::start(routed.0.clone()).await;
        let _listener = Listener::start(&b.name(), 80);
        let mut conversation = Conversation::start(&a, &b);
        conversation.goes_on("hello");
        lab.state(&routed.clone().group("sg-b", vec![all_egress()]).0).await;
        conversation.goes_on("what is established stays, as in EC2");
        lab.state(&routed.clone().group("sg-b", open()).0).await;
        for (gone, what) in [(&peered, "no route"), (&apart, "no peering")] {
            lab.state(&gone.0).await;
            let there = run(&format!("ip -n {} -br link", a.vpc_namespace())).contains("pcx");
            assert_eq!(there, what == "no route");
            assert_eq!(reach(&a, "10.2.0.7", 80), None, "{what}");
            lab.state(&routed.0).await;
            assert_eq!(reached(&a, "10.2.0.7", 80).as_deref(), Some("10.1.0.5"), "after {what}");
            conversation.goes_on(what);
        }
        // Of the two, one stopped speaking of it.
        let faults = lab.faults(&routed.clone().change(2, |vpc| vpc.peerings.clear()).0).await;
        assert!(faults.len() == 1 && faults[0].contains("vpc-2 does not speak of it"), "{faults:?}");
        assert_eq!(reach(&a, "10.2.0.7", 80), None);
        let mut unknown = routed.0.clone();
        unknown.vpcs.remove("vpc-2");
        unknown.instances.remove(&b.instance_id());
        let faults = lab.faults(&unknown).await;
        assert!(faults.len() == 1 && faults[0].contains("vpc-2 is not known yet"), "{faults:?}");
        assert!(!run("ip netns list").contains("vpc-2"));
        lab.state(&World::default().0).await;
        assert_eq!(snapshot(), before.replace(&format!("{}\n", a.vpc_namespace()), "").replace(&format!("{}\n", b.vpc_namespace()), ""));
    });
}

fn snapshot() -> String {
    run("ip -br link; ip route show table all; ip rule; nft list ruleset; ip netns list | cut -d' ' -f1 | sort; echo .")
}

#[test]
fn both_sides_groups_and_acls_are_asked_and_groups_of_the_peer_can_be_named() {
    machine("both_sides_groups_and_acls_are_asked_and_groups_of_the_peer_can_be_named", || async {
        let a = guest(5, 1, &["sg-a"]);
        let other = guest(6, 1, &["sg-other"]);
        let b = guest(7, 2, &["sg-b"]);
        let guests = [&a, &other, &b];
        plug(&guests);
        let world = World::default().numbered(1).numbered(2).peered(1, 2).routed(1, 2).guests(&guests);
        let world = world.group("sg-a", open()).group("sg-other", open());
        let named = world.clone().group("sg-b", vec![from_group("tcp", 80, "sg-a"), all_egress()]);
        let lab = Lab::start(named.0.clone()).await;
        let _listeners = [&a, &b].map(|guest| Listener::start(&guest.name(), 80));
        assert_eq!(reached(&a, "10.2.0.7", 80).as_deref(), Some("10.1.0.5"), "a member of the peer's group");
        assert_eq!(reach(&other, "10.2.0.7", 80), None, "no member");
        assert!(!pings(&a, "10.2.0.7"), "not by that rule");
        let joined = Guest { groups: vec!["sg-other".into(), "sg-a".into()], ..other.clone() };
        lab.state(&named.clone().guest(&joined).0).await;
        assert_eq!(reached(&other, "10.2.0.7", 80).as_deref(), Some("10.1.0.6"), "a member from now on");
        let to_group = |id: &str| RuleDesired { egress: true, ..from_group("tcp", 80, id) };
        lab.state(&named.clone().group("sg-a", vec![to_group("sg-b")]).0).await;
        assert_eq!(reached(&a, "10.2.0.7", 80).as_deref(), Some("10.1.0.5"), "the sender's rule names the receiver's group");
        lab.state(&named.clone().group("sg-a", vec![rule(true, "tcp", 80, 80, "10.1.0.0/16")]).0).await;
        assert_eq!(reach(&a, "10.2.0.7", 80), None, "the sender's group does not let it out");

        let entry = |egress, number, allow, block| (egress, number, "-1", allow, block, (-1, -1));
        let all = |egress| entry(egress, 100, true, ALL);
        for (subnet_of, closed) in
            [(1, (true, "10.2.0.0/16")), (2, (false, "10.1.0.5/32")), (2, (true, "10.1.0.5/32")), (1, (false, "10.2.0.7/32"))]
        {
            let (egress, block) = closed;
            let acl = [entry(egress, 50, false, block), all(false), all(true)];
            lab.state(&named.clone().acl(&format!("vpc-{subnet_of}"), "subnet-a", &acl).0).await;
            let capture = Capture::start(&b);
            assert_eq!(reach(&a, "10.2.0.7", 80), None, "{subnet_of} {closed:?}");
            let arrived = capture.end().contains(&"10.1.0.5 6".to_owned());
            assert_eq!(arrived, subnet_of == 2 && egress || subnet_of == 1 && !egress, "{subnet_of} {closed:?}");
        }
        let acl = [all(false), all(true)];
        let open = named.clone().acl("vpc-1", "subnet-a", &acl).acl("vpc-2", "subnet-a", &acl);
        lab.state(&open.0).await;
        assert_eq!(reached(&a, "10.2.0.7", 80).as_deref(), Some("10.1.0.5"));
    });
}

#[test]
fn nothing_is_passed_on_beyond_the_peer() {
    machine("nothing_is_passed_on_beyond_the_peer", || async {
        outside();
        run("ip -n world route add 198.18.0.0/15 via 203.0.113.1; ip -n world route add 10.0.0.0/8 via 203.0.113.1");
        let a = guest(5, 1, &["sg-1"]);
        let b = guest(7, 2, &["sg-1"]).public("198.18.0.7");
        let c = guest(9, 3, &["sg-1"]);
        let router = guest(6, 2, &["sg-1"]).at("subnet-b", "10.2.16.6").forwarding();
        let nat = guest(4, 2, &[]).public("198.18.0.4").translating();
        let guests = [&a, &b, &c, &router];
        plug(&guests);
        router.run("sysctl -qw net.ipv4.ip_forward=1");
        router.run("ip addr add 10.9.0.1/32 dev lo");
        let _listeners = ["guest6", "guest7", "guest9", "world"].map(|name| Listener::start(name, 80));
        // The peer's own subnets lead everywhere, and everything leads to the peer.
        let world = World::default().numbered(1).numbered(2).numbered(3).peered(1, 2).peered(2, 3).group("sg-1", open());
        let world = world.guests(&guests).nat(&nat);
        let everywhere = [
            (ALL, Some(gateway())),
            ("10.1.0.0/16", Some(over(1, 2))),
            ("10.3.0.0/16", Some(over(2, 3))),
            ("10.9.0.0/16", Some(router.target())),
        ];
        let translated = [
            (ALL, Some(nat.target())),
            ("10.1.0.0/16", Some(over(1, 2))),
            ("10.3.0.0/16", Some(over(2, 3))),
            ("10.9.0.0/16", Some(router.target())),
        ];
        let world = world.routes("vpc-1", "rtb-a", &[(ALL, Some(over(1, 2)))]).routes("vpc-3", "rtb-a", &[(ALL, Some(over(2, 3)))]);
        let world = world.routes("vpc-2", "rtb-b", &everywhere);
        let config = Config { host_ports: vec![80], ..Config::default() };
        let lab = Lab::configured(config, world.clone().routes("vpc-2", "rtb-a", &everywhere).0).await;
        let _host = std::net::TcpListener::bind("0.0.0.0:80").unwrap();
        for routes in [&everywhere, &translated] {
            lab.state(&world.clone().routes("vpc-2", "rtb-a", routes).0).await;
            assert_eq!(reached(&a, "10.2.0.7", 80).as_deref(), Some("10.1.0.5"));
            assert_eq!(reached(&c, "10.2.16.6", 80).as_deref(), Some("10.3.0.9"));
            let captures = ["guest9", "world"].map(Capture::at);
            let public = ["198.18.0.7", "198.18.0.0", "198.19.255.255", "203.0.113.254", "203.0.113.1"];
            let private = ["10.3.0.9", "10.9.0.1", "10.2.0.1", "10.2.0.2", "10.2.16.1", "169.254.0.1", "169.254.100.1", "10.2.255.255"];
            std::thread::scope(|scope| {
                for address in public.into_iter().chain(private) {
                    let a = &a;
                    scope.spawn(move || {
                        assert_eq!((reach(a, address, 80), reach(a, address, 53)), (None, None), "{address}");
                        assert!(!pings(a, address), "{address}");
                        assert!(!a.succeeds(&format!("timeout 1 busybox nslookup ip-10-2-0-7.ec2.internal {address}")), "{address}");
                    });
                }
            });
            for capture in captures {
                let heard = capture.end();
                assert!(!heard.iter().any(|line| line.starts_with("10.1.")), "{heard:?}");
            }
        }
    });
}

#[test]
fn what_overlaps_is_no_peer_and_an_address_of_two_peers_is_no_member() {
    machine("what_overlaps_is_no_peer_and_an_address_of_two_peers_is_no_member", || async {
        let (a, twin) = (guest(5, 1, &["sg-open"]), guest(6, 3, &["sg-open"]).at("subnet-a", "10.1.0.6"));
        let (b, c) = (guest(7, 2, &["sg-b"]), guest(8, 4, &["sg-c"]).at("subnet-a", "10.2.0.8"));
        plug(&[&a, &twin, &b, &c]);
        let moved = |world: World, n: u8, from: u8| {
            let blocks = world.0.vpcs[&format!("vpc-{from}")].subnets.clone();
            world.numbered(n).change(n, |vpc| {
                vpc.cidr_block = format!("10.{from}.0.0/16");
                vpc.subnets = blocks;
            })
        };
        let world = World::default().numbered(1).numbered(2).group("sg-open", open()).group("sg-b", open()).group("sg-c", open());
        let world = moved(moved(world, 3, 1), 4, 2).guests(&[&a, &twin, &b, &c]);
        let lab = Lab::start(world.0.clone()).await;
        let _listener = Listener::start(&a.name(), 80);
        let faults = lab.faults(&world.clone().peered(1, 3).leads(1, 3).0).await;
        assert!(faults.len() == 1 && faults[0].contains("has addresses of"), "{faults:?}");
        assert!(!run(&format!("ip -n {} -br link", a.vpc_namespace())).contains("pcx"));

        // Two peers with the same blocks: a's routes say which is meant, its rules can not.
        let both =
            world.clone().peered(1, 2).peered(1, 4).leads(1, 2).leads(2, 1).routes("vpc-4", "rtb-a", &[("10.1.0.0/16", Some(over(1, 4)))]);
        lab.state(&both.0).await;
        assert_eq!(reached(&b, "10.1.0.5", 80).as_deref(), Some("10.2.0.7"));
        assert_eq!(reach(&c, "10.1.0.5", 80), None, "the answer goes to the other");
        let named = both.group("sg-open", vec![from_group("tcp", 80, "sg-b"), all_egress()]);
        let faults = lab.faults(&named.0).await;
        assert!(faults.len() == 1 && faults[0].contains("two peers have the addresses"), "{faults:?}");
        assert_eq!(reach(&b, "10.1.0.5", 80), None);
    });
}

#[test]
fn a_pair_that_somebody_took_away_comes_back_and_an_agent_takes_up_what_is_there() {
    machine("a_pair_that_somebody_took_away_comes_back_and_an_agent_takes_up_what_is_there", || async {
        let (a, b) = (guest(5, 1, &["sg-1"]), guest(7, 2, &["sg-1"]));
        plug(&[&a, &b]);
        let world = World::default().numbered(1).numbered(2).peered(1, 2).routed(1, 2).group("sg-1", open()).guests(&[&a, &b]);
        let lab = Lab::start(world.0.clone()).await;
        let _listener = Listener::start(&b.name(), 80);
        let reaches = || reached(&a, "10.2.0.7", 80).as_deref() == Some("10.1.0.5");
        assert!(reaches());
        let link = format!("pcx{:>012}", 12);
        let ends = || {
            let of = |guest: &Guest| run(&format!("ip -n {} -o link show {link} | cut -d: -f1", guest.vpc_namespace()));
            (of(&a), of(&b))
        };
        let before = ends();
        lab.plane.look().await.unwrap();
        assert_eq!(ends(), before, "a look changes nothing");
        run(&format!("ip -n {} link del {link}", a.vpc_namespace()));
        assert!(!reaches());
        lab.plane.look().await.unwrap();
        assert!(reaches() && ends() != before);
        // One whose other end is somewhere else.
        let ns = a.vpc_namespace();
        run(&format!(
            "ip -n {ns} link del {link}; ip netns add other; ip link add {link} netns {ns} type veth peer name {link} netns other"
        ));
        lab.plane.look().await.unwrap();
        assert!(reaches());
        run(&format!("ip -n {} neigh del 169.254.0.1 dev {link}; ip -n {ns} route flush table all proto 70", b.vpc_namespace()));
        lab.plane.look().await.unwrap();
        assert!(reaches());

        let mut conversation = Conversation::start(&a, &b);
        conversation.goes_on("hello");
        let there = ends();
        let Lab { plane, desired, state } = lab;
        plane.stop().await.unwrap();
        conversation.goes_on("no agent");
        let clock = Arc::new(freehold_proto::clock::SystemClock);
        let again =
            freehold_node_agent::network::DataPlane::start(Config::default(), state.path(), crate::lab::HOST, desired.subscribe(), clock);
        let again = again.await.unwrap();
        assert_eq!(again.faults(), [""; 0]);
        conversation.goes_on("another agent");
        assert_eq!(ends(), there);
        again.teardown().await.unwrap();
        assert!(!run("ip netns list").contains("freehold-"));
    });
}
