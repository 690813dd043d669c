//! The way to the world, past whatever firewall the host has.

use freehold_proto::internal::host::TranslatedBlock;

use crate::lab::{Guest, Lab, Listener, World, all_egress, ingress, machine, output, outside, reach, run};

fn world(guests: &[&Guest]) -> World {
    let world = World::default().vpc("vpc-1").group("sg-1", vec![ingress("tcp", 22, 22), ingress("tcp", 2222, 2222), all_egress()]);
    guests.iter().fold(world, |world, guest| world.guest(guest))
}

/// A guest with a public address reaches the world and is reached from it and from the host; one without is not; and when they are
/// gone the host is as it was.
async fn the_way_out_works_and_goes(firewall: &str) {
    outside();
    run(firewall);
    let (a, b) = (Guest::new(5, "vpc-1", &["sg-1"]).public("198.18.0.5"), Guest::new(6, "vpc-1", &["sg-1"]));
    let _web = Listener::start("world", 80);
    let look = || {
        run(
            "nft list ruleset | sed 's/packets [0-9]* bytes [0-9]*//'; sysctl -a 2>/dev/null | grep 'ipv4.*forward' | grep -v fhv; ip -o -4 addr; ip route",
        )
    };
    run("mkdir -p /run/netns");
    let before = look();
    for guest in [&a, &b] {
        guest.plug().addressed();
    }
    let lab = Lab::start(world(&[&a, &b]).0).await;
    let _ssh = Listener::start(&a.name(), 22);
    assert_eq!(reach(&a, "203.0.113.254", 80).as_deref(), Some("203.0.113.1"), "out, under the host's address");
    assert_eq!(reach(&b, "203.0.113.254", 80), None, "without a public address there is no way out");
    assert_eq!(String::from_utf8_lossy(&output("timeout 1 busybox nc 198.18.0.5 22").stdout), "198.18.0.0", "from the host");
    run("ip -n world route add 198.18.0.0/15 via 203.0.113.1");
    let from_the_world = output("ip netns exec world timeout 1 busybox nc 198.18.0.5 22").stdout;
    assert_eq!(String::from_utf8_lossy(&from_the_world), "203.0.113.254", "from a neighbour that routes the pool here");
    // Once more, as after a reload of the firewall or a restart: nothing piles up.
    let once = look();
    lab.state(&world(&[&a, &b]).0).await;
    assert_eq!(look(), once);
    lab.state(&world(&[]).0).await;
    assert_eq!(look(), before);
}

#[test]
fn a_host_without_a_firewall() {
    machine("a_host_without_a_firewall", || the_way_out_works_and_goes("true"));
}

#[test]
fn a_host_with_docker() {
    machine("a_host_with_docker", || async {
        assert!(output("command -v iptables").status.success(), "iptables is not installed; `deploy/test` installs what the tests need");
        // As Docker leaves it: forwarding on, its own chains first, and everything else dropped.
        the_way_out_works_and_goes(
            "sysctl -qw net.ipv4.ip_forward=1; iptables -P FORWARD DROP; iptables -N DOCKER-USER; iptables -A DOCKER-USER -j RETURN; \
             iptables -I FORWARD -j DOCKER-USER; iptables -N DOCKER; iptables -A FORWARD -o docker0 -j DOCKER; \
             iptables -t nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE",
        )
        .await;
        assert!(run("iptables -S FORWARD").starts_with("-P FORWARD DROP"), "iptables still reads its own table");
    });
}

#[test]
fn a_host_that_firewalld_guards() {
    machine("a_host_that_firewalld_guards", || {
        the_way_out_works_and_goes(
            "nft 'add table inet firewalld; \
             add chain inet firewalld filter_INPUT { type filter hook input priority 10; policy accept; }; \
             add rule inet firewalld filter_INPUT ct state established,related accept; \
             add rule inet firewalld filter_INPUT iifname lo accept; \
             add rule inet firewalld filter_INPUT reject with icmpx type admin-prohibited; \
             add chain inet firewalld filter_FORWARD { type filter hook forward priority 10; policy accept; }; \
             add rule inet firewalld filter_FORWARD ct state established,related accept; \
             add rule inet firewalld filter_FORWARD reject with icmpx type admin-prohibited'",
        )
    });
}

