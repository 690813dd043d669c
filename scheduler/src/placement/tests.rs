use proptest::prelude::*;

use super::*;

const ONE: Amount = Amount { vcpus: 2, memory_mib: 1024, disk_mib: 8192 };
const EXACT: Overcommit = Overcommit { vcpus: 1.0, memory: 1.0, disk: 1.0 };

fn host(id: &str, instances: i64) -> Host {
    let qemu = Driver { name: "qemu".into(), accelerator: "tcg".into(), architecture: "x86_64".into() };
    Host {
        host_id: id.into(),
        availability_zone: "us-east-1a".into(),
        connected: true,
        drained: false,
        quarantines: false,
        drivers: vec![qemu],
        instance_types: None,
        capacity: Amount { vcpus: 8, memory_mib: 8192, disk_mib: 65536 },
        used: Amount { vcpus: 2 * instances, memory_mib: 1024 * instances, disk_mib: 8192 * instances },
        instances,
    }
}

fn request() -> Request<'static> {
    Request { availability_zone: "us-east-1a", architecture: "x86_64", instance_type: "t3.micro", amount: ONE }
}

fn chosen(hosts: &[Host], overcommit: Overcommit, count: usize) -> Vec<String> {
    place(&request(), hosts, overcommit, count).chosen.into_iter().map(|chosen| chosen.host_id).collect()
}

#[test]
fn the_emptiest_host_is_chosen_then_the_one_with_the_most_memory_and_ties_go_by_id() {
    assert_eq!(chosen(&[host("a", 2), host("b", 1)], EXACT, 1), ["b"]);
    assert_eq!(chosen(&[host("b", 1), host("a", 1)], EXACT, 1), ["a"]);
    let large = Host { capacity: Amount { memory_mib: 16384, ..host("c", 1).capacity }, ..host("c", 1) };
    assert_eq!(chosen(&[host("a", 1), large], EXACT, 1), ["c"]);
}

#[test]
fn the_instances_of_a_request_are_spread() {
    assert_eq!(chosen(&[host("a", 1), host("b", 0), host("c", 0)], EXACT, 5), ["b", "c", "a", "b", "c"]);
}

#[test]
fn every_refusal_has_its_reason() {
    let away = Host { connected: false, ..host("away", 0) };
    let elsewhere = Host { availability_zone: "us-east-1b".into(), ..host("elsewhere", 0) };
    let bare = Host { drivers: vec![], ..host("bare", 0) };
    let drained = Host { drained: true, ..host("drained", 0) };
    let keeps = Host { quarantines: true, ..host("keeps", 0) };
    let other = Host { instance_types: Some(vec!["m5.large".into()]), ..host("other", 0) };
    let small = Host { capacity: Amount { vcpus: 1, ..host("small", 0).capacity }, ..host("small", 0) };
    let decision = place(&request(), &[host("full", 4), elsewhere, away, bare, drained, keeps, other, small], EXACT, 1);
    assert!(decision.chosen.is_empty());
    let refused: Vec<_> = decision.passed.into_iter().collect();
    let expected = [
        ("away", Refusal::NotConnected),
        ("bare", Refusal::NoDriver),
        ("drained", Refusal::Drained),
        ("elsewhere", Refusal::OtherZone),
        ("full", Refusal::Full { of: "vCPUs", wanted: 2, free: 0 }),
        ("keeps", Refusal::Quarantines),
        ("other", Refusal::NotOffered),
        ("small", Refusal::TooSmall { of: "vCPUs", wanted: 2, has: 1 }),
    ];
    assert_eq!(refused, expected.map(|(id, refusal)| (id.to_owned(), Passed::Refused(refusal))));
}

#[test]
fn a_host_that_was_not_needed_says_so_and_one_that_filled_up_too() {
    let decision = place(&request(), &[host("a", 3), host("b", 0), host("c", 3)], EXACT, 4);
    assert_eq!(decision.chosen.len(), 4);
    assert_eq!(decision.refusal("a"), Some(&Refusal::Full { of: "vCPUs", wanted: 2, free: 0 }), "b, b, b, a: {decision:?}");
    assert_eq!(decision.passed.get("c"), Some(&Passed::Over { instances: 3, memory_mib: 5120 }));
}

