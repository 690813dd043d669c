//! `impl From` between messages that say the same, member by member: what one action is given and another one shows or takes.
//!
//! Nothing is left behind unsaid: a member that the other message has not is an error, unless `proto/actions.toml` names it.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use super::Failure;
use super::contract::{Contract, Field, Kind, Label};
use super::listing::{Conversion, Listing};
use super::names;
use super::rust::{HEADER, write_formatted};

pub fn generate(proto: &Path, contracts: &[Contract], listing: &Listing) -> Result<(), Failure> {
    write_formatted(&proto.join("src/aws/conversions.rs"), &conversions(contracts, &listing.model.conversions)?)
}

/// The text of it, without a formatter's care.
pub fn conversions(contracts: &[Contract], asked: &[Conversion]) -> Result<String, Failure> {
    let mut bodies = String::new();
    let (mut services, mut written) = (BTreeSet::new(), BTreeSet::new());
    for asked in asked {
        let home = contracts.iter().find(|contract| contract.message(&asked.from).is_some() && contract.message(&asked.to).is_some());
        let contract = home.ok_or_else(|| format!("proto/actions.toml: no service has both {} and {}", asked.from, asked.to))?;
        services.insert(contract.service.as_str());
        let mut writer = Writer { contract, asked, text: &mut bodies, written: &mut written };
        writer.pair(&asked.from, &asked.to)?;
    }
    let uses = services.into_iter().collect::<Vec<_>>().join(", ");
    Ok(format!("{HEADER}use crate::aws::{{{uses}}};\n\n{bodies}"))
}

struct Writer<'a> {
    contract: &'a Contract,
    asked: &'a Conversion,
    text: &'a mut String,
    /// Pairs that several conversions need are written once.
    written: &'a mut BTreeSet<(String, String)>,
}

impl Writer<'_> {
    /// Writes how one message is made of another, and whatever that needs below.
    fn pair(&mut self, from: &str, to: &str) -> Result<(), Failure> {
        if from == to || !self.written.insert((from.to_owned(), to.to_owned())) {
            return Ok(());
        }
        let find = |name: &str| self.contract.message(name).cloned().ok_or_else(|| format!("{name} is no message"));
        let (source, target) = (find(from)?, find(to)?);
        let is_asked = from == self.asked.from && to == self.asked.to;
        let (mut members, mut below) = (String::new(), Vec::new());
        let mut taken = 0;
        for field in &source.fields {
            if is_asked && self.asked.without.contains(&field.name) {
                continue;
            }
            let renamed = self.asked.renamed.get(&field.name).filter(|_| is_asked);
            let name = renamed.unwrap_or(&field.name);
            let other = target.fields.iter().find(|other| other.name == *name);
            let other =
                other.ok_or_else(|| format!("{from}.{} has no counterpart {name} in {to}: name it in proto/actions.toml", field.name))?;
            let value = value(field, other).ok_or_else(|| format!("{from}.{} and {to}.{name} are of different types", field.name))?;
            let _ = writeln!(members, "{}: {value},", identifier(name));
            if let (Kind::Message(one), Kind::Message(another)) = (&field.kind, &other.kind) {
                below.push((one.clone(), another.clone()));
            }
            taken += 1;
        }
        if taken < target.fields.len() {
            members.push_str("..Self::default()\n");
        }
        let (from, to) = (self.type_of(from), self.type_of(to));
        let _ = write!(self.text, "impl From<{from}> for {to} {{\nfn from(from: {from}) -> Self {{\nSelf {{\n{members}}}\n}}\n}}\n\n");
        below.into_iter().try_for_each(|(from, to)| self.pair(&from, &to))
    }

    /// A message's struct as prost calls it.
    fn type_of(&self, message: &str) -> String {
        format!("{}::{}", self.contract.service, names::upper_camel(&names::snake(message)))
    }
}

/// The expression that makes one field of another.
fn value(from: &Field, to: &Field) -> Option<String> {
    let name = format!("from.{}", identifier(&from.name));
    let converted = match (&from.kind, &to.kind) {
        (Kind::Message(one), Kind::Message(other)) => one != other,
        (one, other) if one == other => false,
        _ => return None,
    };
    Some(match (from.label, to.label, converted) {
        (Label::Repeated, Label::Repeated, true) => format!("{name}.into_iter().map(Into::into).collect()"),
        (Label::Repeated, Label::Repeated, false) | (Label::Optional, Label::Optional, false) | (Label::Required, Label::Required, _) => {
            name
        }
        (Label::Optional, Label::Optional, true) => format!("{name}.map(Into::into)"),
        (Label::Required, Label::Optional, false) => format!("Some({name})"),
        (Label::Optional, Label::Required, false) => format!("{name}.unwrap_or_default()"),
        _ => return None,
    })
}

/// A field as prost calls it.
fn identifier(name: &str) -> String {
    if matches!(name, "type" | "return" | "match" | "ref") { format!("r#{name}") } else { name.to_owned() }
}
