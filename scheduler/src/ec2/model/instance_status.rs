//! What the checks say of an instance. Honest: a host that is not there vouches for nothing, so its instances are impaired, not absent,
//! and whether their guests are well nobody knows.
//!
//! ```text
//!                                    system status          instance status
//! not running                        not-applicable         not-applicable
//! host silent                        impaired since then    insufficient-data
//! the host says that it can not      ok                     impaired since then
//! the guest ended, and its automatic
//!  recovery is disabled              impaired since then    impaired since then
//! began to run a moment ago          initializing           initializing
//! otherwise                          ok                     ok
//! ```
//! Source: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceStatusDetails.html>.

use freehold_proto::Fault;
use freehold_proto::aws::ec2;
use freehold_proto::aws::ec2::words::{status_type, summary_status};

use crate::Settings;
use crate::ec2::message::timestamp;
use crate::ec2::shown::never;
use crate::filter::Table;
use crate::lifecycle::step::State;
use crate::store::instance;
use crate::store::read::instances::InstanceView;

/// An instance with what its checks found.
pub struct Checked {
    pub instance: std::sync::Arc<instance::Model>,
    zone_id: Option<String>,
    system: Check,
    guest: Check,
}

pub const FILTERS: Table<Checked> = Table {
    names: &[
        ("availability-zone", |checked, say| say(&checked.instance.availability_zone)),
        ("availability-zone-id", |checked, say| checked.zone_id.iter().for_each(|id| say(id))),
        never!("attached-ebs-status.status"),
        // Nothing is scheduled here yet.
        never!("event.code"),
        never!("event.description"),
        never!("event.instance-event-id"),
        never!("event.not-after"),
        never!("event.not-before"),
        never!("event.not-before-deadline"),
        ("instance-state-code", |checked, say| {
            if let Some(state) = State::parse(&checked.instance.state) {
                say(&state.code().to_string());
            }
        }),
        ("instance-state-name", |checked, say| say(&checked.instance.state)),
        ("instance-status.reachability", |checked, say| say(checked.guest.reachability())),
        ("instance-status.status", |checked, say| say(checked.guest.summary())),
        ("operator.managed", |_, say| say("false")),
        never!("operator.principal"),
        ("system-status.reachability", |checked, say| say(checked.system.reachability())),
        ("system-status.status", |checked, say| say(checked.system.summary())),
    ],
    tags: None,
};

/// What one check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Check {
    /// Only a running instance is checked.
    NotApplicable,
    Initializing,
    Passed,
    Failed {
        since: Option<i64>,
    },
    /// Nobody is there to look.
    InsufficientData,
}

impl Check {
    fn summary(self) -> &'static str {
        match self {
            Self::NotApplicable => summary_status::NOT_APPLICABLE,
            Self::Initializing => summary_status::INITIALIZING,
            Self::Passed => summary_status::OK,
            Self::Failed { .. } => summary_status::IMPAIRED,
            Self::InsufficientData => summary_status::INSUFFICIENT_DATA,
        }
    }

    fn reachability(self) -> &'static str {
        match self {
            Self::NotApplicable => "",
            Self::Initializing => status_type::INITIALIZING,
            Self::Passed => status_type::PASSED,
            Self::Failed { .. } => status_type::FAILED,
            Self::InsufficientData => status_type::INSUFFICIENT_DATA,
        }
    }
}

impl From<Check> for ec2::InstanceStatusSummary {
    fn from(check: Check) -> Self {
        let detail = ec2::InstanceStatusDetails {
            name: Some("reachability".into()),
            status: Some(check.reachability().to_owned()),
            impaired_since: if let Check::Failed { since } = check { since.map(timestamp) } else { None },
        };
        let details = if check == Check::NotApplicable { Vec::new() } else { vec![detail] };
        Self { status: Some(check.summary().to_owned()), details }
    }
}

impl Checked {
    /// `now` in milliseconds since the Unix epoch.
    pub fn new(view: InstanceView, settings: &Settings, now: i64) -> Self {
        let initializing = i64::try_from(settings.status_initializing.as_millis()).unwrap_or(i64::MAX);
        // An instance that a store of before this column has running has long been running.
        let settled = view.instance.running_since.is_none_or(|since| now.saturating_sub(since) >= initializing);
        let zone_id = settings.zone(&view.instance.availability_zone).map(|zone| zone.id.clone());
        Self { zone_id, system: system(&view, settled), guest: guest(&view, settled), instance: view.instance }
    }

    pub fn shown(&self) -> Result<ec2::InstanceStatus, Fault> {
        let row = &self.instance;
        Ok(ec2::InstanceStatus {
            instance_id: Some(row.instance_id.clone()),
            availability_zone: Some(row.availability_zone.clone()),
            availability_zone_id: self.zone_id.clone(),
            instance_state: Some(row.state()?.into()),
            instance_status: Some(self.guest.into()),
            system_status: Some(self.system.into()),
            ..ec2::InstanceStatus::default()
        })
    }
}

/// The agent's word for a guest that ended without an order, and stays so until there is one.
const GUEST_ENDED: &str = "guest-ended";

/// The host: whether it is here, and keeps up what it is to keep up.
fn system(view: &InstanceView, settled: bool) -> Check {
    let row = &view.instance;
    match row.state.as_str() {
        state if state != State::Running.as_str() => Check::NotApplicable,
        _ if !view.host_connected => Check::Failed { since: view.host_last_seen },
        _ if row.observed_fault_code == GUEST_ENDED => Check::Failed { since: row.observed_since },
        _ if settled => Check::Passed,
        _ => Check::Initializing,
    }
}

/// The guest: whether its host sees it run.
fn guest(view: &InstanceView, settled: bool) -> Check {
    let row = &view.instance;
    if row.state != State::Running.as_str() {
        return Check::NotApplicable;
    }
    match row.observed_state.as_deref() {
        _ if !view.host_connected => Check::InsufficientData,
        _ if !row.observed_fault_code.is_empty() => Check::Failed { since: row.observed_since },
        Some("running") if settled => Check::Passed,
        Some("running" | "preparing") => Check::Initializing,
        _ => Check::Failed { since: row.observed_since },
    }
}
