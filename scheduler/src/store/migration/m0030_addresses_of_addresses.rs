//! A public address means one private address of an interface, which may have several such.

use sea_orm_migration::prelude::*;

pub struct AddressesOfAddresses;

impl MigrationName for AddressesOfAddresses {
    fn name(&self) -> &'static str {
        "m0030_addresses_of_addresses"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for AddressesOfAddresses {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(TABLES).await.map(drop)
    }
}

/// SQLite drops no constraint, so the tables are made anew. Until now each public address meant the primary one of its interface.
const TABLES: &str = "
CREATE TABLE public_address_of (
    address TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES account,
    network_interface_id TEXT NOT NULL REFERENCES network_interface,
    private_ip_address TEXT NOT NULL,
    UNIQUE (network_interface_id, private_ip_address)
);
INSERT INTO public_address_of (address, account_id, network_interface_id, private_ip_address)
    SELECT public_address.address, public_address.account_id, public_address.network_interface_id, private_address.address
    FROM public_address JOIN private_address
    ON private_address.network_interface_id = public_address.network_interface_id AND private_address.is_primary;
DROP TABLE public_address;
ALTER TABLE public_address_of RENAME TO public_address;
CREATE TABLE elastic_address_of (
    allocation_id TEXT PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES account,
    address TEXT NOT NULL UNIQUE,
    association_id TEXT UNIQUE,
    network_interface_id TEXT REFERENCES network_interface,
    private_ip_address TEXT,
    created BIGINT NOT NULL,
    UNIQUE (network_interface_id, private_ip_address)
);
INSERT INTO elastic_address_of (allocation_id, account_id, address, association_id, network_interface_id, private_ip_address, created)
    SELECT elastic_address.allocation_id, elastic_address.account_id, elastic_address.address, elastic_address.association_id,
        elastic_address.network_interface_id, private_address.address, elastic_address.created
    FROM elastic_address LEFT JOIN private_address
    ON private_address.network_interface_id = elastic_address.network_interface_id AND private_address.is_primary;
DROP TABLE elastic_address;
ALTER TABLE elastic_address_of RENAME TO elastic_address;
";
