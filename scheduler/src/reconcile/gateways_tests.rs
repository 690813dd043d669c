//! NAT gateways, for the two standard tests.

use std::time::Duration;

use freehold_proto::aws::ec2;
use freehold_proto::internal::operator;
use sea_orm::{EntityTrait, PaginatorTrait, QueryOrder};

use super::standard::{Rehearsal, Stage};
use super::{ForgetNatGateways, PlaceNatGateways, ReleaseNatGatewayAddresses};
use crate::lab::{Agent, Lab, hello};
use crate::operator::hosts;
use crate::store::{host, nat_gateway, nat_gateway_address, private_address, tag, tombstone};

/// Three private gateways in one zone, tagged.
async fn gateways(lab: &Lab) -> Vec<String> {
    let zone = ec2::Filter { name: Some("availability-zone".into()), values: vec!["us-east-1a".into()] };
    let subnets = lab.ok(ec2::DescribeSubnetsRequest { filters: vec![zone], ..Default::default() }).await.subnets;
    let tags = vec![ec2::Tag { key: Some("Name".into()), value: None }];
    let create = ec2::CreateNatGatewayRequest {
        subnet_id: subnets[0].subnet_id.clone(),
        connectivity_type: Some("private".into()),
        tag_specifications: vec![ec2::TagSpecification { resource_type: Some("natgateway".into()), tags }],
        ..Default::default()
    };
    let mut ids = Vec::new();
    for _ in 0..3 {
        let made = lab.ok(create.clone()).await.nat_gateway.expect("a gateway");
        ids.extend(made.nat_gateway_id);
    }
    ids
}

async fn rows(lab: &Lab) -> String {
    let db = lab.store().reader();
    let gateways = nat_gateway::Entity::find().order_by_asc(nat_gateway::Column::NatGatewayId).all(db).await.expect("rows");
    let orders = tombstone::Entity::find().all(db).await.expect("rows");
    format!("{gateways:?} {orders:?} {:?}", tag::Entity::find().all(db).await.expect("rows"))
}

impl Rehearsal for PlaceNatGateways {
    const WAIT: Duration = Duration::from_secs(5);

    /// Made while their zone has no host; then one comes.
    async fn stage() -> Stage {
        let lab = Lab::new().await;
        gateways(&lab).await;
        let mut silent = hello("host-0123456789abcdef0");
        silent.availability_zone = "us-east-1a".into();
        let agent = Agent::attend(&lab, silent, false).await;
        Stage { lab, agent }
    }

    async fn rows(lab: &Lab) -> String {
        rows(lab).await
    }

    async fn outcome(lab: &Lab) -> String {
        let all = nat_gateway::Entity::find().all(lab.store().reader()).await.expect("rows");
        format!("{:?}", all.into_iter().map(|row| (row.state, row.host_id, row.generation)).collect::<Vec<_>>())
    }

    /// The next scheduler takes over with the host attending it.
    async fn crash(&self, stage: Stage) -> Stage {
        let host_id = stage.agent.host_id.clone();
        let lab = stage.lab.crash().await;
        let agent = Agent::attend(&lab, hello(&host_id), false).await;
        Stage { lab, agent }
    }
}

impl Rehearsal for ForgetNatGateways {
    const WAIT: Duration = Duration::from_hours(1);

    /// Deleted while no host has them.
    async fn stage() -> Stage {
        let lab = Lab::new().await;
        for nat_gateway_id in gateways(&lab).await {
            lab.ok(ec2::DeleteNatGatewayRequest { nat_gateway_id, dry_run: None }).await;
        }
        let agent = Agent::silent(&lab).await;
        Stage { lab, agent }
    }

    async fn rows(lab: &Lab) -> String {
        rows(lab).await
    }

    async fn outcome(lab: &Lab) -> String {
        let db = lab.store().reader();
        let (gateways, tags) = (nat_gateway::Entity::find().count(db).await, tag::Entity::find().count(db).await);
        let addresses = private_address::Entity::find().count(db).await;
        format!("{:?}", (gateways.expect("a count"), tags.expect("a count"), addresses.expect("a count")))
    }
}

impl Rehearsal for ReleaseNatGatewayAddresses {
    const WAIT: Duration = Duration::from_secs(350);

