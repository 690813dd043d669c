//! The only place where EC2's state graph is written. Pure: no rows, no clock.
//!
//! ```text
//!                 │ Start     Stop      Reboot    Terminate     │ Up        Down      PoweredOff            Gone
//! ────────────────┼─────────────────────────────────────────────┼────────────────────────────────────────────────────
//! pending         │ =         illegal   =         shutting-down │ running   =         stopped or            illegal
//!                 │                                             │                     shutting-down
//! running         │ =         stopping  =         shutting-down │ =         =         stopped or            illegal
//!                 │                                             │                     shutting-down
//! stopping        │ illegal   =         illegal   shutting-down │ =         stopped   stopped               illegal
//! stopped         │ pending   =         illegal   shutting-down │ =         =         =                     illegal
//! shutting-down   │ illegal   illegal   =         =             │ =         =         =                     terminated
//! terminated      │ illegal   illegal   =         =             │ =         =         =                     =
//!                 │              a client asks                  │          a host has observed
//!
//!                 │ LaunchFailed     StartFailed │ HostLost
//! ────────────────┼──────────────────────────────┼────────────
//! pending         │ shutting-down    stopping    │ terminated
//! any other       │ =                =           │ terminated
//!                 │   the scheduler gives it up  │ the operator gives its host up
//! ```
//!
//! `=` is legal and changes nothing. A guest that powers itself off goes where its shutdown behaviour says, unless a client has
//! already asked to stop it. `Gone` follows a tombstone alone, so before `shutting-down` it can not be. Where the host is lost there
//! is nobody left to carry out a tombstone.
//! Source: <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html>.

use std::fmt;

/// An instance's state in EC2's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    Pending,
    Running,
    ShuttingDown,
    Terminated,
    Stopping,
    Stopped,
}

impl State {
    pub const ALL: [Self; 6] = [Self::Pending, Self::Running, Self::ShuttingDown, Self::Terminated, Self::Stopping, Self::Stopped];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::ShuttingDown => "shutting-down",
            Self::Terminated => "terminated",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
        }
    }

    /// Source: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceState.html>.
    pub const fn code(self) -> i32 {
        match self {
            Self::Pending => 0,
            Self::Running => 16,
            Self::ShuttingDown => 32,
            Self::Terminated => 48,
            Self::Stopping => 64,
            Self::Stopped => 80,
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

impl fmt::Display for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// What a guest's own shutdown means: `InstanceInitiatedShutdownBehavior`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShutdownBehavior {
    Stop,
    Terminate,
}

impl ShutdownBehavior {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Terminate => "terminate",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        [Self::Stop, Self::Terminate].into_iter().find(|behavior| behavior.as_str() == word)
    }
}

/// What happens to an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    Start,
    Stop,
    Reboot,
    Terminate,
    /// The guest runs.
    Up,
    /// The guest does not run, as its host was told.
    Down,
    /// The guest powered itself off.
    PoweredOff(ShutdownBehavior),
    /// Its host could not carry out its launch for too long.
    LaunchFailed,
    /// The same of an instance that ran before, whose disk has a history: it is not ended for a host's fault.
    StartFailed,
    /// Nothing of it is left on its host.
    Gone,
    /// Its host, and its disk with it, will never return.
    HostLost,
}

/// The event can not happen in this state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{event:?} is not legal in the state {state}")]
pub struct Illegal {
    pub state: State,
    pub event: Event,
}

