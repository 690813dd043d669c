//! `DescribeSecurityGroups`. Groups may be named by id or, in the default VPC, by name.

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use super::message;
use super::model::security_group::{FILTERS, shown};
use super::resolve::SECURITY_GROUP;
use crate::engine::{Ask, Query};
use crate::store::read::Select;
use crate::store::read::resources::{self, SecurityGroupView};
use crate::store::{Outcome, vpc};

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
        SECURITY_GROUP.select(&self.group_ids)?;
        let db = ask.read.snapshot().await?;
        let mut views = if self.group_names.is_empty() {
            resources::security_groups(&db, ask.account(), &SECURITY_GROUP.select(&self.group_ids)?).await?
        } else {
            named(&db, ask.account(), &self).await?
        };
        SECURITY_GROUP.all_found(&self.group_ids, views.iter().map(|view| view.group.group_id.as_str()))?;
        views.retain(|view| filters.matches(view));
        let (views, next_token) = page.cut(views, |view| &view.group.group_id)?;
        let security_groups = views.iter().map(|view| shown(view, &ask.settings.region)).collect::<Result<_, Fault>>()?;
        Ok(ec2::DescribeSecurityGroupsResult { security_groups, next_token })
    }
}

/// The groups that a request names by name or id. A name is one of the default VPC.
async fn named(db: &impl ConnectionTrait, account: &str, request: &ec2::DescribeSecurityGroupsRequest) -> Outcome<Vec<SecurityGroupView>> {
    let default_vpc = default_vpc_id(db, account).await?;
    let mut views = resources::security_groups(db, account, &Select::All).await?;
    let by_name = |view: &SecurityGroupView, name: &String| view.group.vpc_id == default_vpc && view.group.group_name == *name;
    if let Some(name) = request.group_names.iter().find(|name| !views.iter().any(|view| by_name(view, name))) {
        return Err(absent_name(name, &default_vpc).into());
    }
    views.retain(|view| request.group_ids.contains(&view.group.group_id) || request.group_names.iter().any(|name| by_name(view, name)));
    Ok(views)
}

/// "" where the account has none.
pub(super) async fn default_vpc_id(db: &impl ConnectionTrait, account: &str) -> Outcome<String> {
    let default = vpc::Entity::find().filter(vpc::Column::AccountId.eq(account)).filter(vpc::Column::IsDefault.eq(true)).one(db).await?;
    Ok(default.map(|vpc| vpc.vpc_id).unwrap_or_default())
}

pub(super) fn absent_name(name: &str, default_vpc: &str) -> Fault {
    let message = format!("The security group '{name}' does not exist in default VPC '{default_vpc}'");
    Fault::new(ErrorCode::InvalidGroupNotFound, message)
}
