//! PostgreSQL alone: the functions that keep the hosts' sums find the hosts by the schema that they are in, whatever the search path of the
//! session that writes. Before, a hand at the database's own prompt could be refused, or count in another schema.

use sea_orm::DbBackend;
use sea_orm_migration::prelude::*;

pub struct SumsInTheirOwnSchema;

impl MigrationName for SumsInTheirOwnSchema {
    fn name(&self) -> &'static str {
        "m0011_sums_in_their_own_schema"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for SumsInTheirOwnSchema {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        if db.get_database_backend() != DbBackend::Postgres {
            return Ok(());
        }
        for table in ["instance", "volume"] {
            for event in ["insert", "update", "delete"] {
                db.execute_unprepared(&format!("ALTER FUNCTION {table}_counts_on_{event}() SET search_path FROM CURRENT")).await?;
            }
        }
        Ok(())
    }
}
