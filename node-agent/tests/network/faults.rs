//! An agent that ends in the middle of its work: what it leaves is the old plan or the new one, and whoever comes after makes the new one.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use freehold_node_agent::desired::Desired;
use freehold_node_agent::network::{Config, DataPlane};
use freehold_proto::clock::SystemClock;
use tokio::sync::watch;

use crate::changes::content;
use crate::lab::{Guest, HOST, Lab, Listener, World, all_egress, from_group, ingress, machine, output, outside, reach, run};

/// An agent that takes up `old`, is told `new` and ends so much later, wherever it is: nothing of it goes on after the step that it is in.
fn killed(state: &Path, old: Option<&Desired>, new: &Desired, after: Duration) {
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let (sender, receiver) = watch::channel(Arc::new(old.unwrap_or(new).clone()));
                let start = DataPlane::start(Config::default(), state, HOST, receiver, Arc::new(SystemClock));
                if old.is_none() {
                    drop(tokio::time::timeout(after, start).await);
                    return;
                }
                let plane = start.await.unwrap();
                sender.send_replace(Arc::new(new.clone()));
                tokio::time::sleep(after).await;
                drop(plane);
            });
        });
    });
}

fn ways(namespace: &str) -> BTreeSet<String> {
    let line = format!("for w in 'route show table all proto 70' neigh rule; do ip -n {namespace} $w; done");
    run(&line).lines().map(|line| line.replace("linkdown", "").trim().to_owned()).collect()
}

#[test]
fn an_agent_that_ends_anywhere_leaves_the_old_rules_or_the_new_and_no_guest_unfiltered() {
    machine("an_agent_that_ends_anywhere_leaves_the_old_rules_or_the_new_and_no_guest_unfiltered", || async {
        let (a, b) = (Guest::new(5, "vpc-1", &["sg-1"]), Guest::new(6, "vpc-1", &["sg-2"]).public("198.18.0.6"));
        let late = Guest::new(7, "vpc-1", &["sg-1", "sg-2"]).at("subnet-b", "172.31.16.7");
        for guest in [&a, &b, &late] {
            guest.plug().addressed();
        }
        let base = || World::default().vpc("vpc-1").guest(&a).guest(&b).group("sg-1", vec![all_egress()]);
        let old = base().group("sg-2", vec![ingress("tcp", 80, 80), all_egress()]).0;
        let new = base().guest(&late).guest(&b.clone().public("198.18.0.9")).group("sg-2", vec![from_group("tcp", 81, "sg-1")]);
        let new = new.acl("vpc-1", "subnet-b", &[(false, 1, "6", true, "172.31.0.0/16", (80, 90))]).0;
        let _listeners = [(&b, 22), (&b, 80), (&b, 81)].map(|(guest, port)| Listener::start(&guest.name(), port));
        let namespace = a.vpc_namespace();
        let mut whole = Vec::new();
        for desired in [&new, &old] {
            let lab = Lab::start(desired.clone()).await;
            whole.push((content(&a), ways(&namespace)));
            lab.plane.stop().await.unwrap();
        }
        let (mut was_old, mut was_new) = (0, 0);
        let state = tempfile::tempdir().unwrap();
        for round in 0..20 {
            killed(state.path(), Some(&old), &new, Duration::from_millis(round * 3));
            let left = content(&a);
            assert!(left == whole[0].0 || left == whole[1].0, "after {round}: {left:#?}");
            *(if left == whole[0].0 { &mut was_new } else { &mut was_old }) += 1;
            if round % 5 == 0 {
                assert_eq!(reach(&a, "172.31.0.6", 22), None, "neither plan lets that pass");
            }
            let lab = Lab::start(new.clone()).await;
            assert_eq!((content(&a), ways(&namespace)), whole[0], "whoever comes after makes the new one");
            lab.plane.stop().await.unwrap();
        }
        assert!(was_old > 0 && was_new > 0, "{was_old} times old and {was_new} times new: it was not ended in the middle");
    });
}

#[test]
fn an_agent_that_ends_in_its_first_pass_leaves_no_tap_without_rules_and_is_tidied_up_after() {
    machine("an_agent_that_ends_in_its_first_pass_leaves_no_tap_without_rules_and_is_tidied_up_after", || async {
        outside();
        run("mkdir -p /run/netns");
        let all = || {
            run(
                "ip -o link; ip -o -4 addr; ip -4 route show table all; ip -4 rule; ip -4 neigh; nft list ruleset; ls /run/netns; sysctl net.ipv4.conf net.ipv6.conf net.ipv4.ip_forward net.ipv4.neigh",
            )
        };
        let guests = [Guest::new(5, "vpc-1", &["sg-1"]).public("198.18.0.5"), Guest::new(6, "vpc-2", &["sg-1"])];
        let world = World::default().vpc("vpc-1").vpc("vpc-2").group("sg-1", vec![ingress("-1", -1, -1), all_egress()]);
        let world = world.guest(&guests[0]).guest(&guests[1]).0;
        let before = all();
        // What it must not forget is on its disk.
        let state = tempfile::tempdir().unwrap();
        for round in 0..12 {
            killed(state.path(), None, &world, Duration::from_millis(round * 5));
            for guest in &guests {
                let inside = |line: &str| output(&format!("ip netns exec {} {line}", guest.vpc_namespace()));
                let tap = inside(&format!("ip link show {}", guest.tap())).status.success();
                let rules = String::from_utf8_lossy(&inside("nft list ruleset").stdout).into_owned();
                assert!(!tap || rules.contains(&guest.tap()) && rules.contains("hook prerouting priority raw"), "after {round}: {rules}");
            }
            let (_sender, receiver) = watch::channel(Arc::new(world.clone()));
            let plane = DataPlane::start(Config::default(), state.path(), HOST, receiver, Arc::new(SystemClock)).await.unwrap();
            for guest in &guests {
                plane.interface_ready(&guest.interface_id()).await.unwrap();
            }
            plane.teardown().await.unwrap();
            let left = all();
            let changed: Vec<_> = left.lines().filter(|line| !before.lines().any(|before| before == *line)).collect();
            assert_eq!((changed, left.lines().count()), (Vec::new(), before.lines().count()), "after {round}");
        }
    });
}
