//! `freehold host quarantine ls | rm`.

use freehold_proto::internal::operator::{DestroyQuarantinedRequest, ListQuarantinedRequest, Quarantined};
use serde::Serialize;

use crate::Failure;
use crate::cli::{Output, Quarantine};
use crate::commands::confirm::confirm;
use crate::config::Config;
use crate::operator;
use crate::output::{self, Row};

#[derive(Serialize)]
struct Guest {
    host_id: String,
    hostname: String,
    connected: bool,
    instance_id: String,
    /// "" where the store knows nothing of such an instance.
    known_as: String,
    /// "" where nobody has ordered it to be destroyed.
    condemned: String,
}

impl From<Quarantined> for Guest {
    fn from(guest: Quarantined) -> Self {
        Self {
            host_id: guest.host_id,
            hostname: guest.hostname,
            connected: guest.connected,
            instance_id: guest.instance_id,
            known_as: guest.known_as,
            condemned: output::time(guest.condemned),
        }
    }
}

impl Row for Guest {
    const HEADINGS: &'static [&'static str] = &["HOST", "NAME", "GUEST", "KNOWN AS", "TO BE DESTROYED SINCE"];

    fn cells(&self) -> Vec<String> {
        let or_dash = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
        vec![self.host_id.clone(), self.hostname.clone(), self.instance_id.clone(), or_dash(&self.known_as), or_dash(&self.condemned)]
    }
}

pub async fn run(config: &Config, output: Output, command: Quarantine) -> Result<(), Failure> {
    let socket = config.sockets().operator;
    let mut operator = operator::connect(config);
    match command {
        Quarantine::Ls => {
            let answer = operator::call(&socket, operator.list_quarantined(ListQuarantinedRequest {})).await?;
            output::rows(output, &answer.guests.into_iter().map(Guest::from).collect::<Vec<_>>())
        }
        Quarantine::Rm { host, instance_id, yes } => {
            confirm(yes, &format!("The guest {instance_id} on {host} will be destroyed, disk and all. It can not be had back."))?;
            let request = DestroyQuarantinedRequest { host, instance_id };
            operator::call(&socket, operator.destroy_quarantined(request)).await?;
            output::progress("ordered; `freehold host quarantine ls` shows it until its host has carried it out");
            Ok(())
        }
    }
}
