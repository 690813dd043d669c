//! `DescribeSubnets`.

use std::collections::BTreeMap;

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};

use super::message;
use super::model::subnet::{FILTERS, SubnetView, available_addresses};
use super::resolve::SUBNET;
use crate::engine::{Ask, Query};
use crate::store::read::resources::{self, Tagged};
use crate::store::{Outcome, private_address, subnet};

impl Query for ec2::DescribeSubnetsRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::FilterLimitExceeded,
        ErrorCode::InvalidNextToken,
        ErrorCode::InvalidParameterCombination,
        ErrorCode::InvalidParameterValue,
        ErrorCode::InvalidSubnetIdMalformed,
        ErrorCode::InvalidSubnetIdNotFound,
    ];

    async fn answer(self, ask: &Ask) -> Outcome<ec2::DescribeSubnetsResult> {
        let page = ask.page(&self)?;
        let filters = FILTERS.compile(message::filters(&self.filters))?;
        let select = SUBNET.select(&self.subnet_ids)?;
        let db = ask.read.snapshot().await?;
        let subnets = resources::load::<subnet::Entity>(&db, ask.account(), &select).await?;
        SUBNET.all_found(&self.subnet_ids, subnets.iter().map(|subnet| subnet.item.subnet_id.as_str()))?;
        let used = used_addresses(&db, ask.account()).await?;
        let mut views: Vec<SubnetView> = subnets.into_iter().map(|subnet| view(ask, &used, subnet)).collect();
        views.retain(|view| filters.matches(view));
        let (views, next_token) = page.cut(views, |view| &view.subnet.item.subnet_id)?;
        Ok(ec2::DescribeSubnetsResult { subnets: views.iter().map(Into::into).collect(), next_token })
    }
}

fn view(ask: &Ask, used: &BTreeMap<String, i64>, subnet: Tagged<subnet::Model>) -> SubnetView {
    let row = &subnet.item;
    let used = used.get(&row.subnet_id).copied().unwrap_or_default();
    SubnetView {
        availability_zone_id: ask.settings.zone(&row.availability_zone).map(|zone| zone.id.clone()).unwrap_or_default(),
        arn: format!("arn:aws:ec2:{}:{}:subnet/{}", ask.settings.region, row.account_id, row.subnet_id),
        available_ip_address_count: available_addresses(&row.cidr_block, usize::try_from(used).unwrap_or_default()),
        subnet,
    }
}

/// How many private addresses are in use, by subnet.
async fn used_addresses(db: &impl ConnectionTrait, account: &str) -> Outcome<BTreeMap<String, i64>> {
    let counted = private_address::Entity::find()
        .select_only()
        .column(private_address::Column::SubnetId)
        .column_as(private_address::Column::Address.count(), "used")
        .filter(private_address::Column::AccountId.eq(account))
        .group_by(private_address::Column::SubnetId);
    Ok(counted.into_tuple::<(String, i64)>().all(db).await?.into_iter().collect())
}
