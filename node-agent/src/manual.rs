//! An agent that does nothing by itself: whoever holds it takes each of its steps. The steps are the product's own, those that [`crate::Agent`]
//! has tasks, timers and a stream for. For simulations; its guests are simulated ones.
//!
//! Dropping it is a crash: what it was doing is found half done by the next one that opens the same disks.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use freehold_proto::clock::Clock;
use freehold_proto::id::Entropy;
use freehold_proto::internal::host::{Capacity, FromAgent, Hello, InstanceObserved, ToAgent, Welcome};

use crate::agent::{AgentError, surroundings};
use crate::config::Config;
use crate::desired::Desired;
use crate::durable::Disk;
use crate::host::Host;
use crate::hypervisor::Hypervisor;
use crate::hypervisor::simulated::Simulated;
use crate::plan::Plan;
use crate::ports::NoPorts;
use crate::reconciler::{Queue, Reconciler, Surroundings};
use crate::session::{Ended, Session, Statements, deliver};

pub struct ManualAgent {
    host: Host,
    session: Session,
    reconciler: Arc<Reconciler>,
    guests: Arc<Simulated>,
}

/// How far one session has come.
#[derive(Debug)]
pub struct Line {
    statements: Statements,
    /// Until the scheduler has stated everything.
    mentioned: Option<BTreeSet<String>>,
}

impl ManualAgent {
    /// Opens what the last one left in `config.state_folder` of `disk`. The guests, who are not this process, have a folder of a disk of
    /// their own.
    pub async fn open(
        config: Config,
        guests_folder: &Path,
        disk: Disk,
        guests: Disk,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, AgentError> {
        let folder = config.state_folder.clone();
        let host = Host::load(disk.clone(), &folder, entropy.as_ref())?;
        let plan = Arc::new(Plan::open(disk.clone(), &folder.join("plan"))?);
        let queue = Queue::default();
        let guests = Simulated::open(config.simulated.clone(), guests, guests_folder, Arc::clone(&clock), queue.clone())?;
        let driver: Arc<dyn Hypervisor> = Arc::clone(&guests) as _;
        let drivers = [(driver.describe().name, driver)].into();
        let around = surroundings(&config, plan, drivers, Arc::new(NoPorts), queue, clock);
        let reconciler = Reconciler::open(around.clone(), disk, &folder.join("records"))?;
        reconciler.begin().await?;
        let capacity =
            Capacity { vcpus: config.capacity.vcpus, memory_mib: config.capacity.memory_mib, disk_mib: config.capacity.disk_mib };
        let session = Session {
            line: crate::line::Line::local(&config),
            hostname: config.hostname,
            availability_zone: config.availability_zone,
            capacity,
            instance_types: config.instance_types,
            tunnel_address: config.network.tunnel_address,
            entropy,
            around,
        };
        Ok(Self { host, session, reconciler, guests })
    }

    fn around(&self) -> &Surroundings {
        &self.session.around
    }

    /// What it says first.
    pub fn hello(&self) -> Hello {
        self.session.hello(&self.host)
    }

    /// Follows the scheduler that sent this, in a session that has only begun, or says why not.
    pub fn welcomed(&mut self, welcome: &Welcome) -> Result<Line, Ended> {
        self.host.welcomed(welcome)??;
        Ok(Line { statements: Statements::default(), mentioned: Some(BTreeSet::new()) })
    }

    /// Takes in messages that came together. What it has to say to them at once is the answer.
    pub async fn hear(&self, line: &mut Line, batch: Vec<ToAgent>) -> Result<Vec<FromAgent>, Ended> {
        let batch = batch.into_iter().filter_map(|message| message.kind).collect();
        let mut said = Vec::new();
        for afterwards in deliver(self.around(), &self.session.line.grants, batch, &mut line.mentioned).await? {
            said.extend(afterwards.await.map(|kind| FromAgent { kind: Some(kind) }));
        }
        Ok(said)
    }

    /// What it has to say that it has not said in this session.
    pub fn statements(&self, line: &mut Line) -> Vec<FromAgent> {
        line.statements.next(self.around()).into_iter().map(|kind| FromAgent { kind: Some(kind) }).collect()
    }

    /// Looks at the next instance that is to be looked at, and says which that was.
    pub async fn work_one(&self) -> Option<String> {
        let id = self.around().queue.try_next()?;
        self.reconciler.look(&id).await;
        Some(id)
    }

    /// What is to be looked at later is to be looked at now.
    pub fn hurry(&self) {
        self.around().queue.hurry();
    }

    /// Has a guest do something by its own will: "power-off", "hang", "crash".
    pub fn tell_guest(&self, instance_id: &str, word: &str) {
        self.guests.carry_out(instance_id, word);
    }

    /// What its plan says.
    pub fn plan(&self) -> Arc<Desired> {
        self.around().plan.all()
    }

    /// What it last observed of an instance.
    pub fn observed(&self, instance_id: &str) -> Option<Arc<InstanceObserved>> {
        self.around().observations.get(instance_id)
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::PathBuf;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::SystemTime;

    use freehold_proto::clock::ManualClock;
    use freehold_proto::id::OsEntropy;
    use freehold_proto::internal::host::{InstanceDesired, PowerState, to_agent};

    use super::*;
    use crate::durable::{Files, Machine};
    use crate::hypervisor::View;

    const ID: &str = "i-0123456789abcdef0";

    /// The machine's disk, which can be full.
    #[derive(Debug, Default)]
    struct Refusing(AtomicBool);

    impl Files for Refusing {
        fn make_folder(&self, path: &Path) -> io::Result<()> {
            Machine.make_folder(path)
        }

        fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
            Machine.list(folder)
        }

        fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
            Machine.read(path)
        }

        fn write(&self, path: &Path, content: &[&[u8]], synced: bool) -> io::Result<()> {
            if self.0.load(Ordering::SeqCst) { Err(io::ErrorKind::StorageFull.into()) } else { Machine.write(path, content, synced) }
        }

        fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
            Machine.rename(from, to)
        }

