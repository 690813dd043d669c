//! The schema, step by step. A migration that has been released is never edited: the next change is the next file.
//!
//! Written in the SQL that SQLite and PostgreSQL share: TEXT ids, BIGINT milliseconds, JSON and bytes (base64) as TEXT, partial and
//! expression indexes. What must be unique is unique here, whatever the code above believes.
//!
//! Forward only. A newer scheduler brings an older store up to date when it opens it; an older scheduler refuses a newer store, since it
//! could not know what the rows mean.

mod m0001_first;
mod m0002_failed_launches;
mod m0003_volumes_have_hosts;
mod m0004_change_feed;
mod m0005_leases;
mod m0007_parts_apart;
mod m0008_many_hosts;
mod m0009_several_schedulers;
mod m0010_keys_of_parts;
mod m0011_sums_in_their_own_schema;
mod m0012_instance_attributes;
mod m0013_the_end_of_what_was_stopped;
mod m0014_placement_groups;
mod m0015_launch_templates;
mod m0016_instance_types;
mod m0017_what_is_asked_of_a_console;
mod m0018_names_and_maintenance;
mod m0019_vpcs;
mod m0020_security_groups;
mod m0022_elastic_addresses;
mod m0024_attachments_take_time;
mod m0025_nat_gateways;
mod m0026_tunnel_addresses;
mod m0027_prefix_lists;
mod m0028_vpc_endpoints;
mod m0029_vpc_peering;
mod m0030_addresses_of_addresses;
mod m0031_address_pools;
mod m0032_nat_gateway_addresses;
mod m0033_subnet_cidr_reservations;
mod m0034_reverse_names;
mod m0035_ipv6_in_rules;

use sea_orm::DatabaseConnection;
use sea_orm_migration::prelude::*;

use super::feed::triggers;
use super::tx::begin_writing;

/// Why a store is not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the store can not be opened")]
    Database(#[from] DbErr),
    #[error(
        "the store was written by a newer freehold than this one (it has {0}, which {version} does not know): start that version again, \
         or restore a backup that was made before it",
        version = env!("CARGO_PKG_VERSION")
    )]
    Newer(String),
}

/// Brings the schema up to date, all of it or nothing. Schedulers that start at the same time take turns.
pub async fn bring_up_to_date(writer: &DatabaseConnection) -> Result<(), OpenError> {
    let db = begin_writing(writer).await?;
    refuse_newer(&db).await?;
    Migrator::up(&db, None).await?;
    triggers::bring_in_line(&db).await?;
    db.commit().await?;
    Ok(())
}

/// Refuses a store that has a migration which this program has not.
pub async fn refuse_newer(db: &impl ConnectionTrait) -> Result<(), OpenError> {
    let known: Vec<String> = Migrator::migrations().iter().map(|migration| migration.name().to_owned()).collect();
    let applied = Migrator::get_migration_models(db).await?;
    match applied.into_iter().map(|row| row.version).find(|version| !known.contains(version)) {
        Some(newer) => Err(OpenError::Newer(newer)),
        None => Ok(()),
    }
}

pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_first::First),
            Box::new(m0002_failed_launches::FailedLaunches),
            Box::new(m0003_volumes_have_hosts::VolumesHaveHosts),
            Box::new(m0004_change_feed::ChangeFeed),
            Box::new(m0005_leases::Leases),
            Box::new(m0007_parts_apart::PartsApart),
            Box::new(m0008_many_hosts::ManyHosts),
            Box::new(m0009_several_schedulers::SeveralSchedulers),
            Box::new(m0010_keys_of_parts::KeysOfParts),
            Box::new(m0011_sums_in_their_own_schema::SumsInTheirOwnSchema),
            Box::new(m0012_instance_attributes::InstanceAttributes),
            Box::new(m0013_the_end_of_what_was_stopped::TheEndOfWhatWasStopped),
            Box::new(m0014_placement_groups::PlacementGroups),
            Box::new(m0015_launch_templates::LaunchTemplates),
            Box::new(m0016_instance_types::InstanceTypes),
            Box::new(m0017_what_is_asked_of_a_console::WhatIsAskedOfAConsole),
            Box::new(m0018_names_and_maintenance::NamesAndMaintenance),
            Box::new(m0019_vpcs::Vpcs),
            Box::new(m0020_security_groups::SecurityGroups),
            Box::new(m0022_elastic_addresses::ElasticAddresses),
            Box::new(m0024_attachments_take_time::AttachmentsTakeTime),
            Box::new(m0025_nat_gateways::NatGateways),
            Box::new(m0026_tunnel_addresses::TunnelAddresses),
            Box::new(m0027_prefix_lists::PrefixLists),
            Box::new(m0028_vpc_endpoints::VpcEndpoints),
            Box::new(m0029_vpc_peering::VpcPeering),
            Box::new(m0030_addresses_of_addresses::AddressesOfAddresses),
            Box::new(m0031_address_pools::AddressPools),
            Box::new(m0032_nat_gateway_addresses::NatGatewayAddresses),
            Box::new(m0033_subnet_cidr_reservations::SubnetCidrReservations),
            Box::new(m0034_reverse_names::ReverseNames),
            Box::new(m0035_ipv6_in_rules::Ipv6InRules),
        ]
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::store::{Place, connect_writer};

    /// Makes a store as the first release left it, with one account.
    pub async fn first_release(place: &Place) {
        let writer = connect_writer(place).await.expect("a database");
        Migrator::up(&writer, Some(1)).await.expect("the first migration");
        let account = "INSERT INTO account (account_id, name, created) VALUES ('111122223333', 'a', 0)";
        writer.execute_unprepared(account).await.expect("a row");
        writer.close().await.expect("closed");
    }

    /// Makes a store as it was before the migration of a name, with what these statements insert.
    pub async fn before(place: &Place, name: &str, statements: &str) {
        let writer = connect_writer(place).await.expect("a database");
        let earlier = Migrator::migrations().iter().take_while(|migration| migration.name() != name).count();
        Migrator::up(&writer, Some(earlier.try_into().expect("a number"))).await.expect("the migrations before it");
        writer.execute_unprepared(statements).await.expect("rows");
        writer.close().await.expect("closed");
    }
}
