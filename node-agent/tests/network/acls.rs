//! What passes the border of a subnet.

use std::io::{BufRead, BufReader, Write};

use crate::lab::{Guest, Lab, Listener, World, all_egress, eventually, ingress, machine, outside, reach, run};
use crate::services::ask;

const ANY: (i32, i32) = (-1, -1);
const ALL: &str = "0.0.0.0/0";

fn world(guests: &[&Guest]) -> World {
    let world = World::default().vpc("vpc-1").group("sg-1", vec![ingress("-1", -1, -1), all_egress()]);
    guests.iter().fold(world, |world, guest| world.guest(guest))
}

#[test]
fn each_packet_passes_a_subnet_s_border_by_itself_and_the_first_rule_decides() {
    machine("each_packet_passes_a_subnet_s_border_by_itself_and_the_first_rule_decides", || async {
        let a = Guest::new(5, "vpc-1", &["sg-1"]);
        let b = Guest::new(6, "vpc-1", &["sg-1"]).at("subnet-b", "172.31.16.6");
        let neighbour = Guest::new(7, "vpc-1", &["sg-1"]).at("subnet-b", "172.31.16.7");
        for guest in [&a, &b, &neighbour] {
            guest.plug().addressed();
        }
        let _listeners = [(&a, 80), (&b, 80), (&b, 81)].map(|(guest, port)| Listener::start(&guest.name(), port));
        let all = world(&[&a, &b, &neighbour]);
        let open = all.clone().acl("vpc-1", "subnet-b", &[(false, 100, "-1", true, ALL, ANY), (true, 100, "-1", true, ALL, ANY)]);
        let lab = Lab::start(open.0).await;
        assert_eq!(reach(&a, "172.31.16.6", 80).as_deref(), Some("172.31.0.5"), "the default one lets all pass");

        let inbound = (false, 100, "6", true, "172.31.0.0/20", (80, 80));
        lab.state(&all.clone().acl("vpc-1", "subnet-b", &[inbound]).0).await;
        assert_eq!(reach(&a, "172.31.16.6", 80), None, "the answer does not pass");
        assert_eq!(reach(&neighbour, "172.31.16.6", 81).as_deref(), Some("172.31.16.7"), "within a subnet there is no border");

        let answers = (true, 100, "6", true, "172.31.0.0/20", (1024, 65535));
        lab.state(&all.clone().acl("vpc-1", "subnet-b", &[inbound, answers]).0).await;
        assert_eq!(reach(&a, "172.31.16.6", 80).as_deref(), Some("172.31.0.5"));
        assert_eq!(reach(&a, "172.31.16.6", 81), None, "only port 80 is let in");
        assert_eq!(reach(&b, "172.31.0.5", 80), None, "what it asks elsewhere does not pass");
        assert!(!a.succeeds("busybox ping -c1 -W1 172.31.16.6"), "no rule for ICMP");

        let echo = [(false, 10, "1", true, ALL, (8, -1)), (true, 10, "1", true, ALL, (0, -1))];
        let denied = (false, 90, "-1", false, "172.31.0.5/32", ANY);
        lab.state(&all.clone().acl("vpc-1", "subnet-b", &[inbound, answers, echo[0], echo[1], denied]).0).await;
        assert_eq!(reach(&a, "172.31.16.6", 80), None, "denied by a smaller number");
        assert!(a.succeeds("busybox ping -c1 -W1 172.31.16.6"), "allowed by a smaller number still");
        let late = (false, 110, "-1", false, "172.31.0.5/32", ANY);
        lab.state(&all.acl("vpc-1", "subnet-b", &[inbound, answers, late]).0).await;
        assert_eq!(reach(&a, "172.31.16.6", 80).as_deref(), Some("172.31.0.5"), "denied by a greater number");
    });
}