/// The state after `event`.
#[expect(clippy::match_same_arms, reason = "the arms stand in the order of the table above")]
pub fn step(state: State, event: Event) -> Result<State, Illegal> {
    use State::{Pending, Running, ShuttingDown, Stopped, Stopping, Terminated};
    let illegal = Err(Illegal { state, event });
    match (event, state) {
        (Event::Start, Pending | Running) => Ok(state),
        (Event::Start, Stopped) => Ok(Pending),
        (Event::Start, Stopping | ShuttingDown | Terminated) => illegal,

        (Event::Stop, Running) => Ok(Stopping),
        (Event::Stop, Stopping | Stopped) => Ok(state),
        (Event::Stop, Pending | ShuttingDown | Terminated) => illegal,

        (Event::Reboot, Pending | Running | ShuttingDown | Terminated) => Ok(state),
        (Event::Reboot, Stopping | Stopped) => illegal,

        (Event::Terminate, Terminated) => Ok(Terminated),
        (Event::Terminate, _) => Ok(ShuttingDown),

        (Event::Up, Pending) => Ok(Running),
        (Event::Down | Event::PoweredOff(_), Stopping) => Ok(Stopped),
        (Event::PoweredOff(ShutdownBehavior::Stop), Pending | Running) => Ok(Stopped),
        (Event::PoweredOff(ShutdownBehavior::Terminate), Pending | Running) => Ok(ShuttingDown),
        (Event::Up | Event::Down | Event::PoweredOff(_), _) => Ok(state),

        (Event::LaunchFailed, Pending) => Ok(ShuttingDown),
        (Event::StartFailed, Pending) => Ok(Stopping),
        (Event::LaunchFailed | Event::StartFailed, _) => Ok(state),

        (Event::Gone, ShuttingDown | Terminated) => Ok(Terminated),
        (Event::Gone, Pending | Running | Stopping | Stopped) => illegal,

        (Event::HostLost, _) => Ok(Terminated),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn event() -> impl Strategy<Value = Event> {
        prop::sample::select(vec![
            Event::Start,
            Event::Stop,
            Event::Reboot,
            Event::Terminate,
            Event::Up,
            Event::Down,
            Event::PoweredOff(ShutdownBehavior::Stop),
            Event::PoweredOff(ShutdownBehavior::Terminate),
            Event::LaunchFailed,
            Event::StartFailed,
            Event::Gone,
            Event::HostLost,
        ])
    }

    /// How far towards its end a state is: nothing comes back from these.
    fn finality(state: State) -> u8 {
        match state {
            State::Terminated => 2,
            State::ShuttingDown => 1,
            _ => 0,
        }
    }

    proptest! {
        #[test]
        fn whatever_happens_an_end_is_never_left(events in prop::collection::vec(event(), 0..64)) {
            let mut state = State::Pending;
            for event in events {
                let next = step(state, event).unwrap_or(state);
                prop_assert!(finality(next) >= finality(state), "{state} {event:?} {next}");
                state = next;
            }
        }

        #[test]
        fn from_anywhere_terminate_and_gone_end_it(events in prop::collection::vec(event(), 0..64)) {
            let state = events.into_iter().fold(State::Pending, |state, event| step(state, event).unwrap_or(state));
            let end = step(state, Event::Terminate).and_then(|state| step(state, Event::Gone));
            prop_assert_eq!(end, Ok(State::Terminated));
        }

        #[test]
        fn an_event_that_is_repeated_changes_nothing_more(events in prop::collection::vec(event(), 0..64), last in event()) {
            let state = events.into_iter().fold(State::Pending, |state, event| step(state, event).unwrap_or(state));
            if let Ok(once) = step(state, last) {
                prop_assert_eq!(step(once, last).unwrap_or(once), once, "{} {:?}", state, last);
            }
        }

        #[test]
        fn a_host_alone_never_makes_an_instance_run_that_nobody_started(events in prop::collection::vec(event(), 0..64)) {
            let mut state = State::Stopped;
            for event in events.into_iter().filter(|event| *event != Event::Start) {
                state = step(state, event).unwrap_or(state);
                prop_assert!(!matches!(state, State::Pending | State::Running));
            }
        }
    }

    #[test]
    fn a_guest_that_powers_off_goes_where_its_behaviour_says_unless_it_was_being_stopped() {
        let off = |state, behavior| step(state, Event::PoweredOff(behavior));
        assert_eq!(off(State::Running, ShutdownBehavior::Stop), Ok(State::Stopped));
        assert_eq!(off(State::Running, ShutdownBehavior::Terminate), Ok(State::ShuttingDown));
        assert_eq!(off(State::Stopping, ShutdownBehavior::Terminate), Ok(State::Stopped));
    }

    #[test]
    fn words_and_codes_are_ec2_s() {
        let codes: Vec<_> = State::ALL.into_iter().map(|state| (state.as_str(), state.code())).collect();
        assert_eq!(codes, [("pending", 0), ("running", 16), ("shutting-down", 32), ("terminated", 48), ("stopping", 64), ("stopped", 80)]);
        assert!(State::ALL.into_iter().all(|state| State::parse(state.as_str()) == Some(state)));
    }
}
