//! Reservations of blocks in subnets.

use sea_orm_migration::prelude::*;

pub struct SubnetCidrReservations;

impl MigrationName for SubnetCidrReservations {
    fn name(&self) -> &'static str {
        "m0033_subnet_cidr_reservations"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for SubnetCidrReservations {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(TABLE).await.map(drop)
    }
}

const TABLE: &str = "
CREATE TABLE subnet_cidr_reservation (
    subnet_cidr_reservation_id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES account,
    subnet_id TEXT NOT NULL REFERENCES subnet,
    cidr TEXT NOT NULL,
    reservation_type TEXT NOT NULL,
    description TEXT,
    created BIGINT NOT NULL,
    UNIQUE (subnet_id, cidr)
);
";
