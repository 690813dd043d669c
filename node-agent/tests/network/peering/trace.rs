//! What `freehold net trace` says of peers is what packets do.

use freehold_node_agent::network::plan::HostPlan;
use freehold_node_agent::network::plan::trace::{Plans, protocol};

use super::{guest, over, plug};
use crate::lab::{Guest, HOST, Lab, Listener, World, all_egress, from_group, ingress, machine, rule};
use crate::trace::{Draw, reaches};

const ALL: &str = "0.0.0.0/0";

/// 1 and 2 are peers, and 2 and 3.
fn drawn(draw: &mut Draw, guests: &[Guest; 4]) -> World {
    let rules = [
        ingress("tcp", 80, 80),
        ingress("-1", -1, -1),
        rule(false, "tcp", 80, 81, "10.1.0.0/16"),
        rule(false, "-1", -1, -1, "10.2.0.0/15"),
        from_group("tcp", 80, "sg-1"),
        from_group("tcp", 81, "sg-2"),
        rule(true, "tcp", 80, 80, "10.2.0.0/16"),
        rule(true, "icmp", 8, -1, ALL),
    ];
    let mut world = World::default().numbered(1).numbered(2).numbered(3);
    for (a, b) in [(1, 2), (2, 3)] {
        world = if draw.below(5) > 0 { world.peered(a, b) } else { world };
    }
    for group in ["sg-1", "sg-2"] {
        let mut some = draw.some(&rules);
        if draw.below(3) > 0 {
            some.push(all_egress());
        }
        world = world.group(group, some);
    }
    let entries = [
        (false, 10, "6", false, "10.1.0.5/32", (80, 80)),
        (false, 20, "6", true, "10.2.0.0/15", (-1, -1)),
        (false, 100, "-1", true, ALL, (-1, -1)),
        (true, 10, "1", false, "10.2.0.0/16", (-1, -1)),
        (true, 20, "6", true, ALL, (1024, 65535)),
        (true, 100, "-1", true, ALL, (-1, -1)),
    ];
    for vpc in ["vpc-1", "vpc-2"] {
        if draw.below(2) == 0 {
            let some: Vec<_> = entries.iter().filter(|_| draw.below(4) > 0).copied().collect();
            world = world.acl(vpc, "subnet-a", &some);
        }
    }
    for (vpc, table, routes) in [
        ("vpc-1", "rtb-a", vec![("10.2.0.0/16", over(1, 2)), (ALL, over(1, 2))]),
        ("vpc-1", "rtb-b", vec![("10.2.0.0/20", over(1, 2))]),
        ("vpc-2", "rtb-a", vec![("10.1.0.0/16", over(1, 2)), ("10.3.0.0/16", over(2, 3))]),
        ("vpc-3", "rtb-a", vec![("10.0.0.0/8", over(2, 3))]),
    ] {
        let routes: Vec<_> = routes.into_iter().filter(|_| draw.below(4) > 0).map(|(block, target)| (block, Some(target))).collect();
        world = world.routes(vpc, table, &routes);
    }
    world.guests(&guests.each_ref())
}

#[test]
fn a_trace_agrees_with_packets_between_peers() {
    machine("a_trace_agrees_with_packets_between_peers", || async {
        let guests = [
            guest(5, 1, &["sg-1"]),
            guest(6, 1, &["sg-2"]).at("subnet-b", "10.1.16.6"),
            guest(7, 2, &["sg-1", "sg-2"]),
            guest(8, 3, &["sg-2"]),
        ];
        plug(&guests.each_ref());
        let _listeners: Vec<Listener> = guests.iter().flat_map(|guest| [80, 81].map(|port| Listener::start(&guest.name(), port))).collect();
        let mut draw = Draw(7);
        let lab = Lab::start(drawn(&mut draw, &guests).0).await;
        let (mut passed, mut stopped) = (0, 0);
        for round in 0..12 {
            let world = drawn(&mut draw, &guests);
            lab.state(&world.0).await;
            let plans = Plans(vec![(HOST.into(), HostPlan::new(HOST, &world.0))]);
            std::thread::scope(|scope| {
                let asked: Vec<_> = (0..20)
                    .map(|_| {
                        let (from, to) = (&guests[draw.below(4)], &guests[draw.below(4)]);
                        let port = [Some(80), Some(81), None][draw.below(3)];
                        (from, to, port, scope.spawn(move || reaches(&from.name(), &to.address, port)))
                    })
                    .collect();
                for (from, to, port, found) in asked {
                    let source = plans.place(&from.interface_id(), None).unwrap();
                    let target = plans.place(&to.address, Some(&from.vpc_id)).unwrap();
                    let kind = protocol(if port.is_some() { "tcp" } else { "icmp" }).unwrap();
                    let trace = plans.trace(source, target, to.address.parse().ok(), kind, port);
                    let found = found.join().unwrap();
                    assert_eq!(
                        trace.passes, found,
                        "round {round}: {} to {} {port:?}: packets {found}, {trace:#?}",
                        from.address, to.address
                    );
                    // Named instead of its address, a peer that a route leads to is meant by the same address.
                    let named = plans.trace(source, plans.place(&to.interface_id(), None).unwrap(), None, kind, port);
                    assert!(named.passes || !found, "{named:#?}");
                    if from.vpc_id != to.vpc_id {
                        *(if found { &mut passed } else { &mut stopped }) += 1;
                    }
                }
            });
        }
        assert!(passed > 15 && stopped > 40, "{passed} passed, {stopped} were stopped: too few of one kind to tell");
    });
}
