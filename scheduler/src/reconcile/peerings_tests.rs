//! VPC peering connections, for the two standard tests.

use std::time::Duration;

use freehold_proto::aws::ec2;
use sea_orm::{EntityTrait, PaginatorTrait, QueryOrder};

use super::SettlePeerings;
use super::standard::{Rehearsal, Stage};
use crate::lab::{Agent, BOB, Lab};
use crate::store::{tag, vpc_peering_connection};

async fn rows(lab: &Lab) -> Vec<vpc_peering_connection::Model> {
    let all = vpc_peering_connection::Entity::find().order_by_asc(vpc_peering_connection::Column::VpcPeeringConnectionId);
    all.all(lab.store().reader()).await.expect("rows")
}

impl Rehearsal for SettlePeerings {
    const WAIT: Duration = Duration::from_hours(2);

    /// One that failed, one that was deleted, one that another account has rejected: due for the side that knows, forgotten by it.
    async fn stage() -> Stage {
        let lab = Lab::new().await;
        let vpc = async |account: &str, block: &str| {
            let made = lab.call(account, ec2::CreateVpcRequest { cidr_block: Some(block.into()), ..Default::default() }).await;
            made.expect("a VPC").vpc.and_then(|vpc| vpc.vpc_id).expect("an id")
        };
        let tags = vec![ec2::Tag { key: Some("Name".into()), value: None }];
        let tags = vec![ec2::TagSpecification { resource_type: Some("vpc-peering-connection".into()), tags }];
        let [one, other] = [vpc(crate::lab::ALICE, "10.1.0.0/16").await, vpc(crate::lab::ALICE, "10.2.0.0/16").await];
        let theirs = vpc(BOB, "10.3.0.0/16").await;
        let ask = async |peer: &str, owner: Option<&str>| {
            let request = ec2::CreateVpcPeeringConnectionRequest {
                vpc_id: one.clone(),
                peer_vpc_id: Some(peer.into()),
                peer_owner_id: owner.map(str::to_owned),
                tag_specifications: tags.clone(),
                ..Default::default()
            };
            lab.ok(request).await.vpc_peering_connection.and_then(|made| made.vpc_peering_connection_id).expect("an id")
        };
        ask(&one, None).await;
        let deleted = ask(&other, None).await;
        lab.ok(ec2::DeleteVpcPeeringConnectionRequest { vpc_peering_connection_id: deleted, dry_run: None }).await;
        let rejected = ask(&theirs, Some(BOB)).await;
        let reject = ec2::RejectVpcPeeringConnectionRequest { vpc_peering_connection_id: rejected, dry_run: None };
        lab.call(BOB, reject).await.expect("rejected");
        let agent = Agent::silent(&lab).await;
        Stage { lab, agent }
    }

    async fn rows(lab: &Lab) -> String {
        format!("{:?} {:?}", rows(lab).await, tag::Entity::find().all(lab.store().reader()).await.expect("rows"))
    }

    async fn outcome(lab: &Lab) -> String {
        let left: Vec<_> = rows(lab).await.into_iter().map(|row| (row.status, row.requester_sees, row.accepter_sees)).collect();
        format!("{left:?} {}", tag::Entity::find().count(lab.store().reader()).await.expect("a count"))
    }
}

#[tokio::test]
async fn a_request_that_nobody_answers_expires_after_a_week() {
    let Stage { lab, agent: _agent } = SettlePeerings::stage().await;
    let vpcs = lab.ok(ec2::DescribeVpcsRequest::default()).await.vpcs;
    let of = |block: &str| vpcs.iter().find(|vpc| vpc.cidr_block.as_deref() == Some(block)).and_then(|vpc| vpc.vpc_id.clone());
    let request = ec2::CreateVpcPeeringConnectionRequest {
        vpc_id: of("10.1.0.0/16").expect("an id"),
        peer_vpc_id: of("10.2.0.0/16"),
        ..Default::default()
    };
    let id = lab.ok(request).await.vpc_peering_connection.and_then(|made| made.vpc_peering_connection_id).expect("an id");
    let status = async || rows(&lab).await.into_iter().find(|row| row.vpc_peering_connection_id == id).map(|row| row.status);
    lab.clock.advance(Duration::from_millis(7 * 24 * 60 * 60 * 1000 - 1));
    super::pass(&SettlePeerings, lab.store()).await.expect("a pass");
    assert_eq!(status().await.as_deref(), Some("pending-acceptance"));
    lab.clock.advance(Duration::from_millis(1));
    super::pass(&SettlePeerings, lab.store()).await.expect("a pass");
    assert_eq!(status().await.as_deref(), Some("expired"));
    lab.clock.advance(Duration::from_hours(48));
    super::pass(&SettlePeerings, lab.store()).await.expect("a pass");
    assert_eq!(status().await, None);
}
