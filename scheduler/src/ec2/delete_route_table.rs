//! `DeleteRouteTable`. Refused while subnets have it, or would have it, as the main one.

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::{ColumnTrait, EntityTrait, ModelTrait, QueryFilter};

use super::create_tags::remove_tags;
use super::message::missing;
use super::resolve::ROUTE_TABLE;
use crate::engine::Command;
use crate::store::{Outcome, Tx, route, route_table, route_table_association};

impl Command for ec2::DeleteRouteTableRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::DependencyViolation,
        ErrorCode::InvalidRouteTableIdMalformed,
        ErrorCode::InvalidRouteTableIdNotFound,
        ErrorCode::MissingParameter,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<()> {
        if self.route_table_id.is_empty() {
            return Err(missing("routeTableId").into());
        }
        let row = ROUTE_TABLE.own::<route_table::Entity>(tx, &self.route_table_id).await?;
        let of_table = route_table_association::Column::RouteTableId.eq(&row.route_table_id);
        if let Some(association) = route_table_association::Entity::find().filter(of_table).one(tx.db()).await? {
            let of = association.subnet_id.map_or_else(|| format!("it is the main one of {}", row.vpc_id), |id| format!("{id} has it"));
            let message = format!(
                "The routeTable '{}' has dependencies and cannot be deleted: {of}. Replace or remove the association {} first.",
                row.route_table_id, association.association_id
            );
            return Err(Fault::new(ErrorCode::DependencyViolation, message).into());
        }
        route::Entity::delete_many().filter(route::Column::RouteTableId.eq(&row.route_table_id)).exec(tx.db()).await?;
        remove_tags(tx, &row.route_table_id).await?;
        row.delete(tx.db()).await?;
        Ok(())
    }
}
