//! What is wrong with the scheduler's own work and with instances: since when, and what to do. For `freehold status`.

use std::time::Duration;

use freehold_proto::internal::operator::{Host, Problem};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::timestamp;
use crate::lifecycle::step::State;
use crate::metrics::STORE;
use crate::store::{Outcome, Store, cluster, instance};

/// For the store to show that it can be written.
const PROBE: Duration = Duration::from_secs(8);

/// A host's clock further off than this confuses whoever compares logs, and leases.
const SKEW_MILLIS: i64 = 2000;

/// Instances that are named; of more only the number is told.
const NAMED: u64 = 20;

pub async fn of(store: &Store, hosts: &[Host]) -> Outcome<Vec<Problem>> {
    let mut problems = Vec::new();
    problems.extend(unwritable(store).await);
    problems.extend(failing(store));
    problems.extend(clocks(store, hosts));
    problems.extend(impaired(store, hosts).await?);
    Ok(problems)
}

/// Proven by a write that changes nothing and is made durable like any other.
async fn unwritable(store: &Store) -> Option<Problem> {
    let error = match tokio::time::timeout(PROBE, write(store)).await {
        Ok(Ok(())) => return None,
        Ok(Err(failure)) => crate::metrics::chain(&failure),
        Err(_) => format!("nothing was written within {} s", PROBE.as_secs()),
    };
    let since = store.metrics().fares().failing().into_iter().find(|(work, _)| *work == STORE).and_then(|(_, fare)| fare.failing_since);
    Some(Problem {
        part: "store".into(),
        what: format!("the store can not be written ({error}), so no command succeeds; reads and guests go on"),
        since: since.map(timestamp),
        remedy: "make room on its disk, or see whether the disk was remounted read-only (dmesg); it is tried again by itself".into(),
    })
}

async fn write(store: &Store) -> Outcome<()> {
    let tx = store.begin("").await?;
    let same = Expr::col(cluster::Column::Epoch);
    cluster::Entity::update_many().col_expr(cluster::Column::Epoch, same).exec(tx.db()).await?;
    Ok(tx.commit().await?)
}

fn failing(store: &Store) -> Vec<Problem> {
    let fares = store.metrics().fares().failing();
    let reconcilers = fares.into_iter().filter(|(work, _)| *work != STORE);
    let problem = |(work, fare): (&'static str, crate::metrics::Fare)| Problem {
        part: format!("reconciler {work}"),
        what: format!("it fails: {}", fare.error),
        since: fare.failing_since.map(timestamp),
        remedy: "it is tried again every few seconds; if the store is well, the control plane's log says more".into(),
    };
    reconcilers.map(problem).collect()
}

fn clocks(store: &Store, hosts: &[Host]) -> Vec<Problem> {
    let skewed = |host: &&Host| host.connected && store.metrics().skew(&host.host_id).is_some_and(|skew| skew.abs() > SKEW_MILLIS);
    let problem = |host: &Host| {
        let skew = store.metrics().skew(&host.host_id).unwrap_or_default();
        let way = if skew > 0 { "ahead of" } else { "behind" };
        Problem {
            part: format!("host {} ({})", host.hostname, host.host_id),
            what: format!("its clock was {} ms {way} the scheduler's when it came", skew.abs()),
            since: None,
            remedy: "see that both synchronise their clocks (timedatectl), then restart the agent there: systemctl restart freehold-agent"
                .into(),
        }
    };
    hosts.iter().filter(skewed).map(problem).collect()
}

async fn impaired(store: &Store, hosts: &[Host]) -> Outcome<Vec<Problem>> {
    let rows = instance::Entity::find()
        .filter(instance::Column::ObservedFaultCode.ne(""))
        .filter(instance::Column::State.ne(State::Terminated.as_str()))
        .order_by_asc(instance::Column::InstanceId)
        .limit(NAMED + 1)
        .all(store.reader())
        .await?;
    let named = usize::try_from(NAMED).unwrap_or_default();
    let mut problems: Vec<Problem> = rows.iter().take(named).map(|row| one_impaired(row, hosts)).collect();
    if rows.len() > named {
        problems.push(Problem {
            part: "instances".into(),
            what: format!("more than {NAMED} can not run; the others are not named here"),
            since: None,
            remedy: "aws ec2 describe-instance-status --include-all-instances lists all of an account's".into(),
        });
    }
    Ok(problems)
}

fn one_impaired(row: &instance::Model, hosts: &[Host]) -> Problem {
    let host = hosts.iter().find(|host| Some(&host.host_id) == row.host_id.as_ref());
    let place = host.map_or_else(|| "its host".to_owned(), |host| format!("host {}", host.hostname));
    Problem {
        part: format!("instance {}", row.instance_id),
        what: format!("{} {place} ({}): {}", fails(&row.observed_fault_code), row.observed_fault_code, row.observed_fault_message),
        since: row.impaired_since.map(timestamp),
        remedy: format!(
            "{}; to give it up: aws ec2 terminate-instances --instance-ids {} (account {})",
            remedy(&row.observed_fault_code),
            row.instance_id,
            row.account_id
        ),
    }
}

const GUEST_ENDED: &str = "guest-ended";

fn fails(fault_code: &str) -> &'static str {
    if fault_code == GUEST_ENDED { "does not run on" } else { "can not run on" }
}

/// By the agent's own words for faults.
fn remedy(fault_code: &str) -> &'static str {
    match fault_code {
        "image-unavailable" => "freehold image ls says whether its image is whole; importing it again repairs it",
        "disk-missing" | "disk-damaged" => "its disk on that host needs a look before anything else; it is never made anew",
        "network" => "the agent's log there says which interface, and why",
        GUEST_ENDED => "aws ec2 reboot-instances starts it again; launch.log in its folder on that host says how it ended",
        "host" => "see that host's disk and memory; the agent's log there says more",
        _ => "the agent's log there says more, and so does launch.log in the instance's folder",
    }
}
