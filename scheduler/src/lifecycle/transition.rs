//! The rows that a transition leaves.
//!
//! Every change of what a host is told raises the instance's generation, which fences reports about the time before.

use sea_orm::{ActiveModelTrait, IntoActiveModel};

use freehold_proto::{ErrorCode, Fault};

use super::step::{Event, Illegal, ShutdownBehavior, State, step};
use super::terminate;
use crate::addresses;
use crate::network::route;
use crate::store::{Failure, Kind, Outcome, Tx, instance};

/// `desired_power`: what its host is told.
pub mod power {
    pub const RUNNING: &str = "running";
    pub const STOPPED: &str = "stopped";
    /// Told by a tombstone.
    pub const TERMINATED: &str = "terminated";
}

impl instance::Model {
    pub fn state(&self) -> Result<State, Fault> {
        State::parse(&self.state).ok_or_else(|| Fault::internal("an instance row has an unknown state", self.state.clone()))
    }

    fn shutdown_behavior(&self) -> ShutdownBehavior {
        // An unreadable word must not cost anybody a disk.
        ShutdownBehavior::parse(&self.instance_initiated_shutdown_behavior).unwrap_or(ShutdownBehavior::Stop)
    }
}

/// Writes what was observed, of which its host need not hear.
pub async fn save(tx: &mut Tx, row: instance::Model) -> Outcome<instance::Model> {
    tx.changed(Kind::InstanceObserved, row.instance_id.clone());
    Ok(row.into_active_model().reset_all().update(tx.db()).await?)
}

/// Writes `row` as something new that its host must be told.
pub async fn save_restated(tx: &mut Tx, mut row: instance::Model) -> Outcome<instance::Model> {
    row.generation += 1;
    tx.changed(Kind::Instance, row.instance_id.clone());
    save(tx, row).await
}

fn go(row: &instance::Model, event: Event, verb: &str) -> Outcome<State> {
    step(row.state()?, event).map_err(|Illegal { .. }| {
        let message = format!("The instance '{}' is not in a state from which it can be {verb}.", row.instance_id);
        Failure::refuse(ErrorCode::IncorrectInstanceState, message)
    })
}

/// StartInstances. A public address that the stop gave back is drawn anew.
pub async fn start(tx: &mut Tx, mut row: instance::Model) -> Outcome<instance::Model> {
    if go(&row, Event::Start, "started")? == row.state()? {
        return Ok(row);
    }
    State::Pending.as_str().clone_into(&mut row.state);
    power::RUNNING.clone_into(&mut row.desired_power);
    row.desired_force_stop = false;
    row.desired_start_count += 1;
    row.launch_time = tx.now();
    row.impaired_since = None;
    row.state_reason_code = None;
    row.state_reason_message = None;
    row.state_transition_reason.clear();
    if row.associate_public_ip_address {
        addresses::assign_public(tx, &row.instance_id).await?;
    }
    save_restated(tx, row).await
}

/// StopInstances. `force` is also obeyed where a gentle stop is under way.
pub async fn stop(tx: &mut Tx, mut row: instance::Model, force: bool) -> Outcome<instance::Model> {
    let next = go(&row, Event::Stop, "stopped")?;
    let newly = next != row.state()?;
    let harder = next == State::Stopping && force && !row.desired_force_stop;
    if !newly && !harder {
        return Ok(row);
    }
    if newly {
        next.as_str().clone_into(&mut row.state);
        power::STOPPED.clone_into(&mut row.desired_power);
        reason(&mut row, &Reason::User, tx.now());
        route::restate_through(tx, &row.instance_id).await?;
    }
    row.desired_force_stop = force;
    save_restated(tx, row).await
}

/// RebootInstances. A terminated instance's is ignored, as EC2 says it.
pub async fn reboot(tx: &mut Tx, mut row: instance::Model) -> Outcome<instance::Model> {
    let state = go(&row, Event::Reboot, "rebooted")?;
    if !matches!(state, State::Pending | State::Running) {
        return Ok(row);
    }
    row.desired_reboot_count += 1;
    save_restated(tx, row).await
}

/// TerminateInstances.
pub async fn terminate(tx: &mut Tx, mut row: instance::Model) -> Outcome<instance::Model> {
    if go(&row, Event::Terminate, "terminated")? == row.state()? {
        return Ok(row);
    }
    reason(&mut row, &Reason::User, tx.now());
    terminate::begin(tx, row).await
}

