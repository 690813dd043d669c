//! One look at one instance.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use freehold_proto::internal::host::{GuestState, InstanceDesired, InstanceObserved, PowerState};

use super::Reconciler;
use super::attempts::{PATIENCE, SLOWEST_RETRY, retry_after};
use super::record::{GuestShutdown, Record};
use super::step::{Action, LOOK_AGAIN, Want, step};
use crate::hypervisor::{DriverError, FaultCode, Hypervisor, Progress};
use crate::plan::Intent;

/// Even where nothing is reported, somebody looks.
const LOOK_ANYWAY: Duration = Duration::from_secs(15);

/// An instance comes to rest within this many acts; more would be a fault of the table in `step`.
const ACTS_PER_LOOK: usize = 8;

/// What one act led to.
enum Outcome {
    Again,
    Rest {
        state: GuestState,
        again: Duration,
        /// What the guest's hardware has, where that is known.
        interfaces: Option<BTreeSet<String>>,
    },
    /// Nothing new; what was stated stands.
    Later(Duration),
    /// It ended by itself and stays so.
    Down,
    Gone,
}

impl Outcome {
    fn rest(state: GuestState, again: Duration) -> Self {
        Self::Rest { state, again, interfaces: None }
    }
}

/// What is stated of an instance.
struct Seen<'a> {
    state: GuestState,
    interfaces: Option<BTreeSet<String>>,
    fault: Option<&'a DriverError>,
}

impl<'a> Seen<'a> {
    fn fault(error: &'a DriverError) -> Self {
        Self { state: GuestState::Impaired, interfaces: None, fault: Some(error) }
    }
}

impl Reconciler {
    /// Looks, acts until the instance rests or something goes on by itself, and states what is. Answers when to look again.
    pub(super) async fn reconcile(self: &Arc<Self>, instance_id: &str) -> Option<Duration> {
        for _ in 0..ACTS_PER_LOOK {
            let intent = self.around.plan.intent(instance_id);
            match self.advance(instance_id, &intent).await {
                Ok(Outcome::Again) => {}
                Ok(Outcome::Gone) => {
                    self.attempts.succeeded(instance_id);
                    return None;
                }
                Ok(Outcome::Later(again)) => {
                    self.state_again(instance_id, &intent);
                    return Some(again);
                }
                Ok(Outcome::Rest { state, again, interfaces }) => {
                    self.rested(instance_id, &intent, state, interfaces);
                    return Some(again);
                }
                Ok(Outcome::Down) => {
                    self.attempts.succeeded(instance_id);
                    self.observe(instance_id, &intent, Seen::fault(&ended()));
                    return Some(LOOK_ANYWAY);
                }
                Err(error) => return Some(self.fault(instance_id, &intent, &error)),
            }
        }
        tracing::error!(instance_id, "an instance does not come to rest");
        Some(LOOK_ANYWAY)
    }

    /// What goes on by itself has not succeeded yet, nor has a guest that was just started: failures are not forgotten, and one that was
    /// reported stands until it has.
    fn rested(&self, instance_id: &str, intent: &Intent, state: GuestState, interfaces: Option<BTreeSet<String>>) {
        let proved = match state {
            GuestState::Preparing => false,
            GuestState::Running => {
                self.attempts.came_up(instance_id);
                self.attempts.steady(instance_id, self.around.clock.monotonic())
            }
            _ => true,
        };
        if proved {
            self.attempts.succeeded(instance_id);
        } else if self.attempts.failures(instance_id) >= PATIENCE {
            return self.state_again(instance_id, intent);
        }
        self.observe(instance_id, intent, Seen { state, interfaces, fault: None });
    }

    /// What was stated before, as the answer to the newest generation.
    fn state_again(&self, instance_id: &str, intent: &Intent) {
        let Some(stated) = self.around.observations.get(instance_id) else { return };
        let generation = intent.desired.as_ref().map_or(0, |desired| desired.generation);
        self.around.observations.state(InstanceObserved { generation, ..stated.as_ref().clone() });
    }

    async fn advance(self: &Arc<Self>, instance_id: &str, intent: &Intent) -> Result<Outcome, DriverError> {
        let id = instance_id.to_owned();
        let record = self.on_disk(move |this| this.records.load(&id)).await;
        let Some(want) = want(intent) else { return Ok(Outcome::Gone) };
        if want == Want::Buried {
            // Nothing but the driver's name is read of the record, and every driver is asked: a damaged one is no obstacle.
            self.bury(instance_id, intent, &record.unwrap_or_default()).await?;
            return Ok(Outcome::Gone);
        }
        let record = record?;
        let Some(desired) = intent.desired.as_deref().filter(|_| want != Want::Untouched) else {
            return Ok(Outcome::rest(GuestState::Quarantined, LOOK_ANYWAY));
        };
        let driver = self.driver(desired, &record)?;
        let guest = driver.observe(instance_id).await?;
        let action = step(want, &record, guest, self.around.clock.now_millis(), self.around.stop_timeout);
        if !matches!(action, Action::Rest(_) | Action::Wait(..) | Action::StayDown) {
            tracing::info!(instance_id, ?guest, ?action, "acting on an instance");
        }
        self.act(action, desired, &record, driver.as_ref()).await
    }

