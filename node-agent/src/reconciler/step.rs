//! What to do next about one instance: a pure function of what should be, what was carried out, and what is.
//!
//! ```text
//!  intent         guest        further condition                     action
//!  tombstone      any                                                Bury
//!  quarantined    any                                                Rest (untouched)
//!  running        Off          guest powered itself off, not         Rest(Stopped)
//!                              started again since
//!                 Off          it is to stay down, ended by itself   StayDown
//!                              and nobody has asked for it since
//!                 Off          otherwise                             Start
//!                 Starting                                           Wait(Preparing)
//!                 Running      reboots behind                        Reset
//!                 Running      it is to stay down once it ends, and  NoteCameUp
//!                              that it came up is not written down
//!                 Running      stop was requested, no longer wanted  Forget the request
//!                 Running      otherwise                             Rest(Running)
//!                 PoweredOff   stop was requested                    PowerOff (and then Start)
//!                 PoweredOff   otherwise                             NoteGuestShutdown
//!  stopped        Off                                                Rest(Stopped)
//!                 Starting/    force, or time is over                PowerOff
//!                  Running     no request yet, or one that is noted  RequestShutdown
//!                              for a time that is yet to come
//!                              otherwise                             Wait(Stopping)
//!                 PoweredOff   stop was requested                    PowerOff
//!                 PoweredOff   otherwise                             NoteGuestShutdown
//! ```
//!
//! `PoweredOff` is a guest that switched itself off, by its own will or asked to, whose process still stands so that this is not lost
//! when nobody looked.

use std::time::Duration;

use freehold_proto::internal::host::GuestState;

use super::record::{GuestShutdown, Record};
use crate::hypervisor::Guest;

/// What the scheduler wants, reduced to what decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    Buried,
    /// Nobody mentions it: it stays as it is.
    Untouched,
    Power {
        on: bool,
        force_stop: bool,
        reboots: u64,
        starts: u64,
        /// A guest that ended by itself is not started again.
        stays_down: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// All is as it should be, or nothing may be done.
    Rest(GuestState),
    /// Something goes on by itself; look again later.
    Wait(GuestState, Duration),
    Start,
    /// It ended without an order, and only an order starts it again.
    StayDown,
    /// It runs: from now on its end is one.
    NoteCameUp,
    Reset,
    /// Ask the guest to switch itself off, and note when.
    RequestShutdown,
    /// A request to shut down is not wanted any more.
    ForgetRequest,
    /// Take the power away.
    PowerOff,
    /// The guest switched itself off: note it durably, then end its process.
    NoteGuestShutdown,
    /// The scheduler has seen that the guest switched itself off: it may be started again.
    NoteAnswered,
    Bury,
}

/// How long until somebody looks again at what goes on by itself; events usually come sooner.
pub const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// Milliseconds since the Unix epoch in, next action out.
pub fn step(want: Want, record: &Record, guest: Guest, now_millis: i64, stop_timeout: Duration) -> Action {
    match want {
        Want::Buried => Action::Bury,
        Want::Untouched => Action::Rest(GuestState::Quarantined),
        Want::Power { on: true, reboots, starts, stays_down, .. } => running(record, guest, (reboots, starts), stays_down),
        Want::Power { on: false, force_stop, .. } => stopped(record, guest, force_stop, now_millis, stop_timeout),
    }
}

fn running(record: &Record, guest: Guest, (reboots, starts): (u64, u64), stays_down: bool) -> Action {
    match guest {
        Guest::Off if record.guest_shutdown == GuestShutdown::Unanswered && starts <= record.starts => Action::Rest(GuestState::Stopped),
        Guest::Off if stays_down && record.came_up && record.is_of((reboots, starts)) => Action::StayDown,
        Guest::Off => Action::Start,
        Guest::Starting => Action::Wait(GuestState::Preparing, LOOK_AGAIN),
        Guest::Running if record.reboots < reboots => Action::Reset,
        Guest::Running if record.stopping_since.is_some() => Action::ForgetRequest,
        Guest::Running if stays_down && !record.came_up => Action::NoteCameUp,
        Guest::Running => Action::Rest(GuestState::Running),
        Guest::PoweredOff => switched_off(record),
    }
}

