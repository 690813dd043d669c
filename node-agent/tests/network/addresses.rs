//! Namespaces, taps, addresses: what is made, made again, and gone.

use std::os::fd::AsRawFd;
use std::sync::Arc;

use crate::lab::{Guest, HOST, Lab, Listener, World, all_egress, from_group, ingress, machine, output, reach, run};

fn world(guests: &[&Guest]) -> World {
    let world = World::default().vpc("vpc-1").vpc("vpc-2").group("sg-1", vec![ingress("icmp", -1, -1), all_egress()]);
    guests.iter().fold(world, |world, guest| world.guest(guest))
}

#[test]
fn a_ready_interface_is_a_tap_that_can_be_opened() {
    machine("a_ready_interface_is_a_tap_that_can_be_opened", || async {
        let guest = Guest::new(5, "vpc-1", &["sg-1"]);
        let lab = Lab::start(world(&[&guest]).0).await;
        let tap = lab.plane.interface_ready(&guest.interface_id()).await.unwrap();
        assert_eq!(tap.namespace, std::path::Path::new("/run/netns").join(guest.vpc_namespace()));
        assert_eq!(tap.name, guest.tap());
        let opened = std::thread::spawn(move || {
            let namespace = std::fs::File::open(&tap.namespace).unwrap();
            nix::sched::setns(namespace, nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
            freehold_node_agent::network::tap::open(&tap.name).unwrap()
        });
        let descriptor = opened.join().unwrap();
        assert!(descriptor.as_raw_fd() >= 0);
        // Carrier tells that a hypervisor holds it.
        let link = run(&format!("ip -n {} link show {}", guest.vpc_namespace(), guest.tap()));
        assert!(link.contains("LOWER_UP") && link.contains("02:46:48:00:00:01"), "{link}");
        lab.plane.teardown().await.unwrap();
    });
}

#[test]
fn applying_twice_and_by_another_agent_changes_nothing() {
    machine("applying_twice_and_by_another_agent_changes_nothing", || async {
        let guest = Guest::new(5, "vpc-1", &["sg-1"]).public("198.18.0.5");
        let desired = world(&[&guest]).0;
        let lab = Lab::start(desired.clone()).await;
        lab.plane.interface_ready(&guest.interface_id()).await.unwrap();
        let all = "ip -br link | cut -c1-16; ip -o -4 addr; ip route | sed s/linkdown//; ip neigh; nft list ruleset";
        let look = || run(&format!("{{ {all}; }}")) + &run(&format!("ip netns exec {} sh -c '{all}'", guest.vpc_namespace()));
        let once = look();
        lab.state(&desired).await;
        assert_eq!(look(), once);
        lab.plane.stop().await.unwrap();
        assert_eq!(look(), once);
        let again = Lab::start(desired).await;
        again.plane.interface_ready(&guest.interface_id()).await.unwrap();
        assert_eq!(look(), once);
        again.plane.teardown().await.unwrap();
    });
}

#[test]
fn the_last_instance_takes_everything_with_it() {
    machine("the_last_instance_takes_everything_with_it", || async {
        let all = "ip -o link | cut -d: -f2-; ip -o -4 addr; ip route; ip neigh; nft list ruleset; ls /run/netns; sysctl -a 2>/dev/null | grep 'ipv4.*forward'";
        run("mkdir -p /run/netns");
        let before = run(all);
        let guests = [Guest::new(5, "vpc-1", &["sg-1"]).public("198.18.0.5"), Guest::new(6, "vpc-2", &["sg-1"])];
        let lab = Lab::start(world(&[&guests[0], &guests[1]]).0).await;
        for guest in &guests {
            lab.plane.interface_ready(&guest.interface_id()).await.unwrap();
        }
        assert_ne!(run(all), before);
        lab.desired.send_replace(Arc::new(world(&[&guests[1]]).0));
        lab.plane.interfaces_gone(&[guests[0].interface_id()]).await.unwrap();
        lab.plane.vpc_gone("vpc-1").await.unwrap();
        assert!(!run("ls /run/netns").contains("vpc-1"));
        assert!(!run("ip route").contains("198.18.0.5"));
        lab.state(&world(&[]).0).await;
        assert_eq!(run(all), before);
        let left: Vec<_> = std::fs::read_dir(lab.state.path().join("network")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["imds.key"], "the key is the host's, not an instance's");
    });
}

#[test]
fn what_somebody_else_removed_comes_back() {
    machine("what_somebody_else_removed_comes_back", || async {
        let guest = Guest::new(5, "vpc-1", &["sg-1"]).public("198.18.0.5");
        let desired = world(&[&guest]).0;
        let lab = Lab::start(desired.clone()).await;
        lab.plane.interface_ready(&guest.interface_id()).await.unwrap();
        run(&format!("ip netns del {}; nft flush ruleset; ip route flush proto 70", guest.vpc_namespace()));
        lab.state(&desired).await;
        assert!(run("ip route").contains("198.18.0.5"));
        assert!(output(&format!("ip -n {} link show {}", guest.vpc_namespace(), guest.tap())).status.success());
        assert!(run("nft list tables").contains(HOST));
        let (tap, namespace) = (guest.tap(), guest.vpc_namespace());
        run(&format!("ip -n {namespace} link del {tap}; ip link del $(ip -o link | grep -o 'fhv[0-9a-f]*' | head -1)"));
        lab.plane.look().await.unwrap();
        assert_eq!(lab.plane.faults(), [""; 0]);
        assert!(run("ip route").contains("198.18.0.5") && run(&format!("ip -n {namespace} route")).contains(&tap), "both ends again");
        lab.plane.teardown().await.unwrap();
    });
}

#[test]
fn what_cannot_be_planned_is_left_as_it_is() {
    machine("what_cannot_be_planned_is_left_as_it_is", || async {
        let guest = Guest::new(5, "vpc-1", &["sg-1"]);
        let lab = Lab::start(world(&[&guest]).0).await;
        lab.plane.interface_ready(&guest.interface_id()).await.unwrap();
        let mut without_vpc = world(&[&guest]);
        without_vpc.0.vpcs.clear();
        assert_eq!(lab.faults(&without_vpc.0).await.len(), 1);
        assert!(output(&format!("ip -n {} link show {}", guest.vpc_namespace(), guest.tap())).status.success());
        lab.plane.teardown().await.unwrap();
    });
}

#[test]
fn a_secondary_address_is_the_guests_for_as_long_as_it_is_assigned() {
    machine("a_secondary_address_is_the_guests_for_as_long_as_it_is_assigned", || async {
        let one = Guest::new(5, "vpc-1", &["sg-1"]).also("172.31.0.50");
        let other = Guest::new(6, "vpc-1", &["sg-2"]);
        for guest in [&one, &other] {
            guest.plug().addressed();
        }
        run(&format!("ip -n {} addr add 172.31.0.50/20 dev eth0", one.name()));
        // The other lets in whoever is in the first one's group, under any of its addresses.
        let all = |one: &Guest| {
            let world = World::default().vpc("vpc-1").group("sg-1", vec![ingress("-1", -1, -1), all_egress()]);
            world.group("sg-2", vec![from_group("tcp", 80, "sg-1"), all_egress()]).guest(one).guest(&other)
        };
        let lab = Lab::start(all(&one).0).await;
        let _there = Listener::start(&one.name(), 80);
        let _back = Listener::start(&other.name(), 80);
        let as_second = || {
            let line = "python3 -c \"import socket; s = socket.create_connection(('172.31.0.6', 80), 1, ('172.31.0.50', 0)); print(s.recv(64).decode(), end='')\"";
            String::from_utf8_lossy(&one.output(line).stdout).into_owned()
        };
        assert_eq!(reach(&other, "172.31.0.50", 80).as_deref(), Some("172.31.0.6"));
        assert_eq!(as_second(), "172.31.0.50");

        let without = Guest { secondary: Vec::new(), ..one.clone() };
        lab.state(&all(&without).0).await;
        assert_eq!(reach(&other, "172.31.0.50", 80), None, "it is nobody's any more");
        assert_eq!(as_second(), "", "nor may anybody speak under it");
        assert_eq!(reach(&other, "172.31.0.5", 80).as_deref(), Some("172.31.0.6"));
    });
}
