//! `GetSecurityGroupsForVpc`: the groups that interfaces in a VPC may have, which are the VPC's own.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::find::named;
use super::message::{self, missing};
use super::resolve::VPC;
use crate::engine::{Ask, Query};
use crate::filter::Table;
use crate::store::read::networks::VpcView;
use crate::store::read::resources::SecurityGroupView;
use crate::store::{Outcome, View};

const FILTERS: Table<SecurityGroupView> = Table {
    names: &[
        ("description", |view, say| say(&view.group.description)),
        ("group-id", |view, say| say(&view.group.group_id)),
        ("group-name", |view, say| say(&view.group.group_name)),
        ("owner-id", |view, say| say(&view.group.account_id)),
        ("primary-vpc-id", |view, say| say(&view.group.vpc_id)),
    ],
    tags: None,
};

impl Query for ec2::GetSecurityGroupsForVpcRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::FilterLimitExceeded,
        ErrorCode::InvalidNextToken,
        ErrorCode::InvalidParameterValue,
        ErrorCode::InvalidVpcIdMalformed,
        ErrorCode::InvalidVpcIdNotFound,
        ErrorCode::MissingParameter,
    ];

    async fn answer(self, ask: &Ask) -> Outcome<ec2::GetSecurityGroupsForVpcResult> {
        let page = ask.page(&self)?;
        if self.vpc_id.is_empty() {
            return Err(missing("vpcId").into());
        }
        let filters = FILTERS.compile(message::filters(&self.filters))?;
        let (rows, account) = (ask.rows(), ask.account());
        named::<VpcView>(&rows, account, &VPC, std::slice::from_ref(&self.vpc_id))?;
        let after = page.after().map(str::to_owned);
        let ids = rows.security_groups.of(&self.vpc_id, after.as_deref());
        let found = ids.filter_map(|id| SecurityGroupView::one(&rows, account, id)).filter(|view| filters.matches(view));
        let (found, next_token) = page.take(found, SecurityGroupView::id)?;
        Ok(ec2::GetSecurityGroupsForVpcResult { security_group_for_vpcs: found.iter().map(for_vpc).collect(), next_token })
    }
}

fn for_vpc(view: &SecurityGroupView) -> ec2::SecurityGroupForVpc {
    let row = &view.group;
    ec2::SecurityGroupForVpc {
        description: Some(row.description.clone()),
        group_name: Some(row.group_name.clone()),
        owner_id: Some(row.account_id.clone()),
        group_id: Some(row.group_id.clone()),
        tags: message::tags(&view.tags),
        primary_vpc_id: Some(row.vpc_id.clone()),
    }
}
