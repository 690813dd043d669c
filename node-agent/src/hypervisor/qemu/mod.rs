//! Real guests: QEMU, with KVM where the machine truly has it.

use serde::Deserialize;

/// `[agent.qemu]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {}
