//! `freehold agent`: this host's agent, a process of its own that lives on without the control plane.

use crate::Failure;
use crate::config::Config;
use crate::part::Part;
use crate::supervise;

pub async fn run(config: &Config) -> Result<(), Failure> {
    let _claim = super::claim(config, Part::Agent)?;
    let mut stop = supervise::until_asked_to_end()?;
    let asked_to_end = async move {
        // An error means that nobody can ask any more: the process is ending anyway.
        let _ = stop.wait_for(|stop| *stop).await;
    };
    Ok(freehold_node_agent::run(config.agent.clone(), asked_to_end).await?)
}
