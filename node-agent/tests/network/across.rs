//! Guests of one VPC on several hosts.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};

use crate::hosts::{Cluster, host_id, wire};
use crate::lab::{Guest, Listener, World, all_egress, eventually, from_group, ingress, machine, output, reach, rule, run};

const ALL: (i32, i32) = (-1, -1);

pub fn open() -> Vec<freehold_proto::internal::host::RuleDesired> {
    vec![ingress("-1", -1, -1), all_egress()]
}

fn on(host: u8, number: u8, groups: &[&str]) -> Guest {
    Guest::new(number, "vpc-1", groups).on(&host_id(host))
}

pub fn plug(guests: &[&Guest]) {
    for guest in guests {
        guest.plug().addressed();
    }
}

/// Every IPv4 packet that a guest's interface takes in, as `SOURCE PROTOCOL` a line.
pub struct Capture(Child);

impl Capture {
    pub fn start(guest: &Guest) -> Self {
        Self::at(&guest.name())
    }

    /// In a namespace.
    pub fn at(name: &str) -> Self {
        let script = "import socket\ns=socket.socket(socket.AF_PACKET,socket.SOCK_DGRAM,socket.htons(0x0800))\nprint('ready',flush=True)\n\
                      while True:\n d,a=s.recvfrom(2000)\n if a[2]!=4: print(socket.inet_ntoa(d[12:16]),d[9],flush=True)";
        let child = Command::new("ip").args(["netns", "exec", name, "python3", "-c", script]).stdout(Stdio::piped()).spawn();
        let mut child = child.unwrap();
        let mut line = String::new();
        let mut said = BufReader::with_capacity(1, child.stdout.take().unwrap());
        said.read_line(&mut line).unwrap();
        child.stdout = Some(said.into_inner());
        assert_eq!(line, "ready\n");
        Self(child)
    }

