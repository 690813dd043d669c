//! What a change costs, and what is left when somebody else changes things.

use std::collections::BTreeSet;

use freehold_node_agent::network::Config;

use crate::lab::{Guest, Lab, Listener, World, all_egress, from_group, gateway, ingress, machine, reach, rule, run};

fn rules(guest: &Guest) -> String {
    run(&format!("ip netns exec {} nft -a list ruleset", guest.vpc_namespace()))
}

/// Every line with its handle: what was written anew has another one.
fn handles(guest: &Guest) -> BTreeSet<String> {
    rules(guest).lines().filter(|line| line.contains("# handle")).map(|line| line.trim().to_owned()).collect()
}

/// The rules without their order, which is that of their making.
pub fn content(guest: &Guest) -> BTreeSet<String> {
    let listing = run(&format!("ip netns exec {} nft list ruleset", guest.vpc_namespace()));
    let blocks = listing.split("\n\t}\n").map(|block| {
        let (head, elements) = block.split_once("elements = {").unwrap_or((block, ""));
        let elements: BTreeSet<&str> = elements.split([',', '}']).map(str::trim).filter(|element| !element.is_empty()).collect();
        let head: Vec<&str> =
            head.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("table") && *line != "}").collect();
        format!("{head:?} {elements:?}")
    });
    blocks.collect()
}

fn world(guests: &[&Guest]) -> World {
    let world = World::default().vpc("vpc-1").group("sg-1", vec![ingress("tcp", 22, 22), all_egress()]);
    guests.iter().fold(world, |world, guest| world.guest(guest))
}

#[test]
fn a_rule_s_change_rewrites_its_group_s_chain_and_no_other() {
    machine("a_rule_s_change_rewrites_its_group_s_chain_and_no_other", || async {
        let (a, b) = (Guest::new(5, "vpc-1", &["sg-1"]), Guest::new(6, "vpc-1", &["sg-1", "sg-2"]));
        for guest in [&a, &b] {
            guest.plug().addressed();
        }
        let all = world(&[&a, &b]).group("sg-2", vec![from_group("tcp", 80, "sg-1")]);
        let lab = Lab::start(all.0.clone()).await;
        let before = handles(&a);
        let more = all.clone().group("sg-2", vec![from_group("tcp", 80, "sg-1"), ingress("tcp", 443, 443)]);
        lab.state(&more.0).await;
        let after = handles(&a);
        let new: Vec<&String> = after.difference(&before).collect();
        let of_its_group = |line: &str| {
            ["tcp dport 443", "ip saddr @members-sg-1", "oifname @open_out_tcp tcp dport 443"].iter().any(|start| line.starts_with(start))
        };
        assert!(new.len() == 3 && new.iter().all(|line| of_its_group(line)), "{new:?}");
        let _web = Listener::start(&b.name(), 443);
        assert_eq!(reach(&a, "172.31.0.6", 443).as_deref(), Some("172.31.0.5"));
        lab.state(&all.0).await;
        assert_eq!(reach(&a, "172.31.0.6", 443), None, "revoked");

        // The same statement once more: nothing is written at all.
        let before = handles(&a);
        lab.state(&all.0).await;
        assert_eq!(handles(&a), before);
    });
}

#[test]
fn an_interface_more_or_less_leaves_the_others_rules_alone() {
    machine("an_interface_more_or_less_leaves_the_others_rules_alone", || async {
        let (a, b) = (Guest::new(5, "vpc-1", &["sg-1"]), Guest::new(6, "vpc-1", &["sg-1"]));
        a.plug().addressed();
        let lab = Lab::start(world(&[&a]).0).await;
        let before = handles(&a);
        b.plug().addressed();
        lab.state(&world(&[&a, &b]).0).await;
        let after = handles(&a);
        assert!(before.is_subset(&after), "{:?}", before.difference(&after));
        let _ssh = Listener::start(&b.name(), 22);
        assert_eq!(reach(&a, "172.31.0.6", 22).as_deref(), Some("172.31.0.5"));
        lab.state(&world(&[&a]).0).await;
        assert_eq!(handles(&a), before);
    });
}

