//! What the checks say of an instance. Honest: a host that is not there vouches for nothing, so its instances are impaired, not absent.

use freehold_proto::Fault;
use freehold_proto::aws::ec2;
use freehold_proto::aws::ec2::words::{status_type, summary_status};

use crate::Settings;
use crate::ec2::message::timestamp;
use crate::filter::Table;
use crate::lifecycle::step::State;
use crate::store::read::instances::InstanceView;

pub const FILTERS: Table<InstanceView> = Table {
    names: &[
        ("availability-zone", |view, say| say(&view.instance.availability_zone)),
        ("instance-state-code", |view, say| {
            if let Some(state) = State::parse(&view.instance.state) {
                say(&state.code().to_string());
            }
        }),
        ("instance-state-name", |view, say| say(&view.instance.state)),
        ("instance-status.reachability", |view, say| say(instance_check(view).reachability())),
        ("instance-status.status", |view, say| say(instance_check(view).summary())),
        ("system-status.reachability", |view, say| say(system_check(view).reachability())),
        ("system-status.status", |view, say| say(system_check(view).summary())),
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
}

impl Check {
    fn summary(self) -> &'static str {
        match self {
            Self::NotApplicable => summary_status::NOT_APPLICABLE,
            Self::Initializing => summary_status::INITIALIZING,
            Self::Passed => summary_status::OK,
            Self::Failed { .. } => summary_status::IMPAIRED,
        }
    }

    fn reachability(self) -> &'static str {
        match self {
            Self::NotApplicable => "",
            Self::Initializing => status_type::INITIALIZING,
            Self::Passed => status_type::PASSED,
            Self::Failed { .. } => status_type::FAILED,
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

/// The host: whether it is here.
fn system_check(view: &InstanceView) -> Check {
    match view.instance.state.as_str() {
        state if state != State::Running.as_str() => Check::NotApplicable,
        _ if view.host_connected => Check::Passed,
        _ => Check::Failed { since: None },
    }
}

/// The guest: whether its host sees it run.
fn instance_check(view: &InstanceView) -> Check {
    let row = &view.instance;
    if row.state != State::Running.as_str() {
        return Check::NotApplicable;
    }
    match row.observed_state.as_deref() {
        _ if !row.observed_fault_code.is_empty() => Check::Failed { since: row.observed_since },
        _ if !view.host_connected => Check::Failed { since: None },
        Some("running") => Check::Passed,
        Some("preparing") => Check::Initializing,
        _ => Check::Failed { since: row.observed_since },
    }
}

pub fn instance_status(view: &InstanceView, settings: &Settings) -> Result<ec2::InstanceStatus, Fault> {
    let row = &view.instance;
    Ok(ec2::InstanceStatus {
        instance_id: Some(row.instance_id.clone()),
        availability_zone: Some(row.availability_zone.clone()),
        availability_zone_id: settings.zone(&row.availability_zone).map(|zone| zone.id.clone()),
        instance_state: Some(row.state()?.into()),
        instance_status: Some(instance_check(view).into()),
        system_status: Some(system_check(view).into()),
        ..ec2::InstanceStatus::default()
    })
}
