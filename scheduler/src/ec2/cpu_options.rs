//! How many cores and threads an instance has: its type's own, or as its owner asked, within what the type allows.
//!
//! Source: <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-optimize-cpu.html>.

use freehold_proto::{ErrorCode, Fault};

use super::run_instances::invalid;
use crate::Settings;
use crate::instance_type::InstanceType;
use crate::store::instance;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CpuOptions {
    pub core_count: i32,
    pub threads_per_core: i32,
}

impl CpuOptions {
    pub fn vcpus(self) -> i32 {
        self.core_count.saturating_mul(self.threads_per_core)
    }

    fn of_type(kind: &InstanceType) -> Self {
        let count = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
        Self { core_count: count(kind.cores()), threads_per_core: count(kind.threads_per_core) }
    }
}

/// Checks what is asked of a type. None where nothing is.
pub fn given(kind: &InstanceType, core_count: Option<i32>, threads_per_core: Option<i32>) -> Result<Option<CpuOptions>, Fault> {
    let (core_count, threads_per_core) = match (core_count, threads_per_core) {
        (None, None) => return Ok(None),
        (Some(core_count), Some(threads_per_core)) => (core_count, threads_per_core),
        _ => {
            let message = "When specifying CpuOptions you must specify both CoreCount and ThreadsPerCore.";
            return Err(Fault::new(ErrorCode::MissingParameter, message));
        }
    };
    check("CoreCount", core_count, &kind.name, &kind.valid_cores)?;
    check("ThreadsPerCore", threads_per_core, &kind.name, &kind.valid_threads_per_core())?;
    Ok(Some(CpuOptions { core_count, threads_per_core }))
}

fn check(name: &str, count: i32, kind: &str, valid: &[u32]) -> Result<(), Fault> {
    let Some(positive) = u32::try_from(count).ok().filter(|count| *count > 0) else {
        return Err(invalid(format!("Value ({count}) for parameter CpuOptions.{name} is invalid. Give a number above zero.")));
    };
    if valid.contains(&positive) {
        return Ok(());
    }
    let valid: Vec<String> = valid.iter().map(ToString::to_string).collect();
    let message = format!("{name} {count} is not valid for the instance type {kind}, which can have {}.", valid.join(", "));
    Err(Fault::new(ErrorCode::InvalidParameterCombination, message))
}

/// What an instance has. Of a type that the catalogue does not have any more, or has otherwise, each vCPU counts as a core.
pub fn of(row: &instance::Model, settings: &Settings) -> CpuOptions {
    if let (Some(core_count), Some(threads_per_core)) = (row.cpu_core_count, row.cpu_threads_per_core) {
        return CpuOptions { core_count, threads_per_core };
    }
    let of_type = settings.catalogue.get(&row.instance_type).map(CpuOptions::of_type);
    of_type.filter(|options| options.vcpus() == row.vcpus).unwrap_or(CpuOptions { core_count: row.vcpus, threads_per_core: 1 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instance_type::Catalogue;

    #[test]
    fn both_counts_are_given_and_the_type_can_have_them() {
        let catalogue = Catalogue::built_in().expect("a catalogue");
        let of = |name: &str, cores, threads| given(catalogue.get(name).expect(name), cores, threads).map_err(|fault| fault.code);
        let options = |core_count, threads_per_core| Ok(Some(CpuOptions { core_count, threads_per_core }));
        assert_eq!(of("m5.2xlarge", None, None), Ok(None));
        assert_eq!(of("m5.2xlarge", Some(2), Some(1)), options(2, 1));
        assert_eq!(of("m5.2xlarge", Some(4), Some(2)), options(4, 2));
        assert_eq!(of("m5.2xlarge", Some(3), Some(2)), Err(ErrorCode::InvalidParameterCombination));
        assert_eq!(of("m5.2xlarge", Some(2), Some(3)), Err(ErrorCode::InvalidParameterCombination));
        assert_eq!(of("m5.2xlarge", Some(0), Some(1)), Err(ErrorCode::InvalidParameterValue));
        assert_eq!(of("m5.2xlarge", Some(2), Some(-1)), Err(ErrorCode::InvalidParameterValue));
        assert_eq!(of("m5.2xlarge", Some(2), None), Err(ErrorCode::MissingParameter));
        assert_eq!(of("m5.2xlarge", None, Some(1)), Err(ErrorCode::MissingParameter));
        assert_eq!(of("t2.medium", Some(1), Some(1)), Err(ErrorCode::InvalidParameterCombination), "t2 has but its own");
        assert_eq!(of("t2.medium", Some(2), Some(1)), options(2, 1));
    }
}
