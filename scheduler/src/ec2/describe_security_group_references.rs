//! `DescribeSecurityGroupReferences`: the VPCs on the other side of a peering connection whose groups have rules that name the groups asked
//! about. They are another account's, it may be; who names it is all that a group's owner is told.

use std::collections::BTreeSet;

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::find::named;
use super::message::missing;
use super::resolve::SECURITY_GROUP;
use crate::engine::{Ask, Query};
use crate::network::peering::{self, status::ACTIVE};
use crate::store::read::resources::SecurityGroupView;
use crate::store::{Outcome, Rows};

impl Query for ec2::DescribeSecurityGroupReferencesRequest {
    const ERRORS: &'static [ErrorCode] =
        &[ErrorCode::InvalidGroupIdMalformed, ErrorCode::InvalidGroupNotFound, ErrorCode::MissingParameter];

    async fn answer(self, ask: &Ask) -> Outcome<ec2::DescribeSecurityGroupReferencesResult> {
        if self.group_id.is_empty() {
            return Err(missing("GroupId").into());
        }
        let rows = ask.rows();
        let groups = named::<SecurityGroupView>(&rows, ask.account(), &SECURITY_GROUP, &self.group_id)?;
        let security_group_reference_set = groups.iter().flat_map(|view| references(&rows, view)).collect();
        Ok(ec2::DescribeSecurityGroupReferencesResult { security_group_reference_set })
    }
}

/// One for each VPC. Where its connection has ended, there is no other side: the rules there are stale.
fn references(rows: &Rows, view: &SecurityGroupView) -> impl Iterator<Item = ec2::SecurityGroupReference> {
    let (group_id, vpc_id) = (view.group.group_id.clone(), &view.group.vpc_id);
    let naming = rows.security_group_rules.of(&group_id, None).filter_map(|id| rows.security_groups.one(id));
    let vpcs: BTreeSet<&str> = naming.map(|group| group.vpc_id.as_str()).collect();
    let connections = rows.vpc_peering_connections.of(vpc_id, None).filter_map(|id| rows.vpc_peering_connections.one(id));
    let connections: Vec<_> = connections.filter(|row| row.status == ACTIVE).collect();
    let mut found = Vec::new();
    for vpc in vpcs {
        if let Some(connection) = connections.iter().find(|row| vpc != vpc_id && peering::peer(row, vpc_id) == vpc) {
            found.push((vpc.to_owned(), connection.vpc_peering_connection_id.clone()));
        }
    }
    found.into_iter().map(move |(vpc, connection)| ec2::SecurityGroupReference {
        group_id: Some(group_id.clone()),
        referencing_vpc_id: Some(vpc),
        vpc_peering_connection_id: Some(connection),
        transit_gateway_id: None,
    })
}