fn stopped(record: &Record, guest: Guest, force_stop: bool, now_millis: i64, stop_timeout: Duration) -> Action {
    match guest {
        Guest::Off if record.guest_shutdown == GuestShutdown::Unanswered => Action::NoteAnswered,
        Guest::Off => Action::Rest(GuestState::Stopped),
        Guest::Starting | Guest::Running if force_stop => Action::PowerOff,
        Guest::Starting | Guest::Running => match record.stopping_since {
            None => Action::RequestShutdown,
            // The clock was set back since: the time it may take counts from now, or nobody would take the power away for as long.
            Some(since) if since > now_millis => Action::RequestShutdown,
            Some(since) if waited(since, now_millis) >= stop_timeout => Action::PowerOff,
            Some(_) => Action::Wait(GuestState::Stopping, LOOK_AGAIN),
        },
        Guest::PoweredOff => switched_off(record),
    }
}

fn switched_off(record: &Record) -> Action {
    if record.stopping_since.is_some() || record.guest_shutdown != GuestShutdown::No { Action::PowerOff } else { Action::NoteGuestShutdown }
}

/// Never negative.
fn waited(since_millis: i64, now_millis: i64) -> Duration {
    Duration::from_millis(u64::try_from(now_millis.saturating_sub(since_millis)).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ON: Want = on(0, 1);
    const OFF: Want = Want::Power { on: false, force_stop: false, reboots: 0, starts: 1, stays_down: false };
    const TIMEOUT: Duration = Duration::from_mins(1);

    const fn on(reboots: u64, starts: u64) -> Want {
        Want::Power { on: true, force_stop: false, reboots, starts, stays_down: false }
    }

    fn next(want: Want, record: &Record, guest: Guest) -> Action {
        step(want, record, guest, 1_000_000, TIMEOUT)
    }

    #[test]
    fn a_guest_that_powered_itself_off_stays_off_until_it_is_started_again() {
        let record = Record { guest_shutdown: GuestShutdown::Unanswered, starts: 1, ..Record::default() };
        assert_eq!(next(ON, &record, Guest::Off), Action::Rest(GuestState::Stopped));
        assert_eq!(next(on(0, 2), &record, Guest::Off), Action::Start);
        assert_eq!(next(OFF, &record, Guest::Off), Action::NoteAnswered);
        let answered = Record { guest_shutdown: GuestShutdown::Answered, ..record };
        assert_eq!(next(ON, &answered, Guest::Off), Action::Start);
    }

    #[test]
    fn a_stop_asks_first_and_forces_after_the_bound_or_when_told() {
        let asked = |since| Record { stopping_since: Some(since), ..Record::default() };
        assert_eq!(next(OFF, &Record::default(), Guest::Running), Action::RequestShutdown);
        assert_eq!(next(OFF, &asked(1_000_000 - 59_999), Guest::Running), Action::Wait(GuestState::Stopping, LOOK_AGAIN));
        assert_eq!(next(OFF, &asked(1_000_000 - 60_000), Guest::Running), Action::PowerOff);
        assert_eq!(next(OFF, &asked(1_000_001), Guest::Running), Action::RequestShutdown, "the clock was set back");
        let force = Want::Power { on: false, force_stop: true, reboots: 0, starts: 1, stays_down: false };
        assert_eq!(next(force, &asked(1_000_000), Guest::Running), Action::PowerOff);
    }

    #[test]
    fn a_guest_asked_to_stop_did_not_shut_down_by_itself() {
        let asked = Record { stopping_since: Some(1), ..Record::default() };
        assert_eq!(next(OFF, &asked, Guest::PoweredOff), Action::PowerOff);
        assert_eq!(next(OFF, &Record::default(), Guest::PoweredOff), Action::NoteGuestShutdown);
        assert_eq!(next(ON, &Record::default(), Guest::PoweredOff), Action::NoteGuestShutdown);
    }

    #[test]
    fn a_reboot_resets_once() {
        let want = on(2, 1);
        assert_eq!(next(want, &Record { reboots: 1, ..Record::default() }, Guest::Running), Action::Reset);
        assert_eq!(next(want, &Record { reboots: 2, ..Record::default() }, Guest::Running), Action::Rest(GuestState::Running));
    }

    #[test]
    fn a_guest_that_is_to_stay_down_is_started_again_by_an_order_alone() {
        let staying = |reboots, starts| Want::Power { on: true, force_stop: false, reboots, starts, stays_down: true };
        let launched = Record { starts: 1, ..Record::default() };
        assert_eq!(next(staying(0, 1), &Record::default(), Guest::Off), Action::Start, "its launch");
        assert_eq!(next(staying(0, 1), &launched, Guest::Off), Action::Start, "a launch that has not come up yet");
        assert_eq!(next(staying(0, 1), &launched, Guest::Running), Action::NoteCameUp);
        let up = Record { came_up: true, ..launched.clone() };
        assert_eq!(next(staying(0, 1), &up, Guest::Running), Action::Rest(GuestState::Running));
        assert_eq!(next(staying(0, 1), &up, Guest::Off), Action::StayDown);
        assert_eq!(next(on(0, 1), &up, Guest::Off), Action::Start, "as soon as it need not stay down");
        assert_eq!(next(staying(1, 1), &up, Guest::Off), Action::Start, "a reboot");
        assert_eq!(next(staying(0, 2), &up, Guest::Off), Action::Start, "a start");
        assert_eq!(next(staying(0, 1), &up, Guest::PoweredOff), Action::NoteGuestShutdown, "it shut itself down, and in order");
        let shut_down = Record { guest_shutdown: GuestShutdown::Unanswered, ..up };
        assert_eq!(next(staying(0, 1), &shut_down, Guest::Off), Action::Rest(GuestState::Stopped));
    }

    /// Carries the action out as a perfect driver would.
    fn carry_out(action: Action, want: Want, record: &mut Record, guest: &mut Guest) {
        match action {
            Action::Start => {
                record.started(want_counts(want));
                *guest = Guest::Starting;
            }
            Action::NoteCameUp => record.came_up = true,
            Action::Reset => record.reboots = want_counts(want).0,
            Action::RequestShutdown => record.stopping_since = Some(0),
            Action::ForgetRequest => record.stopping_since = None,
            Action::PowerOff => {
                record.stopping_since = None;
                record.came_up = false;
                *guest = Guest::Off;
            }
            Action::NoteGuestShutdown => record.guest_shutdown = GuestShutdown::Unanswered,
            Action::NoteAnswered => record.guest_shutdown = GuestShutdown::Answered,
            Action::Wait(..) if *guest == Guest::Starting => *guest = Guest::Running,
            Action::Wait(..) | Action::Rest(_) | Action::StayDown | Action::Bury => {}
        }
    }

    fn want_counts(want: Want) -> (u64, u64) {
        if let Want::Power { reboots, starts, .. } = want { (reboots, starts) } else { (0, 0) }
    }

    proptest! {
        #[test]
        fn from_anywhere_it_comes_to_rest_where_it_was_wanted(
            on: bool, force_stop: bool, stays_down: bool, came_up: bool, reboots in 0..3_u64, starts in 0..3_u64,
            done in 0..3_u64, begun in 0..3_u64, asked in proptest::option::of(0..100_i64),
            shutdown in prop_oneof![Just(GuestShutdown::No), Just(GuestShutdown::Unanswered), Just(GuestShutdown::Answered)],
            guest in prop_oneof![Just(Guest::Off), Just(Guest::Starting), Just(Guest::Running), Just(Guest::PoweredOff)],
        ) {
            let want = Want::Power { on, force_stop, reboots, starts, stays_down };
            let mut record =
                Record { reboots: done, starts: begun, stopping_since: asked, guest_shutdown: shutdown, came_up, ..Record::default() };
            let mut guest = guest;
            for at in 0..12 {
                let action = step(want, &record, guest, 1_000_000 * at, TIMEOUT);
                if action == Action::StayDown {
                    prop_assert!(on && stays_down && came_up && guest == Guest::Off, "{want:?} {record:?}");
                    prop_assert!(record.reboots >= reboots && record.starts >= starts, "nobody has asked for it: {want:?} {record:?}");
                    return Ok(());
                }
                if let Action::Rest(state) = action {
                    let rested = match (on, guest) {
                        (true, Guest::Running) => state == GuestState::Running && record.reboots >= reboots,
                        (true, Guest::Off) => record.guest_shutdown == GuestShutdown::Unanswered,
                        (false, Guest::Off) => state == GuestState::Stopped,
                        _ => false,
                    };
                    prop_assert!(rested, "{want:?} {record:?} {guest:?}");
                    prop_assert_eq!(step(want, &record, guest, 1_000_000 * at, TIMEOUT), action, "running twice changes nothing");
                    return Ok(());
                }
                carry_out(action, want, &mut record, &mut guest);
            }
            prop_assert!(false, "it never rests: {want:?} {record:?} {guest:?}");
        }
    }
}
