//! Public addresses across hosts: who reaches whom at one, as whom, and who speaks for whom.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::across::{Capture, Conversation, forge, open, plug};
use crate::hosts::{Cluster, host_id, wire};
use crate::lab::{Guest, Listener, World, all_egress, machine, output, reach, rule, run};

/// As no VPC's is.
const NUMBER: u32 = 4095;

fn on(host: u8, number: u8, vpc_id: &str) -> Guest {
    Guest::new(number, vpc_id, &["sg-1"]).on(&host_id(host)).public(&format!("198.18.0.{number}"))
}

fn world() -> World {
    World::default().vpc("vpc-1").vpc("vpc-2").group("sg-1", open())
}

/// Whom the other end saw of a host itself.
fn of_host(number: u8, address: &str) -> String {
    let line = format!("ip netns exec {} timeout 1 busybox nc {address} 80", host_id(number));
    String::from_utf8_lossy(&output(&line).stdout).into_owned()
}

/// A world where a host's way out leads, which sends the pool back there.
fn world_beyond(number: u8) {
    let host = host_id(number);
    run(&format!("ip netns add world; ip link add w0 netns {host} type veth peer name eth0 netns world"));
    run(&format!("ip -n {host} addr add 203.0.113.1/24 dev w0; ip -n {host} link set w0 up"));
    run(&format!("ip -n {host} route add default via 203.0.113.254; ip -n world link set lo up"));
    run(
        "ip -n world addr add 203.0.113.254/24 dev eth0; ip -n world link set eth0 up; ip -n world route add 198.18.0.0/15 via 203.0.113.1",
    );
}

#[test]
fn guests_gateways_and_hosts_reach_public_addresses_on_other_hosts_as_themselves() {
    machine("guests_gateways_and_hosts_reach_public_addresses_on_other_hosts_as_themselves", || async {
        let a = on(1, 5, "vpc-1");
        let b = on(2, 6, "vpc-1");
        let c = Guest { groups: vec!["sg-2".into()], ..on(3, 7, "vpc-2") };
        let nat = on(1, 9, "vpc-1").translating();
        let near = on(1, 10, "vpc-1").public("").at("subnet-b", "172.31.16.10");
        let far = on(2, 11, "vpc-1").public("").at("subnet-b", "172.31.16.11");
        let guests = [&a, &b, &c, &nat, &near, &far];
        let mut cluster = Cluster::wire(3);
        plug(&[&a, &b, &c, &near, &far]);
        let world = world().routes("vpc-1", "rtb-b", &[("0.0.0.0/0", Some(nat.target()))]);
        let let_in = |blocks: &[&str]| {
            let rules = blocks.iter().map(|block| rule(false, "tcp", 80, 80, block)).chain([all_egress()]);
            world.clone().group("sg-2", rules.collect())
        };
        cluster.start(&let_in(&["198.18.0.5/32", "198.18.0.9/32"]), &guests).await;
        let _listeners = [&a, &b, &c].map(|guest| Listener::start(&guest.name(), 80));
        assert_eq!(reach(&a, "198.18.0.6", 80).as_deref(), Some("198.18.0.5"), "in one VPC");
        assert_eq!(reach(&b, "198.18.0.5", 80).as_deref(), Some("198.18.0.6"), "the other way");
        assert_eq!(reach(&a, "198.18.0.7", 80).as_deref(), Some("198.18.0.5"), "in another VPC, whose group knows public addresses");
        assert_eq!(reach(&b, "198.18.0.7", 80), None, "whom the group does not let in");
        assert_eq!(reach(&c, "198.18.0.6", 80).as_deref(), Some("198.18.0.7"));
        assert_eq!(reach(&near, "198.18.0.7", 80).as_deref(), Some("198.18.0.9"), "by way of a NAT gateway");
        assert_eq!(reach(&far, "198.18.0.7", 80).as_deref(), Some("198.18.0.9"), "on another host than its user");
        assert_eq!(reach(&a, "198.18.0.99", 80), None, "where nobody is");
        for (host, address) in [(1, "198.18.0.6"), (3, "198.18.0.5"), (2, "198.18.0.6")] {
            assert_eq!(of_host(host, address), "198.18.0.0", "host {host} to {address}: a host is a host");
        }
        assert!(a.succeeds("busybox ping -c1 -W1 198.18.0.6"));

        cluster.state(&let_in(&["172.31.0.0/16"]), &guests).await;
        assert_eq!(reach(&a, "198.18.0.7", 80), None, "the private address is not seen");
        let sent = "import socket\ns=socket.create_server(('0.0.0.0',90))\nc,a=s.accept()\nn=0\nwhile True:\n d=c.recv(65536)\n if not d: break\n n+=len(d)\nprint(n,flush=True)";
        let server = b.start("python3", &["-c", sent]);
        crate::lab::eventually("it listens", || b.run("ss -Hltn").contains(":90 "));
        a.run("sh -c 'head -c 3000000 /dev/zero | timeout 10 busybox nc 198.18.0.6 90'");
        assert_eq!(
            String::from_utf8_lossy(&server.wait_with_output().unwrap().stdout).trim(),
            "3000000",
            "whatever fits through the tunnel"
        );
    });
}

