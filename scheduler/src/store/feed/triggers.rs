//! The triggers that write the feed, made of one list of tables.
//!
//! They are brought in line with the list whenever a store is opened, after its migrations and in the same transaction: a table that a
//! migration adds is followed when it stands in the list, and a test finds the one that does not.

use std::collections::BTreeSet;

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

use crate::store::postgres::LOCK_CLASS;

macro_rules! followed {
    ($($variant:ident = $table:literal by $key:literal,)*) => {
        /// A table whose rows are followed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Table {
            $($variant,)*
        }

        impl Table {
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name in the schema, and what the feed calls its rows' changes.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $table,)*
                }
            }

            /// The column by which the feed names its rows: their own id, or the one of the resource that they are said of.
            pub const fn key(self) -> &'static str {
                match self {
                    $(Self::$variant => $key,)*
                }
            }

            pub fn parse(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|table| table.name() == name)
            }
        }
    };
}
followed! {
    AccessKey = "access_key" by "access_key_id",
    Account = "account" by "account_id",
    AddressPool = "address_pool" by "cidr_block",
    DhcpOptions = "dhcp_options" by "dhcp_options_id",
    ElasticAddress = "elastic_address" by "allocation_id",
    Host = "host" by "host_id",
    Image = "image" by "image_id",
    Instance = "instance" by "instance_id",
    InterfaceSecurityGroup = "interface_security_group" by "network_interface_id",
    InternetGateway = "internet_gateway" by "internet_gateway_id",
    KeyPair = "key_pair" by "key_pair_id",
    LaunchTemplate = "launch_template" by "launch_template_id",
    LaunchTemplateVersion = "launch_template_version" by "launch_template_version_id",
    NatGateway = "nat_gateway" by "nat_gateway_id",
    NatGatewayAddress = "nat_gateway_address" by "nat_gateway_id",
    NetworkAcl = "network_acl" by "network_acl_id",
    NetworkAclAssociation = "network_acl_association" by "network_acl_id",
    NetworkAclEntry = "network_acl_entry" by "network_acl_id",
    NetworkInterface = "network_interface" by "network_interface_id",
    NetworkInterfaceAttachment = "network_interface_attachment" by "network_interface_id",
    Part = "part" by "name",
    PlacementGroup = "placement_group" by "group_id",
    PrefixList = "prefix_list" by "prefix_list_id",
    PrefixListEntry = "prefix_list_entry" by "prefix_list_id",
    PrivateAddress = "private_address" by "network_interface_id",
    PublicAddress = "public_address" by "network_interface_id",
    Reservation = "reservation" by "reservation_id",
    Route = "route" by "route_table_id",
    RouteTable = "route_table" by "route_table_id",
    RouteTableAssociation = "route_table_association" by "route_table_id",
    SecurityGroup = "security_group" by "group_id",
    SecurityGroupRule = "security_group_rule" by "group_id",
    Snapshot = "snapshot" by "snapshot_id",
    Subnet = "subnet" by "subnet_id",
    SubnetCidrReservation = "subnet_cidr_reservation" by "subnet_cidr_reservation_id",
    Tag = "tag" by "resource_id",
    Tombstone = "tombstone" by "host_id",
    Volume = "volume" by "volume_id",
    VolumeAttachment = "volume_attachment" by "volume_id",
    Vpc = "vpc" by "vpc_id",
    VpcCidrBlock = "vpc_cidr_block" by "vpc_id",
    VpcEndpoint = "vpc_endpoint" by "vpc_endpoint_id",
    VpcPeeringConnection = "vpc_peering_connection" by "vpc_peering_connection_id",
}

/// Tables that nobody follows, each for a reason. The test of this file finds a table that stands in neither list.
pub const UNFOLLOWED: &[&str] = &[
    "authority",         // one row, read while a scheduler starts
    "change",            // the feed
    "client_token",      // read by its key alone, inside the command that asks
    "cluster",           // one row, written while a scheduler starts
    "condemned_guest",   // the operator's; the order itself is a tombstone
    "console_question",  // noted by who asks and who answers, under the host's name
    "fenced_host",       // asked when a host comes
    "join_token",        // asked when a part joins
    "lease",             // read by those who want it, every second or so
    "placement",         // the operator's, for `freehold why`
    "refused_placement", // likewise
    "scheduler",         // each beat of it would be a change
    "seaql_migrations",  // the schema's own history
];

/// Raised when what the triggers do changes: then all are made anew.
const REVISION: &str = "feed2";