#[test]
fn both_subnets_are_asked_and_the_groups_after_them() {
    machine("both_subnets_are_asked_and_the_groups_after_them", || async {
        let a = Guest::new(5, "vpc-1", &["sg-1"]);
        let b = Guest::new(6, "vpc-1", &["sg-shut"]).at("subnet-b", "172.31.16.6");
        a.plug().addressed();
        b.plug().addressed();
        let _web = Listener::start(&b.name(), 80);
        let open: &[_] = &[(false, 1, "6", true, ALL, (0, 65535)), (true, 1, "6", true, ALL, (0, 65535))];
        let all = world(&[&a, &b]).group("sg-shut", vec![all_egress()]);
        let lab = Lab::start(all.clone().acl("vpc-1", "subnet-a", open).acl("vpc-1", "subnet-b", open).0).await;
        assert_eq!(reach(&a, "172.31.16.6", 80), None, "the receiver's group is shut");
        let all = all.group("sg-shut", vec![ingress("tcp", 80, 80), all_egress()]);
        lab.state(&all.clone().acl("vpc-1", "subnet-a", open).acl("vpc-1", "subnet-b", open).0).await;
        assert_eq!(reach(&a, "172.31.16.6", 80).as_deref(), Some("172.31.0.5"));
        let no_way_out = [open[0], (true, 1, "6", false, "172.31.16.0/20", (80, 80)), (true, 2, "-1", true, ALL, ANY)];
        lab.state(&all.acl("vpc-1", "subnet-a", &no_way_out).acl("vpc-1", "subnet-b", open).0).await;
        assert_eq!(reach(&a, "172.31.16.6", 80), None, "the sender's subnet does not let it out");
    });
}

#[test]
fn an_acl_is_met_on_the_way_to_the_world_and_not_on_the_way_to_the_vpc_s_services() {
    machine("an_acl_is_met_on_the_way_to_the_world_and_not_on_the_way_to_the_vpc_s_services", || async {
        outside();
        let a = Guest::new(5, "vpc-1", &["sg-1"]).public("198.18.0.5");
        a.plug().addressed();
        let _web = Listener::start("world", 80);
        let _own = Listener::start(&a.name(), 22);
        let all = world(&[&a]);
        let lab = Lab::start(all.0.clone()).await;
        assert_eq!(reach(&a, "203.0.113.254", 80).as_deref(), Some("203.0.113.1"));
        let metadata = "curl -s -m 5 http://169.254.169.254/latest/meta-data/ami-id";
        lab.state(&all.clone().acl("vpc-1", "subnet-a", &[]).0).await;
        assert_eq!(reach(&a, "203.0.113.254", 80), None, "nothing passes");
        assert_eq!(ask(&a, metadata).await, "ami-00000000000000001", "the metadata service is near");
        let name = ask(&a, "busybox nslookup ip-172-31-9-9.ec2.internal 169.254.169.253").await;
        assert!(name.contains("172.31.9.9"), "the resolver is near: {name}");
        // The private address is behind the gateway: a rule sees who asks, and whom it is for.
        let host = "198.18.0.0/32";
        let rules = [(false, 1, "6", true, host, (22, 22)), (true, 1, "6", true, host, (1024, 65535))];
        lab.state(&all.acl("vpc-1", "subnet-a", &rules).0).await;
        assert_eq!(run("timeout 1 busybox nc 198.18.0.5 22"), "198.18.0.0", "from the host");
    });
}

/// Says what it hears, one line at a time.
const ECHO: &str = "import socket\ns=socket.create_server(('0.0.0.0',22))\nwhile True:\n c,_=s.accept(); f=c.makefile('rw')\n for l in f: f.write(l); f.flush()";

#[test]
fn a_denial_stops_an_open_connection() {
    machine("a_denial_stops_an_open_connection", || async {
        let a = Guest::new(5, "vpc-1", &["sg-1"]);
        let b = Guest::new(6, "vpc-1", &["sg-1"]).at("subnet-b", "172.31.16.6");
        a.plug().addressed();
        b.plug().addressed();
        let all = world(&[&a, &b]);
        let lab = Lab::start(all.0.clone()).await;
        let mut server = a.start("python3", &["-c", ECHO]);
        eventually("the server listens", || a.run("ss -Hltn").contains(":22 "));
        let mut client = b.start("busybox", &["nc", "172.31.0.5", "22"]);
        let (mut to, mut from) = (client.stdin.take().unwrap(), BufReader::new(client.stdout.take().unwrap()));
        let mut line = String::new();
        writeln!(to, "before").unwrap();
        from.read_line(&mut line).unwrap();
        assert_eq!(line.trim(), "before");
        lab.state(&all.clone().acl("vpc-1", "subnet-a", &[]).0).await;
        writeln!(to, "denied").unwrap();
        let heard = a.output("timeout 1 sh -c 'while ! ss -Htn | grep -q \"ESTAB *[1-9]\"; do sleep 0.1; done'");
        assert!(!heard.status.success(), "nothing of it arrives");
        // It was not cut, only held up: once it may pass, the same connection goes on.
        lab.state(&all.0).await;
        line.clear();
        from.read_line(&mut line).unwrap();
        assert_eq!(line.trim(), "denied");
        for child in [&mut server, &mut client] {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    });
}