#[test]
fn overcommit_promises_more_and_no_more_than_stated() {
    assert_eq!(chosen(&[host("a", 4)], Overcommit { vcpus: 1.25, ..EXACT }, 2), ["a"]);
    assert!(chosen(&[host("a", 5)], Overcommit { vcpus: 1.25, ..EXACT }, 1).is_empty());
}

#[test]
fn a_drained_host_runs_what_it_has_already() {
    let drained = Host { drained: true, quarantines: true, ..host("a", 1) };
    assert!(room(&request(), &drained, EXACT).is_ok());
    assert_eq!(room(&request(), &Host { connected: false, ..drained }, EXACT), Err(Refusal::NotConnected));
}

/// Any hosts at all, of two zones and every condition.
fn hosts() -> impl Strategy<Value = Vec<Host>> {
    let one = (0..6_i64, any::<bool>(), any::<bool>(), 0..8_u8, 1..5_i64);
    prop::collection::vec(one, 1..12).prop_map(|drawn| {
        let host = |(at, (instances, connected, drained, zone, size)): (usize, (i64, bool, bool, u8, i64))| Host {
            connected: connected || at % 2 == 0,
            drained: drained && at % 3 == 0,
            quarantines: zone == 1 && at % 5 == 4,
            availability_zone: if zone == 0 { "us-east-1b".into() } else { "us-east-1a".into() },
            capacity: Amount { vcpus: 8 * size, memory_mib: 8192 * size, disk_mib: 65536 * size },
            ..host(&format!("host-{at}"), instances)
        };
        drawn.into_iter().enumerate().map(host).collect()
    })
}

/// The definition, one after another, which [`place`] must agree with.
fn one_by_one(hosts: &[Host], count: usize) -> Vec<String> {
    let mut hosts = hosts.to_vec();
    let mut placed = Vec::new();
    for _ in 0..count {
        let open = hosts.iter_mut().filter(|host| able(&request(), host, EXACT).is_ok());
        let Some(best) = open.min_by_key(|host| (host.rank(), host.host_id.clone())) else { break };
        best.take(ONE);
        placed.push(best.host_id.clone());
    }
    placed
}

proptest! {
    #[test]
    fn placing_many_is_placing_one_after_another(hosts in hosts(), count in 1..40_usize) {
        prop_assert_eq!(chosen(&hosts, EXACT, count), one_by_one(&hosts, count));
    }

    #[test]
    fn as_many_of_the_best_hosts_as_instances_are_enough_to_decide(hosts in hosts(), count in 1..8_usize) {
        let mut best: Vec<Host> = hosts.iter().filter(|host| able(&request(), host, EXACT).is_ok()).cloned().collect();
        best.sort_by_key(|host| (host.rank(), host.host_id.clone()));
        best.truncate(count);
        prop_assert_eq!(chosen(&best, EXACT, count), chosen(&hosts, EXACT, count));
    }

    #[test]
    fn every_host_is_chosen_or_has_a_reason_why_not(hosts in hosts(), count in 1..8_usize) {
        let decision = place(&request(), &hosts, EXACT, count);
        for host in &hosts {
            let taken = decision.chosen.iter().any(|chosen| chosen.host_id == host.host_id);
            prop_assert!(taken || decision.passed.contains_key(&host.host_id), "{} of {:?}", host.host_id, decision);
        }
    }

    #[test]
    fn what_is_placed_never_exceeds_what_is_promised_and_is_spread(count in 1..64_usize, factor in 1..5_u8) {
        let overcommit = Overcommit { vcpus: f64::from(factor), memory: 1.0, disk: 2.0 };
        let mut hosts = [host("a", 0), host("b", 0), host("c", 1)];
        for placed in place(&request(), &hosts.clone(), overcommit, count).chosen {
            let taken = hosts.iter_mut().find(|host| host.host_id == placed.host_id).expect("one of them");
            taken.take(ONE);
        }
        for host in &hosts {
            prop_assert!(host.used.vcpus <= host.capacity.vcpus * i64::from(factor));
            prop_assert!(host.used.memory_mib <= host.capacity.memory_mib);
            prop_assert!(host.used.disk_mib <= host.capacity.disk_mib * 2);
        }
        let most = hosts.iter().map(|host| host.instances).max();
        let least = hosts.iter().map(|host| host.instances).min();
        prop_assert!(most.zip(least).is_some_and(|(most, least)| most - least <= 1), "spread: {most:?} {least:?}");
    }
}