/// Makes the triggers that are missing and takes away those that are not in the list.
pub async fn bring_in_line(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    let wanted: BTreeSet<String> = Table::ALL.iter().flat_map(|table| names(db.get_database_backend(), *table)).collect();
    let there = existing(db).await?;
    if there.iter().map(|(name, _)| name.clone()).collect::<BTreeSet<_>>() == wanted {
        return Ok(());
    }
    for (name, table) in there {
        let drop = match db.get_database_backend() {
            // Whatever calls it goes with it.
            DbBackend::Postgres => format!("DROP TRIGGER IF EXISTS {name} ON {table}; DROP FUNCTION IF EXISTS {name}() CASCADE"),
            _ => format!("DROP TRIGGER {name}"),
        };
        db.execute_unprepared(&drop).await?;
    }
    for table in Table::ALL {
        for statement in statements(db.get_database_backend(), *table) {
            db.execute_unprepared(&statement).await?;
        }
    }
    Ok(())
}

/// The feed's triggers in this schema, each with its table.
async fn existing(db: &impl ConnectionTrait) -> Result<Vec<(String, String)>, DbErr> {
    let sql = match db.get_database_backend() {
        DbBackend::Postgres => {
            "SELECT tgname::text AS name, relname::text AS owner FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
             WHERE relnamespace = current_schema()::regnamespace AND tgname LIKE 'feed%' AND NOT tgisinternal"
        }
        _ => "SELECT name, tbl_name AS owner FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'feed%'",
    };
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await?;
    rows.iter().map(|row| Ok((row.try_get("", "name")?, row.try_get("", "owner")?))).collect()
}

const EVENTS: [&str; 3] = ["insert", "update", "delete"];

fn names(backend: DbBackend, table: Table) -> Vec<String> {
    let name = table.name();
    match backend {
        DbBackend::Postgres => vec![format!("{REVISION}_{name}"), format!("{REVISION}_{name}_truncate")],
        _ => EVENTS.map(|event| format!("{REVISION}_{name}_{event}")).to_vec(),
    }
}

fn statements(backend: DbBackend, table: Table) -> Vec<String> {
    match backend {
        DbBackend::Postgres => postgres(table).to_vec(),
        _ => EVENTS.map(|event| sqlite(table, event)).to_vec(),
    }
}

/// A row that changes its key is a change of both.
fn sqlite(table: Table, event: &str) -> String {
    let (name, key) = (table.name(), table.key());
    let note = |row: &str, when: &str| format!("INSERT INTO change (kind, id) SELECT '{name}', {row}.{key}{when};");
    let body = match event {
        "insert" => note("NEW", ""),
        "delete" => note("OLD", ""),
        _ => note("NEW", "") + &note("OLD", &format!(" WHERE OLD.{key} IS NOT NEW.{key}")),
    };
    format!("CREATE TRIGGER {REVISION}_{name}_{event} AFTER {event} ON {name} BEGIN {body} END")
}

/// A writer that has not waited for its turn (somebody at the database's own prompt) waits here, before it draws a number: otherwise one
/// that drew a lower number could commit after one that drew a higher, and whoever follows would never see it.
///
/// The function finds the feed by the schema that it was made in, whatever the search path of the session. Rows that go all at once would
/// be in no feed and in no host's sums, so that is refused.
fn postgres(table: Table) -> [String; 3] {
    let (name, key) = (table.name(), table.key());
    let note = |row: &str| format!("INSERT INTO change (kind, id) VALUES ('{name}', {row}.{key});");
    let function = format!(
        "CREATE OR REPLACE FUNCTION {REVISION}_{name}() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $feed$ BEGIN
            IF TG_OP = 'TRUNCATE' THEN
                RAISE EXCEPTION 'rows of % are deleted one by one: nobody who follows would learn of a TRUNCATE', TG_TABLE_NAME;
            END IF;
            PERFORM pg_advisory_xact_lock({LOCK_CLASS}, hashtext(TG_TABLE_SCHEMA::text));
            IF TG_OP = 'INSERT' THEN {new}
            ELSIF TG_OP = 'DELETE' THEN {old}
            ELSE {new} IF OLD.{key} IS DISTINCT FROM NEW.{key} THEN {old} END IF;
            END IF;
            RETURN NULL;
        END $feed$",
        new = note("NEW"),
        old = note("OLD"),
    );
    let trigger = format!(
        "CREATE TRIGGER {REVISION}_{name} AFTER INSERT OR UPDATE OR DELETE ON {name} FOR EACH ROW EXECUTE FUNCTION {REVISION}_{name}()"
    );
    let truncate = format!(
        "CREATE TRIGGER {REVISION}_{name}_truncate BEFORE TRUNCATE ON {name} FOR EACH STATEMENT EXECUTE FUNCTION {REVISION}_{name}()"
    );
    [function, trigger, truncate]
}