    async fn act(
        self: &Arc<Self>,
        action: Action,
        desired: &InstanceDesired,
        record: &Record,
        driver: &dyn Hypervisor,
    ) -> Result<Outcome, DriverError> {
        let id = desired.instance_id.as_str();
        let mut record = record.clone();
        match action {
            Action::Rest(GuestState::Running) => return Ok(connect(desired, driver).await),
            Action::Rest(state) => {
                let interfaces = (state == GuestState::Stopped).then(BTreeSet::new);
                return Ok(Outcome::Rest { state, again: LOOK_ANYWAY, interfaces });
            }
            Action::Wait(state, again) => return Ok(Outcome::rest(state, again)),
            Action::Start => {
                let began = std::time::Instant::now();
                let outcome = self.start(desired, record, driver).await;
                self.around.metrics.start(end_of(&outcome), began);
                return outcome;
            }
            Action::StayDown => return Ok(Outcome::Down),
            Action::NoteCameUp => record.came_up = true,
            Action::Bury => return Ok(Outcome::Again),
            Action::Reset => {
                if !self.resets.carried_out(id, desired.reboot_count) {
                    driver.reset(id).await?;
                    self.resets.note(id, desired.reboot_count);
                }
                record.reboots = desired.reboot_count;
                self.save(id, record).await?;
                self.resets.written(id);
                return Ok(Outcome::Again);
            }
            Action::RequestShutdown => {
                // Noted before it is asked, so that a guest which obeys at once is not taken for one that went by itself.
                record.stopping_since = Some(self.around.clock.now_millis());
                self.save(id, record).await?;
                driver.request_shutdown(id).await?;
                return Ok(Outcome::Again);
            }
            Action::ForgetRequest => record.stopping_since = None,
            Action::PowerOff => {
                self.attempts.ending(id);
                driver.power_off(id).await?;
                record.stopping_since = None;
                record.came_up = false;
            }
            Action::NoteGuestShutdown => record.guest_shutdown = GuestShutdown::Unanswered,
            Action::NoteAnswered => record.guest_shutdown = GuestShutdown::Answered,
        }
        self.save(id, record).await?;
        Ok(Outcome::Again)
    }

    async fn start(
        self: &Arc<Self>,
        desired: &InstanceDesired,
        mut record: Record,
        driver: &dyn Hypervisor,
    ) -> Result<Outcome, DriverError> {
        let id = desired.instance_id.as_str();
        if let Some(lived) = self.attempts.died_early(id, self.around.clock.monotonic()) {
            return Err(died(lived));
        }
        if let Some(wait) = self.attempts.held_back(id, self.around.clock.monotonic()) {
            return Ok(Outcome::Later(wait));
        }
        let all = || desired.volumes.iter().map(|volume| volume.volume_id.clone());
        // A machine type in the plan means that it was started before: if this host's own record of that is gone, the disks are still
        // not to be made anew.
        let mut made = record.volumes_made.clone();
        if record.machine_type.is_empty() && !desired.machine_type.is_empty() {
            made.extend(all());
        }
        if driver.prepare(desired, &made).await? == Progress::Pending {
            return Ok(Outcome::rest(GuestState::Preparing, LOOK_ANYWAY));
        }
        tracing::debug!(instance_id = id, "its disks are there");
        record.volumes_made.extend(all());
        record.driver.clone_from(&desired.driver);
        if record.machine_type.is_empty() {
            record.machine_type = if desired.machine_type.is_empty() { driver.machine_type() } else { desired.machine_type.clone() };
        }
        record.started((desired.reboot_count, desired.start_count));
        // Written before the guest starts, so that every agent after this one knows of it; on the disk before anybody is told, while it starts.
        let saved = id.to_owned();
        let record = self.on_disk(move |this| this.records.save_unsynced(&saved, record)).await?;
        tokio::try_join!(driver.start(desired, &record.machine_type), self.on_disk(|this| this.records.sync()))?;
        self.attempts.started(id, self.around.clock.monotonic());
        Ok(Outcome::Again)
    }

    async fn save(self: &Arc<Self>, instance_id: &str, record: Record) -> Result<Arc<Record>, DriverError> {
        let id = instance_id.to_owned();
        self.on_disk(move |this| this.records.save(&id, record)).await
    }

    fn driver(&self, desired: &InstanceDesired, record: &Record) -> Result<Arc<dyn Hypervisor>, DriverError> {
        let name = if record.driver.is_empty() { &desired.driver } else { &record.driver };
        self.around.drivers.get(name).cloned().ok_or_else(|| {
            DriverError::new(
                FaultCode::Hypervisor,
                format!("this host runs no driver \"{name}\"; add it to `drivers` in the agent's configuration"),
            )
        })
    }

