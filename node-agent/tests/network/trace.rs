//! What `freehold net trace` says is what packets do.

use freehold_node_agent::network::plan::HostPlan;
use freehold_node_agent::network::plan::trace::{Place, Plans, protocol};

use crate::lab::{Guest, HOST, Lab, Listener, World, all_egress, from_group, gateway, ingress, machine, output, outside, rule, run};

const OUTSIDE: &str = "203.0.113.254";
const ALL: &str = "0.0.0.0/0";

/// Draws from a seed, always the same.
pub struct Draw(pub u64);

impl Draw {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    pub fn some<T: Clone>(&mut self, of: &[T]) -> Vec<T> {
        of.iter().filter(|_| self.below(3) == 0).cloned().collect()
    }
}

fn drawn(draw: &mut Draw, guests: &[Guest; 4]) -> World {
    let rules = [
        ingress("tcp", 80, 80),
        ingress("-1", -1, -1),
        ingress("icmp", -1, -1),
        rule(false, "tcp", 81, 81, "172.31.16.0/20"),
        rule(false, "tcp", 0, 65535, "203.0.113.0/24"),
        from_group("tcp", 80, "sg-2"),
        rule(true, "tcp", 80, 81, "172.31.0.0/16"),
        rule(true, "icmp", 8, -1, ALL),
        rule(true, "udp", 1, 2, ALL),
    ];
    let mut world = World::default().vpc("vpc-1").vpc("vpc-2");
    for group in ["sg-1", "sg-2"] {
        let mut some = draw.some(&rules);
        if draw.below(2) == 0 {
            some.push(all_egress());
        }
        world = world.group(group, some);
    }
    let entries = [
        (false, 10, "6", false, "172.31.0.7/32", (80, 80)),
        (false, 20, "6", true, ALL, (80, 80)),
        (false, 30, "6", true, "172.31.0.0/16", (1024, 65535)),
        (false, 40, "1", true, ALL, (-1, -1)),
        (false, 100, "-1", true, ALL, (-1, -1)),
        (true, 10, "1", false, OUTSIDE_BLOCK, (-1, -1)),
        (true, 20, "6", true, ALL, (1024, 65535)),
        (true, 30, "6", true, ALL, (80, 81)),
        (true, 100, "-1", true, ALL, (-1, -1)),
    ];
    for subnet in ["subnet-a", "subnet-b"] {
        if draw.below(2) == 0 {
            let some: Vec<_> = entries.iter().filter(|_| draw.below(3) > 0).copied().collect();
            world = world.acl("vpc-1", subnet, &some);
        }
    }
    let target = || guests[1].target();
    let routes = [(ALL, Some(gateway())), ("203.0.113.0/24", None), ("172.31.0.7/32", Some(target())), ("172.31.16.0/20", Some(target()))];
    for table in ["rtb-a", "rtb-b"] {
        if draw.below(2) == 0 {
            world = world.routes("vpc-1", table, &draw.some(&routes));
        }
    }
    for guest in guests {
        let with = guest.clone().public(if draw.below(3) > 0 { "" } else { &guest.public });
        world = world.guest(&if draw.below(4) > 0 { guest.clone() } else { with });
    }
    world
}

const OUTSIDE_BLOCK: &str = "203.0.113.0/24";

/// Whether a packet goes there and its answer comes back.
pub fn reaches(namespace: &str, address: &str, port: Option<u16>) -> bool {
    let line = match port {
        Some(port) => format!("timeout 1 busybox nc {address} {port}"),
        None => format!("busybox ping -c1 -W1 {address}"),
    };
    let output = output(&format!("ip netns exec {namespace} {line}"));
    if port.is_some() { !output.stdout.is_empty() } else { output.status.success() }
}

#[test]
fn a_trace_agrees_with_packets() {
    machine("a_trace_agrees_with_packets", || async {
        outside();
        run("ip -n world route add 198.18.0.0/15 via 203.0.113.1");
        let guests = [
            Guest::new(5, "vpc-1", &["sg-1"]).public("198.18.0.5"),
            Guest::new(6, "vpc-1", &["sg-2"]).at("subnet-b", "172.31.16.6").public("198.18.0.6"),
            Guest::new(7, "vpc-1", &["sg-1", "sg-2"]),
            Guest::new(8, "vpc-2", &["sg-1"]).public("198.18.0.8"),
        ];
        for guest in &guests {
            guest.plug().addressed();
            // What a route hands to it goes no further, so that it ends where the trace does.
            run(&format!("ip netns exec {} sysctl -qw net.ipv4.ip_forward=0", guest.name()));
        }
        let names: Vec<String> = guests.iter().map(Guest::name).chain(["world".into()]).collect();
        let _listeners: Vec<Listener> = names.iter().flat_map(|name| [80, 81].map(|port| Listener::start(name, port))).collect();
        let addresses = ["172.31.0.5", "172.31.16.6", "172.31.0.7", "198.18.0.5", "198.18.0.6", "198.18.0.8", OUTSIDE];
        let mut draw = Draw(5);
        let first = drawn(&mut draw, &guests);
        let lab = Lab::start(first.0.clone()).await;
        let (mut passed, mut stopped) = (0, 0);
        for round in 0..14 {
            let world = drawn(&mut draw, &guests);
            lab.state(&world.0).await;
            let plans = Plans(vec![(HOST.into(), HostPlan::new(HOST, &world.0))]);
            std::thread::scope(|scope| {
                let asked: Vec<_> = (0..24)
                    .map(|_| {
                        let (from, to) = (draw.below(names.len()), addresses[draw.below(addresses.len())]);
                        let port = [Some(80), Some(81), None][draw.below(3)];
                        let namespace = names[from].clone();
                        (from, to, port, scope.spawn(move || reaches(&namespace, to, port)))
                    })
                    .collect();
                for (from, to, port, found) in asked {
                    let id = guests.get(from).map_or_else(|| OUTSIDE.to_owned(), Guest::interface_id);
                    let near = guests.get(from).map(|guest| guest.vpc_id.as_str());
                    let (source, target) = (plans.place(&id, None).unwrap(), plans.place(to, near).unwrap());
                    let kind = if port.is_some() { "tcp" } else { "icmp" };
                    let trace = plans.trace(source, target, to.parse().ok(), protocol(kind).unwrap(), port);
                    let found = found.join().unwrap();
                    // At a router the trace ends well, and the packet with it; so it does beyond the gateway.
                    let at_a_router = trace.there.last().is_some_and(|step| step.by.ends_with("as it likes"));
                    let nobody = matches!((source, target), (_, Place::Elsewhere(address)) if from == 4 || address.to_string() != OUTSIDE);
                    assert!(
                        at_a_router || nobody || trace.passes == found,
                        "round {round}: {} to {to} {port:?}: packets {found}, {trace:#?}",
                        names[from]
                    );
                    *(if found { &mut passed } else { &mut stopped }) += 1;
                }
            });
        }
        assert!(passed > 40 && stopped > 40, "{passed} passed, {stopped} were stopped: too few of one kind to tell");
    });
}
