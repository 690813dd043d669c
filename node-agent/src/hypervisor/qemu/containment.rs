//! How guests are kept out of the agent's own fate: a systemd scope each where systemd runs, else a session of their own with limits (what
//! the launcher does in any case).

use std::path::PathBuf;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Containment {
    /// `systemd-run --scope`: its own cgroup, which a restart of the agent's unit does not touch.
    SystemdScope,
    /// No systemd here (a container, another init): a session of its own and rlimits.
    Session,
}

impl Containment {
    pub(super) fn choose(systemd_runs: bool) -> Self {
        if systemd_runs {
            Self::SystemdScope
        } else {
            tracing::warn!("no systemd here: guests are held by sessions and rlimits of their own, not by cgroups");
            Self::Session
        }
    }

    /// The command that launches a guest.
    pub(super) fn wrap(self, instance_id: &str, launcher: &[PathBuf]) -> Vec<PathBuf> {
        let mut command: Vec<PathBuf> = match self {
            Self::Session => Vec::new(),
            Self::SystemdScope => vec![
                "systemd-run".into(),
                "--scope".into(),
                "--quiet".into(),
                "--collect".into(),
                "--slice=freehold-guests.slice".into(),
                // Started again while the last scope is being taken down, a fixed name would clash.
                format!("--description=Freehold guest {instance_id}").into(),
                "--".into(),
            ],
        };
        command.extend_from_slice(launcher);
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_where_systemd_runs_and_the_launcher_itself_elsewhere() {
        let launcher = [PathBuf::from("/usr/bin/freehold"), PathBuf::from("launch-guest")];
        assert_eq!(Containment::choose(false).wrap("i-a", &launcher), launcher);
        let scoped = Containment::choose(true).wrap("i-a", &launcher);
        assert_eq!(scoped[0], PathBuf::from("systemd-run"));
        assert!(scoped.ends_with(&launcher));
    }
}
