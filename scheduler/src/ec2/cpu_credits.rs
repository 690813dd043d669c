//! How burstable instances spend CPU credits, in EC2's words. Nobody counts any here: a host's processors are shared by who asks, so both words
//! mean the same to a guest, and clients read back what they have chosen.

use freehold_proto::{ErrorCode, Fault};

use super::run_instances::invalid;
use crate::Settings;
use crate::instance_type::InstanceType;
use crate::store::instance;

/// Checks what is given for a type.
pub fn given(kind: &InstanceType, word: &str) -> Result<String, Fault> {
    if !kind.burstable {
        let message = format!("The instance type '{}' has no CPU credits. Leave CreditSpecification out.", kind.name);
        return Err(Fault::new(ErrorCode::InvalidParameterCombination, message));
    }
    if !matches!(word, "standard" | "unlimited") {
        return Err(invalid(format!("Value ({word}) for parameter CpuCredits is invalid. Use standard or unlimited.")));
    }
    Ok(word.to_owned())
}

/// What an instance has; None where its type has none.
pub fn of<'a>(row: &'a instance::Model, settings: &Settings) -> Option<&'a str> {
    let default = settings.catalogue.get(&row.instance_type)?.default_cpu_credits()?;
    Some(row.cpu_credits.as_deref().unwrap_or(default))
}
