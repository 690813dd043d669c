//! What this machine's QEMU is: its binary, how it runs guests, which machine it emulates. Found out once, at start.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use tokio::process::Command;

use super::Config;
use crate::hypervisor::{DriverError, FaultCode};

/// To answer a question about itself.
const ANSWER: Duration = Duration::from_secs(30);

/// How a guest's instructions are executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Accelerator {
    Kvm,
    /// QEMU's own translator: correct, and many times slower.
    Tcg,
}

impl Accelerator {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Kvm => "kvm",
            Self::Tcg => "tcg",
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Machine {
    pub(super) program: PathBuf,
    pub(super) accelerator: Accelerator,
    /// The newest versioned q35: "pc-q35-7.2".
    pub(super) newest_q35: String,
    /// Its processor tells of threads the way AMD's do, which a guest gets only by name.
    pub(super) topoext: bool,
}

impl Machine {
    pub(super) async fn examine(config: &Config) -> Result<Self, DriverError> {
        let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let device = File::options().read(true).write(true).open("/dev/kvm");
        let accelerator = choose(&cpuinfo, device.map(drop));
        let topoext = has(&cpuinfo, &["topoext"]);
        let listed = ask(config, &["-machine", "help"]).await?;
        let newest_q35 = newest_q35(&listed)
            .ok_or_else(|| DriverError::new(FaultCode::Hypervisor, format!("{} emulates no q35 machine", config.program.display())))?;
        Ok(Self { program: config.program.clone(), accelerator, newest_q35, topoext })
    }
}

/// KVM is offered only where the processor has it and the device opens; whatever else is there, the reason is said.
fn choose(cpuinfo: &str, device: io::Result<()>) -> Accelerator {
    match (has(cpuinfo, &["vmx", "svm"]), device) {
        (true, Ok(())) => return Accelerator::Kvm,
        (true, Err(error)) => tracing::warn!(%error, "guests run under TCG, many times slower than with KVM: /dev/kvm can not be opened"),
        (false, _) => tracing::warn!("guests run under TCG, many times slower than with KVM: this processor offers neither vmx nor svm"),
    }
    Accelerator::Tcg
}

/// Whether the processor has one of the flags.
fn has(cpuinfo: &str, flags: &[&str]) -> bool {
    cpuinfo.lines().any(|line| line.starts_with("flags") && line.split_ascii_whitespace().any(|flag| flags.contains(&flag)))
}

async fn ask(config: &Config, arguments: &[&str]) -> Result<String, DriverError> {
    let failed = |source: io::Error| {
        let message = format!("{} does not run; install qemu-system-x86, or set agent.qemu.program", config.program.display());
        DriverError::because(FaultCode::Hypervisor, message, source)
    };
    let asked = Command::new(&config.program).args(arguments).kill_on_drop(true).output();
    let output = tokio::time::timeout(ANSWER, asked).await.map_err(|_| failed(io::ErrorKind::TimedOut.into()))?.map_err(failed)?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Of the list that `-machine help` prints. Deprecated ones are passed over.
fn newest_q35(listed: &str) -> Option<String> {
    let versioned = listed.lines().filter(|line| !line.contains("deprecated")).filter_map(|line| {
        let name = line.split_ascii_whitespace().next()?;
        let version = name.strip_prefix("pc-q35-")?;
        let numbers = version.split('.').map(str::parse).collect::<Result<Vec<u32>, _>>().ok()?;
        Some((numbers, name))
    });
    versioned.max().map(|(_, name)| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kvm_needs_the_processor_and_the_device() {
        let with = "flags\t\t: fpu vmx sse\n";
        let without = "flags\t\t: fpu sse\nvmx flags\t: ept\nmodel name : svm\n";
        let refused = || Err(io::ErrorKind::PermissionDenied.into());
        assert_eq!(choose(with, Ok(())), Accelerator::Kvm);
        assert_eq!(choose(with, refused()), Accelerator::Tcg);
        assert_eq!(choose(without, Ok(())), Accelerator::Tcg, "a device alone proves nothing");
        assert_eq!(choose(without, refused()), Accelerator::Tcg);
    }

    #[test]
    fn the_newest_versioned_q35_is_taken() {
        let listed = "Supported machines are:\nq35   Standard PC (alias of pc-q35-10.0)\npc-q35-9.2   Standard PC\npc-q35-10.0   Standard PC\n\
                      pc-q35-2.4   Standard PC (deprecated)\npc-i440fx-10.1  Standard PC\n";
        assert_eq!(newest_q35(listed).as_deref(), Some("pc-q35-10.0"));
        assert_eq!(newest_q35("none   empty machine\n"), None);
    }
}
