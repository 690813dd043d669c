//! Who reaches whom.

use std::io::{BufRead, BufReader, Write};

use freehold_node_agent::network::Config;

use crate::lab::{Guest, Lab, Listener, World, all_egress, eventually, from_group, ingress, machine, output, outside, reach, rule, run};

/// The echo requests that reached the guest.
fn echoes_heard(guest: &Guest) -> u64 {
    let counters = guest.run("cat /proc/net/snmp");
    let mut lines = counters.lines().filter(|line| line.starts_with("Icmp:"));
    let (names, values) = (lines.next().unwrap(), lines.next().unwrap());
    let at = names.split(' ').position(|name| name == "InEchos").unwrap();
    values.split(' ').nth(at).unwrap().parse().unwrap()
}

#[test]
fn a_group_lets_through_what_its_rules_say_and_nothing_else() {
    machine("a_group_lets_through_what_its_rules_say_and_nothing_else", || async {
        let a = Guest::new(5, "vpc-1", &["sg-open"]);
        let b = Guest::new(6, "vpc-1", &["sg-shut"]).at("subnet-b", "172.31.16.6");
        let c = Guest::new(7, "vpc-1", &["sg-other"]);
        for guest in [&a, &b, &c] {
            guest.plug().addressed();
        }
        let world = World::default()
            .vpc("vpc-1")
            .group("sg-open", vec![ingress("-1", -1, -1), all_egress()])
            .group("sg-other", vec![rule(true, "tcp", 22, 22, "0.0.0.0/0")])
            .guest(&a)
            .guest(&b)
            .guest(&c);
        let shut = world.clone().group("sg-shut", vec![all_egress()]);
        let lab = Lab::start(shut.0.clone()).await;
        let _listeners = [(&b, 22), (&b, 80), (&a, 80)].map(|(guest, port)| Listener::start(&guest.name(), port));

        assert_eq!(reach(&a, "172.31.16.6", 22), None, "the group has no ingress rule");
        assert_eq!(reach(&b, "172.31.0.5", 80).as_deref(), Some("172.31.16.6"), "another subnet, with the sender's own address");

        let open = world.clone().group("sg-shut", vec![ingress("tcp", 22, 22), all_egress()]);
        lab.state(&open.0).await;
        assert_eq!(reach(&a, "172.31.16.6", 22).as_deref(), Some("172.31.0.5"));
        assert_eq!(reach(&a, "172.31.16.6", 80), None, "only port 22 is open");
        assert_eq!(reach(&c, "172.31.16.6", 22).as_deref(), Some("172.31.0.7"));
        assert_eq!(reach(&c, "172.31.0.5", 80), None, "its own egress allows 22 only");
        assert!(!a.succeeds("busybox ping -c1 -W1 172.31.16.6"), "no ICMP rule");

        let referring = world.clone().group("sg-shut", vec![from_group("tcp", 22, "sg-open"), ingress("icmp", 8, -1), all_egress()]);
        lab.state(&referring.0).await;
        assert_eq!(reach(&a, "172.31.16.6", 22).as_deref(), Some("172.31.0.5"), "a member of the named group");
        assert_eq!(reach(&c, "172.31.16.6", 22), None, "no member of the named group");
        assert!(a.succeeds("busybox ping -c1 -W1 172.31.16.6"));

        let block = world.group("sg-shut", vec![rule(false, "tcp", 22, 22, "172.31.0.7/32")]);
        lab.state(&block.0).await;
        assert_eq!(reach(&a, "172.31.16.6", 22), None, "revoked");
        assert_eq!(reach(&c, "172.31.16.6", 22).as_deref(), Some("172.31.0.7"));
        assert!(!a.succeeds("busybox ping -c1 -W1 172.31.16.6"), "revoked");
        assert_eq!(reach(&b, "172.31.0.5", 80), None, "its egress was revoked");
    });
}