#[test]
fn a_host_that_drops_by_policy() {
    machine("a_host_that_drops_by_policy", || {
        the_way_out_works_and_goes(
            "nft 'add table ip filter; \
             add chain ip filter INPUT { type filter hook input priority 0; policy drop; }; \
             add rule ip filter INPUT ct state established,related accept; \
             add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }'",
        )
    });
}

#[test]
fn the_host_becomes_a_router_for_guests_only() {
    machine("the_host_becomes_a_router_for_guests_only", || async {
        outside();
        run("ip netns add office; ip link add eth1 type veth peer name eth0 netns office; ip addr add 192.0.2.1/24 dev eth1");
        run("ip link set eth1 up; ip -n office addr add 192.0.2.2/24 dev eth0; ip -n office link set eth0 up");
        run("ip -n office route add default via 192.0.2.1; ip -n world route add 192.0.2.0/24 via 203.0.113.1");
        let guest = Guest::new(5, "vpc-1", &["sg-1"]).public("198.18.0.5");
        guest.plug().addressed();
        let _lab = Lab::start(world(&[&guest]).0).await;
        let _files = Listener::start("office", 80);
        assert_eq!(run("sysctl -n net.ipv4.conf.eth0.forwarding; sysctl -n net.ipv4.ip_forward"), "1\n0");
        assert_eq!(run("timeout 1 busybox nc 192.0.2.2 80 || true"), "192.0.2.1", "the host reaches its office");
        assert_eq!(run("ip netns exec world timeout 1 busybox nc 192.0.2.2 80 || true"), "", "the world does not, through the host");
    });
}

#[test]
fn each_private_address_has_a_public_one_of_its_own() {
    machine("each_private_address_has_a_public_one_of_its_own", || async {
        outside();
        run("ip -n world route add 198.18.0.0/15 via 203.0.113.1");
        let two = Guest::new(5, "vpc-1", &["sg-1"]).public("198.18.0.5").also_public("172.31.0.50", "198.18.0.50");
        let none = Guest::new(6, "vpc-1", &["sg-1"]).also("172.31.0.60");
        for guest in [&two, &none] {
            guest.plug().addressed();
            guest.run(&format!("ip addr add {}/32 dev eth0", guest.secondary[0]));
        }
        let config = freehold_node_agent::network::Config { masquerade: Vec::new(), ..Default::default() };
        let lab = Lab::configured(config, world(&[&two, &none]).0).await;
        let _ssh = Listener::start(&two.name(), 22);
        let from_the_world = |address: &str| {
            let line = format!("ip netns exec world timeout 1 busybox nc {address} 22");
            String::from_utf8_lossy(&output(&line).stdout).into_owned()
        };
        assert_eq!((from_the_world("198.18.0.5"), from_the_world("198.18.0.50")), ("203.0.113.254".into(), "203.0.113.254".into()));
        // Out, each goes as what it is outside, and what has nothing stays in.
        let _web = Listener::start("world", 80);
        let seen = |guest: &Guest, from: &str| {
            let connect =
                format!("s = socket.create_connection((\"203.0.113.254\", 80), 1, (\"{from}\", 0)); print(s.recv(64).decode(), end=\"\")");
            String::from_utf8_lossy(&guest.output(&format!("python3 -c 'import socket; {connect}'")).stdout).into_owned()
        };
        assert_eq!((seen(&two, &two.address), seen(&two, "172.31.0.50")), ("198.18.0.5".into(), "198.18.0.50".into()));
        assert_eq!(seen(&none, "172.31.0.60"), "");
        let moved = [Guest { other_public: Vec::new(), ..two.clone() }, none.clone().also_public("172.31.0.61", "198.18.0.50")];
        lab.state(&world(&[&moved[0], &moved[1]]).0).await;
        assert_eq!(
            (from_the_world("198.18.0.5"), from_the_world("198.18.0.50")),
            ("203.0.113.254".into(), String::new()),
            "it means another"
        );
        lab.plane.teardown().await.unwrap();
    });
}