    /// Each gateway gives back one of its addresses, on a host whose guests send packets.
    async fn stage() -> Stage {
        let lab = Lab::new().await;
        let mut real = hello("host-0123456789abcdef0");
        real.drivers[0].name = "qemu".into();
        let agent = Agent::attend(&lab, real, true).await;
        for nat_gateway_id in gateways(&lab).await {
            let state = async || nat_gateway::Entity::find_by_id(&nat_gateway_id).one(lab.store().reader()).await.expect("a read");
            crate::lab::eventually("it is available", async || state().await.is_some_and(|row| row.state == "available")).await;
            let assign = ec2::AssignPrivateNatGatewayAddressRequest {
                nat_gateway_id: nat_gateway_id.clone(),
                private_ip_address_count: Some(1),
                ..Default::default()
            };
            let address = lab.ok(assign).await.nat_gateway_addresses.remove(0).private_ip.expect("an address");
            let there = async || nat_gateway_address::Entity::find_by_id((nat_gateway_id.clone(), 1)).one(lab.store().reader()).await;
            let used = async || there().await.expect("a read").is_some_and(|row| row.status == "succeeded");
            crate::lab::eventually("it is used", used).await;
            let unassign = ec2::UnassignPrivateNatGatewayAddressRequest {
                nat_gateway_id: nat_gateway_id.clone(),
                private_ip_addresses: vec![address],
                ..Default::default()
            };
            lab.ok(unassign).await;
        }
        Stage { lab, agent }
    }

    async fn rows(lab: &Lab) -> String {
        let all = nat_gateway_address::Entity::find().order_by_asc(nat_gateway_address::Column::NatGatewayId);
        format!("{} {:?}", rows(lab).await, all.all(lab.store().reader()).await.expect("rows"))
    }

    async fn outcome(lab: &Lab) -> String {
        let db = lab.store().reader();
        let (addresses, private) = (nat_gateway_address::Entity::find().count(db).await, private_address::Entity::find().count(db).await);
        format!("{:?}", (addresses.expect("a count"), private.expect("a count")))
    }
}

async fn drain(lab: &Lab, host_id: &str) {
    let request = operator::DrainHostRequest { host: host_id.into(), undrain: false };
    hosts::drain(lab.store(), &request).await.expect("drained");
}

async fn lose(lab: &Lab, host_id: &str) {
    let request = operator::RemoveHostRequest { host: host_id.into(), lost: true, dry_run: false };
    hosts::remove(lab.store(), &request).await.expect("removed");
}

#[tokio::test]
async fn a_gateway_leaves_a_host_that_is_drained_and_one_that_is_lost() {
    let lab = Lab::new().await;
    let first = Agent::obedient(&lab).await;
    let id = gateways(&lab).await.remove(0);
    let of = async |id: &str| nat_gateway::Entity::find_by_id(id).one(lab.store().reader()).await.expect("a read").expect("a row");
    crate::lab::eventually("it is available", async || of(&id).await.state == "available").await;
    let second = Agent::obedient(&lab).await;
    drain(&lab, &first.host_id).await;
    lab.clock.advance(Duration::from_secs(5));
    assert_eq!(super::pass(&PlaceNatGateways, lab.store()).await.expect("a pass"), 3);
    assert_eq!(of(&id).await.host_id.as_ref(), Some(&second.host_id));
    crate::lab::eventually("it is available there", async || of(&id).await.state == "available").await;
    first.until_told("to bury them", |told| told.tombstones.iter().any(|order| order.id == id)).await;
    assert_eq!(of(&id).await.state, "available", "what the first one buried is not it");

    lose(&lab, &second.host_id).await;
    let left = of(&id).await;
    assert_eq!((left.host_id, left.state.as_str()), (None, "pending"), "the other one is drained");
    assert_eq!(host::Entity::find().count(lab.store().reader()).await.expect("a count"), 1);
    let third = Agent::obedient(&lab).await;
    lab.clock.advance(Duration::from_secs(5));
    assert_eq!(super::pass(&PlaceNatGateways, lab.store()).await.expect("a pass"), 3);
    assert_eq!(of(&id).await.host_id.as_ref(), Some(&third.host_id));
}

#[tokio::test]
async fn a_gateway_is_where_packets_are_and_where_all_hosts_reach_it() {
    let lab = Lab::new().await;
    let attend = async |number: u8, driver: &str, tunnel_address: &str| {
        let mut hello = hello(&format!("host-{number:017x}"));
        hello.drivers[0].name = driver.into();
        hello.tunnel_address = tunnel_address.into();
        Agent::attend(&lab, hello, true).await
    };
    let _simulated = attend(1, "simulated", "192.0.2.1").await;
    let _alone = attend(2, "qemu", "").await;
    let best = attend(3, "qemu", "192.0.2.3").await;
    gateways(&lab).await;
    let all = nat_gateway::Entity::find().all(lab.store().reader()).await.expect("rows");
    assert!(all.iter().all(|row| row.host_id.as_ref() == Some(&best.host_id)), "{all:?}");
}