#[test]
fn an_address_is_where_it_is_said_to_be_and_a_host_that_knows_nobody_is_as_it_was() {
    machine("an_address_is_where_it_is_said_to_be_and_a_host_that_knows_nobody_is_as_it_was", || async {
        let (a, b, c) = (on(1, 5, "vpc-1"), on(2, 6, "vpc-1"), on(3, 7, "vpc-2"));
        let mut cluster = Cluster::wire(3);
        let look = |number: u8| {
            let inside = "ip -o link; ip -o -4 addr; ip -4 route show table all; ip -4 rule; bridge fdb; nft list ruleset";
            run(&format!("ip netns exec {} sh -c '{inside}'", host_id(number)))
        };
        let before = look(3);
        plug(&[&a, &b, &c]);
        cluster.start(&world(), &[&a, &b, &c]).await;
        let _listeners = [&a, &b, &c].map(|guest| Listener::start(&guest.name(), 80));
        assert_eq!(reach(&a, "198.18.0.6", 80).as_deref(), Some("198.18.0.5"));
        let mut talk = Conversation::with(&a, &b, "198.18.0.6");
        talk.goes_on("hello");

        // From the guest on the second host to the one on the third, while another connection goes on.
        let (without, with) = (b.clone().public("198.18.0.66"), c.clone().public("198.18.0.6"));
        cluster.state(&world(), &[&a, &without, &with]).await;
        let capture = Capture::start(&with);
        assert_eq!(reach(&a, "198.18.0.6", 80).as_deref(), Some("198.18.0.5"));
        assert!(capture.end().contains(&"198.18.0.5 6".to_owned()), "the other guest has it");
        assert_eq!(reach(&b, "198.18.0.6", 80).as_deref(), Some("198.18.0.66"), "also for whoever had it");
        assert_eq!(reach(&a, "198.18.0.7", 80), None, "what it had is nobody's");
        // Back to the first host of all: what is here is nowhere else, whatever is known.
        let taken = a.clone().public("198.18.0.6");
        cluster.state_to(1, &world(), &[&taken, &without, &with]).await;
        assert_eq!(of_host(1, "198.18.0.6"), "198.18.0.0");
        cluster.state(&world(), &[&a, &without, &with]).await;
        assert_eq!(reach(&a, "198.18.0.6", 80).as_deref(), Some("198.18.0.5"));

        // An agent that ends and starts again without a word from anybody.
        cluster.host_mut(1).kill();
        assert_eq!(reach(&a, "198.18.0.6", 80).as_deref(), Some("198.18.0.5"), "while there is none");
        cluster.host_mut(1).start().await;
        assert_eq!(reach(&a, "198.18.0.6", 80).as_deref(), Some("198.18.0.5"), "and again");
        cluster.state(&world(), &[&a]).await;
        assert_eq!(look(3), before, "nothing is left of it");
        assert_eq!(reach(&a, "198.18.0.6", 80), None);
    });
}

