//! `DescribeSecurityGroups`. Groups may be named by id or, in the default VPC, by name.

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};

use super::find::{Search, find, named};
use super::message;
use super::model::security_group::{FILTERS, shown};
use super::resolve::SECURITY_GROUP;
use crate::engine::{Ask, Query};
use crate::store::read::resources::SecurityGroupView;
use crate::store::{Outcome, Rows, View};

impl Query for ec2::DescribeSecurityGroupsRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::FilterLimitExceeded,
        ErrorCode::InvalidGroupIdMalformed,
        ErrorCode::InvalidGroupNotFound,
        ErrorCode::InvalidNextToken,
        ErrorCode::InvalidParameterCombination,
        ErrorCode::InvalidParameterValue,
    ];

    async fn answer(self, ask: &Ask) -> Outcome<ec2::DescribeSecurityGroupsResult> {
        let page = ask.page(&self)?;
        let filters = FILTERS.compile(message::filters(&self.filters))?;
        let (views, next_token) = if self.group_names.is_empty() {
            find(ask, Search::new(&SECURITY_GROUP, &self.group_ids, page, &filters), |view| filters.matches(view))?
        } else {
            let mut views = chosen(&ask.rows(), ask.account(), &self)?;
            views.retain(|view| filters.matches(view));
            page.cut(views, View::id)?
        };
        let security_groups = views.iter().map(|view| shown(view, &ask.settings.region)).collect::<Result<_, Fault>>()?;
        Ok(ec2::DescribeSecurityGroupsResult { security_groups, next_token })
    }
}

/// The groups that a request names by name or id. A name is one of the default VPC.
fn chosen(rows: &Rows, account: &str, request: &ec2::DescribeSecurityGroupsRequest) -> Result<Vec<SecurityGroupView>, Fault> {
    named::<SecurityGroupView>(rows, account, &SECURITY_GROUP, &request.group_ids)?;
    let default_vpc = rows.default_vpc(account).map_or("", |vpc| &vpc.vpc_id);
    let mut views: Vec<SecurityGroupView> = SecurityGroupView::all(rows, account, None).collect();
    let by_name = |view: &SecurityGroupView, name: &String| view.group.vpc_id == default_vpc && view.group.group_name == *name;
    if let Some(name) = request.group_names.iter().find(|name| !views.iter().any(|view| by_name(view, name))) {
        return Err(absent_name(name, default_vpc));
    }
    views.retain(|view| request.group_ids.contains(&view.group.group_id) || request.group_names.iter().any(|name| by_name(view, name)));
    Ok(views)
}

pub(super) fn absent_name(name: &str, default_vpc: &str) -> Fault {
    let message = format!("The security group '{name}' does not exist in default VPC '{default_vpc}'");
    Fault::new(ErrorCode::InvalidGroupNotFound, message)
}
