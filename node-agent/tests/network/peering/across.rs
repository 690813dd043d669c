//! Peers whose guests are on several hosts.

use std::io::{BufRead, BufReader};

use super::{guest, open, over, pings, plug, reached};
use crate::across::{Capture, Conversation, end_of, forge};
use crate::hosts::{Cluster, host_id};
use crate::lab::{Guest, Listener, World, all_egress, eventually, from_group, machine, output, reach, rule, run};

fn on(host: u8, guest: Guest) -> Guest {
    guest.on(&host_id(host))
}

fn world() -> World {
    World::default().numbered(1).numbered(2).numbered(3).peered(1, 2).routed(1, 2)
}

#[test]
fn peers_on_other_hosts_reach_each_other_as_groups_and_acls_of_both_say() {
    machine("peers_on_other_hosts_reach_each_other_as_groups_and_acls_of_both_say", || async {
        // A on the first host alone, B on the second alone, both on the third.
        let a = on(1, guest(5, 1, &["sg-a"]));
        let b = on(2, guest(7, 2, &["sg-b"])).also("10.2.0.77");
        let (a3, b3) = (on(3, guest(6, 1, &["sg-other"])), on(3, guest(8, 2, &["sg-other"])));
        let foreign = on(2, guest(9, 3, &["sg-open"]));
        let guests = [&a, &b, &a3, &b3, &foreign];
        let mut cluster = Cluster::wire(3);
        plug(&guests);
        b.run("ip addr add 10.2.0.77/32 dev eth0");
        let world = world().group("sg-open", open()).group("sg-other", open()).group("sg-a", open());
        let all = world.clone().group("sg-b", open());
        cluster.start(&all, &guests).await;
        let _listeners = [&a, &b, &a3, &b3].map(|guest| Listener::start(&guest.name(), 80));
        for (from, to) in [(&a, &b), (&b, &a), (&a, &b3), (&b3, &a), (&a3, &b), (&b, &a3), (&a3, &b3), (&b3, &a3)] {
            assert_eq!(reached(from, &to.address, 80).as_deref(), Some(from.address.as_str()), "{} to {}", from.address, to.address);
            assert!(pings(from, &to.address));
        }
        assert_eq!(reached(&a, "10.2.0.77", 80).as_deref(), Some("10.1.0.5"), "at a secondary address");
        assert_eq!(reach(&foreign, "10.1.0.5", 80), None, "of a VPC that is no peer");
        let (there, namespaces) = (run(&format!("ip -n {} -br link", b.vpc_namespace())), run("ip netns list"));
        assert!(there.contains("pcx") && there.contains("vx0") && there.contains("ext0"), "{there}");
        assert!(namespaces.contains(&format!("freehold-{}-vpc-2", host_id(1))), "for the peer to pass");
        let passed = run(&format!("ip -n freehold-{}-vpc-2 -br link", host_id(1)));
        assert!(passed.contains("pcx") && passed.contains("vx0") && !passed.contains("ext0"), "{passed}");

        let named = world.clone().group("sg-b", vec![from_group("tcp", 80, "sg-a"), all_egress()]);
        cluster.state(&named, &guests).await;
        assert_eq!(reached(&a, "10.2.0.7", 80).as_deref(), Some("10.1.0.5"), "a member on another host");
        assert_eq!((reach(&a3, "10.2.0.7", 80), pings(&a, "10.2.0.7")), (None, false), "no member, no such rule");
        cluster.state(&all.clone().group("sg-a", vec![rule(true, "tcp", 80, 80, "10.1.0.0/16")]), &guests).await;
        assert_eq!(reach(&a, "10.2.0.7", 80), None, "the sender's group does not let it out");

        let entry = |egress, number, allow, block| (egress, number, "-1", allow, block, (-1, -1));
        let rest = |egress| entry(egress, 100, true, "0.0.0.0/0");
        for (n, egress, block, arrives) in
            [(1, true, "10.2.0.0/16", false), (2, false, "10.1.0.5/32", false), (2, true, "10.1.0.5/32", true)]
        {
            let acl = [entry(egress, 50, false, block), rest(false), rest(true)];
            cluster.state(&all.clone().acl(&format!("vpc-{n}"), "subnet-a", &acl), &guests).await;
            let capture = Capture::start(&b);
            assert_eq!(reach(&a, "10.2.0.7", 80), None, "{n} {block}");
            assert_eq!(capture.end().contains(&"10.1.0.5 6".to_owned()), arrives, "{n} {block}");
            assert_eq!(reach(&a3, "10.2.0.8", 80).is_some(), n == 2, "{n} {block}");
        }
    });
}

