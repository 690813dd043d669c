//! An agent that is a process of its own, with a real QEMU below it, and whom it answers to.

use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use freehold_proto::internal::host::{GuestState, InstanceDesired};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::sync::{Mutex, MutexGuard};

use super::guest::{GREETING, manifest, serve_image};
use super::{Line, Scheduler, desired, instance_id};

/// One QEMU at a time is enough for a small machine.
static TURN: Mutex<()> = Mutex::const_new(());

/// A scheduler, an image store and an agent process with a state folder.
pub struct Setting {
    _turn: MutexGuard<'static, ()>,
    pub folder: tempfile::TempDir,
    pub scheduler: Scheduler,
    agent: Child,
    first_user: u32,
}

impl Setting {
    pub async fn new(first_user: u32) -> Option<Self> {
        if !Path::new("/usr/bin/qemu-system-x86_64").exists() || !nix::unistd::Uid::effective().is_root() {
            println!("NOT RUN: needs root and qemu-system-x86_64");
            return None;
        }
        let turn = TURN.lock().await;
        let folder = tempfile::tempdir().unwrap();
        serve_image(&folder.path().join("images.sock"));
        let scheduler = Scheduler::listen(&folder.path().join("hosts.sock"));
        let agent = start(folder.path(), first_user);
        Some(Self { _turn: turn, folder, scheduler, agent, first_user })
    }

    pub async fn attended(&mut self) -> Line {
        let line = self.scheduler.attended(1).await;
        line.complete();
        line
    }

    /// As a power cut of the agent alone: nothing of it gets to say goodbye.
    pub fn kill_agent(&mut self) {
        self.agent.kill().unwrap();
        self.agent.wait().unwrap();
    }

    pub fn start_agent(&mut self) {
        self.agent = start(self.folder.path(), self.first_user);
    }

    pub fn guest(&self, number: u32) -> PathBuf {
        self.folder.path().join("agent/qemu/guests").join(instance_id(number))
    }

    /// Where its process is.
    pub fn inside(&self, number: u32) -> PathBuf {
        self.guest(number).join("inside")
    }

    /// The living processes of this setting's guests: those under its users.
    pub fn guests(&self) -> Vec<i32> {
        let users = self.first_user..self.first_user + 100;
        let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
        processes
            .filter(|process| process.metadata().is_ok_and(|metadata| users.contains(&metadata.uid())))
            .filter(|process| std::fs::read_to_string(process.path().join("stat")).is_ok_and(|stat| !stat.contains(") Z ")))
            .filter_map(|process| process.file_name().to_str()?.parse().ok())
            .collect()
    }

    /// What its guest printed on its console, as QEMU wrote it down.
    pub fn greetings(&self, number: u32) -> usize {
        let printed = std::fs::read(self.inside(number).join("console.log")).unwrap_or_default();
        String::from_utf8_lossy(&printed).matches(GREETING).count()
    }

    /// Nobody answers the agent any more.
    pub fn lose_the_scheduler(&mut self) {
        self.scheduler = Scheduler::listen(&self.folder.path().join("another.sock"));
    }

    pub fn find_the_scheduler(&mut self) {
        self.scheduler = Scheduler::listen(&self.folder.path().join("hosts.sock"));
    }

    pub fn type_on_console(&self, number: u32, text: &[u8]) {
        UnixStream::connect(self.inside(number).join("console.sock")).unwrap().write_all(text).unwrap();
    }
}

impl Drop for Setting {
    fn drop(&mut self) {
        let _ = self.agent.kill();
        let _ = self.agent.wait();
        for pid in self.guests() {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        // What its data plane made on this machine.
        let _ = under_test("halt", self.folder.path(), self.first_user).status();
    }
}

fn under_test(verb: &str, folder: &Path, first_user: u32) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_node-agent-under-test"));
    command.arg(verb).arg(folder).args(["qemu", &first_user.to_string()]).stdin(Stdio::null());
    command
}

fn start(folder: &Path, first_user: u32) -> Child {
    under_test("agent", folder, first_user).spawn().unwrap()
}

pub fn guest(number: u32) -> InstanceDesired {
    let mut desired = desired(number, "qemu");
    desired.volumes[0].manifest = manifest();
    desired
}

pub async fn running(line: &mut Line, desired: &InstanceDesired) {
    line.desire(desired);
    line.observed(&desired.instance_id, GuestState::Running).await;
    line.console_with(&desired.instance_id, GREETING).await;
}
