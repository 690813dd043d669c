//! `freehold part ls | rm`.

use freehold_proto::internal::operator::{ListPartsRequest, Part, RemovePartRequest};
use serde::Serialize;

use super::confirm::confirm;
use crate::Failure;
use crate::cli::{self, Removable};
use crate::config::Config;
use crate::operator;
use crate::output::{self, Row};

#[derive(Serialize)]
struct Listed {
    kind: String,
    name: String,
    joined: String,
    certified: String,
}

impl From<Part> for Listed {
    fn from(part: Part) -> Self {
        Self { kind: part.kind, name: part.name, joined: output::time(part.joined), certified: output::time(part.certified) }
    }
}

impl Row for Listed {
    const HEADINGS: &'static [&'static str] = &["PART", "NAME", "JOINED", "CERTIFIED"];

    fn cells(&self) -> Vec<String> {
        vec![self.kind.clone(), self.name.clone(), self.joined.clone(), self.certified.clone()]
    }
}

#[derive(Serialize)]
struct Removed {
    kind: &'static str,
    name: String,
}

pub async fn run(config: &Config, output: cli::Output, command: cli::Part) -> Result<(), Failure> {
    match command {
        cli::Part::Ls => list(config, output).await,
        cli::Part::Rm { kind, name, yes } => remove(config, output, kind, name, yes).await,
    }
}

async fn list(config: &Config, output: cli::Output) -> Result<(), Failure> {
    let answer = operator::call(&config.sockets().operator, operator::connect(config).list_parts(ListPartsRequest {})).await?;
    output::rows(output, &answer.parts.into_iter().map(Listed::from).collect::<Vec<_>>())
}

async fn remove(config: &Config, output: cli::Output, kind: Removable, name: String, yes: bool) -> Result<(), Failure> {
    let (kind, goes) = match kind {
        Removable::Gateway => ("gateway", "its clients are answered by it no more"),
        Removable::ImageStore => ("image-store", "hosts fetch from it until its certificate ends, and then no more"),
    };
    confirm(yes, &format!("The {kind} {name} will be refused: {goes}. It needs a new token to join again."))?;
    let request = RemovePartRequest { kind: kind.into(), name: name.clone() };
    operator::call(&config.sockets().operator, operator::connect(config).remove_part(request)).await?;
    match output {
        cli::Output::Json => output::json(&Removed { kind, name }),
        cli::Output::Table => output::line(&format!("{kind} {name} is no part of this cloud any more")),
    }
}
