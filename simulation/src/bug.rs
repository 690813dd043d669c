//! Bugs planted from outside: by changing messages, rows or disks behind everybody's back. The product has no hook for any of them. Each
//! breaks one rule, and a check that does not notice is no check.

use std::collections::BTreeSet;

use freehold_proto::internal::host::{
    FromAgent, GuestState, InstanceObserved, PowerState, ResourceKind, ToAgent, Tombstone, from_agent, to_agent,
};

use crate::checks::rows::all;
use crate::cloud::Cloud;
use crate::template::database;

macro_rules! bugs {
    ($($(#[doc = $doc:literal])* $name:ident = $word:literal breaks $rule:literal;)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Bug { $($(#[doc = $doc])* $name,)* }

        impl Bug {
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// As the command line names it.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// The rule that it breaks.
            pub const fn rule(self) -> &'static str {
                match self { $(Self::$name => $rule,)* }
            }
        }
    };
}

bugs! {
    /// A tombstone that no command ordered.
    ForgedTombstone = "forged-tombstone" breaks "nothing is destroyed without an order";
    /// The scheduler forgets a tag that it has accepted.
    ForgottenTag = "forgotten-tag" breaks "an accepted write is there";
    /// The scheduler forgets an instance that it has accepted, with everything of it.
    ForgottenInstance = "forgotten-instance" breaks "an accepted write is there";
    /// The scheduler forgets which requests it has answered.
    ForgottenTokens = "forgotten-tokens" breaks "nothing is without an owner";
    /// A report of the newest generation that the agent never made: the guest switched itself off.
    ForgedReport = "forged-report" breaks "a guest runs until it is asked not to";
    /// A guest is told to reboot that nobody asked to.
    ForgedReboot = "forged-reboot" breaks "a guest starts only when it is asked to";
    /// A guest is told to stop that nobody asked to.
    ForgedStop = "forged-stop" breaks "a guest runs until it is asked not to";
    /// No tombstone ever arrives.
    LostTombstones = "lost-tombstones" breaks "what is to be buried is buried";
    /// An address is given out twice.
    AddressTwice = "address-twice" breaks "nothing is owned twice";
    /// An instance is moved to another host while it runs on the first.
    TwoHosts = "two-hosts" breaks "nothing is without an owner";
    /// A guest stands on a host that no row knows.
    StrayGuest = "stray-guest" breaks "nothing is without an owner";
    /// A volume is left over when its instance ends.
    StrayVolume = "stray-volume" breaks "nothing is without an owner";
    /// A host's identity is put back to what it was at its first start.
    OldIdentity = "old-identity" breaks "epochs and generations only grow";
    /// The disk says that it has synced, and has not.
    LyingDisk = "lying-disk" breaks "epochs and generations only grow";
    /// Statements of instances are lost, and nothing says so.
    LostStatements = "lost-statements" breaks "an instance is as it was asked to be";
    /// A host's row says that one more instance is on it than is.
    WrongSum = "wrong-sum" breaks "a host's sums add up";
    /// An instance takes more than its host has.
    TooLarge = "too-large" breaks "no more is promised than fits";
    /// A host's row says that nothing of it is free.
    HoardedRoom = "hoarded-room" breaks "a request is refused for want of room only where there is none";
    /// Whatever host a launch goes to is drained.
    DrainedTarget = "drained-target" breaks "a launch goes to a host that takes it";
    /// Changes of tags are not in the feed.
    DeafWorld = "deaf-world" breaks "a Describe shows what is there";
    /// A guest stands on the host of its row and on another one.
    GuestTwice = "guest-twice" breaks "nothing is owned twice";
    /// Statements of security groups are lost, and nothing says so.
    LostGroups = "lost-groups" breaks "a host knows its networks";
    /// A host is forgotten whose VPC nobody is to bury any more.
    ForgottenOrders = "forgotten-orders" breaks "a host that is forgotten held nothing";
    /// A host that was given up is forgotten to be that.
    ForgottenFence = "forgotten-fence" breaks "a lost host is not let in";
    /// A report of the newest generation that the agent never made: a fault.
    ForgedFault = "forged-fault" breaks "a host holds what it should";
}

/// The bug of a schedule, if it has one, and what of it is still to come.
#[derive(Clone, Debug)]
pub struct Planted {
    bug: Option<Bug>,
    /// Instances that agents have been told of.
    known: BTreeSet<String>,
    /// Once is enough for most.
    done: bool,
}

impl Planted {
    pub fn new(bug: Option<Bug>) -> Self {
        Self { bug, known: BTreeSet::new(), done: false }
    }

    pub fn is_done(&self) -> bool {
        self.done
    }

    /// Whether the next statement of everything would mend it, so that it has to strike where none is to come.
    pub fn strikes_at_rest(&self) -> bool {
        matches!(self.bug, Some(Bug::ForgedFault | Bug::TwoHosts | Bug::GuestTwice | Bug::TooLarge))
    }

    /// Changes what an agent is about to hear.
    pub fn change(&mut self, batch: &mut Vec<ToAgent>) {
        let Some(bug) = self.bug else { return };
        let before = batch.len();
        match bug {
            Bug::LostTombstones => batch.retain(|message| !matches!(message.kind, Some(to_agent::Kind::Tombstone(_)))),
            Bug::LostStatements => batch.retain(|message| !matches!(message.kind, Some(to_agent::Kind::Instance(_)))),
            Bug::LostGroups => batch.retain(|message| !matches!(message.kind, Some(to_agent::Kind::SecurityGroup(_)))),
            Bug::ForgedReboot | Bug::ForgedStop => self.forge(bug, batch),
            _ => {}
        }
        self.done |= batch.len() < before;
    }

    /// Every time that an agent hears again of an instance that is to run.
    fn forge(&mut self, bug: Bug, batch: &mut [ToAgent]) {
        for message in batch {
            let Some(to_agent::Kind::Instance(instance)) = &mut message.kind else { continue };
            // What has been running already can be told to do something else.
            if self.known.insert(instance.instance_id.clone()) || instance.power() != PowerState::Running {
                continue;
            }
            // Newer than what the agent holds, as it must be to be taken.
            instance.generation += 1;
            match bug {
                Bug::ForgedReboot => instance.reboot_count += 1,
                _ => instance.set_power(PowerState::Stopped),
            }
            self.done = true;
        }
    }
}

impl Cloud<'_> {
    /// The schedule's bug strikes, if it is one that does by itself and there is something to strike.
    pub fn strike(&mut self) {
        // A message may be lost as any other: it is forged again and again.
        let again = |bug: &Bug| matches!(bug, Bug::ForgedTombstone | Bug::ForgedReport | Bug::ForgedFault);
        let Some(bug) = self.planted.bug.filter(|bug| !self.planted.done || again(bug)) else { return };
        let at = self.dice.below(self.hosts.len());
        let struck = match bug {
            Bug::ForgedTombstone => self.forge_tombstone(at),
            Bug::ForgedReport => self.forge_report(at, GuestState::Stopped),
            Bug::ForgedFault => self.forge_report(at, GuestState::Impaired),
            Bug::ForgottenTag => self.change_rows("DELETE FROM tag WHERE resource_id LIKE 'i-%'") > 0,
            Bug::ForgottenTokens => !self.journal.unanswered.is_empty() && self.change_rows("DELETE FROM client_token") > 0,
            Bug::ForgottenInstance => self.forget_instance(),
            Bug::AddressTwice => self.give_an_address_twice(),
            Bug::TwoHosts => self.move_an_instance(),
            Bug::StrayGuest => {
                self.hosts[at].harbour("i-00000000000000bad");
                true
            }
            Bug::StrayVolume => self.change_rows("DELETE FROM volume_attachment") > 0,
            Bug::OldIdentity => self.welcomes.len() > 1 && self.hosts[at].agent.is_none() && self.hosts[at].forget_epochs(),
            Bug::LyingDisk => {
                self.hosts.iter().for_each(|host| host.disk.lie());
                true
            }
            Bug::WrongSum => {
                self.change_rows("UPDATE host SET instances = instances + 1 WHERE host_id = (SELECT MIN(host_id) FROM host)") > 0
            }
            Bug::TooLarge => self.change_rows("UPDATE instance SET memory_mib = 1048576 WHERE state = 'running'") > 0,
            Bug::HoardedRoom => self.change_rows("UPDATE host SET memory_mib_used = memory_mib_used + 1048576") > 0,
            Bug::DrainedTarget => {
                self.plant_trigger("INSERT ON instance BEGIN UPDATE host SET drained_since = 1 WHERE host_id = NEW.host_id")
            }
            Bug::DeafWorld => self.deafen(),
            Bug::GuestTwice => self.copy_a_guest(at),
            Bug::ForgottenOrders => {
                self.plant_trigger("INSERT ON tombstone WHEN NEW.kind <> 'instance' BEGIN DELETE FROM tombstone WHERE kind <> 'instance'")
            }
            Bug::ForgottenFence => self.plant_trigger("INSERT ON fenced_host BEGIN DELETE FROM fenced_host"),
            Bug::LostTombstones | Bug::LostStatements | Bug::LostGroups | Bug::ForgedReboot | Bug::ForgedStop => false,
        };
        if struck {
            self.trace.say(|| format!("PLANTED: {}", bug.word()));
            self.planted.done = true;
        }
    }

    fn forge_tombstone(&mut self, at: usize) -> bool {
        let Some(id) = self.hosts[at].guests().into_keys().next() else { return false };
        let forged = Tombstone { kind: ResourceKind::Instance.into(), id, generation: u64::from(u32::MAX) };
        let Some(session) = self.hosts[at].open() else { return false };
        session.down.push_back(ToAgent { kind: Some(to_agent::Kind::Tombstone(forged)), ..ToAgent::default() });
        true
    }

    fn forge_report(&mut self, at: usize, state: GuestState) -> bool {
        let Some(agent) = &self.hosts[at].agent else { return false };
        let desired = agent.plan();
        let running = desired.instances.values().find(|one| one.power() == PowerState::Running);
        let Some(one) = running else { return false };
        let forged = InstanceObserved {
            instance_id: one.instance_id.clone(),
            generation: one.generation,
            state: state.into(),
            guest_initiated_shutdown: state == GuestState::Stopped,
            ..InstanceObserved::default()
        };
        let Some(session) = self.hosts[at].open() else { return false };
        session.up.push_front(FromAgent { kind: Some(from_agent::Kind::Instance(forged)) });
        true
    }

    /// How many rows a statement changed, without the store's own constraints in the way.
    fn change_rows(&self, statement: &str) -> usize {
        let changed = database(self.folder.path()).and_then(|database| {
            database.execute_batch("PRAGMA foreign_keys = OFF")?;
            database.execute(statement, [])
        });
        changed.unwrap_or_default()
    }

    /// From now on the store itself does something that nobody asked for.
    fn plant_trigger(&self, after: &str) -> bool {
        self.run_statements(&format!("CREATE TRIGGER planted AFTER {after}; END"))
    }

    fn run_statements(&self, statements: &str) -> bool {
        database(self.folder.path()).is_ok_and(|database| database.execute_batch(statements).is_ok())
    }

    fn deafen(&self) -> bool {
        let named = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'tag' AND name LIKE 'feed%'";
        let named = database(self.folder.path()).and_then(|database| all(&database, named, |row| row.get::<_, String>(0)));
        named.is_ok_and(|names| !names.is_empty() && names.iter().all(|name| self.run_statements(&format!("DROP TRIGGER {name}"))))
    }

    fn copy_a_guest(&self, at: usize) -> bool {
        let elsewhere = self.hosts.iter().filter(|host| host.number != at).flat_map(|host| host.guests().into_keys()).next();
        elsewhere.is_some_and(|id| {
            self.hosts[at].harbour(&id);
            true
        })
    }

    fn forget_instance(&self) -> bool {
        const ONE: &str = "(SELECT MIN(instance_id) FROM instance)";
        for table in ["network_interface_attachment", "volume_attachment"] {
            self.change_rows(&format!("DELETE FROM {table} WHERE instance_id = {ONE}"));
        }
        self.change_rows(&format!("DELETE FROM instance WHERE instance_id = {ONE}")) > 0
    }

    fn give_an_address_twice(&self) -> bool {
        let twice = "INSERT INTO private_address SELECT * FROM private_address LIMIT 1";
        let unguarded = database(self.folder.path()).and_then(|database| {
            database.execute_batch("PRAGMA foreign_keys = OFF; PRAGMA legacy_alter_table = ON")?;
            if database.query_row("SELECT COUNT(*) FROM private_address", [], |row| row.get::<_, i64>(0))? == 0 {
                return Ok(0);
            }
            let swap =
                "ALTER TABLE private_address RENAME TO guarded; CREATE TABLE private_address AS SELECT * FROM guarded; DROP TABLE guarded";
            database.execute_batch(swap)?;
            database.execute(twice, [])
        });
        unguarded.is_ok_and(|rows| rows > 0)
    }

    fn move_an_instance(&self) -> bool {
        let running = "SELECT MIN(instance_id) FROM instance WHERE state = 'running'";
        let elsewhere = "SELECT MIN(host_id) FROM host WHERE host_id <> instance.host_id";
        self.change_rows(&format!("UPDATE instance SET host_id = ({elsewhere}) WHERE instance_id = ({running}) AND EXISTS ({elsewhere})"))
            > 0
    }
}
