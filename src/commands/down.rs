//! `freehold down [--guests]`: stops the control plane and the agent. Guests are left alone unless told otherwise.

use crate::Failure;
use crate::cli::Down;
use crate::config::Config;
use crate::output;
use crate::part::Part;
use crate::pidfile;
use crate::supervise;
use crate::systemd;

/// The supervisor first, or it would start the others again.
const ORDER: [Part; 6] = [Part::Supervisor, Part::ControlPlane, Part::Gateway, Part::Scheduler, Part::ImageStore, Part::Agent];

pub async fn run(config: &Config, options: &Down) -> Result<(), Failure> {
    let runs = |part: &Part| pidfile::read(&part.pid_file(&config.folders())).is_some();
    let ended: Vec<_> = ORDER.into_iter().filter(runs).map(Part::name).collect();
    if systemd::keeps(config) {
        systemd::stop().await?;
    }
    for part in ORDER {
        supervise::end(config, part).await?;
    }
    output::progress(&if ended.is_empty() { "nothing ran".to_owned() } else { format!("stopped {}", ended.join(", ")) });
    if options.guests {
        return stop_guests(config).await;
    }
    Ok(())
}

async fn stop_guests(config: &Config) -> Result<(), Failure> {
    output::progress("stopping guests and removing their network; their disks stay");
    let stopped = freehold_node_agent::halt(config.agent.clone()).await?;
    output::progress(&format!("stopped {stopped} guests"));
    Ok(())
}
