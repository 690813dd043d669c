//! The gateway's side of the contract: `proto/wire/src/generated/`, a file of tables for each .proto file.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use super::Failure;
use super::contract::{Contract, Family, Field, Kind, Label, Message, Method};
use super::listing::{Entry, Listing, Status};
use super::names::constant;
use super::rust::{HEADER, write_formatted};

pub fn generate(proto: &Path, contracts: &[Contract], listing: &Listing) -> Result<(), Failure> {
    let out = proto.join("wire/src/generated");
    if out.exists() {
        std::fs::remove_dir_all(&out)?;
    }
    std::fs::create_dir_all(&out)?;
    for contract in contracts {
        service(&out, contract, listing)?;
    }
    // Last: rustfmt follows `mod` and wants the files to be there.
    write_formatted(&out.join("mod.rs"), &services(contracts))
}

fn services(contracts: &[Contract]) -> String {
    let mut text = HEADER.to_owned();
    let mut list = String::new();
    for contract in contracts {
        let _ = writeln!(text, "mod {};", contract.service);
        let _ = write!(list, "&{}::SERVICE, ", contract.service);
    }
    let _ = writeln!(text, "\npub(crate) const SERVICES: &[&crate::Service] = &[{list}];");
    text
}

/// A folder per service: its operations in `mod.rs`, its shapes in a file for each .proto file.
fn service(out: &Path, contract: &Contract, listing: &Listing) -> Result<(), Failure> {
    let folder = out.join(&contract.service);
    std::fs::create_dir_all(&folder)?;
    let homes: BTreeMap<&str, &str> = contract.messages().map(|(file, message)| (message.name.as_str(), file)).collect();
    for (name, file) in &contract.files {
        let mut text = format!("{HEADER}use crate::table::{{Field, Kind, Shape}};\n\n");
        for message in &file.messages {
            shape(&mut text, contract, message, &homes)?;
        }
        for (name, words) in &file.words {
            let _ = writeln!(text, "pub(super) static {}: &[&str] = &{words:?};\n", constant(name));
        }
        write_formatted(&folder.join(format!("{name}.rs")), &text)?;
    }
    write_formatted(&folder.join("mod.rs"), &operations(contract, listing, &homes)?)
}

fn operations(contract: &Contract, listing: &Listing, homes: &BTreeMap<&str, &str>) -> Result<String, Failure> {
    let mut text = format!("{HEADER}use crate::table::{{Operation, Parameter, Protocol, Service, Standing, Status}};\n\n");
    for name in contract.files.keys() {
        let _ = writeln!(text, "mod {name};");
    }
    let protocol = &contract.protocol;
    let variant = match protocol.name.as_str() {
        "ec2" => "Ec2",
        "query" => "Query",
        other => return Err(format!("{}: the protocol {other} has no tables", contract.service).into()),
    };
    let _ = writeln!(
        text,
        "\npub(super) static SERVICE: Service = Service {{ name: {:?}, version: {:?}, protocol: Protocol::{variant}, namespace: {:?}, operations: &[",
        contract.service, protocol.version, protocol.namespace
    );
    let mut methods: Vec<_> = contract.methods().collect();
    methods.sort_by(|(_, one), (_, other)| one.name.cmp(&other.name));
    for (family, method) in methods {
        let entry = listing.entry(&contract.service, &family.name, &method.name).ok_or_else(|| format!("{} is not listed", method.name))?;
        operation(&mut text, contract, (family, method), entry, homes)?;
    }
    text.push_str("] };\n");
    Ok(text)
}

fn operation(
    text: &mut String,
    contract: &Contract,
    (family, method): (&Family, &Method),
    entry: &Entry,
    homes: &BTreeMap<&str, &str>,
) -> Result<(), Failure> {
    let status = match entry.status {
        Status::Served => "Served",
        Status::Planned => "Planned",
    };
    let answer = method.answer.as_deref().map(|answer| reference(homes, answer)).transpose()?;
    let answer = answer.map_or("None".to_owned(), |answer| format!("Some(&{answer})"));
    let _ = write!(
        text,
        "Operation {{ service: &SERVICE, name: {:?}, path: {:?}, status: Status::{status}, request: &{}, answer: {answer}, result: {:?}, parameters: &[",
        method.name,
        contract.path(family, method),
        reference(homes, &method.request)?,
        method.result,
    );
    let mut standings: BTreeMap<&str, String> = entry.done.iter().map(|path| (path.as_str(), "Standing::Done".to_owned())).collect();
    for (path, value) in &entry.default_only {
        if standings.insert(path, format!("Standing::DefaultOnly({value:?})")).is_some() {
            return Err(format!("proto/actions.toml: {}: {path} is both done and default-only", method.name).into());
        }
    }
    let known = super::coverage::parameters(contract, &method.request);
    for (path, standing) in standings {
        if !known.iter().any(|known| known == path) {
            return Err(format!("proto/actions.toml: {} has no parameter {path}", method.name).into());
        }
        let _ = write!(text, "Parameter {{ path: {path:?}, standing: {standing} }},");
    }
    text.push_str("] },\n");
    Ok(())
}

fn shape(text: &mut String, contract: &Contract, message: &Message, homes: &BTreeMap<&str, &str>) -> Result<(), Failure> {
    let _ = writeln!(text, "pub(super) static {}: Shape = Shape {{ name: {:?}, fields: &[", constant(&message.name), message.name);
    for field in &message.fields {
        let kind = kind(contract, field, homes)?;
        let _ = write!(text, "Field::new({}, {:?}, {:?}, {kind})", field.number, field.query_name(), contract.xml_name(field));
        if field.label == Label::Repeated {
            let _ = write!(text, ".list({:?})", contract.item_name(field));
        }
        if field.is_required() {
            text.push_str(".required()");
        }
        text.push_str(",\n");
    }
    text.push_str("] };\n\n");
    Ok(())
}

fn kind(contract: &Contract, field: &Field, homes: &BTreeMap<&str, &str>) -> Result<String, Failure> {
    Ok(match &field.kind {
        Kind::String => match &field.one_of {
            Some(list) => {
                let home = contract.files.iter().find(|(_, file)| file.words.contains_key(list)).map(|(home, _)| home);
                format!("Kind::Words(super::{}::{})", home.ok_or_else(|| format!("{list} has no words"))?, constant(list))
            }
            None if field.query_name().ends_with("Id") || field.query_name().ends_with("Ids") => "Kind::Id".to_owned(),
            None => "Kind::Text".to_owned(),
        },
        Kind::Bool => "Kind::Bool".to_owned(),
        Kind::Int32 => "Kind::Int32".to_owned(),
        Kind::Int64 => "Kind::Int64".to_owned(),
        Kind::Float => "Kind::Float".to_owned(),
        Kind::Double => "Kind::Double".to_owned(),
        Kind::Bytes => "Kind::Blob".to_owned(),
        Kind::Timestamp => "Kind::Timestamp".to_owned(),
        Kind::Message(message) => format!("Kind::Message(&super::{})", reference(homes, message)?),
    })
}

/// `instances::RUN_INSTANCES_REQUEST`.
fn reference(homes: &BTreeMap<&str, &str>, message: &str) -> Result<String, Failure> {
    let home = homes.get(message).ok_or_else(|| format!("no file has the message {message}"))?;
    Ok(format!("{home}::{}", constant(message)))
}
