//! `cargo xtask model`: everything that follows from AWS's service model and `proto/actions.toml`.
//!
//! ```text
//!  botocore's service-2.json ─┐
//!  proto/actions.toml ────────┼─▶ proto/aws/SERVICE/*.proto ─┬─▶ proto/src/aws/SERVICE.rs      messages (prost)
//!  proto/aws/**/*.proto (old) ┘        the one truth         ├─▶ proto/src/aws/SERVICE_words.rs constants of enum words
//!                                                            ├─▶ proto/src/aws/actions.rs      `impl Action`, `for_each_action!`
//!                              proto/actions.toml ───────────┼─▶ proto/src/aws/conversions.rs  `impl From` between messages
//!                                                            ├─▶ proto/wire/src/generated/     the gateway's tables
//!                                                            └─▶ docs/COVERAGE.md
//! ```
//!
//! To add an action: list it in `proto/actions.toml`, run `cargo xtask model`, commit what changed. To change what is done of an action:
//! edit its lists there and run the same. The model comes from PyPI once and is kept under `target/botocore`.
//!
//! Field numbers never change ([`numbers`]); running it twice changes nothing.

mod botocore;
mod contract;
mod conversions;
mod coverage;
mod derive;
mod listing;
mod names;
mod numbers;
mod read;
mod rust;
mod tables;
#[cfg(test)]
mod tests;
mod write;

use std::path::Path;

use crate::internal::root;
use contract::Contract;
use listing::Listing;

type Failure = Box<dyn std::error::Error>;

/// Regenerates everything, in place. `python` runs pip and unpacks the model.
pub fn generate(python: &str) -> Result<(), Failure> {
    let root = root();
    let proto = root.join("proto");
    let mut listing = Listing::load(&proto.join("actions.toml"))?;
    let cache = root.join("target/botocore");
    let mut contracts = Vec::new();
    for service in listing.services.keys() {
        let version = listing.model.versions.get(service).ok_or_else(|| format!("proto/actions.toml: model.versions lacks {service}"))?;
        let model = botocore::load(&cache, python, service, version)?;
        contracts.push(update(&proto, service, &model, &listing)?);
    }
    listing.spell_out(&contracts)?;
    rust::generate(&proto, &contracts, &listing)?;
    conversions::generate(&proto, &contracts, &listing)?;
    tables::generate(&proto, &contracts, &listing)?;
    coverage::generate(&root, &contracts, &listing)
}

/// Writes the compiled .proto files of all listed services to one file, for clients that read those (`grpcurl -protoset`, tests).
pub fn descriptors(to: &Path) -> Result<(), Failure> {
    let proto = root().join("proto");
    let listing = Listing::load(&proto.join("actions.toml"))?;
    let services: Vec<&str> = listing.services.keys().map(String::as_str).collect();
    Ok(std::fs::write(to, read::compile(&proto, &services)?.encode_file_descriptor_set())?)
}

/// Writes the service's .proto files and answers what they now say.
fn update(proto: &Path, service: &str, model: &botocore::Model, listing: &Listing) -> Result<Contract, Failure> {
    let mut contract = derive::derive(service, model, listing)?;
    numbers::carry_over(&read::read(proto, service)?, &mut contract)?;
    let folder = proto.join("aws").join(service);
    std::fs::create_dir_all(&folder)?;
    for (name, file) in &contract.files {
        std::fs::write(folder.join(format!("{name}.proto")), write::file(&contract, file))?;
    }
    let written = read::read(proto, service)?;
    if written != contract {
        return Err(format!("the .proto files of {service} do not say what was meant; this is a fault of the generator").into());
    }
    Ok(written)
}
