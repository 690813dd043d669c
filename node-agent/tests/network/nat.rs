//! The way out of a private subnet.

use crate::lab::{Guest, HOST, Lab, Listener, World, all_egress, eventually, gateway, ingress, machine, output, outside, reach, run};

const ANY: (i32, i32) = (-1, -1);
const WORLD: &str = "203.0.113.254";

/// `a` is in a private subnet whose way out is `nat`, in a public one.
struct Scene {
    a: Guest,
    nat: Guest,
}

impl Scene {
    fn new() -> Self {
        outside();
        run("ip -n world route add 198.18.0.0/15 via 203.0.113.1");
        let a = Guest::new(6, "vpc-1", &["sg-1"]).at("subnet-b", "172.31.16.6");
        a.plug().addressed();
        Self { a, nat: Guest::new(9, "vpc-1", &[]).at("subnet-a", "172.31.0.9").public("198.18.0.9").translating() }
    }

    fn world(&self) -> World {
        let world = World::default().vpc("vpc-1").group("sg-1", vec![ingress("tcp", 22, 22), all_egress()]).guest(&self.a);
        world.routes("vpc-1", "rtb-b", &[("0.0.0.0/0", Some(self.nat.target()))])
    }

    fn namespace(&self) -> String {
        format!("freehold-{HOST}-{}", self.nat.nat_gateway_id())
    }
}

/// As the world sees it: not under the host's own address.
fn seen() -> freehold_node_agent::network::Config {
    freehold_node_agent::network::Config { masquerade: Vec::new(), ..Default::default() }
}

#[test]
fn a_private_subnet_reaches_the_world_under_the_gateway_s_address_and_is_not_reached() {
    machine("a_private_subnet_reaches_the_world_under_the_gateway_s_address_and_is_not_reached", || async {
        let scene = Scene::new();
        let a = &scene.a;
        run("mkdir -p /run/netns");
        let _web = Listener::start("world", 80);
        let _ssh = Listener::start(&a.name(), 22);
        let without = scene.world();
        let lab = Lab::configured(seen(), without.0.clone()).await;
        assert_eq!(reach(a, WORLD, 80), None, "there is no gateway yet");

        let with = scene.world().nat(&scene.nat);
        lab.state(&with.0).await;
        assert_eq!(reach(a, WORLD, 80).as_deref(), Some("198.18.0.9"), "under the gateway's public address");
        assert!(a.succeeds(&format!("busybox ping -c1 -W1 {WORLD}")), "and not by TCP alone");
        for address in ["198.18.0.9", "172.31.0.9", "172.31.16.6"] {
            let from_outside = output(&format!("ip netns exec world timeout 1 busybox nc {address} 22")).stdout;
            assert_eq!(String::from_utf8_lossy(&from_outside), "", "{address} is not reached from outside");
        }
        assert_eq!(reach(a, "172.31.0.9", 80), None, "it has no service");
        assert!(!a.succeeds("busybox ping -c1 -W1 172.31.0.9"));

        // Twice the same: nothing piles up.
        let look =
            || run(&format!("ip netns exec {0} nft list ruleset; ip -n {0} -o addr; ip -n {0} route; ip -n {0} neigh", scene.namespace()));
        let once = look();
        lab.state(&with.0).await;
        assert_eq!(look(), once);

        // Without a route to the internet gateway in its own subnet it leads nowhere.
        lab.state(&with.clone().routes("vpc-1", "rtb-a", &[]).0).await;
        assert_eq!(reach(a, WORLD, 80), None);
        lab.state(&with.clone().routes("vpc-1", "rtb-a", &[("0.0.0.0/0", Some(gateway()))]).0).await;
        assert_eq!(reach(a, WORLD, 80).as_deref(), Some("198.18.0.9"));
        // Its subnet's ACL is asked about what it passes on, both ways.
        let shut = with.clone().acl(
            "vpc-1",
            "subnet-a",
            &[
                (false, 1, "6", false, "0.0.0.0/0", (1024, 65535)),
                (false, 2, "-1", true, "0.0.0.0/0", ANY),
                (true, 1, "-1", true, "0.0.0.0/0", ANY),
            ],
        );
        lab.state(&shut.0).await;
        assert_eq!(reach(a, WORLD, 80), None, "answers do not come in");

        lab.state(&without.0).await;
        assert_eq!(reach(a, WORLD, 80), None, "it is gone");
        assert!(!run("ip netns list").contains("nat-"), "with its namespace");
    });
}

#[test]
fn a_gateway_that_somebody_took_apart_is_put_together_again() {
    machine("a_gateway_that_somebody_took_apart_is_put_together_again", || async {
        let scene = Scene::new();
        let _web = Listener::start("world", 80);
        let with = scene.world().nat(&scene.nat);
        let lab = Lab::configured(seen(), with.0.clone()).await;
        let out = || reach(&scene.a, WORLD, 80);
        assert_eq!(out().as_deref(), Some("198.18.0.9"));
        let name = scene.namespace();
        for harm in [
            format!("ip netns delete {name}"),
            format!("ip -n {name} link delete eth0"),
            format!("ip -n {} link delete {}", scene.nat.vpc_namespace(), scene.nat.tap()),
            format!("ip netns exec {name} nft flush ruleset; ip -n {name} route flush table main"),
        ] {
            run(&harm);
            eventually("the harm is done", || out().as_deref() != Some("198.18.0.9"));
            lab.plane.look().await.unwrap();
            assert_eq!(out().as_deref(), Some("198.18.0.9"), "after {harm}");
        }
    });
}