/// Its host has failed to start it for too long. Only what has never run is ended for that.
pub async fn give_up(tx: &mut Tx, mut row: instance::Model) -> Outcome<instance::Model> {
    let event = if row.desired_start_count > 1 { Event::StartFailed } else { Event::LaunchFailed };
    let next = go(&row, event, "given up")?;
    if next == row.state()? {
        return Ok(row);
    }
    row.impaired_since = None;
    reason(&mut row, &Reason::Host, tx.now());
    if next == State::ShuttingDown {
        return terminate::begin(tx, row).await;
    }
    next.as_str().clone_into(&mut row.state);
    power::STOPPED.clone_into(&mut row.desired_power);
    save_restated(tx, row).await
}

/// The operator has given its host up: nobody is left to be told, and its disk is gone. It ends as EC2 ends what a failed host had.
pub async fn lose_host(tx: &mut Tx, mut row: instance::Model) -> Outcome<instance::Model> {
    let next = go(&row, Event::HostLost, "terminated")?;
    row.host_id = None;
    if next == row.state()? {
        return save(tx, row).await;
    }
    reason(&mut row, &Reason::HostLost, tx.now());
    power::TERMINATED.clone_into(&mut row.desired_power);
    row.impaired_since = None;
    row.generation += 1;
    route::restate_through(tx, &row.instance_id).await?;
    terminate::finish(tx, row).await
}

/// What a host saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Observation {
    Up,
    Down,
    PoweredOff,
}

impl Observation {
    fn event(self, row: &instance::Model) -> Event {
        match self {
            Self::Up => Event::Up,
            Self::Down => Event::Down,
            Self::PoweredOff => Event::PoweredOff(row.shutdown_behavior()),
        }
    }
}

/// Whether it would change the state.
pub fn would_move(row: &instance::Model, observation: Observation) -> bool {
    row.state().is_ok_and(|state| step(state, observation.event(row)).is_ok_and(|next| next != state))
}

/// The guest runs, is down as told, or powered itself off. Answers the row as it is now; writes only what changed.
pub async fn observed(tx: &mut Tx, mut row: instance::Model, observation: Observation) -> Outcome<instance::Model> {
    let event = observation.event(&row);
    let state = row.state()?;
    let Ok(next) = step(state, event) else { return Ok(row) };
    if next == state {
        return Ok(row);
    }
    if matches!(event, Event::PoweredOff(_)) && state != State::Stopping {
        reason(&mut row, &Reason::Guest, tx.now());
    }
    match next {
        State::ShuttingDown => terminate::begin(tx, row).await,
        State::Stopped => stopped(tx, row).await,
        next => {
            if next == State::Running {
                row.running_since = Some(tx.now());
            }
            next.as_str().clone_into(&mut row.state);
            route::restate_through(tx, &row.instance_id).await?;
            save(tx, row).await
        }
    }
}

/// A stopped instance gives its public address back, unless it is its account's to keep, and keeps all else.
async fn stopped(tx: &mut Tx, mut row: instance::Model) -> Outcome<instance::Model> {
    State::Stopped.as_str().clone_into(&mut row.state);
    power::STOPPED.clone_into(&mut row.desired_power);
    route::restate_through(tx, &row.instance_id).await?;
    addresses::give_back(tx, &row.instance_id).await?;
    save_restated(tx, row).await
}

enum Reason {
    User,
    Guest,
    Host,
    HostLost,
}

/// Source: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_StateReason.html>.
fn reason(row: &mut instance::Model, why: &Reason, now: i64) {
    let (code, message) = match why {
        Reason::User => ("Client.UserInitiatedShutdown", "Client.UserInitiatedShutdown: User initiated shutdown"),
        Reason::Guest => ("Client.InstanceInitiatedShutdown", "Client.InstanceInitiatedShutdown: Instance initiated shutdown"),
        Reason::Host => ("Server.InternalError", "Server.InternalError: Internal error on launch"),
        Reason::HostLost => ("Server.InternalError", "Server.InternalError: The host of the instance was lost"),
    };
    row.state_reason_code = Some(code.to_owned());
    row.state_reason_message = Some(message.to_owned());
    row.state_transition_reason = match why {
        Reason::User => format!("User initiated ({})", gmt(now)),
        Reason::Guest => String::new(),
        Reason::Host | Reason::HostLost => code.to_owned(),
    };
}

/// `2026-01-02 03:04:05 GMT`
fn gmt(millis: i64) -> String {
    let seconds = prost_types::Timestamp { seconds: millis.div_euclid(1000), nanos: 0 };
    format!("{} GMT", seconds.to_string().replace('T', " ").trim_end_matches('Z'))
}

#[cfg(test)]
mod tests {
    use super::gmt;

    #[test]
    fn a_transition_s_time_is_written_as_ec2_writes_it() {
        assert_eq!(gmt(1_767_323_045_678), "2026-01-02 03:04:05 GMT");
    }
}
