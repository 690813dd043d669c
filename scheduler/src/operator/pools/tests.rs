//! Pools as the operator keeps them, and what follows for accounts and hosts.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;
use freehold_proto::internal::operator as proto;

use crate::lab::{ALICE, Agent, Lab};

#[tokio::test]
async fn public_addresses_come_from_every_open_pool_and_a_pool_that_is_used_stays() {
    let lab = Lab::with(|config| config.public_addresses = "198.18.0.0/30".parse().expect("a pool")).await;
    let allocate = async |address: Option<&str>| {
        let request = ec2::AllocateAddressRequest { address: address.map(str::to_owned), ..Default::default() };
        lab.call(ALICE, request).await.map(|made| made.public_ip.expect("an address")).map_err(|fault| fault.code)
    };
    let add = |block: &str, translated| proto::AddAddressPoolRequest { cidr_block: block.into(), translated };
    let refused = async |block: &str| {
        let failure = super::add(lab.store(), &add(block, false)).await.expect_err(block);
        freehold_proto::Fault::from(failure).message
    };
    for (block, why) in [
        ("203.0.113.0", "no block"),
        ("203.0.113.9/24", "203.0.113.0/24 is"),
        ("203.0.113.0/31", "between /8 and /30"),
        ("127.0.0.0/24", "no host's"),
        ("169.254.1.0/24", "no host's"),
        ("239.0.0.0/8", "no host's"),
        ("198.18.0.0/24", "overlaps"),
    ] {
        assert!(refused(block).await.contains(why), "{block}");
    }
    let close = async |block: &str, reopen: bool| {
        let request = proto::CloseAddressPoolRequest { cidr_block: block.into(), reopen };
        super::close(lab.store(), &request).await.map(|pool| pool.closed)
    };
    let mut first = vec![allocate(None).await.expect("one"), allocate(None).await.expect("the other")];
    first.sort();
    assert_eq!(first, ["198.18.0.1", "198.18.0.2"]);
    assert_eq!(allocate(None).await, Err(ErrorCode::InsufficientAddressCapacity));
    let added = super::add(lab.store(), &add("203.0.113.0/29", false)).await.expect("a pool");
    assert_eq!((added.addresses, added.taken, added.configured, added.closed), (6, 0, false, false));
    assert_eq!(allocate(Some("203.0.113.3")).await.as_deref(), Ok("203.0.113.3"));
    assert!(allocate(None).await.expect("one of the new").starts_with("203.0.113."));
    assert!(close("203.0.113.0/29", false).await.expect("closed"));
    assert_eq!(allocate(None).await, Err(ErrorCode::InsufficientAddressCapacity));
    assert_eq!(allocate(Some("203.0.113.5")).await, Err(ErrorCode::InvalidAddressNotFound));
    let message = freehold_proto::Fault::from(super::remove(lab.store(), "203.0.113.0/29").await.expect_err("used")).message;
    assert!(message.contains("2 addresses of 203.0.113.0/29 are in use or kept"), "{message}");
    super::remove(lab.store(), "198.18.0.0/30").await.expect_err("the configured one");
    assert!(!close("203.0.113.0/29", true).await.expect("open"));
    // The configured one can be closed, too.
    assert!(close("198.18.0.0/30", false).await.expect("closed"));
    for address in lab.ok(ec2::DescribeAddressesRequest::default()).await.addresses {
        lab.ok(ec2::ReleaseAddressRequest { allocation_id: address.allocation_id, ..Default::default() }).await;
    }
    assert!(allocate(None).await.expect("of the open one").starts_with("203.0.113."));
    let all = super::list(lab.store()).await.expect("a list");
    let shown: Vec<_> = all.iter().map(|pool| (pool.cidr_block.as_str(), pool.configured, pool.closed, pool.taken)).collect();
    assert_eq!(shown, [("198.18.0.0/30", true, true, 0), ("203.0.113.0/29", false, false, 1)]);
    for address in lab.ok(ec2::DescribeAddressesRequest::default()).await.addresses {
        lab.ok(ec2::ReleaseAddressRequest { allocation_id: address.allocation_id, ..Default::default() }).await;
    }
    super::remove(lab.store(), "203.0.113.0/29").await.expect("nobody has an address of it");
    super::remove(lab.store(), "203.0.113.0/29").await.expect_err("it is gone");
}

#[tokio::test]
async fn hosts_are_told_of_pools_that_nobody_beyond_them_knows() {
    let lab = Lab::new().await;
    let first = Agent::obedient(&lab).await;
    let add = |block: &str, translated| proto::AddAddressPoolRequest { cidr_block: block.into(), translated };
    super::add(lab.store(), &add("203.0.113.0/28", true)).await.expect("a pool");
    super::add(lab.store(), &add("198.51.100.0/28", false)).await.expect("another one");
    let only = std::collections::BTreeSet::from(["203.0.113.0/28".to_owned()]);
    first.until_told("of the one", |told| told.translated == only).await;
    let second = Agent::obedient(&lab).await;
    assert_eq!(second.told().translated, only, "with everything else");
    super::remove(lab.store(), "203.0.113.0/28").await.expect("nobody has an address of it");
    for agent in [&first, &second] {
        agent.until_told("that it is gone", |told| told.translated.is_empty()).await;
    }
}
