//! What this host offers to guests: measured, unless the configuration says otherwise.

use std::fs;
use std::path::Path;

use freehold_proto::internal::host::Capacity;

use crate::config;

/// A host keeps this much memory to itself, or an eighth if that is less.
const HOST_MEMORY_MIB: u64 = 1024;

/// What the machine has, overridden field by field. How much of it is promised more than once is the scheduler's to say.
pub fn measure(config: &config::Capacity, state_folder: &Path) -> std::io::Result<Capacity> {
    let vcpus = if config.vcpus == 0 { measured_vcpus()? } else { config.vcpus };
    let memory_mib = if config.memory_mib == 0 { measured_memory_mib()? } else { config.memory_mib };
    let disk_mib = if config.disk_mib == 0 { measured_disk_mib(state_folder)? } else { config.disk_mib };
    Ok(Capacity { vcpus, memory_mib, disk_mib })
}

fn measured_vcpus() -> std::io::Result<u32> {
    let cpus = std::thread::available_parallelism()?.get();
    Ok(u32::try_from(cpus).unwrap_or(u32::MAX))
}

fn measured_memory_mib() -> std::io::Result<u64> {
    let total = memory_total_mib(&fs::read_to_string("/proc/meminfo")?).ok_or(std::io::ErrorKind::InvalidData)?;
    Ok(total - HOST_MEMORY_MIB.min(total / 8))
}

fn memory_total_mib(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1024)
}

/// All of the file system, not what is free: what guests take is subtracted by whoever places them.
fn measured_disk_mib(folder: &Path) -> std::io::Result<u64> {
    let stat = nix::sys::statvfs::statvfs(folder)?;
    Ok(stat.blocks().saturating_mul(stat.fragment_size()) >> 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_is_measured_unless_it_is_configured() {
        let folder = Path::new("/");
        let measured = measure(&config::Capacity::default(), folder).unwrap();
        assert!(measured.vcpus > 0 && measured.memory_mib > 0 && measured.disk_mib > 0);
        let some = measure(&config::Capacity { vcpus: 9999, ..config::Capacity::default() }, folder).unwrap();
        assert_eq!((some.vcpus, some.memory_mib), (9999, measured.memory_mib));
        let all = measure(&config::Capacity { vcpus: 1, memory_mib: 2, disk_mib: 3 }, folder).unwrap();
        assert_eq!((all.vcpus, all.memory_mib, all.disk_mib), (1, 2, 3));
    }

    #[test]
    fn memory_is_read_from_meminfo() {
        assert_eq!(memory_total_mib("MemTotal:       24588000 kB\nMemFree: 1 kB\n"), Some(24011));
        assert_eq!(memory_total_mib("nothing"), None);
    }
}