#[test]
fn overlapping_vpcs_do_not_meet() {
    machine("overlapping_vpcs_do_not_meet", || async {
        let a = Guest::new(5, "vpc-1", &["sg-1"]);
        let peer = Guest::new(6, "vpc-1", &["sg-1"]);
        let twin = Guest::new(7, "vpc-2", &["sg-1"]).at("subnet-a", "172.31.0.6");
        for guest in [&a, &peer, &twin] {
            guest.plug().addressed();
        }
        let open = vec![ingress("-1", -1, -1), all_egress()];
        let world = World::default().vpc("vpc-1").vpc("vpc-2").group("sg-1", open).guest(&a).guest(&peer).guest(&twin);
        let _lab = Lab::start(world.0).await;
        let _there = Listener::start(&peer.name(), 80);
        let _trap = Listener::start(&twin.name(), 81);
        assert_eq!(reach(&a, "172.31.0.6", 80).as_deref(), Some("172.31.0.5"));
        assert_eq!(reach(&a, "172.31.0.6", 81), None, "the twin of another VPC");
        assert_eq!(reach(&twin, "172.31.0.5", 80), None);
    });
}

#[test]
fn the_host_reaches_a_public_address_as_the_groups_allow() {
    machine("the_host_reaches_a_public_address_as_the_groups_allow", || async {
        let a = Guest::new(5, "vpc-1", &["sg-1"]).public("198.18.0.5");
        let b = Guest::new(6, "vpc-1", &["sg-1"]).public("198.18.0.6");
        let private = Guest::new(7, "vpc-1", &["sg-1"]);
        let elsewhere = Guest::new(8, "vpc-2", &["sg-1"]).public("198.18.0.8");
        let guests = [&a, &b, &private, &elsewhere];
        let mut world = World::default().vpc("vpc-1").vpc("vpc-2").group("sg-1", vec![ingress("tcp", 22, 22), all_egress()]);
        for guest in guests {
            guest.plug().addressed();
            world = world.guest(guest);
        }
        let lab = Lab::start(world.0.clone()).await;
        let _listeners = [(&a, 22), (&a, 80), (&b, 22)].map(|(guest, port)| Listener::start(&guest.name(), port));
        let from_host =
            |port: u16| String::from_utf8_lossy(&output(&format!("timeout 1 busybox nc 198.18.0.5 {port}")).stdout).into_owned();

        assert_eq!(from_host(22), "198.18.0.0", "with no set-up, as the host's address");
        assert_eq!(from_host(80), "", "not open");
        assert_eq!(reach(&b, "198.18.0.5", 22).as_deref(), Some("198.18.0.6"), "between public addresses of one VPC");
        assert_eq!(reach(&a, "198.18.0.5", 22).as_deref(), Some("198.18.0.5"), "itself");
        assert_eq!(reach(&elsewhere, "198.18.0.5", 22).as_deref(), Some("198.18.0.8"), "from another VPC");
        assert_eq!(reach(&private, "198.18.0.5", 22), None, "without a public address there is no way out");

        let referring = world.group("sg-1", vec![from_group("tcp", 22, "sg-1"), all_egress()]);
        lab.state(&referring.0).await;
        assert_eq!(reach(&b, "172.31.0.5", 22).as_deref(), Some("172.31.0.6"));
        assert_eq!(reach(&b, "198.18.0.5", 22), None, "a group means private addresses only");
    });
}

