//! The schema, step by step. A migration that has been released is never edited: the next change is the next file.
//!
//! Written in the SQL that SQLite and PostgreSQL share: TEXT ids, BIGINT milliseconds, JSON and bytes (base64) as TEXT, partial and
//! expression indexes. What must be unique is unique here, whatever the code above believes.

mod m0001_first;
mod m0002_failed_launches;
mod m0003_volumes_have_hosts;

use sea_orm_migration::prelude::*;

pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_first::First),
            Box::new(m0002_failed_launches::FailedLaunches),
            Box::new(m0003_volumes_have_hosts::VolumesHaveHosts),
        ]
    }
}
