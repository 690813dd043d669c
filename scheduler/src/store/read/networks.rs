//! What there is of a VPC besides its subnets and groups.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::View;
use crate::lifecycle::step::State;
use crate::network::nat::state::STANDING;
use crate::network::peering::status::ACTIVE;
use crate::store::{
    Rows, network_acl, network_acl_association, network_acl_entry, network_interface_attachment, route, route_table,
    route_table_association, vpc, vpc_cidr_block,
};

/// A VPC with the blocks that it has beyond its first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VpcView {
    pub vpc: Arc<vpc::Model>,
    pub tags: BTreeMap<String, String>,
    pub other_blocks: Vec<Arc<vpc_cidr_block::Model>>,
}

/// A route table with its routes and subnets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteTableView {
    pub table: Arc<route_table::Model>,
    pub tags: BTreeMap<String, String>,
    /// The VPC's blocks, to which there is always a route: the local one, unless `routes` has another.
    pub local: Vec<String>,
    /// In the order they were made.
    pub routes: Vec<RouteView>,
    pub associations: Vec<Arc<route_table_association::Model>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteView {
    pub route: Arc<route::Model>,
    /// Whether its target is there to take packets.
    pub is_active: bool,
    /// To whom the interface is attached that it leads to.
    pub attachment: Option<Arc<network_interface_attachment::Model>>,
}

/// A network ACL with its rules, by number, and its subnets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkAclView {
    pub acl: Arc<network_acl::Model>,
    pub tags: BTreeMap<String, String>,
    pub entries: Vec<Arc<network_acl_entry::Model>>,
    pub associations: Vec<Arc<network_acl_association::Model>>,
}

macro_rules! in_world {
    ($view:ident of $rows:ident by $member:ident $item:ident.$id:ident, $put_together:expr) => {
        impl View for $view {
            fn one(rows: &Rows, account: &str, id: &str) -> Option<Self> {
                let row = rows.$rows.one(id).filter(|row| row.account_id == account)?;
                let put_together: fn(&Rows, &Arc<$item::Model>, BTreeMap<String, String>) -> Self = $put_together;
                Some(put_together(rows, row, rows.tags_of(account, id)))
            }

            fn ids<'a>(rows: &'a Rows, account: &'a str, after: Option<&'a str>) -> Box<dyn Iterator<Item = &'a str> + 'a> {
                Box::new(rows.$rows.of(account, after))
            }

            fn id(&self) -> &str {
                &self.$member.$id
            }
        }
    };
}
in_world!(VpcView of vpcs by vpc vpc.vpc_id, |rows, row, tags| VpcView {
    vpc: Arc::clone(row),
    tags,
    other_blocks: rows.vpc_cidr_blocks.get(&row.vpc_id).to_vec(),
});
in_world!(RouteTableView of route_tables by table route_table.route_table_id, |rows, row, tags| RouteTableView {
    tags,
    local: blocks(rows, &row.vpc_id),
    routes: rows.routes.get(&row.route_table_id).iter().map(|route| route_view(rows, route, &row.vpc_id)).collect(),
    associations: rows.route_table_associations.get(&row.route_table_id).to_vec(),
    table: Arc::clone(row),
});
in_world!(NetworkAclView of network_acls by acl network_acl.network_acl_id, |rows, row, tags| NetworkAclView {
    acl: Arc::clone(row),
    tags,
    entries: rows.network_acl_entries.get(&row.network_acl_id).to_vec(),
    associations: rows.network_acl_associations.get(&row.network_acl_id).to_vec(),
});

/// A VPC's blocks, its first one first.
pub(super) fn blocks(rows: &Rows, vpc_id: &str) -> Vec<String> {
    let first = rows.vpcs.one(vpc_id).map(|row| row.cidr_block.clone());
    first.into_iter().chain(rows.vpc_cidr_blocks.get(vpc_id).iter().map(|row| row.cidr_block.clone())).collect()
}

fn route_view(rows: &Rows, route: &Arc<route::Model>, vpc_id: &str) -> RouteView {
    let gateway = rows.internet_gateways.one(&route.target).is_some_and(|row| row.vpc_id.as_deref() == Some(vpc_id));
    let attachment = rows.network_interface_attachments.one(&route.target).cloned();
    let instance = attachment.as_ref().and_then(|row| rows.instances.one(&row.instance_id));
    let runs = instance.is_some_and(|row| row.state == State::Running.as_str());
    let translates = rows.nat_gateways.one(&route.target).is_some_and(|row| STANDING.contains(&row.state.as_str()));
    let peering = rows.vpc_peering_connections.one(&route.target);
    let peers = peering.is_some_and(|row| row.status == ACTIVE && [row.requester_vpc_id.as_str(), &row.accepter_vpc_id].contains(&vpc_id));
    let endpoint = rows.vpc_endpoints.one(&route.target).is_some();
    RouteView { route: Arc::clone(route), is_active: gateway || runs || translates || peers || endpoint, attachment }
}
