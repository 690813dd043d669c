//! The way out of a private subnet.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

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

/// Connections to the world that stay open: each is told whom the world sees, and then hears what it says.
struct Echo(Child);

impl Echo {
    fn start() -> Self {
        let script = "import socket,threading\ns=socket.create_server(('0.0.0.0',7))\nprint('ready',flush=True)\ndef talk(c,a):\n c.sendall((a[0]+'\\n').encode())\n d=c.recv(1000)\n while d: c.sendall(d); d=c.recv(1000)\nwhile True:\n threading.Thread(target=talk,args=s.accept(),daemon=True).start()";
        let mut server =
            Command::new("ip").args(["netns", "exec", "world", "python3", "-c", script]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self(server)
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

struct Open {
    client: Child,
    said: BufReader<std::process::ChildStdout>,
    seen: String,
}

impl Open {
    fn from(guest: &Guest) -> Self {
        let mut client = guest.start("busybox", &["nc", WORLD, "7"]);
        let mut said = BufReader::new(client.stdout.take().unwrap());
        let mut seen = String::new();
        said.read_line(&mut seen).unwrap();
        Self { client, said, seen: seen.trim().to_owned() }
    }

    /// One that the world sees as `address`: some other ones may be begun before.
    fn seen_as(guest: &Guest, address: &str) -> Self {
        let mut tries = (0..20).map(|_| Self::from(guest));
        tries.find(|open| open.seen == address).unwrap_or_else(|| panic!("no connection is seen as {address}"))
    }

    #[track_caller]
    fn goes_on(&mut self, word: &str) {
        self.say(word);
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        assert_eq!(line.trim(), word);
    }

    /// All that it has heard since the last word, to its end.
    fn heard(&mut self) -> String {
        self.client.kill().unwrap();
        let mut rest = String::new();
        self.said.read_to_string(&mut rest).unwrap();
        rest
    }

    fn say(&mut self, word: &str) {
        writeln!(self.client.stdin.as_mut().unwrap(), "{word}").unwrap();
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        drop(self.client.kill());
        drop(self.client.wait());
    }
}

/// Whom the world sees, of as many connections as would meet each of a few addresses.
fn seen_of_many(guest: &Guest) -> BTreeSet<String> {
    (0..6).filter_map(|_| reach(guest, WORLD, 80)).collect()
}

/// This gateway's addresses, as stated, are to go.
fn draining(mut world: World, nat: &Guest, addresses: &[&str]) -> World {
    let gateway = world.0.nat_gateways.get_mut(&nat.nat_gateway_id()).map(Arc::make_mut).unwrap();
    gateway.draining_private_ip_addresses = addresses.iter().map(|&address| address.to_owned()).collect();
    world
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

#[test]
fn new_connections_are_spread_over_all_addresses_and_open_ones_keep_theirs() {
    machine("new_connections_are_spread_over_all_addresses_and_open_ones_keep_theirs", || async {
        let scene = Scene::new();
        let a = &scene.a;
        let (_web, _echo) = (Listener::start("world", 80), Echo::start());
        let set = |addresses: &[&str]| addresses.iter().map(|&address| address.to_owned()).collect::<BTreeSet<String>>();
        let lab = Lab::configured(seen(), scene.world().nat(&scene.nat).0.clone()).await;
        assert_eq!(seen_of_many(a), set(&["198.18.0.9"]));
        let mut first = Open::from(a);
        first.goes_on("before");

        let wide = scene.nat.clone().also_public("172.31.0.10", "198.18.0.10").also_public("172.31.0.11", "198.18.0.11");
        let with = scene.world().nat(&wide);
        lab.state(&with.0).await;
        let attachment = with.0.nat_gateways[&wide.nat_gateway_id()].interface.clone().unwrap();
        lab.plane.gateway_ready(&attachment).await.unwrap();
        first.goes_on("with more addresses");
        assert_eq!(seen_of_many(a), set(&["198.18.0.9", "198.18.0.10", "198.18.0.11"]), "each in its turn");
        assert!(a.succeeds(&format!("busybox ping -c3 -W1 {WORLD}")));
        for address in ["198.18.0.10", "172.31.0.10"] {
            let from_outside = output(&format!("ip netns exec world timeout 1 busybox nc {address} 22")).stdout;
            assert_eq!(String::from_utf8_lossy(&from_outside), "", "{address} is not reached from outside");
        }
        let mut second = Open::seen_as(a, "198.18.0.10");
        second.goes_on("hello");

        let fewer = draining(with.clone(), &wide, &["172.31.0.10", "not an address", "172.31.0.9"]);
        lab.state(&fewer.0).await;
        assert_eq!(seen_of_many(a), set(&["198.18.0.9", "198.18.0.11"]), "the primary one always, the one that is to go never");
        second.goes_on("while it is to go");
        first.goes_on("likewise");

        let without = scene.world().nat(&scene.nat.clone().also_public("172.31.0.11", "198.18.0.11"));
        lab.state(&without.0).await;
        assert_eq!(seen_of_many(a), set(&["198.18.0.9", "198.18.0.11"]));
        first.goes_on("to the end");
        second.say("gone");
        // It is another's by now, and what the connection still says is not said in its name.
        let other = Guest::new(10, "vpc-1", &["sg-1"]).public("198.18.0.10");
        other.plug().addressed();
        lab.state(&without.guest(&other).0).await;
        assert_eq!(reach(&other, WORLD, 80).as_deref(), Some("198.18.0.10"));
        assert_eq!(seen_of_many(a), set(&["198.18.0.9", "198.18.0.11"]));
        assert_eq!(second.heard(), "", "it has ended with its address");
    });
}

#[test]
fn an_address_without_a_public_one_leads_nowhere_outside() {
    machine("an_address_without_a_public_one_leads_nowhere_outside", || async {
        let scene = Scene::new();
        let a = &scene.a;
        let wide = scene.nat.clone().public("").also("172.31.0.10");
        let _web = Listener::start("world", 80);
        let lab = Lab::configured(seen(), scene.world().nat(&wide).0.clone()).await;
        assert_eq!(reach(a, WORLD, 80), None, "no address of it means anything outside");
        // One of them is given a public address: what bears it gets out, the rest does not.
        let half = scene.nat.clone().public("").also_public("172.31.0.10", "198.18.0.10");
        lab.state(&scene.world().nat(&half).0).await;
        assert_eq!(seen_of_many(a), BTreeSet::from(["198.18.0.10".to_owned()]), "by every second connection");
    });
}