    pub fn end(mut self) -> Vec<String> {
        std::thread::sleep(std::time::Duration::from_millis(200));
        self.0.kill().unwrap();
        let mut text = String::new();
        self.0.stdout.take().unwrap().read_to_string(&mut text).unwrap();
        self.0.wait().unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Sends one datagram in a VPC's tunnel from the machine `from`: it says that it is of the guest `source`, whose host would be `as_host`.
pub fn forge(from: &str, to_host: &str, vni: u32, as_host: &str, mac: &str, source: &str, destination: &str) {
    let script = format!(
        "import socket,struct\n\
         def sum(b):\n t=0\n for i in range(0,len(b),2): t+=b[i]<<8|b[i+1]\n while t>>16: t=(t&0xffff)+(t>>16)\n return ~t&0xffff\n\
         p=b'forged!!'\n\
         u=struct.pack('!HHHH',4000,4001,8+len(p),0)+p\n\
         h=struct.pack('!BBHHHBBH4s4s',0x45,0,20+len(u),1,0,64,17,0,socket.inet_aton('{source}'),socket.inet_aton('{destination}'))\n\
         h=h[:10]+struct.pack('!H',sum(h))+h[12:]\n\
         m=lambda a: bytes.fromhex(a.replace(':',''))\n\
         f=m('{mac}')+b'\\x02\\x46'+socket.inet_aton('{as_host}')+b'\\x08\\x00'+h+u\n\
         socket.socket(socket.AF_INET,socket.SOCK_DGRAM).sendto(struct.pack('!II',0x08000000,{vni}<<8)+f,('{to_host}',4789))"
    );
    run(&format!("ip netns exec {from} python3 -c \"{}\"", script.replace('\\', "\\\\")));
}

/// The hardware address of a host's end of the tunnel.
pub fn end_of(guest: &Guest) -> String {
    run(&format!("ip -n {} -br link show vx0", guest.vpc_namespace())).split_whitespace().nth(2).unwrap().to_owned()
}

#[test]
fn guests_on_three_hosts_reach_each_other_as_their_groups_say() {
    machine("guests_on_three_hosts_reach_each_other_as_their_groups_say", || async {
        let a = on(1, 5, &["sg-open"]);
        let b = on(2, 6, &["sg-web"]);
        let c = on(3, 7, &["sg-other"]).at("subnet-b", "172.31.16.7").also("172.31.16.77");
        // The same addresses in another VPC, on the same hosts.
        let twin_a = Guest::new(15, "vpc-2", &["sg-open"]).at("subnet-a", "172.31.0.5").on(&host_id(1));
        let twin_b = Guest::new(16, "vpc-2", &["sg-open"]).at("subnet-a", "172.31.0.6").on(&host_id(2));
        let guests = [&a, &b, &c, &twin_a, &twin_b];
        let mut cluster = Cluster::wire(3);
        plug(&guests);
        c.run("ip addr add 172.31.16.77/32 dev eth0");
        let world = World::default().vpc("vpc-1").vpc("vpc-2").group("sg-open", open()).group("sg-other", open());
        let web = |rules| world.clone().group("sg-web", rules);
        let by_port = web(vec![ingress("tcp", 80, 80), all_egress()]);
        cluster.start(&by_port, &guests).await;
        let _listeners = [(&b, 80), (&b, 22), (&c, 80), (&a, 80), (&twin_b, 81), (&twin_b, 80)]
            .map(|(guest, port)| Listener::start(&guest.name(), port));

        assert_eq!(reach(&a, "172.31.0.6", 80).as_deref(), Some("172.31.0.5"), "in one subnet");
        assert_eq!(reach(&c, "172.31.0.6", 80).as_deref(), Some("172.31.16.7"), "across subnets");
        assert_eq!(reach(&b, "172.31.16.7", 80).as_deref(), Some("172.31.0.6"), "and back");
        assert_eq!(reach(&a, "172.31.16.77", 80).as_deref(), Some("172.31.0.5"), "at a secondary address");
        assert_eq!(reach(&a, "172.31.0.6", 22), None, "not open there");
        assert!(a.succeeds("busybox ping -c1 -W1 172.31.16.7") && !a.succeeds("busybox ping -c1 -W1 172.31.0.6"));
        assert!(!a.succeeds("busybox ping -c1 -W1 172.31.0.99"), "where nobody is");

        assert_eq!(reach(&a, "172.31.0.6", 81), None, "that is the twin's");
        assert_eq!(reach(&twin_a, "172.31.0.6", 81).as_deref(), Some("172.31.0.5"), "whom its own VPC reaches");
        assert_eq!(reach(&twin_a, "172.31.16.7", 80), None, "of another VPC");

        cluster.state(&web(vec![from_group("tcp", 80, "sg-other"), all_egress()]), &guests).await;
        assert_eq!(reach(&c, "172.31.0.6", 80).as_deref(), Some("172.31.16.7"), "a member on another host");
        assert_eq!(reach(&a, "172.31.0.6", 80), None, "no member");
        let joined = Guest { groups: vec!["sg-open".into(), "sg-other".into()], ..a.clone() };
        cluster.state(&web(vec![from_group("tcp", 80, "sg-other"), all_egress()]), &[&joined, &b, &c, &twin_a, &twin_b]).await;
        assert_eq!(reach(&a, "172.31.0.6", 80).as_deref(), Some("172.31.0.5"), "a member from now on");

        cluster.state(&web(vec![ingress("-1", -1, -1), rule(true, "tcp", 80, 80, "172.31.16.0/20")]), &guests).await;
        assert_eq!(reach(&b, "172.31.16.7", 80).as_deref(), Some("172.31.0.6"));
        assert_eq!(reach(&b, "172.31.0.5", 80), None, "its own host does not let it out");
    });
}

#[test]
fn network_acls_are_asked_at_the_border_wherever_its_two_sides_are() {
    machine("network_acls_are_asked_at_the_border_wherever_its_two_sides_are", || async {
        let a = on(1, 5, &["sg-1"]);
        let neighbour = on(2, 6, &["sg-1"]);
        let b = on(2, 7, &["sg-1"]).at("subnet-b", "172.31.16.7");
        let guests = [&a, &neighbour, &b];
        let mut cluster = Cluster::wire(2);
        plug(&guests);
        let world = World::default().vpc("vpc-1").group("sg-1", open());
        let entry = |egress, number, allow, block| (egress, number, "-1", allow, block, ALL);
        let all = |egress| entry(egress, 100, true, "0.0.0.0/0");
        cluster.start(&world, &guests).await;
        let _listeners = [&a, &neighbour, &b].map(|guest| Listener::start(&guest.name(), 80));
        assert_eq!(reach(&a, "172.31.16.7", 80).as_deref(), Some("172.31.0.5"));

        let shut_in = world.clone().acl("vpc-1", "subnet-b", &[entry(false, 50, false, "172.31.0.5/32"), all(false), all(true)]);
        cluster.state(&shut_in.clone().acl("vpc-1", "subnet-a", &[all(false), all(true)]), &guests).await;
        assert_eq!(reach(&a, "172.31.16.7", 80), None, "the receiver's subnet does not let it in");
        assert_eq!(reach(&neighbour, "172.31.16.7", 80).as_deref(), Some("172.31.0.6"));

        let shut_out = world.clone().acl("vpc-1", "subnet-a", &[all(false), entry(true, 50, false, "172.31.0.0/16"), all(true)]);
        let capture = Capture::start(&b);
        cluster.state(&shut_out.acl("vpc-1", "subnet-b", &[all(false), all(true)]), &guests).await;
        assert_eq!(reach(&a, "172.31.16.7", 80), None, "the sender's subnet does not let it out");
        assert_eq!(capture.end(), [""; 0]);
        assert_eq!(reach(&a, "172.31.0.6", 80).as_deref(), Some("172.31.0.5"), "within a subnet no border is passed");
        assert_eq!(reach(&neighbour, "172.31.0.5", 80).as_deref(), Some("172.31.0.6"));
    });
}

#[test]
fn nobody_speaks_for_a_guest_on_another_host() {
    machine("nobody_speaks_for_a_guest_on_another_host", || async {
        let victim = on(1, 5, &["sg-1"]);
        let friend = on(2, 6, &["sg-1"]);
        let thief = on(2, 7, &["sg-1"]);
        let third = on(3, 8, &["sg-1"]);
        let guests = [&victim, &friend, &thief, &third];
        let mut cluster = Cluster::wire(3);
        wire("stranger", "10.209.0.66", "u66");
        plug(&guests);
        let world = World::default().vpc("vpc-1").group("sg-1", open());
        cluster.start(&world, &guests).await;
        let vni = 4096 + u32::from(b'1');
        let mac = end_of(&victim);

        let capture = Capture::start(&victim);
        assert!(thief.succeeds("busybox ping -c1 -W1 172.31.0.5"), "as itself it is heard");
        forge(&host_id(2), "10.209.0.1", vni, "10.209.0.2", &mac, "172.31.0.6", "172.31.0.5");
        assert_eq!(capture.end(), ["172.31.0.7 1", "172.31.0.6 17"], "the tool makes packets that pass from where they may come");

        let capture = Capture::start(&victim);
        thief.run("ip addr add 172.31.0.6/32 dev eth0");
        thief.run("ip addr add 172.31.0.8/32 dev eth0");
        for address in ["172.31.0.6", "172.31.0.8"] {
            assert!(!thief.succeeds(&format!("busybox ping -c1 -W1 -I {address} 172.31.0.5")), "{address}");
        }
        // A stranger on the hosts' link, under each name that it may think of.
        for (as_host, source) in [("10.209.0.66", "172.31.0.6"), ("10.209.0.2", "172.31.0.6"), ("10.209.0.1", "172.31.0.5")] {
            forge("stranger", "10.209.0.1", vni, as_host, &mac, source, "172.31.0.5");
        }
        // A host that is known speaks for its own guests: not for another host's, for one of this host's, nor for nobody.
        for source in ["172.31.0.8", "172.31.0.5", "172.31.0.99", "8.8.8.8"] {
            forge(&host_id(2), "10.209.0.1", vni, "10.209.0.2", &mac, source, "172.31.0.5");
        }
        assert_eq!(capture.end(), [""; 0]);

        // What comes in by the tunnel goes to a guest here or nowhere.
        let capture = Capture::start(&third);
        forge(&host_id(2), "10.209.0.1", vni, "10.209.0.2", &mac, "172.31.0.6", "172.31.0.8");
        assert_eq!(capture.end(), [""; 0]);

        // At its own door the host drops what a stranger says in a VPC's tunnel, and nothing of tunnels that are not its business.
        let host = host_id(1);
        run(&format!("ip netns exec {host} nft 'add table inet t; add chain inet t i {{ type filter hook input priority filter; }}'"));
        run(&format!("ip netns exec {host} nft 'add rule inet t i udp dport 4789 counter'"));
        let came = || run(&format!("ip netns exec {host} nft list chain inet t i"));
        forge("stranger", "10.209.0.1", vni, "10.209.0.2", &mac, "172.31.0.6", "172.31.0.5");
        assert!(came().contains("packets 0"), "{}", came());
        forge("stranger", "10.209.0.1", 77, "10.209.0.2", &mac, "172.31.0.6", "172.31.0.5");
        assert!(came().contains("packets 1"), "{}", came());
    });
}

#[test]
fn an_interface_that_moves_or_ends_is_where_it_is_said_to_be_and_nowhere_else() {
    machine("an_interface_that_moves_or_ends_is_where_it_is_said_to_be_and_nowhere_else", || async {
        let a = on(1, 5, &["sg-1"]);
        let b = on(2, 6, &["sg-1"]);
        let stays = on(3, 8, &["sg-1"]);
        let moved = b.clone().on(&host_id(3));
        let mut cluster = Cluster::wire(3);
        plug(&[&a, &b, &stays]);
        let world = World::default().vpc("vpc-1").group("sg-1", open());
        cluster.start(&world, &[&a, &b, &stays]).await;
        let listener = Listener::start(&b.name(), 80);
        assert_eq!(reach(&a, "172.31.0.6", 80).as_deref(), Some("172.31.0.5"));

        // It is gone from the other host's knowledge: at once, whatever its own host still does.
        let capture = Capture::start(&b);
        cluster.state_to(1, &world, &[&a, &stays]).await;
        assert_eq!(reach(&a, "172.31.0.6", 80), None);
        assert_eq!(capture.end(), [""; 0]);
        let entries = || run(&format!("ip -n {0} neigh show dev vx0; bridge -n {0} fdb show dev vx0", a.vpc_namespace()));
        assert!(!entries().contains("10.209.0.2") && entries().contains("10.209.0.3"), "{}", entries());

        cluster.state(&world, &[&a, &stays]).await;
        drop(listener);
        run(&format!("ip netns del {}", b.name()));
        moved.plug().addressed();
        cluster.state(&world, &[&a, &moved, &stays]).await;
        let _listener = Listener::start(&moved.name(), 80);
        assert_eq!(reach(&a, "172.31.0.6", 80).as_deref(), Some("172.31.0.5"), "on its new host");
        assert_eq!(reach(&stays, "172.31.0.6", 80).as_deref(), Some("172.31.0.8"), "and for its neighbour there");

        cluster.state(&world, &[&a]).await;
        assert_eq!(run(&format!("ip -n {} -br link", a.vpc_namespace())).matches("vx0").count(), 0, "nobody is elsewhere any more");
        for number in [2, 3] {
            assert_eq!(run("ip netns list").matches(&format!("freehold-{}", host_id(number))).count(), 0);
        }
    });
}

#[test]
fn a_route_leads_to_a_router_on_another_host() {
    machine("a_route_leads_to_a_router_on_another_host", || async {
        let a = on(1, 5, &["sg-1"]);
        let c = on(3, 9, &["sg-1"]);
        let router = on(2, 7, &["sg-1"]).at("subnet-b", "172.31.16.7").forwarding();
        // Another on the same host: the packets do not say by their destination whose they are.
        let decoy = on(2, 8, &["sg-1"]).at("subnet-b", "172.31.16.8").forwarding();
        let guests = [&a, &c, &router, &decoy];
        let mut cluster = Cluster::wire(3);
        plug(&guests);
        for (guest, network) in [(&router, "10.9.0.1"), (&decoy, "10.8.0.1")] {
            guest.run("sysctl -qw net.ipv4.ip_forward=1");
            guest.run(&format!("ip addr add {network}/32 dev lo"));
        }
        let world = World::default().vpc("vpc-1").group("sg-1", open());
        let through = |router: &Guest, decoy: &Guest| {
            let through_both = [("10.9.0.0/16", Some(router.target())), ("10.8.0.0/16", Some(decoy.target()))];
            world.clone().routes("vpc-1", "rtb-a", &through_both)
        };
        cluster.start(&through(&router, &decoy), &guests).await;
        let _listeners = [(&router, 80), (&decoy, 80), (&c, 80)].map(|(guest, port)| Listener::start(&guest.name(), port));
        // A router finds its gateway under its own address: see ADR 0019.
        for guest in [&router, &decoy] {
            guest.output("busybox ping -c1 -W1 172.31.16.1");
        }
        assert_eq!(reach(&a, "10.9.0.1", 80).as_deref(), Some("172.31.0.5"), "and the answer comes back from there");
        assert_eq!(reach(&a, "10.8.0.1", 80).as_deref(), Some("172.31.0.5"));
        let capture = Capture::start(&decoy);
        assert_eq!(reach(&c, "10.9.0.1", 80).as_deref(), Some("172.31.0.9"));
        assert_eq!(capture.end(), [""; 0], "not by way of the other router");
        assert_eq!(reach(&a, "10.7.0.1", 80), None, "no route");

        // A narrower route than the VPC's own: the neighbour's packets pass the router on their way from one host to another by a third.
        let narrow = world.clone().routes("vpc-1", "rtb-a", &[("172.31.0.9/32", Some(router.target()))]);
        cluster.state(&narrow, &guests).await;
        let capture = Capture::start(&router);
        a.output("busybox ping -c1 -W1 172.31.0.9");
        assert!(capture.end().contains(&"172.31.0.5 1".to_owned()));

        let checked = Guest { source_dest_check: true, ..router.clone() };
        cluster.state(&through(&checked, &decoy), &[&a, &c, &checked, &decoy]).await;
        assert_eq!(reach(&a, "10.9.0.1", 80), None, "an interface that is checked takes only what is for it");
        assert_eq!(reach(&a, "172.31.16.7", 80).as_deref(), Some("172.31.0.5"));
    });
}

/// A guest says something to another, who says it again; until it is dropped.
pub struct Conversation {
    client: Child,
    server: Child,
    said: BufReader<std::process::ChildStdout>,
}

impl Conversation {
    pub fn start(from: &Guest, to: &Guest) -> Self {
        Self::with(from, to, &to.address)
    }

    /// At this address of the other one.
    pub fn with(from: &Guest, to: &Guest, address: &str) -> Self {
        let echo = "import socket\ns=socket.create_server(('0.0.0.0',7))\nprint('ready',flush=True)\nc,a=s.accept()\nd=c.recv(1000)\nwhile d: c.sendall(d); d=c.recv(1000)";
        let mut server = to.start("python3", &["-c", echo]);
        let mut line = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let mut client = from.start("busybox", &["nc", address, "7"]);
        let said = BufReader::new(client.stdout.take().unwrap());
        Self { client, server, said }
    }

    pub fn goes_on(&mut self, word: &str) {
        writeln!(self.client.stdin.as_mut().unwrap(), "{word}").unwrap();
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        assert_eq!(line.trim(), word);
    }
}

impl Drop for Conversation {
    fn drop(&mut self) {
        for child in [&mut self.client, &mut self.server] {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

#[test]
fn a_nat_gateway_serves_guests_on_other_hosts() {
    machine("a_nat_gateway_serves_guests_on_other_hosts", || async {
        let near = on(1, 5, &["sg-1"]).at("subnet-b", "172.31.16.5");
        let far = on(2, 6, &["sg-1"]).at("subnet-b", "172.31.16.6");
        let nat = on(1, 9, &[]).public("198.18.0.9").translating();
        let guests = [&near, &far, &nat];
        let mut cluster = Cluster::wire(2);
        plug(&[&near, &far]);
        // The world is where the first host's way out leads.
        let first = host_id(1);
        run("ip netns add world");
        run(&format!("ip link add w0 netns {first} type veth peer name eth0 netns world"));
        run(&format!(
            "ip -n {first} addr add 203.0.113.1/24 dev w0; ip -n {first} link set w0 up; ip -n {first} route add default via 203.0.113.254"
        ));
        run("ip -n world addr add 203.0.113.254/24 dev eth0; ip -n world link set eth0 up; ip -n world link set lo up");
        let _web = Listener::start("world", 80);
        let world = World::default().vpc("vpc-1").group("sg-1", open()).routes("vpc-1", "rtb-b", &[("0.0.0.0/0", Some(nat.target()))]);
        cluster.start(&world, &guests).await;
        for guest in [&near, &far] {
            assert_eq!(reach(guest, "203.0.113.254", 80).as_deref(), Some("203.0.113.1"), "{}", guest.address);
        }
        // It moves to a host that has no way out, and with it the way of both.
        let moved = on(2, 9, &[]).public("198.18.0.9").translating();
        cluster.state(&world, &[&near, &far, &moved]).await;
        for guest in [&near, &far] {
            assert_eq!(reach(guest, "203.0.113.254", 80), None, "{}", guest.address);
        }
        assert!(!run("ip netns list").lines().any(|name| name.contains(&first) && name.contains("nat-")), "the first has nothing of it");
    });
}

#[test]
fn an_open_connection_outlives_statements_and_restarts_of_the_agents() {
    machine("an_open_connection_outlives_statements_and_restarts_of_the_agents", || async {
        let a = on(1, 5, &["sg-1"]);
        let b = on(2, 6, &["sg-1"]);
        let late = on(2, 7, &["sg-2"]);
        let mut cluster = Cluster::wire(2);
        plug(&[&a, &b]);
        // Of known addresses: what is open to all is judged packet by packet.
        let near = vec![rule(false, "-1", -1, -1, "172.31.0.0/16"), all_egress()];
        let world = World::default().vpc("vpc-1").group("sg-1", near).group("sg-2", open());
        cluster.start(&world, &[&a, &b]).await;
        let _listener = Listener::start(&a.name(), 80);
        let mut conversation = Conversation::start(&a, &b);
        conversation.goes_on("hello");
        plug(&[&late]);
        cluster.state(&world, &[&a, &b, &late]).await;
        conversation.goes_on("more hosts");
        assert_eq!(reach(&late, "172.31.0.5", 80).as_deref(), Some("172.31.0.7"));
        let shut = world.clone().group("sg-1", vec![all_egress()]);
        cluster.state(&shut, &[&a, &b, &late]).await;
        conversation.goes_on("what is established stays, as in EC2");
        for number in [1, 2] {
            cluster.host_mut(number).kill();
            conversation.goes_on("no agent");
            // With what it knew, and nobody to tell it more.
            cluster.host_mut(number).start().await;
            conversation.goes_on("an agent again");
        }
        assert_eq!(reach(&late, "172.31.0.5", 80), None, "and the rules are as they were");
    });
}

#[test]
fn a_packet_that_is_too_large_for_the_tunnel_is_answered_and_a_large_transfer_passes() {
    machine("a_packet_that_is_too_large_for_the_tunnel_is_answered_and_a_large_transfer_passes", || async {
        let a = on(1, 5, &["sg-1"]);
        let b = on(2, 6, &["sg-1"]);
        let mut cluster = Cluster::wire(2);
        plug(&[&a, &b]);
        let world = World::default().vpc("vpc-1").group("sg-1", open());
        cluster.start(&world, &[&a, &b]).await;
        assert!(run(&format!("ip -n {} link show {}", a.vpc_namespace(), a.tap())).contains("mtu 1450"), "what DHCP says, too");
        // A guest that had its address from before the host had a tunnel sends 1500 bytes, which a tap takes. What stands in its place here
        // does not by itself.
        run(&format!("ip -n {} link set {} mtu 1500", a.vpc_namespace(), a.tap()));
        let script = "import socket,sys,errno\ns=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)\ns.setsockopt(0,10,2)\ns.connect(('172.31.0.6',9))\n\
                      s.send(b'x'*1460)\nimport time\ntime.sleep(0.3)\n\
                      try:\n  s.send(b'x'*1460)\nexcept OSError as e:\n  pass\nprint(s.getsockopt(0,14))";
        let found = output(&format!("ip netns exec {} python3 -c \"{script}\"", a.name()));
        assert_eq!(String::from_utf8_lossy(&found.stdout).trim(), "1450", "fragmentation needed: {found:?}");
        let serve = "import socket\ns=socket.create_server(('0.0.0.0',80))\nprint('ready',flush=True)\nc,a=s.accept()\nn=0\nwhile True:\n d=c.recv(65536)\n if not d: break\n n+=len(d)\nprint(n,flush=True)";
        let mut server = b.start("python3", &["-c", serve]);
        let mut said = BufReader::new(server.stdout.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        a.run("sh -c 'head -c 3000000 /dev/zero | timeout 10 busybox nc 172.31.0.6 80'");
        line.clear();
        said.read_line(&mut line).unwrap();
        assert_eq!(line.trim(), "3000000");
        server.wait().unwrap();
        eventually("the listener is gone", || !b.succeeds("sh -c 'ss -Hltn | grep -q :80'"));
    });
}
