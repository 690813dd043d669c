//! `DescribeStaleSecurityGroups`: a VPC's groups with rules that name groups of a VPC with which it is no longer peered. A rule that names a
//! deleted group went with that, so there are no others.

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};

use super::find::named;
use super::message::missing;
use super::model::security_group::{ip_permission, rule};
use super::resolve::VPC;
use crate::engine::{Ask, Query};
use crate::network::peering::status::ACTIVE;
use crate::security_group::{Rule, grouped};
use crate::store::read::networks::VpcView;
use crate::store::read::resources::SecurityGroupView;
use crate::store::{Outcome, Rows, View, security_group_rule};

impl Query for ec2::DescribeStaleSecurityGroupsRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InvalidNextToken,
        ErrorCode::InvalidParameterValue,
        ErrorCode::InvalidVpcIdMalformed,
        ErrorCode::InvalidVpcIdNotFound,
        ErrorCode::MissingParameter,
    ];

    async fn answer(self, ask: &Ask) -> Outcome<ec2::DescribeStaleSecurityGroupsResult> {
        let page = ask.page(&self)?;
        if self.vpc_id.is_empty() {
            return Err(missing("vpcId").into());
        }
        let (rows, account) = (ask.rows(), ask.account());
        named::<VpcView>(&rows, account, &VPC, std::slice::from_ref(&self.vpc_id))?;
        let after = page.after().map(str::to_owned);
        let ids = rows.security_groups.of(&self.vpc_id, after.as_deref());
        let views = ids.filter_map(|id| SecurityGroupView::one(&rows, account, id));
        let found = views.map(|view| with_stale_rules_only(&rows, view)).filter(|view| !view.rules.is_empty());
        let (found, next_token) = page.take(found, SecurityGroupView::id)?;
        let stale_security_group_set = found.iter().map(shown).collect::<Result<_, _>>()?;
        Ok(ec2::DescribeStaleSecurityGroupsResult { stale_security_group_set, next_token })
    }
}

fn with_stale_rules_only(rows: &Rows, view: SecurityGroupView) -> SecurityGroupView {
    let is_stale = |rule: &security_group_rule::Model| {
        let named = rule.referenced_group_id.as_ref().and_then(|id| rows.security_groups.one(id));
        let elsewhere = named.filter(|group| group.vpc_id != view.group.vpc_id);
        elsewhere.is_some_and(|group| view.foreign.get(&group.group_id).is_none_or(|foreign| foreign.peering_status != ACTIVE))
    };
    let stale = view.rules.iter().filter(|rule| is_stale(rule)).cloned().collect();
    SecurityGroupView { rules: stale, ..view }
}

fn shown(view: &SecurityGroupView) -> Result<ec2::StaleSecurityGroup, Fault> {
    let row = &view.group;
    Ok(ec2::StaleSecurityGroup {
        description: Some(row.description.clone()),
        group_id: Some(row.group_id.clone()),
        group_name: Some(row.group_name.clone()),
        stale_ip_permissions: permissions(view, false)?,
        stale_ip_permissions_egress: permissions(view, true)?,
        vpc_id: Some(row.vpc_id.clone()),
    })
}

fn permissions(view: &SecurityGroupView, egress: bool) -> Result<Vec<ec2::StaleIpPermission>, Fault> {
    let of_direction = view.rules.iter().filter(|row| row.is_egress == egress);
    let rules = of_direction.map(|row| rule(row)).collect::<Result<Vec<Rule>, Fault>>()?;
    let stale = |permission: ec2::IpPermission| ec2::StaleIpPermission {
        from_port: permission.from_port,
        to_port: permission.to_port,
        ip_protocol: permission.ip_protocol,
        user_id_group_pairs: permission.user_id_group_pairs,
        ..Default::default()
    };
    Ok(grouped(&rules).into_iter().map(|one| stale(ip_permission(one, &view.group.account_id, &view.foreign))).collect())
}
