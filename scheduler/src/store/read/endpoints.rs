//! VPC endpoints, each with the route tables that lead to it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::View;
use crate::store::{Rows, vpc_endpoint};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VpcEndpointView {
    pub endpoint: Arc<vpc_endpoint::Model>,
    pub tags: BTreeMap<String, String>,
    pub route_table_ids: Vec<String>,
}

impl View for VpcEndpointView {
    fn one(rows: &Rows, account: &str, id: &str) -> Option<Self> {
        let endpoint = rows.vpc_endpoints.one(id).filter(|row| row.account_id == account)?;
        let route_table_ids = rows.routes.of(id, None).map(str::to_owned).collect();
        Some(Self { endpoint: Arc::clone(endpoint), tags: rows.tags_of(account, id), route_table_ids })
    }

    fn ids<'a>(rows: &'a Rows, account: &'a str, after: Option<&'a str>) -> Box<dyn Iterator<Item = &'a str> + 'a> {
        Box::new(rows.vpc_endpoints.of(account, after))
    }

    fn id(&self) -> &str {
        &self.endpoint.vpc_endpoint_id
    }
}