#[test]
fn a_guest_can_not_speak_for_another() {
    machine("a_guest_can_not_speak_for_another", || async {
        let victim = Guest::new(5, "vpc-1", &["sg-1"]).public("198.18.0.5");
        let friend = Guest::new(6, "vpc-1", &["sg-1"]);
        let thief = Guest::new(7, "vpc-1", &["sg-1"]);
        for guest in [&victim, &friend, &thief] {
            guest.plug().addressed();
        }
        let open = vec![ingress("-1", -1, -1), all_egress()];
        let world = World::default().vpc("vpc-1").group("sg-1", open).guest(&victim).guest(&friend).guest(&thief);
        let _lab = Lab::start(world.0).await;
        let namespace = victim.vpc_namespace();
        assert!(thief.succeeds("busybox ping -c1 -W1 172.31.0.5"), "as itself it is heard");

        let heard = echoes_heard(&victim);
        thief.run("ip addr add 172.31.0.6/32 dev eth0");
        assert!(!thief.succeeds("busybox ping -c1 -W1 -I 172.31.0.6 172.31.0.5"), "a neighbour's address");
        thief.run("ip addr add 10.9.9.9/32 dev eth0");
        assert!(!thief.succeeds("busybox ping -c1 -W1 -I 10.9.9.9 172.31.0.5"), "an address from nowhere");
        thief.run("ip addr add 127.0.0.9/32 dev eth0");
        thief.run("ip link set eth0 address 0a:00:00:00:00:06");
        thief.run("ip route replace default via 172.31.0.1");
        assert!(!thief.succeeds("busybox ping -c1 -W1 -I 172.31.0.6 172.31.0.5"), "a neighbour's address and hardware address");
        thief.run("ip link set eth0 address 0a:00:00:00:00:07");
        thief.run("ip route replace default via 172.31.0.1");
        assert_eq!(echoes_heard(&victim), heard, "nothing of it arrived");

        // ARP that claims the victim's address changes nothing, and no neighbour appears.
        thief.output("busybox arping -c 3 -w 3 -U -I eth0 -s 172.31.0.5 172.31.0.5");
        let neighbours = run(&format!("ip -n {namespace} neigh"));
        assert!(neighbours.contains(&format!("172.31.0.5 dev {} lladdr {} PERMANENT", victim.tap(), victim.mac())), "{neighbours}");
        assert!(!neighbours.contains(&format!("172.31.0.5 dev {}", thief.tap())), "{neighbours}");
        assert!(friend.succeeds("busybox ping -c1 -W1 172.31.0.5"), "the victim is still the victim");
    });
}

#[test]
fn a_router_may_carry_others_packets_but_not_their_identity() {
    machine("a_router_may_carry_others_packets_but_not_their_identity", || async {
        let router = Guest { source_dest_check: false, ..Guest::new(5, "vpc-1", &["sg-1"]) };
        let other = Guest::new(6, "vpc-1", &["sg-1"]);
        router.plug().addressed();
        other.plug().addressed();
        let world = World::default().vpc("vpc-1").group("sg-1", vec![ingress("-1", -1, -1), all_egress()]).guest(&router).guest(&other);
        let _lab = Lab::start(world.0).await;
        router.run("ip addr add 10.9.9.9/32 dev lo");
        assert!(router.succeeds("busybox ping -c1 -W1 172.31.0.6"), "as itself");
        router.output("busybox ping -c1 -W1 -I 10.9.9.9 172.31.0.6");
        assert_eq!(echoes_heard(&other), 2, "a packet it carries for another");
        router.run("ip addr add 172.31.0.6/32 dev lo");
        let stolen = router.output("timeout 1 busybox nc -s 172.31.0.6 169.254.169.254 80 < /dev/null");
        assert!(!stolen.status.success(), "metadata knows callers by their address");
    });
}

