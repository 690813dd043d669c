//! `freehold why`: what placement decided, as it was decided then, and how the hosts concerned are now.

use std::collections::BTreeMap;

use freehold_proto::internal::operator as proto;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use super::{timestamp, written};
use crate::lifecycle::step::State;
use crate::placement::reasons::{Others, read};
use crate::store::{Failure, Outcome, Store, fenced_host, host, instance, placement, refused_placement};

/// `subject`: the id of an instance, of a reservation, or of a request that was refused.
pub async fn explain(store: &Store, subject: &str) -> Outcome<proto::Explanation> {
    use instance::{Column, Entity};
    let instances = match subject.split_once('-') {
        Some(("i", _)) => Entity::find().filter(Column::InstanceId.eq(subject)),
        Some(("r", _)) => Entity::find().filter(Column::ReservationId.eq(subject)),
        _ => return refused(store, subject).await,
    };
    let rows = instances.order_by_asc(Column::AmiLaunchIndex).all(store.reader()).await?;
    match rows.first() {
        Some(first) => placed(store, subject, first, &rows).await,
        None => Err(unknown(format!("There is no '{subject}' (any more)."))),
    }
}

fn unknown(message: String) -> Failure {
    Failure::refuse(ErrorCode::InvalidParameterValue, message)
}

async fn refused(store: &Store, request_id: &str) -> Outcome<proto::Explanation> {
    let Some(row) = refused_placement::Entity::find_by_id(request_id).one(store.reader()).await? else {
        return Err(unknown(format!(
            "'{request_id}' is no instance (i-…), no reservation (r-…), and not the id of a request that was refused for lack of capacity \
             within the last day."
        )));
    };
    let (wanted, others) = read(&row.wanted, &row.others)?;
    let known = Known::load(store).await?;
    Ok(proto::Explanation {
        action: row.action,
        decided: Some(timestamp(row.created)),
        wanted: wanted.to_string(),
        ..known.others(request_id, row.account_id, others, &[])
    })
}

async fn placed(store: &Store, subject: &str, first: &instance::Model, rows: &[instance::Model]) -> Outcome<proto::Explanation> {
    let known = Known::load(store).await?;
    let kept = placement::Entity::find_by_id(&first.reservation_id).one(store.reader()).await?;
    // Launched before reasons were kept.
    let (wanted, others) = match &kept {
        Some(row) => read(&row.wanted, &row.others).map(|(wanted, others)| (wanted.to_string(), others))?,
        None => (String::new(), Others::default()),
    };
    Ok(proto::Explanation {
        action: "RunInstances".into(),
        decided: Some(timestamp(first.created)),
        wanted,
        placed: rows.iter().map(|row| known.placed(row)).collect::<Result<_, Fault>>()?,
        ..known.others(subject, first.account_id.clone(), others, rows)
    })
}

/// The hosts as they are now.
struct Known {
    hosts: BTreeMap<String, host::Model>,
    fenced: BTreeMap<String, fenced_host::Model>,
}

impl Known {
    async fn load(store: &Store) -> Outcome<Self> {
        let hosts = host::Entity::find().all(store.reader()).await?;
        let fenced = fenced_host::Entity::find().all(store.reader()).await?;
        Ok(Self {
            hosts: hosts.into_iter().map(|row| (row.host_id.clone(), row)).collect(),
            fenced: fenced.into_iter().map(|row| (row.host_id.clone(), row)).collect(),
        })
    }

    fn name(&self, host_id: &str) -> String {
        let known = self.hosts.get(host_id).map(|row| &row.hostname);
        known.or_else(|| self.fenced.get(host_id).map(|row| &row.hostname)).cloned().unwrap_or_default()
    }

    fn placed(&self, row: &instance::Model) -> Result<proto::Placed, Fault> {
        let host_id = row.host_id.clone().unwrap_or_default();
        Ok(proto::Placed {
            instance_id: row.instance_id.clone(),
            state: row.state.clone(),
            hostname: self.name(&host_id),
            reason: row.placement_reason.clone(),
            now: self.now(&host_id, row, row.state()?),
            host_id,
        })
    }

    fn now(&self, host_id: &str, row: &instance::Model, state: State) -> String {
        match self.hosts.get(host_id) {
            None => "its host is no host of this cloud any more".into(),
            Some(_) if state == State::Terminated => String::new(),
            Some(host) if !host.connected => {
                format!("its host has been silent since {}, so nobody vouches for what it does", written(timestamp(host.last_seen)))
            }
            Some(_) if !row.observed_fault_code.is_empty() => {
                format!("its host says ({}): {}", row.observed_fault_code, row.observed_fault_message)
            }
            Some(host) if host.drained_since.is_some() => "its host is drained: it stays there, and nothing new comes".into(),
            Some(_) => String::new(),
        }
    }

    /// The part of an explanation that is about the hosts that were not chosen.
    fn others(&self, subject: &str, account_id: String, others: Others, rows: &[instance::Model]) -> proto::Explanation {
        let here = |host_id: &str| rows.iter().any(|row| row.host_id.as_deref() == Some(host_id));
        let named = others.named.into_iter().filter(|(host_id, _)| !here(host_id));
        proto::Explanation {
            subject: subject.to_owned(),
            account_id,
            others: named.map(|(host_id, reason)| proto::NotChosen { hostname: self.name(&host_id), host_id, reason }).collect(),
            more: others.more.into_iter().collect(),
            unread: others.unread,
            ..proto::Explanation::default()
        }
    }
}
