//! An agent, a launcher, or a data plane, as a process of its own: `node-agent-under-test agent|halt FOLDER DRIVER FIRST-USER`, `… launch-guest
//! SPEC`, `… network FOLDER FILE`, which follows the statements in FILE and then those in each file whose path it reads.
//!
//! Its clock is the machine's, set forward by as many seconds as the file `FOLDER/clock` says, which the test writes. The product has no
//! such thing: its clock is the machine's, whatever anybody writes.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use freehold_node_agent::desired::Desired;
use freehold_node_agent::hypervisor::qemu::UserRange;
use freehold_node_agent::network::{self, DataPlane};
use freehold_node_agent::{Agent, Config, DriverName, launch};
use freehold_proto::clock::{Clock, SystemClock};
use freehold_proto::id::OsEntropy;
use freehold_proto::internal::host::{ToAgent, to_agent};
use prost::Message;
use tokio::sync::watch;

/// As the tests of the network call theirs.
const HOST: &str = "host-0123456789abcdef0";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["launch-guest", spec] => match launch::launch(Path::new(spec)) {
            Ok(never) => match never {},
            Err(error) => {
                eprintln!("{error}");
                ExitCode::FAILURE
            }
        },
        ["agent", folder, driver, first_user] => run(config(Path::new(folder), driver, first_user.parse().unwrap_or(0))),
        ["halt", folder, driver, first_user] => halt(config(Path::new(folder), driver, first_user.parse().unwrap_or(0))),
        ["network", folder, first] => match network(Path::new(folder), first) {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => {
                eprintln!("{failure}");
                ExitCode::FAILURE
            }
        },
        _ => ExitCode::from(2),
    }
}

fn config(folder: &Path, driver: &str, first_user: u32) -> Config {
    let mut config = Config {
        state_folder: folder.join("agent"),
        hosts_socket: folder.join("hosts.sock"),
        images_socket: folder.join("images.sock"),
        drivers: vec![if driver == "qemu" { DriverName::Qemu } else { DriverName::Simulated }],
        stop_timeout_seconds: 20,
        ..Config::default()
    };
    config.qemu.users = UserRange { first: first_user, count: 100 };
    config.qemu.launcher = vec![std::env::current_exe().unwrap_or_else(|_| PathBuf::from("/proc/self/exe")), "launch-guest".into()];
    config
}

/// See above.
struct SteppedClock(PathBuf);

impl Clock for SteppedClock {
    fn now(&self) -> SystemTime {
        let ahead = std::fs::read_to_string(&self.0).ok().and_then(|seconds| seconds.trim().parse().ok()).unwrap_or(0);
        SystemTime::now() + Duration::from_secs(ahead)
    }
}

fn run(config: Config) -> ExitCode {
    let clock = Arc::new(SteppedClock(config.state_folder.with_file_name("clock")));
    let agent = Agent::open(config, clock, Arc::new(OsEntropy));
    let ran = agent.map(|agent| tokio::runtime::Runtime::new().map(|runtime| runtime.block_on(agent.run(std::future::pending()))));
    eprintln!("{ran:?}");
    ExitCode::FAILURE
}

/// Says `applied` after each file.
fn network(folder: &Path, first: &str) -> Result<(), Box<dyn std::error::Error>> {
    let first = Arc::new(stated(&std::fs::read(first)?)?);
    tokio::runtime::Runtime::new()?.block_on(async {
        let (sender, receiver) = watch::channel(first);
        let plane = DataPlane::start(network::Config::default(), folder, HOST, receiver, Arc::new(SystemClock)).await?;
        loop {
            match plane.faults().as_slice() {
                [] => println!("applied"),
                faults => println!("{faults:?}"),
            }
            let Some(file) = tokio::task::spawn_blocking(|| std::io::stdin().lines().next()).await? else { return Ok(()) };
            let (before, desired) = (plane.applied(), Arc::new(stated(&std::fs::read(file?)?)?));
            sender.send_replace(desired);
            plane.applied_after(before).await;
        }
    })
}

fn stated(mut bytes: &[u8]) -> Result<Desired, prost::DecodeError> {
    let mut desired = Desired::default();
    while !bytes.is_empty() {
        match ToAgent::decode_length_delimited(&mut bytes)?.kind {
            Some(to_agent::Kind::Vpc(it)) => drop(desired.vpcs.insert(it.vpc_id.clone(), Arc::new(it))),
            Some(to_agent::Kind::SecurityGroup(it)) => drop(desired.security_groups.insert(it.group_id.clone(), Arc::new(it))),
            Some(to_agent::Kind::Instance(it)) => drop(desired.instances.insert(it.instance_id.clone(), Arc::new(it))),
            _ => {}
        }
    }
    Ok(desired)
}

/// Switches guests off and takes their network away.
fn halt(config: Config) -> ExitCode {
    match tokio::runtime::Runtime::new().map(|runtime| runtime.block_on(freehold_node_agent::halt(config))) {
        Ok(Ok(_)) => ExitCode::SUCCESS,
        failed => {
            eprintln!("{failed:?}");
            ExitCode::FAILURE
        }
    }
}
