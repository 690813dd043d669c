//! `DescribeVpcClassicLink`. No VPC is linked to EC2-Classic, which is no more; clients ask all the same.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::find::named;
use super::message;
use super::resolve::VPC;
use crate::engine::{Ask, Query};
use crate::filter::{Table, flag};
use crate::store::read::networks::VpcView;
use crate::store::{Outcome, View};

const FILTERS: Table<VpcView> = Table {
    names: &[("is-classic-link-enabled", |_, say| say(flag(false)))],
    tags: Some(|view, say| view.tags.iter().for_each(|(key, value)| say(key, value))),
};

impl Query for ec2::DescribeVpcClassicLinkRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::FilterLimitExceeded,
        ErrorCode::InvalidParameterValue,
        ErrorCode::InvalidVpcIdMalformed,
        ErrorCode::InvalidVpcIdNotFound,
    ];

    async fn answer(self, ask: &Ask) -> Outcome<ec2::DescribeVpcClassicLinkResult> {
        let filters = FILTERS.compile(message::filters(&self.filters))?;
        let (rows, account) = (ask.rows(), ask.account());
        let vpcs = if self.vpc_ids.is_empty() {
            VpcView::ids(&rows, account, None).filter_map(|id| VpcView::one(&rows, account, id)).collect()
        } else {
            named::<VpcView>(&rows, account, &VPC, &self.vpc_ids)?
        };
        let link = |view: &VpcView| ec2::VpcClassicLink {
            classic_link_enabled: Some(false),
            tags: message::tags(&view.tags),
            vpc_id: Some(view.vpc.vpc_id.clone()),
        };
        Ok(ec2::DescribeVpcClassicLinkResult { vpcs: vpcs.iter().filter(|view| filters.matches(view)).map(link).collect() })
    }
}