#[test]
fn a_conversation_of_peers_outlives_statements_and_restarts_and_ends_with_the_peering() {
    machine("a_conversation_of_peers_outlives_statements_and_restarts_and_ends_with_the_peering", || async {
        let (a, b) = (on(1, guest(5, 1, &["sg-1"])), on(2, guest(7, 2, &["sg-1"])));
        let late = on(1, guest(8, 2, &["sg-1"]));
        let mut cluster = Cluster::wire(2);
        plug(&[&a, &b]);
        // Of known addresses: what is open to all is judged packet by packet.
        let near = vec![rule(false, "-1", -1, -1, "10.0.0.0/8"), all_egress()];
        let apart = World::default().numbered(1).numbered(2).group("sg-1", near);
        let joined = apart.clone().peered(1, 2).routed(1, 2);
        let empty = |number: u8| run(&format!("ip netns exec {} nft list ruleset; ip -n {0} -br link", host_id(number)));
        let before = [empty(1), empty(2)];
        cluster.start(&joined, &[&a, &b]).await;
        let _listener = Listener::start(&b.name(), 80);
        let mut conversation = Conversation::start(&a, &b);
        conversation.goes_on("hello");
        // The VPC that was passed only has a guest here now, and then none again.
        plug(&[&late]);
        cluster.state(&joined, &[&a, &b, &late]).await;
        conversation.goes_on("a guest more");
        assert!(pings(&a, "10.2.0.8") && pings(&late, "10.1.0.5") && pings(&late, "10.2.0.7"));
        cluster.state(&joined, &[&a, &b]).await;
        conversation.goes_on("and less");
        let passed = run(&format!("ip -n {0} -br link; ip -n {0} -br addr", late.vpc_namespace()));
        assert!(!passed.contains("ext0") && !passed.contains("10.2.0.2") && !passed.contains("tap"), "{passed}");
        for number in [1, 2] {
            cluster.host_mut(number).kill();
            conversation.goes_on("no agent");
            cluster.host_mut(number).start().await;
            conversation.goes_on("an agent again");
        }
        // Only one of the two hosts has heard of the end.
        cluster.state_to(1, &apart, &[&a, &b]).await;
        assert_eq!(reach(&a, "10.2.0.7", 80), None);
        assert_eq!(run("ip netns list").matches("-vpc-2").count(), 1, "where it has a guest");
        cluster.state(&joined, &[&a, &b]).await;
        conversation.goes_on("peers again");
        cluster.state(&apart, &[&a, &b]).await;
        assert_eq!((pings(&a, "10.2.0.7"), run("ip netns list").matches("-vpc-").count()), (false, 2));
        cluster.state(&apart, &[]).await;
        assert_eq!([empty(1), empty(2)], before);
    });
}

#[test]
fn nobody_speaks_for_a_peer_on_another_host() {
    machine("nobody_speaks_for_a_peer_on_another_host", || async {
        let a = on(1, guest(5, 1, &["sg-1"]));
        let (b, b3) = (on(2, guest(7, 2, &["sg-1"])), on(3, guest(8, 2, &["sg-1"])));
        let forwarder = on(3, guest(6, 1, &["sg-1"]).forwarding());
        let guests = [&a, &b, &b3, &forwarder];
        let mut cluster = Cluster::wire(3);
        crate::hosts::wire("stranger", "10.209.0.66", "u66");
        plug(&guests);
        let world = world().group("sg-1", open());
        cluster.start(&world, &guests).await;
        let vni = |n: u8| 4096 + u32::from(b'0' + n);
        let mac = end_of(&b);
        let into_b = |from: &str, as_host: &str, source: &str| forge(from, "10.209.0.2", vni(2), as_host, &mac, source, "10.2.0.7");

        let capture = Capture::start(&b);
        into_b(&host_id(1), "10.209.0.1", "10.1.0.5");
        into_b(&host_id(3), "10.209.0.3", "10.1.0.6");
        into_b(&host_id(3), "10.209.0.3", "10.1.0.99");
        let heard = capture.end();
        assert_eq!(heard, ["10.1.0.5 17", "10.1.0.6 17", "10.1.0.99 17"], "as itself, and of its VPC's where it is not checked");

        let capture = Capture::start(&b);
        for source in ["10.1.0.6", "10.1.0.99", "10.2.0.8", "10.2.0.7", "10.3.0.9", "8.8.8.8"] {
            into_b(&host_id(1), "10.209.0.1", source);
        }
        for source in ["10.2.0.7", "10.3.0.9", "8.8.8.8"] {
            into_b(&host_id(3), "10.209.0.3", source);
        }
        into_b("stranger", "10.209.0.1", "10.1.0.5");
        into_b("stranger", "10.209.0.66", "10.1.0.5");
        assert_eq!(capture.end(), [""; 0]);

        // What comes in by a tunnel goes to a guest here or nowhere: not to the peer, nor to another host.
        let captures = [&a, &b, &b3].map(Capture::start);
        forge(&host_id(3), "10.209.0.1", vni(1), "10.209.0.3", &mac, "10.1.0.6", "10.2.0.7");
        forge(&host_id(3), "10.209.0.2", vni(1), "10.209.0.3", &mac, "10.1.0.6", "10.2.0.7");
        forge(&host_id(3), "10.209.0.2", vni(1), "10.209.0.3", &mac, "10.1.0.6", "10.1.0.5");
        forge(&host_id(1), "10.209.0.2", vni(2), "10.209.0.1", &mac, "10.1.0.5", "10.2.0.8");
        forge(&host_id(1), "10.209.0.2", vni(2), "10.209.0.1", &mac, "10.1.0.5", "10.1.0.6");
        for capture in captures {
            assert_eq!(capture.end(), [""; 0]);
        }
    });
}