#[test]
fn guests_reach_no_listener_of_the_host() {
    machine("guests_reach_no_listener_of_the_host", || async {
        let a = Guest::new(5, "vpc-1", &["sg-1"]).public("198.18.0.5");
        a.plug().addressed();
        outside();
        let world = World::default().vpc("vpc-1").group("sg-1", vec![ingress("-1", -1, -1), all_egress()]).guest(&a);
        let lab = Lab::start(world.0.clone()).await;
        // A published port of a container: the host translates it to another address of its own.
        run(
            "nft 'add table ip docker; add chain ip docker pre { type nat hook prerouting priority dstnat; }; add rule ip docker pre tcp dport 8080 dnat to 203.0.113.1:22'",
        );
        let script = "import socket,threading\nfor p in (22,53,80,8773,8774,8775,67):\n s=socket.create_server(('0.0.0.0',p))\n threading.Thread(target=lambda s=s:[s.accept()[0].sendall(b'reached') for _ in iter(int,1)]).start()";
        let mut host = std::process::Command::new("python3").args(["-c", script]).spawn().unwrap();
        eventually("the host listens", || run("ss -Hltn").contains(":67 "));
        for target in [
            "203.0.113.1 22",
            "203.0.113.1 80",
            "203.0.113.1 8773",
            "203.0.113.1 8774",
            "203.0.113.1 8775",
            "198.18.0.0 8774",
            "172.31.0.1 8773",
            "198.18.0.0 22",
            "198.18.0.0 53",
            "198.19.255.255 22",
            "172.31.0.1 22",
            "203.0.113.1 8080",
            "127.0.0.1 22",
        ] {
            let heard = a.output(&format!("timeout 1 busybox nc {target}")).stdout;
            assert_eq!(String::from_utf8_lossy(&heard), "", "{target}");
        }
        assert_eq!(run("timeout 1 busybox nc 203.0.113.1 22 || true"), "reached", "the listeners do answer");

        lab.plane.stop().await.unwrap();
        let allowed = Config { host_ports: vec![8773], ..Config::default() };
        let _lab = Lab::configured(allowed, world.0).await;
        let hear = |target: &str| String::from_utf8_lossy(&a.output(&format!("timeout 1 busybox nc {target}")).stdout).into_owned();
        assert_eq!(hear("203.0.113.1 8773"), "reached", "the one port that is allowed");
        assert_eq!((hear("203.0.113.1 8774"), hear("203.0.113.1 22")), (String::new(), String::new()));
        host.kill().unwrap();
        host.wait().unwrap();
    });
}

/// The same for many at once.
const ECHO_ALL: &str = "import socket,threading\ns=socket.create_server(('0.0.0.0',22))\ndef serve(c):\n f=c.makefile('rw')\n for l in f: f.write(l); f.flush()\nwhile True: threading.Thread(target=serve,args=(s.accept()[0],),daemon=True).start()";
/// Says what it hears, one line at a time.
const ECHO: &str = "import socket\ns=socket.create_server(('0.0.0.0',22))\nwhile True:\n c,_=s.accept(); f=c.makefile('rw')\n for l in f: f.write(l); f.flush()";

/// A connection that is open, or not any more.
struct Connection {
    client: std::process::Child,
    to: std::process::ChildStdin,
    from: std::sync::mpsc::Receiver<String>,
}