#[test]
fn differences_lead_where_the_whole_does() {
    machine("differences_lead_where_the_whole_does", || async {
        let (a, b) = (Guest::new(5, "vpc-1", &["sg-1"]), Guest::new(6, "vpc-1", &["sg-2"]).public("198.18.0.6"));
        let router = Guest::new(7, "vpc-1", &["sg-1", "sg-2"]).at("subnet-b", "172.31.16.7").forwarding().also("172.31.16.8");
        let config = Config::default();
        let base = || world(&[&a]).group("sg-2", vec![from_group("tcp", 80, "sg-1"), rule(true, "udp", 1, 5, "10.0.0.0/8")]);
        let worlds = [
            base(),
            base().guest(&b),
            base().guest(&b).guest(&router).routes(
                "vpc-1",
                "rtb-a",
                &[("10.0.0.0/8", Some(router.target())), ("0.0.0.0/0", Some(gateway()))],
            ),
            base().guest(&b).guest(&router).acl("vpc-1", "subnet-b", &[(false, 1, "6", true, "10.0.0.0/8", (1, 2))]),
            base().guest(&b.clone().public("198.18.0.9")).guest(&router).acl(
                "vpc-1",
                "subnet-b",
                &[(true, 1, "-1", true, "0.0.0.0/0", (-1, -1))],
            ),
            base().guest(&Guest { groups: vec!["sg-3".into()], ..b.clone() }).group("sg-3", vec![from_group("icmp", -1, "sg-3")]),
            base().guest(&Guest { secondary: vec!["172.31.0.77".into()], source_dest_check: false, ..a.clone() }),
        ];
        let lab = Lab::configured(config, worlds[0].0.clone()).await;
        let ways = || {
            run(&format!(
                "for w in 'route show table all' neigh rule 'addr show scope global'; do ip -n {} $w | sort; done",
                a.vpc_namespace()
            ))
            .lines()
            .filter(|line| !line.starts_with("local") && !line.starts_with("broadcast") && !line.contains("mtu") && !line.contains("link/"))
            .map(|line| line.replace("linkdown", "").trim().to_owned())
            .collect::<BTreeSet<String>>()
        };
        for step in [1, 2, 3, 4, 3, 2, 5, 6, 0, 4, 0] {
            lab.state(&worlds[step].0).await;
            let found = (content(&a), ways());
            run(&format!("ip netns exec {} nft flush ruleset", a.vpc_namespace()));
            run(&format!("ip -n {} route flush proto 70 table all", a.vpc_namespace()));
            lab.plane.look().await.unwrap();
            assert_eq!(found.0, content(&a), "step to {step}");
            assert_eq!(found.1, ways(), "step to {step}");
        }
    });
}

#[test]
fn what_somebody_else_changed_is_put_right() {
    machine("what_somebody_else_changed_is_put_right", || async {
        let (a, b) = (Guest::new(5, "vpc-1", &["sg-1"]), Guest::new(6, "vpc-1", &["sg-1"]));
        for guest in [&a, &b] {
            guest.plug().addressed();
        }
        let lab = Lab::start(world(&[&a, &b]).0).await;
        let whole = content(&a);
        let inside = |line: &str| run(&format!("ip netns exec {} {line}", a.vpc_namespace()));
        // The rules tell it by themselves, with any change.
        for harm in ["flush chain inet freehold spoofed", "delete table inet freehold", "flush set inet freehold bound", "flush ruleset"] {
            inside(&format!("nft {harm}"));
            assert_ne!(content(&a), whole);
            lab.state(&world(&[&a, &b]).0).await;
            assert_eq!(content(&a), whole, "after {harm}");
        }
        // The rest is found by a look.
        let _ssh = Listener::start(&b.name(), 22);
        for harm in [
            "ip route flush proto 70",
            "ip rule del iif tap000000000005",
            "ip neigh del 172.31.0.6 dev tap000000000006",
            "ip link set lo down",
            "sysctl -qw net.ipv4.ip_forward=0",
        ] {
            inside(harm);
            lab.plane.look().await.unwrap();
            assert_eq!(lab.plane.faults(), [""; 0]);
            assert_eq!(reach(&a, "172.31.0.6", 22).as_deref(), Some("172.31.0.5"), "after {harm}");
        }
    });
}