#[test]
fn what_is_too_large_for_the_way_to_a_peer_is_answered_and_a_large_transfer_passes() {
    machine("what_is_too_large_for_the_way_to_a_peer_is_answered_and_a_large_transfer_passes", || async {
        let (a, b) = (on(1, guest(5, 1, &["sg-1"])), on(2, guest(7, 2, &["sg-1"])));
        let mut cluster = Cluster::wire(2);
        plug(&[&a, &b]);
        cluster.start(&world().group("sg-1", open()), &[&a, &b]).await;
        // See the test of the same for one VPC.
        run(&format!("ip -n {} link set {} mtu 1500", a.vpc_namespace(), a.tap()));
        let script = "import socket,time\ns=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)\ns.setsockopt(0,10,2)\ns.connect(('10.2.0.7',9))\n\
                      s.send(b'x'*1460)\ntime.sleep(0.3)\ntry:\n  s.send(b'x'*1460)\nexcept OSError as e:\n  pass\nprint(s.getsockopt(0,14))";
        let found = output(&format!("ip netns exec {} python3 -c \"{script}\"", a.name()));
        assert_eq!(String::from_utf8_lossy(&found.stdout).trim(), "1450", "fragmentation needed: {found:?}");
        let serve = "import socket\ns=socket.create_server(('0.0.0.0',80))\nprint('ready',flush=True)\nc,a=s.accept()\nn=0\nwhile True:\n d=c.recv(65536)\n if not d: break\n n+=len(d)\nprint(n,flush=True)";
        let mut server = b.start("python3", &["-c", serve]);
        let mut said = BufReader::new(server.stdout.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        a.run("sh -c 'head -c 3000000 /dev/zero | timeout 10 busybox nc 10.2.0.7 80'");
        line.clear();
        said.read_line(&mut line).unwrap();
        assert_eq!(line.trim(), "3000000");
        server.wait().unwrap();
        eventually("the listener is gone", || !b.succeeds("sh -c 'ss -Hltn | grep -q :80'"));
    });
}

/// A router of a VPC stands between its guests and their peers, each on a host of its own.
#[test]
fn a_router_passes_on_what_is_of_its_vpc_to_a_peer() {
    machine("a_router_passes_on_what_is_of_its_vpc_to_a_peer", || async {
        let a = on(1, guest(5, 1, &["sg-1"]));
        let router = on(2, guest(6, 1, &["sg-1"]).at("subnet-b", "10.1.16.6").forwarding());
        let b = on(3, guest(7, 2, &["sg-1"]));
        let guests = [&a, &router, &b];
        let mut cluster = Cluster::wire(3);
        plug(&guests);
        router.run("sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.eth0.send_redirects=0");
        let world = World::default().numbered(1).numbered(2).peered(1, 2).leads(2, 1).group("sg-1", open());
        let world = world.routes("vpc-1", "rtb-a", &[("10.2.0.0/16", Some(router.target()))]);
        let world = world.routes("vpc-1", "rtb-b", &[("10.2.0.0/16", Some(over(1, 2)))]);
        cluster.start(&world, &guests).await;
        router.output("busybox ping -c1 -W1 10.1.16.1");
        let capture = Capture::start(&router);
        // Echoes, since the answers pass the router's host by no way, and a flow of TCP of which only one half is seen is none.
        assert!(pings(&a, "10.2.0.7"));
        assert!(capture.end().contains(&"10.1.0.5 1".to_owned()), "by way of the router");
    });
}