    fn fault(&self, instance_id: &str, intent: &Intent, error: &DriverError) -> Duration {
        let failures = self.attempts.failed(instance_id);
        self.around.metrics.fault(error.code.as_str());
        let cause = error.source.as_ref().map(|source| format!("{source:?}")).unwrap_or_default();
        tracing::warn!(instance_id, code = error.code.as_str(), message = error.message, cause, failures, "an act on an instance failed");
        let passing = !matches!(error.code, FaultCode::DiskMissing | FaultCode::DiskDamaged) && failures < PATIENCE;
        if !passing {
            self.observe(instance_id, intent, Seen::fault(error));
        } else if self.around.observations.get(instance_id).is_none() {
            self.observe(instance_id, intent, Seen { state: GuestState::Preparing, interfaces: None, fault: None });
        }
        retry_after(failures)
    }

    fn observe(&self, instance_id: &str, intent: &Intent, seen: Seen<'_>) {
        let Seen { state, interfaces, fault } = seen;
        let record = self.records.load(instance_id).unwrap_or_default();
        let driver = self.around.drivers.get(&record.driver);
        self.around.observations.state(InstanceObserved {
            instance_id: instance_id.to_owned(),
            generation: intent.desired.as_ref().map_or(0, |desired| desired.generation),
            state: state.into(),
            guest_initiated_shutdown: record.guest_shutdown != GuestShutdown::No,
            machine_type: record.machine_type.clone(),
            accelerator: driver.map(|driver| driver.describe().accelerator).unwrap_or_default(),
            reboot_count: record.reboots,
            fault_code: fault.map(|error| error.code.as_str().to_owned()).unwrap_or_default(),
            fault_message: fault.map(ToString::to_string).unwrap_or_default(),
            since: Some(self.around.clock.now().into()),
            interfaces_known: interfaces.is_some(),
            network_interface_ids: interfaces.into_iter().flatten().collect(),
        });
    }
}

/// Guests run on with what they have while something can not be plugged: that is no reason to call them impaired.
async fn connect(desired: &InstanceDesired, driver: &dyn Hypervisor) -> Outcome {
    let id = desired.instance_id.as_str();
    match driver.connect(desired).await {
        Ok(has) => connected(desired, has),
        Err(error) => {
            let cause = error.source.as_ref().map(|source| format!("{source:?}")).unwrap_or_default();
            tracing::warn!(instance_id = id, %error, cause, "an interface can not be plugged or unplugged");
            Outcome::rest(GuestState::Running, SLOWEST_RETRY)
        }
    }
}

/// A running guest rests once it has the interfaces that it should have; until then somebody looks more often.
fn connected(desired: &InstanceDesired, has: BTreeSet<String>) -> Outcome {
    let as_it_should =
        has.len() == desired.interfaces.len() && desired.interfaces.iter().all(|interface| has.contains(&interface.network_interface_id));
    let again = if as_it_should { LOOK_ANYWAY } else { LOOK_AGAIN };
    Outcome::Rest { state: GuestState::Running, again, interfaces: Some(has) }
}

fn died(lived: Duration) -> DriverError {
    let message = format!(
        "the guest's process ended {} s after its start, and nobody asked it to: its QEMU crashed or was killed (see the kernel's log, and \
         launch.log in the guest's folder)",
        lived.as_secs()
    );
    DriverError::new(FaultCode::Hypervisor, message)
}

fn ended() -> DriverError {
    let message = "the guest's process ended, its host went down, or its hypervisor crashed, and it is not to be started again by itself \
                   (its automatic recovery is disabled)";
    DriverError::new(FaultCode::GuestEnded, message)
}

/// How a try to start a guest ended.
fn end_of(outcome: &Result<Outcome, DriverError>) -> &'static str {
    match outcome {
        Ok(Outcome::Rest { .. } | Outcome::Later(_)) => "preparing",
        Ok(Outcome::Again | Outcome::Down | Outcome::Gone) => "started",
        Err(_) => "failed",
    }
}

/// `None`: nothing of it is here, and nothing is wanted.
fn want(intent: &Intent) -> Option<Want> {
    if intent.tombstone.is_some() {
        return Some(Want::Buried);
    }
    if intent.quarantined {
        return Some(Want::Untouched);
    }
    let desired = intent.desired.as_deref()?;
    let power = |on| Want::Power {
        on,
        force_stop: !on && desired.force_stop,
        reboots: desired.reboot_count,
        starts: desired.start_count,
        stays_down: desired.stays_down,
    };
    Some(match desired.power() {
        PowerState::Running => power(true),
        PowerState::Stopped => power(false),
        // A word of a later version: not understood is not acted on.
        PowerState::Unspecified => Want::Untouched,
    })
}
