//! `freehold agent`: this host's agent, a process of its own that lives on without the control plane.

use freehold_node_agent::Joined;
use freehold_proto::id::OsEntropy;

use crate::Failure;
use crate::cli::JoinHost;
use crate::config::Config;
use crate::part::Part;
use crate::supervise;
use crate::{output, trust};

pub async fn run(config: &Config, join: &JoinHost) -> Result<(), Failure> {
    let _claim = super::claim(config, Part::Agent)?;
    if let Some(text) = &join.join {
        match freehold_node_agent::join(&config.agent, &trust::token(text)?, &trust::clock(), &OsEntropy).await? {
            Joined::Now => output::progress("this host has joined"),
            Joined::Already => output::progress("this host has joined before; the token was not needed"),
        }
    }
    let mut stop = supervise::until_asked_to_end()?;
    let asked_to_end = async move {
        // An error means that nobody can ask any more: the process is ending anyway.
        let _ = stop.wait_for(|stop| *stop).await;
    };
    Ok(freehold_node_agent::run(config.agent.clone(), asked_to_end).await?)
}