        fn remove(&self, path: &Path) -> io::Result<()> {
            Machine.remove(path)
        }

        fn sync_folder(&self, folder: &Path) -> io::Result<()> {
            Machine.sync_folder(folder)
        }
    }

    fn desired(generation: u64, reboot_count: u64) -> Vec<ToAgent> {
        let instance = InstanceDesired {
            instance_id: ID.to_owned(),
            generation,
            power: PowerState::Running.into(),
            reboot_count,
            start_count: 1,
            driver: "simulated".to_owned(),
            ..InstanceDesired::default()
        };
        vec![ToAgent { kind: Some(to_agent::Kind::Instance(instance)), ..ToAgent::default() }]
    }

    async fn work(agent: &ManualAgent) {
        agent.hurry();
        while agent.work_one().await.is_some() {}
    }

    async fn boots(agent: &ManualAgent) -> usize {
        let console = agent.guests.console(ID, View::Text).await.unwrap().unwrap();
        String::from_utf8_lossy(&console.output).matches("Linux version").count()
    }

    #[tokio::test]
    async fn a_full_disk_does_not_have_a_guest_reset_at_each_look() {
        let (folder, guests) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut config = Config { state_folder: folder.path().to_owned(), ..Config::default() };
        config.simulated.boot_milliseconds = 0;
        let full = Arc::new(Refusing::default());
        let (disk, clock) = (Disk::of(Arc::clone(&full) as _), ManualClock::at(SystemTime::UNIX_EPOCH));
        let (ticking, entropy) = (Arc::new(clock.clone()), Arc::new(OsEntropy));
        let mut agent = ManualAgent::open(config, guests.path(), disk, Disk::default(), ticking, entropy).await.unwrap();
        let mut line = agent.welcomed(&Welcome { cluster_id: "c".to_owned(), epoch: 1 }).unwrap();
        agent.hear(&mut line, desired(1, 0)).await.unwrap();
        work(&agent).await;
        assert_eq!(boots(&agent).await, 1);
        agent.hear(&mut line, desired(2, 1)).await.unwrap();
        full.0.store(true, Ordering::SeqCst);
        for _ in 0..4 {
            work(&agent).await;
        }
        assert_eq!(boots(&agent).await, 2, "one reset was asked for");
        full.0.store(false, Ordering::SeqCst);
        // A fault that was reported stands until the guest has lived for a while.
        clock.advance(std::time::Duration::from_mins(2));
        work(&agent).await;
        assert_eq!((boots(&agent).await, agent.observed(ID).unwrap().reboot_count), (2, 1));
    }
}
