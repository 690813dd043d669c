//! Where a subnet's packets go: what its route table says, and nowhere else.

use crate::lab::{Guest, Lab, Listener, World, all_egress, gateway, ingress, machine, outside, reach, run};

fn world(guests: &[&Guest]) -> World {
    let world = World::default().vpc("vpc-1").group("sg-1", vec![ingress("-1", -1, -1), all_egress()]);
    guests.iter().fold(world, |world, guest| world.guest(guest))
}

#[test]
fn a_subnet_without_a_route_to_the_gateway_is_private() {
    machine("a_subnet_without_a_route_to_the_gateway_is_private", || async {
        outside();
        let a = Guest::new(5, "vpc-1", &["sg-1"]).public("198.18.0.5");
        let b = Guest::new(6, "vpc-1", &["sg-1"]).at("subnet-b", "172.31.16.6").public("198.18.0.6");
        for guest in [&a, &b] {
            guest.plug().addressed();
        }
        let _web = Listener::start("world", 80);
        let _near = Listener::start(&a.name(), 80);
        let all = world(&[&a, &b]);
        let private = all.clone().routes("vpc-1", "rtb-b", &[]);
        let lab = Lab::start(private.0.clone()).await;
        assert_eq!(reach(&a, "203.0.113.254", 80).as_deref(), Some("203.0.113.1"));
        assert_eq!(reach(&b, "203.0.113.254", 80), None, "no route");
        assert_eq!(reach(&b, "172.31.0.5", 80).as_deref(), Some("172.31.16.6"), "the VPC is always near");

        lab.state(&all.0).await;
        assert_eq!(reach(&b, "203.0.113.254", 80).as_deref(), Some("203.0.113.1"), "a route was made");
        let narrow = all.clone().routes("vpc-1", "rtb-b", &[("203.0.113.0/25", Some(gateway()))]);
        lab.state(&narrow.0).await;
        assert_eq!(reach(&b, "203.0.113.254", 80), None, "a route to another half");
        let hole = all.routes("vpc-1", "rtb-b", &[("0.0.0.0/0", Some(gateway())), ("203.0.113.128/25", None)]);
        lab.state(&hole.0).await;
        assert_eq!(reach(&b, "203.0.113.254", 80), None, "the narrower route leads nowhere");
        lab.state(&private.0).await;
        let tables = run(&format!("ip -n {} route show table all proto 70", a.vpc_namespace()));
        lab.state(&private.0).await;
        assert_eq!(run(&format!("ip -n {} route show table all proto 70", a.vpc_namespace())), tables, "nothing piles up");
    });
}

#[test]
fn a_route_hands_packets_to_an_interface_that_forwards() {
    machine("a_route_hands_packets_to_an_interface_that_forwards", || async {
        let a = Guest::new(5, "vpc-1", &["sg-1"]);
        let router = Guest::new(7, "vpc-1", &["sg-1"]).at("subnet-b", "172.31.16.7").forwarding();
        let neighbour = Guest::new(8, "vpc-1", &["sg-1"]).at("subnet-b", "172.31.16.8");
        for guest in [&a, &router, &neighbour] {
            guest.plug().addressed();
        }
        // What the router is the way to.
        run(&format!("ip -n {} addr add 10.9.0.1/32 dev lo", router.name()));
        let _far = Listener::start(&router.name(), 80);
        let _near = Listener::start(&neighbour.name(), 80);
        let all = world(&[&a, &router, &neighbour]);
        let lab = Lab::start(all.0.clone()).await;
        assert_eq!(reach(&a, "10.9.0.1", 80), None, "no route");

        let forwarded = all.clone().routes("vpc-1", "rtb-a", &[("10.9.0.0/16", Some(router.target()))]);
        lab.state(&forwarded.0).await;
        // It looks for its gateway under its own address first, as it must: under another it is not heard.
        router.output("busybox ping -c1 -W1 172.31.16.1");
        assert_eq!(reach(&a, "10.9.0.1", 80).as_deref(), Some("172.31.0.5"));
        assert_eq!(reach(&neighbour, "10.9.0.1", 80), None, "its subnet has another table");

        let checked = Guest { source_dest_check: true, ..router.clone() };
        lab.state(&forwarded.clone().guest(&checked).0).await;
        assert_eq!(reach(&a, "10.9.0.1", 80), None, "an interface that is checked takes only what is for it");
        assert_eq!(reach(&a, "172.31.16.7", 80).as_deref(), Some("172.31.0.5"));

        // Narrower than the VPC: what is for the neighbour goes to the router, which lets it be.
        lab.state(&all.clone().routes("vpc-1", "rtb-a", &[("172.31.16.8/32", Some(router.target()))]).0).await;
        run(&format!("ip netns exec {} sysctl -qw net.ipv4.ip_forward=0", router.name()));
        assert_eq!(reach(&a, "172.31.16.8", 80), None);
        assert_eq!(reach(&router, "172.31.16.8", 80).as_deref(), Some("172.31.16.7"));

        // In the local route's place: all of the VPC is behind the router.
        let whole = all.routes("vpc-1", "rtb-a", &[("172.31.0.0/16", Some(router.target()))]);
        lab.state(&whole.0).await;
        assert_eq!(reach(&a, "172.31.16.8", 80), None, "the router lets it be");
        run(&format!("ip netns exec {} sysctl -qw net.ipv4.ip_forward=1", router.name()));
        assert_eq!(reach(&a, "172.31.16.8", 80).as_deref(), Some("172.31.0.5"));
    });
}