#[test]
fn nobody_speaks_for_a_public_address_on_another_host() {
    machine("nobody_speaks_for_a_public_address_on_another_host", || async {
        let (victim, friend, third) = (on(1, 5, "vpc-1"), on(2, 6, "vpc-1"), on(3, 7, "vpc-2"));
        let private = on(2, 8, "vpc-1").public("");
        let mut cluster = Cluster::wire(3);
        wire("stranger", "10.209.0.66", "u66");
        world_beyond(1);
        plug(&[&victim, &friend, &third, &private]);
        cluster.start(&world(), &[&victim, &friend, &third, &private]).await;
        let mac = "02:46:0a:d1:00:01";
        let sent = |from: &str, as_host: &str, source: &str, to: &str| forge(from, "10.209.0.1", NUMBER, as_host, mac, source, to);

        let capture = Capture::start(&victim);
        sent(&host_id(2), "10.209.0.2", "198.18.0.6", "198.18.0.5");
        assert_eq!(capture.end(), ["198.18.0.6 17"], "the tool makes packets that pass from where they may come");

        let captures = [Capture::start(&victim), Capture::at("world"), Capture::start(&third)];
        for (as_host, source) in [("10.209.0.66", "198.18.0.6"), ("10.209.0.2", "198.18.0.6"), ("10.209.0.1", "198.18.0.5")] {
            sent("stranger", as_host, source, "198.18.0.5");
        }
        // A host that is known speaks for its own addresses: not for another host's, for one of this host's, nor for anybody else.
        for source in ["198.18.0.7", "198.18.0.5", "198.18.0.99", "203.0.113.254", "172.31.0.6", "10.209.0.2", "250.209.0.3", "198.18.0.0"]
        {
            sent(&host_id(2), "10.209.0.2", source, "198.18.0.5");
        }
        // What comes in goes to a guest here: not to the world, to a third host, past the translation, or to the host itself.
        let listening = "import socket\ns=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)\ns.bind(('0.0.0.0',4001))\ns.settimeout(4)\nprint('ready',flush=True)\n\
                         try: print(s.recv(100))\nexcept OSError: print('nothing')";
        let mut host = Command::new("ip");
        let mut host = host.args(["netns", "exec", &host_id(1), "python3", "-c", listening]).stdout(Stdio::piped()).spawn().unwrap();
        let mut heard = BufReader::new(host.stdout.take().unwrap()).lines();
        assert_eq!(heard.next().unwrap().unwrap(), "ready");
        for to in ["203.0.113.254", "198.18.0.7", "172.31.0.5", "10.209.0.1", "250.209.0.1", "198.18.0.0", "10.209.0.3"] {
            sent(&host_id(2), "10.209.0.2", "198.18.0.6", to);
        }
        // Nor does the world get into the tunnel by this host.
        run(&format!("ip netns exec {} sysctl -qw net.ipv4.ip_forward=1", host_id(1)));
        run("ip netns exec world sh -c 'busybox ping -c1 -W1 198.18.0.7 || true'");
        friend.run("ip addr add 198.18.0.7/32 dev eth0");
        assert!(!friend.succeeds("busybox ping -c1 -W1 -I 198.18.0.7 198.18.0.5"), "a guest that forges");
        private.output("busybox ping -c1 -W1 198.18.0.5");
        let [at_victim, at_world, at_third] = captures.map(Capture::end);
        let answers: Vec<&String> = at_world.iter().filter(|packet| !packet.ends_with(" 1")).collect();
        assert_eq!((at_victim, answers, at_third), (Vec::new(), Vec::new(), Vec::new()));
        assert_eq!(heard.next().unwrap().unwrap(), "nothing", "the host is not asked");
        host.wait().unwrap();
    });
}

/// A guest's packets may leave under its host's own address; that must not make it a host.
#[test]
fn a_guest_does_not_speak_in_a_tunnel_as_its_host() {
    machine("a_guest_does_not_speak_in_a_tunnel_as_its_host", || async {
        let (victim, thief, friend) = (on(1, 5, "vpc-1"), on(2, 6, "vpc-2"), on(2, 7, "vpc-1"));
        let mut cluster = Cluster::wire(2);
        plug(&[&victim, &thief, &friend]);
        // What a host forwards for its guests goes out where its default route leads.
        run(&format!("ip -n {} route add default via 10.209.0.1", host_id(2)));
        cluster.start(&world(), &[&victim, &thief, &friend]).await;
        let vni = 4096 + u32::from(b'1');
        let capture = Capture::start(&victim);
        forge(&host_id(2), "10.209.0.1", vni, "10.209.0.2", "02:46:0a:d1:00:01", "172.31.0.7", "172.31.0.5");
        assert_eq!(capture.end(), ["172.31.0.7 17"], "as the host itself it passes");
        let capture = Capture::start(&victim);
        forge(&thief.name(), "10.209.0.1", vni, "10.209.0.2", "02:46:0a:d1:00:01", "172.31.0.7", "172.31.0.5");
        forge(&thief.name(), "10.209.0.1", NUMBER, "10.209.0.2", "02:46:0a:d1:00:01", "198.18.0.7", "198.18.0.5");
        assert_eq!(capture.end(), [""; 0]);
        let _listener = Listener::start(&host_id(1), 81);
        assert_eq!(reach(&thief, "10.209.0.1", 81).as_deref(), Some("10.209.0.2"), "it does reach that host's network");
    });
}
