//! Whether an instance's host starts its guest again when that ended without anybody's order.
//!
//! Source: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceMaintenanceOptions.html>.

use freehold_proto::Fault;

use super::run_instances::invalid;
use crate::store::instance;

pub const DEFAULT: &str = "default";
const DISABLED: &str = "disabled";

/// The word that is given, or the present one.
pub fn auto_recovery(given: Option<String>, present: &str) -> Result<String, Fault> {
    let word = given.filter(|word| !word.is_empty()).unwrap_or_else(|| present.to_owned());
    if [DEFAULT, DISABLED].contains(&word.as_str()) {
        return Ok(word);
    }
    Err(invalid(format!("Value ({word}) for parameter AutoRecovery is invalid. Use {DEFAULT} or {DISABLED}.")))
}

pub fn is_disabled(row: &instance::Model) -> bool {
    row.auto_recovery == DISABLED
}
