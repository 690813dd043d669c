//! EC2's actions as the gateway calls them: message bytes through the engine's table, on a store of its own.

mod acls;
mod addresses;
mod attachments;
mod classic_link;
mod dhcp;
mod endpoints;
mod foreign_groups;
mod group_refusals;
mod images;
mod instance_options;
mod key_pairs;
mod launch_template_refusals;
mod launch_templates;
mod list_routes;
mod list_rules;
mod nat_gateway_addresses;
mod nat_gateways;
mod network_refusals;
mod networks;
mod offers;
mod peering;
mod placement_groups;
mod prefix_lists;
mod refusals;
mod reverse_names;
mod route_refusals;
mod routes;
mod security_groups;
mod subnet_cidr_reservations;
mod tagging;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use freehold_proto::aws::ec2;
use freehold_proto::clock::ManualClock;
use freehold_proto::id::OsEntropy;
use freehold_proto::{Action, Caller, ErrorCode, Fault};
use prost::Message;

use crate::identity::account;
use crate::store::tests::Ground;
use crate::{Scheduler, table};

/// Two accounts: what the one has, the other must not see.
pub const ONE: &str = "111122223333";
pub const TWO: &str = "444455556666";

/// A scheduler without hosts, and a clock that stands still.
pub struct Bench {
    _ground: Ground,
    pub scheduler: Arc<Scheduler>,
    pub clock: ManualClock,
    provoked: Mutex<BTreeSet<(&'static str, &'static str)>>,
}

impl Bench {
    /// Rows as they would be after more requests than a test can make.
    pub async fn insert<E: sea_orm::EntityTrait>(&self, rows: Vec<E::ActiveModel>) {
        let tx = self.scheduler.store().begin(ONE).await.expect("a transaction");
        E::insert_many(rows).exec_without_returning(tx.db()).await.expect("rows");
        tx.commit().await.expect("committed");
    }

    pub async fn new() -> Self {
        let ground = Ground::new().await;
        let clock = ManualClock::at(SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_323_045));
        let scheduler = Scheduler::open(ground.config(), Arc::new(clock.clone()), Arc::new(OsEntropy)).await.expect("a scheduler");
        for id in [ONE, TWO] {
            account::create(&scheduler.engine().store, id, "test").await.expect("an account");
        }
        Self { _ground: ground, scheduler, clock, provoked: Mutex::default() }
    }

    /// Asks on behalf of `account`.
    pub async fn ask<A: Action>(&self, account: &str, request: A) -> Result<A::Answer, Fault> {
        let caller = Caller {
            account_id: account.into(),
            principal_arn: format!("arn:aws:iam::{account}:root"),
            user_id: account.into(),
            request_id: "test".into(),
        };
        let handler = table().find(A::PATH).unwrap_or_else(|| panic!("{} is not served", A::NAME));
        let bytes = (handler.run)(Arc::clone(self.scheduler.engine()), request.encode_to_vec().into(), caller).await?;
        Ok(A::Answer::decode(bytes).expect("an answer"))
    }

    /// Asks on behalf of the first account what must succeed.
    pub async fn get<A: Action>(&self, request: A) -> A::Answer {
        self.ask(ONE, request).await.unwrap_or_else(|fault| panic!("{}: {fault}", A::NAME))
    }

    /// Asks on behalf of the first account what must be refused with `code`, and remembers that it was.
    pub async fn refused<A: Action + std::fmt::Debug>(&self, code: ErrorCode, request: A) -> Fault {
        let words = format!("{request:?}");
        match self.ask(ONE, request).await {
            Err(fault) => {
                assert_eq!(fault.code, code, "{} {words}: {}", A::NAME, fault.message);
                self.provoked.lock().expect("a lock").insert((A::NAME, code.as_str()));
                fault
            }
            Ok(_) => panic!("{} {words}: answered in place of {code}", A::NAME),
        }
    }
}

pub fn filter(name: &str, values: &[&str]) -> ec2::Filter {
    ec2::Filter { name: Some(name.into()), values: values.iter().map(|value| (*value).into()).collect() }
}

pub fn tag(key: &str, value: &str) -> ec2::Tag {
    ec2::Tag { key: Some(key.into()), value: Some(value.into()) }
}

pub fn tagged(resource_type: &str, tags: &[(&str, &str)]) -> Vec<ec2::TagSpecification> {
    let tags = tags.iter().map(|(key, value)| tag(key, value)).collect();
    vec![ec2::TagSpecification { resource_type: Some(resource_type.into()), tags }]
}

/// An ED25519 public key, which costs nothing to make.
pub const PUBLIC_KEY: &[u8] = b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";

/// Imports a key pair and answers its id.
pub async fn key_pair(bench: &Bench, name: &str) -> String {
    let request = ec2::ImportKeyPairRequest { key_name: name.into(), public_key_material: PUBLIC_KEY.to_vec(), ..Default::default() };
    bench.get(request).await.key_pair_id.expect("an id")
}

/// The first account's default group.
pub async fn default_group(bench: &Bench) -> ec2::SecurityGroup {
    let named = ec2::DescribeSecurityGroupsRequest { group_names: vec!["default".into()], ..Default::default() };
    bench.get(named).await.security_groups.remove(0)
}