#[test]
fn what_nobody_beyond_the_hosts_knows_leaves_under_the_host_s_address() {
    machine("what_nobody_beyond_the_hosts_knows_leaves_under_the_host_s_address", || async {
        outside();
        let guest = Guest::new(5, "vpc-1", &["sg-1"]).public("192.0.2.5");
        guest.plug().addressed();
        let stated = |blocks: &[&str]| {
            let mut desired = world(&[&guest]).0;
            for block in blocks {
                let stated = TranslatedBlock { cidr_block: (*block).into(), withdrawn: false };
                desired.translated.insert((*block).into(), std::sync::Arc::new(stated));
            }
            desired
        };
        let lab = Lab::start(stated(&[])).await;
        let _web = Listener::start("world", 80);
        assert_eq!(reach(&guest, "203.0.113.254", 80), None, "no answer finds its way to an address that the world does not know");
        lab.state(&stated(&["192.0.2.0/24", "198.51.100.0/24"])).await;
        assert_eq!(reach(&guest, "203.0.113.254", 80).as_deref(), Some("203.0.113.1"));
        lab.state(&stated(&["198.51.100.0/24"])).await;
        assert_eq!(reach(&guest, "203.0.113.254", 80), None);
        run("ip -n world route add 192.0.2.0/24 via 203.0.113.1");
        assert_eq!(reach(&guest, "203.0.113.254", 80).as_deref(), Some("192.0.2.5"), "the world knows it by now");
    });
}

#[test]
fn a_public_address_takes_the_place_of_another_while_the_guest_runs() {
    machine("a_public_address_takes_the_place_of_another_while_the_guest_runs", || async {
        outside();
        run("ip -n world route add 198.18.0.0/15 via 203.0.113.1");
        let (a, b) = (Guest::new(5, "vpc-1", &["sg-1"]).public("198.18.0.5"), Guest::new(6, "vpc-1", &["sg-1"]).public("198.18.0.6"));
        for guest in [&a, &b] {
            guest.plug().addressed();
        }
        let lab = Lab::start(world(&[&a, &b]).0).await;
        let _listeners = [&a, &b].map(|guest| Listener::start(&guest.name(), 22));
        let _who = [Who::start(&a, "a"), Who::start(&b, "b")];
        let who = |address: &str| {
            let answer = output(&format!("ip netns exec world timeout 1 busybox nc {address} 22 < /dev/null; true"));
            let reached = !answer.stdout.is_empty();
            let name = output(&format!("ip netns exec world timeout 1 busybox nc {address} 2222"));
            (reached, String::from_utf8_lossy(&name.stdout).into_owned())
        };
        assert_eq!(who("198.18.0.5"), (true, "a".into()));
        let kept = a.clone().public("198.18.0.77");
        lab.state(&world(&[&kept, &b]).0).await;
        assert_eq!((who("198.18.0.77"), who("198.18.0.5")), ((true, "a".into()), (false, String::new())), "in the place of the first");
        assert_eq!(reach(&kept, "198.18.0.6", 22).as_deref(), Some("198.18.0.77"), "a guest sees it, too");
        // It moves to the other guest, and the first gets another one.
        let (first, second) = (a.clone().public("198.18.0.8"), b.clone().public("198.18.0.77"));
        lab.state(&world(&[&first, &second]).0).await;
        assert_eq!((who("198.18.0.77").1, who("198.18.0.8").1, who("198.18.0.6").1), ("b".into(), "a".into(), String::new()));
        lab.state(&world(&[&a.clone().public(""), &second]).0).await;
        assert_eq!(reach(&a, "203.0.113.254", 22), None, "without an address there is no way out");
    });
}

/// Says a guest's name to whoever comes.
struct Who(std::process::Child);

impl Who {
    fn start(guest: &Guest, name: &str) -> Self {
        let script = format!(
            "import socket\ns=socket.create_server(('0.0.0.0',2222))\nwhile True:\n c,a=s.accept(); c.sendall(b'{name}'); c.close()"
        );
        let child = std::process::Command::new("ip").args(["netns", "exec", &guest.name(), "python3", "-c", &script]).spawn().unwrap();
        crate::lab::eventually("it listens", || guest.run("ss -Hltn").contains(":2222 "));
        Self(child)
    }
}

impl Drop for Who {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
