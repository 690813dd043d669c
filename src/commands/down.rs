//! `freehold down [--guests]`: stops the control plane and the agent. Guests are left alone unless told otherwise.

use crate::Failure;
use crate::config::Config;
use crate::output;
use crate::part::Part;
use crate::supervise;

/// The supervisor first, or it would start the others again.
const ORDER: [Part; 6] = [Part::Supervisor, Part::ControlPlane, Part::Gateway, Part::Scheduler, Part::ImageStore, Part::Agent];

pub async fn run(config: &Config) -> Result<(), Failure> {
    let mut ended = Vec::new();
    for part in ORDER {
        if supervise::end(config, part).await? {
            ended.push(part.name());
        }
    }
    output::progress(&if ended.is_empty() { "nothing ran".to_owned() } else { format!("stopped {}", ended.join(", ")) });
    Ok(())
}
