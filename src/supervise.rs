//! Keeps the parts running where systemd does not.
//!
//! Owns: starting a part in a session of its own, adopting one that already runs, starting again what ended, with a bounded pause that
//! grows. Decides nothing else: a part's own claim on its pid file is what keeps two of a kind apart, not this module's memory.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tokio::sync::watch;

use crate::config::Config;
use crate::part::Part;
use crate::pidfile::{self, Process};

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A part that ran this long is healthy: its next end is a new misfortune, not the same one.
const STEADY: Duration = Duration::from_mins(1);
/// How often an adopted process, which the kernel does not report to us, is looked at.
const LOOK: Duration = Duration::from_millis(250);
/// Longer than the control plane takes to finish the commands it has begun.
const GRACE: Duration = Duration::from_secs(20);
/// A log file that is larger when a part starts makes room: its text moves to `NAME.log.1`.
const LOG_LIMIT: u64 = 32 << 20;

/// Runs the parts until `stop` turns true, then ends them.
pub async fn run(config: &Config, parts: &[Part], stop: watch::Receiver<bool>) -> io::Result<()> {
    let mut keepers = tokio::task::JoinSet::new();
    for &part in parts {
        keepers.spawn(keep(config.clone(), part, stop.clone()));
    }
    while keepers.join_next().await.is_some() {}
    // The control plane first, so that nobody accepts work that no agent will see.
    for &part in parts {
        end(config, part).await?;
    }
    Ok(())
}

/// Keeps one part running until `stop`.
async fn keep(config: Config, part: Part, mut stop: watch::Receiver<bool>) {
    let mut pause = FIRST_PAUSE;
    while !*stop.borrow() {
        let began = Instant::now();
        let ended = tokio::select! {
            ended = one_life(&config, part) => ended,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        if began.elapsed() > STEADY {
            pause = FIRST_PAUSE;
        }
        tracing::error!(part = part.name(), ended, pause = pause.as_secs_f32(), "a part ended and will be started again");
        tokio::select! {
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

/// Adopts the part or starts it, waits for its end and says how it ended.
async fn one_life(config: &Config, part: Part) -> String {
    if let Some(process) = pidfile::read(&part.pid_file(&config.folders())) {
        tracing::info!(part = part.name(), pid = process.pid, "adopted a part that runs");
        wait_for_end(process).await;
        return "adopted process is gone".into();
    }
    match start(config, part, &[]) {
        Ok(mut child) => {
            tracing::info!(part = part.name(), pid = child.id(), "started");
            loop {
                match child.try_wait() {
                    Ok(None) => tokio::time::sleep(LOOK).await,
                    Ok(Some(status)) => return status.to_string(),
                    Err(error) => return error.to_string(),
                }
            }
        }
        Err(error) => format!("can not be started: {error}"),
    }
}

async fn wait_for_end(process: Process) {
    while process.is_alive() {
        tokio::time::sleep(LOOK).await;
    }
}

/// Starts a part as a process that outlives this one, its output in its log file.
pub fn start(config: &Config, part: Part, arguments: &[&str]) -> io::Result<Child> {
    let folders = config.folders();
    std::fs::create_dir_all(&folders.log_dir)?;
    let log = open_log(&part.log_file(&folders))?;
    let command = match part {
        Part::Supervisor => "up",
        other => other.name(),
    };
    Command::new(freehold_link::program::path()?)
        .args(config.arguments())
        .args(["--detached", command])
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
}

fn open_log(path: &Path) -> io::Result<std::fs::File> {
    if std::fs::metadata(path).is_ok_and(|file| file.len() > LOG_LIMIT) {
        std::fs::rename(path, path.with_extension("log.1"))?;
    }
    OpenOptions::new().append(true).create(true).mode(0o640).open(path)
}

/// Asks a part to end and insists after a while. One that does not run is no error.
pub async fn end(config: &Config, part: Part) -> io::Result<()> {
    let Some(process) = pidfile::read(&part.pid_file(&config.folders())) else { return Ok(()) };
    process.signal(Signal::SIGTERM)?;
    // The supervisor first ends the others, one after the other.
    let grace = if part == Part::Supervisor { GRACE * 3 } else { GRACE };
    if tokio::time::timeout(grace, wait_for_end(process)).await.is_err() {
        tracing::warn!(part = part.name(), pid = process.pid, "did not end when asked and is killed");
        process.signal(Signal::SIGKILL)?;
        // A killed process is gone as soon as the kernel gets to it.
        if tokio::time::timeout(GRACE, wait_for_end(process)).await.is_err() {
            return Err(io::Error::other(format!("{} (pid {}) can not be killed", part.name(), process.pid)));
        }
    }
    Ok(())
}

/// Turns true when the process is asked to end (SIGTERM, SIGINT).
pub fn until_asked_to_end() -> io::Result<watch::Receiver<bool>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (sender, receiver) = watch::channel(false);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        let _ = sender.send(true);
    });
    Ok(receiver)
}