impl Connection {
    fn open(client: &Guest, address: &str) -> Self {
        let mut client = client.start("busybox", &["nc", address, "22"]);
        let (to, from) = (client.stdin.take().unwrap(), BufReader::new(client.stdout.take().unwrap()));
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::spawn(move || from.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let mut connection = Self { client, to, from: receiver };
        assert!(connection.hears("hello"), "it begins");
        connection
    }

    /// Whether a word comes back within a second; words that come later are the next ones' to skip.
    fn hears(&mut self, word: &str) -> bool {
        writeln!(self.to, "{word}").unwrap();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(1);
        let left = || deadline.saturating_duration_since(std::time::Instant::now());
        std::iter::from_fn(|| self.from.recv_timeout(left()).ok()).any(|line| line == word)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        drop(self.client.kill());
        drop(self.client.wait());
    }
}

#[test]
fn an_open_connection_outlives_a_change_of_rules_and_an_agent() {
    machine("an_open_connection_outlives_a_change_of_rules_and_an_agent", || async {
        let (a, b) = (Guest::new(5, "vpc-1", &["sg-1"]), Guest::new(6, "vpc-1", &["sg-1"]));
        a.plug().addressed();
        b.plug().addressed();
        let world = World::default().vpc("vpc-1").guest(&a).guest(&b);
        // Not open to all addresses: the flow is tracked.
        let open = world.clone().group("sg-1", vec![rule(false, "tcp", 22, 22, "172.31.0.0/16"), all_egress()]);
        let shut = world.group("sg-1", vec![]);
        let lab = Lab::start(open.0).await;
        let mut server = a.start("python3", &["-c", ECHO]);
        eventually("the server listens", || a.run("ss -Hltn").contains(":22 "));
        let mut connection = Connection::open(&b, "172.31.0.5");
        lab.state(&shut.0).await;
        assert!(connection.hears("revoked"), "a tracked flow goes on");
        assert_eq!(reach(&b, "172.31.0.5", 22), None, "a new one does not begin");
        lab.plane.stop().await.unwrap();
        let again = Lab::start(shut.0).await;
        assert!(connection.hears("after"));
        again.plane.teardown().await.unwrap();
        server.kill().unwrap();
        server.wait().unwrap();
    });
}

#[test]
fn a_connection_that_both_directions_are_open_for_ends_with_its_rule() {
    machine("a_connection_that_both_directions_are_open_for_ends_with_its_rule", || async {
        outside();
        run("ip -n world route add 198.18.0.0/15 via 203.0.113.1");
        let a = Guest::new(5, "vpc-1", &["sg-1"]).public("198.18.0.5");
        let b = Guest::new(6, "vpc-1", &["sg-2"]);
        a.plug().addressed();
        b.plug().addressed();
        let world =
            |rules: Vec<_>| World::default().vpc("vpc-1").guest(&a).guest(&b).group("sg-1", rules).group("sg-2", vec![all_egress()]);
        let ssh = || ingress("tcp", 22, 22);
        let narrow = || rule(false, "tcp", 22, 22, "172.31.0.6/32");
        let some_egress = || rule(true, "tcp", 1024, 65535, "0.0.0.0/0");
        let lab = Lab::start(world(vec![ssh(), all_egress()]).0).await;
        let mut server = a.start("python3", &["-c", ECHO_ALL]);
        eventually("the server listens", || a.run("ss -Hltn").contains(":22 "));
        for (what, before, after, lasts) in [
            ("its rule is revoked", vec![ssh(), all_egress()], vec![all_egress()], false),
            ("the answers' rule is revoked", vec![ssh(), all_egress()], vec![ssh()], false),
            ("another rule lets it through", vec![ssh(), all_egress()], vec![narrow(), all_egress()], true),
            ("answers were let through by their state alone", vec![ssh()], vec![], true),
            ("not all answers were open", vec![ssh(), some_egress()], vec![], true),
            ("it was open to one address", vec![narrow(), all_egress()], vec![], true),
            ("the most permissive rule counts", vec![narrow(), ssh(), all_egress()], vec![all_egress()], false),
        ] {
            lab.state(&world(before.clone()).0).await;
            let mut connection = Connection::open(&b, "172.31.0.5");
            lab.state(&world(after).0).await;
            assert_eq!(connection.hears("after"), lasts, "{what}");
            // It was held up; once it may, it goes on.
            lab.state(&world(before).0).await;
            eventually(what, || connection.hears("again"));
        }
        // From the world, where addresses are translated: the flow is of the same kind.
        let from_the_world = Guest { vpc_id: String::new(), ..Guest::new(0, "", &[]) };
        run("ip netns add guest0; ip link add w0 netns world type veth peer name eth0 netns guest0");
        run("ip -n world addr add 192.0.2.1/24 dev w0; ip -n world link set w0 up; ip netns exec world sysctl -qw net.ipv4.ip_forward=1");
        run("ip -n guest0 addr add 192.0.2.2/24 dev eth0; ip -n guest0 link set eth0 up; ip -n guest0 route add default via 192.0.2.1");
        let mut connection = Connection::open(&from_the_world, "198.18.0.5");
        lab.state(&world(vec![all_egress()]).0).await;
        assert!(!connection.hears("after"), "from the world");
        server.kill().unwrap();
        server.wait().unwrap();
    });
}
