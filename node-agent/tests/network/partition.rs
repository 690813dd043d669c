//! A host that hears nothing while others change: its guests' packets go on, and of what it believes by mistake nothing passes.

use freehold_proto::internal::host::RuleDesired;

use crate::across::{Capture, Conversation, open, plug};
use crate::hosts::{Cluster, host_id};
use crate::lab::{Guest, Listener, World, all_egress, eventually, from_group, machine, reach, rule, run};

const MINUTES: u32 = 5;

fn on(host: u8, number: u8, group: &str) -> Guest {
    Guest::new(number, "vpc-1", &[group]).on(&host_id(host))
}

fn world(of_the_cut_off: Vec<RuleDesired>) -> World {
    World::default().vpc("vpc-1").group("sg-open", open()).group("sg-members", open()).group("sg-cut-off", of_the_cut_off)
}

#[test]
fn a_host_that_is_cut_off_serves_its_guests_and_believes_nobody_who_took_another_s_place() {
    machine("a_host_that_is_cut_off_serves_its_guests_and_believes_nobody_who_took_another_s_place", || async {
        let rules = || vec![from_group("tcp", 80, "sg-members"), rule(false, "tcp", 7, 7, "172.31.0.0/16"), all_egress()];
        let cut_off = on(1, 5, "sg-cut-off").public("198.18.0.5");
        let stays = on(2, 6, "sg-members").public("198.18.0.6");
        let goes = on(2, 7, "sg-members");
        let nomad = on(2, 8, "sg-members").public("198.18.0.8");
        let mut cluster = Cluster::wire(3);
        plug(&[&cut_off, &stays, &goes, &nomad]);
        let before = [&cut_off, &stays, &goes, &nomad];
        cluster.start(&world(rules()), &before).await;
        let _listeners = [&cut_off, &stays].map(|guest| Listener::start(&guest.name(), 80));
        let listener = Listener::start(&nomad.name(), 80);
        let mut talk = Conversation::start(&stays, &cut_off);
        talk.goes_on("before");
        for member in [&stays, &goes, &nomad] {
            assert_eq!(reach(member, "172.31.0.5", 80).as_ref(), Some(&member.address));
        }
        assert_eq!(reach(&cut_off, "198.18.0.8", 80).as_deref(), Some("198.18.0.5"));

        // One comes, one goes and its address is another's who is no member, one moves with both of its addresses.
        drop(listener);
        run(&format!("ip netns del {}; ip netns del {}", goes.name(), nomad.name()));
        let comes = on(3, 9, "sg-members");
        let heir = Guest { number: 10, ..on(3, 7, "sg-open") };
        let moved = nomad.clone().on(&host_id(3));
        plug(&[&comes, &heir, &moved]);
        let after = [&cut_off, &stays, &comes, &heir, &moved];
        for number in [2, 3] {
            cluster.state_to(number, &world(rules()), &after).await;
        }
        let _moved_listener = Listener::start(&moved.name(), 80);
        for minute in 0..MINUTES {
            cluster.host(1).plane().look().await.unwrap();
            talk.goes_on(&format!("minute {minute}"));
            assert_eq!(reach(&stays, "172.31.0.5", 80).as_deref(), Some("172.31.0.6"));
            assert_eq!(reach(&cut_off, "198.18.0.6", 80).as_deref(), Some("198.18.0.5"));
        }
        assert_eq!(reach(&stays, "172.31.0.8", 80).as_deref(), Some("172.31.0.6"), "the others know");
        let (capture, at_heir) = (Capture::start(&cut_off), Capture::start(&heir));
        for newcomer in [&comes, &heir, &moved] {
            assert_eq!(reach(newcomer, "172.31.0.5", 80), None, "{}: it is not where the cut-off host knows it", newcomer.address);
        }
        for address in ["172.31.0.7", "172.31.0.8", "198.18.0.8", "172.31.0.9"] {
            assert_eq!(reach(&cut_off, address, 80), None, "{address}: nobody is there any more");
        }
        talk.goes_on("still");
        let heard = capture.end();
        assert!(heard.iter().all(|packet| packet.starts_with("172.31.0.6 ") || packet.starts_with("172.31.0.1 ")), "{heard:?}");
        assert_eq!(at_heir.end(), [""; 0], "what is meant for whoever had its address");

        // Its agent starts again, still cut off, with what it knew.
        cluster.host_mut(1).kill();
        cluster.host_mut(1).start().await;
        talk.goes_on("an agent again");
        assert_eq!(reach(&heir, "172.31.0.5", 80), None);

        // It is told.
        let mut shut = rules();
        shut.truncate(1);
        cluster.state_to(1, &world(shut.into_iter().chain([all_egress()]).collect()), &after).await;
        talk.goes_on("what was tracked stays");
        for member in [&stays, &comes, &moved] {
            // A guest that asked for the newcomer in vain asks again within a second or so.
            eventually("each is where it is now", || reach(member, "172.31.0.5", 80).as_ref() == Some(&member.address));
        }
        assert_eq!(reach(&heir, "172.31.0.5", 80), None, "an address is no membership");
        assert_eq!(reach(&heir, "172.31.0.6", 80).as_deref(), Some("172.31.0.7"));
        for address in ["172.31.0.8", "198.18.0.8"] {
            eventually(address, || reach(&cut_off, address, 80).is_some());
        }
        let entries = run(&format!("bridge -n {} fdb show dev vx0", cut_off.vpc_namespace()));
        assert!(entries.contains("10.209.0.3"), "{entries}");
    });
}
