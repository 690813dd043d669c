//! The process itself, under the names that Prometheus' own client libraries use, read from `/proc/self`.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::{Measure, Part};

/// Resident memory, open files, start.
pub fn part() -> Part {
    let mut registry = Registry::with_prefix("process");
    let (memory, files, start) = (Gauge::<i64>::default(), Gauge::<i64>::default(), Measure::default());
    registry.register_with_unit("resident_memory", "Memory that is in use", Unit::Bytes, memory.clone());
    registry.register("open_fds", "Open files and sockets", files.clone());
    registry.register_with_unit("start_time", "When the metrics' door was opened, since the epoch", Unit::Seconds, start.clone());
    start.set(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64());
    Part::new(registry).refreshed(move || {
        memory.set(resident_bytes().unwrap_or_default());
        files.set(fs::read_dir("/proc/self/fd").map_or(0, |files| i64::try_from(files.count()).unwrap_or_default()));
        std::future::ready(())
    })
}

fn resident_bytes() -> Option<i64> {
    let pages: i64 = fs::read_to_string("/proc/self/statm").ok()?.split(' ').nth(1)?.parse().ok()?;
    let page = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok()??;
    Some(pages.saturating_mul(page))
}
