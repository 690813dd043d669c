//! `freehold backup` and `freehold restore`.

use std::path::Path;

use freehold_proto::clock::{Clock, SystemClock};
use freehold_scheduler::backup;

use super::claim;
use crate::Failure;
use crate::config::Config;
use crate::output;
use crate::part::Part;

pub async fn write(config: &Config, file: &Path) -> Result<(), Failure> {
    let written = backup::write(&config.scheduler, file).await?;
    output::line(&format!("{}: {} bytes, the store and {}", file.display(), written.bytes, written.files.join(", ")))?;
    output::line("whoever can read this file has every secret of the cloud: keep it as you keep those")
}

pub async fn restore(config: &Config, file: &Path) -> Result<(), Failure> {
    // Held until the store is in place, so that no scheduler starts meanwhile; either process would have it open.
    let _claims = (claim(config, Part::ControlPlane)?, claim(config, Part::Scheduler)?);
    let restored = backup::restore(&config.scheduler, file, SystemClock.now_millis()).await?;
    for path in &restored.put_aside {
        output::line(&format!("put aside: {}", path.display()))?;
    }
    output::line(&format!("restored {} instances; `freehold up` starts the cloud", restored.instances))?;
    output::line("guests that the backup does not know stay as they are, quarantined on their hosts: `freehold host ls` shows them")
}
