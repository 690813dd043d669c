//! Field numbers never change: the old .proto files decide, new fields are appended, delisted ones leave their number reserved, a changed
//! type is refused, and a message that no action reaches any longer stays where it was.

use std::collections::{BTreeMap, BTreeSet};

use super::Failure;
use super::contract::{Contract, Field, Kind, Label, Message};
use super::derive::imports;

/// Protobuf keeps these for itself.
const PROTOBUFS_OWN: std::ops::RangeInclusive<u32> = 19_000..=19_999;

/// Gives the new contract the numbers of the old one, and what the old one has beyond it.
pub fn carry_over(old: &Contract, new: &mut Contract) -> Result<(), Failure> {
    for file in new.files.values_mut() {
        for message in &mut file.messages {
            number(old.message(&message.name), message)?;
        }
    }
    keep_unreached(old, new);
    Ok(())
}

fn number(old: Option<&Message>, message: &mut Message) -> Result<(), Failure> {
    let empty = Vec::new();
    let (old_fields, old_reserved) = old.map_or((&empty, &[][..]), |old| (&old.fields, &old.reserved[..]));
    let mut taken: BTreeSet<u32> = old_fields.iter().map(|field| field.number).chain(old_reserved.iter().copied()).collect();
    for field in &mut message.fields {
        if let Some(before) = old_fields.iter().find(|before| before.name == field.name) {
            same_type(&message.name, before, field)?;
            field.number = before.number;
        } else {
            field.number = next(&taken);
            taken.insert(field.number);
        }
    }
    let used: BTreeSet<u32> = message.fields.iter().map(|field| field.number).collect();
    message.reserved = taken.into_iter().filter(|number| !used.contains(number)).collect();
    Ok(())
}

fn next(taken: &BTreeSet<u32>) -> u32 {
    let next = taken.last().map_or(1, |last| last + 1);
    if PROTOBUFS_OWN.contains(&next) { PROTOBUFS_OWN.end() + 1 } else { next }
}

/// `optional` may come and go, since the bytes are the same; anything else would read old bytes wrongly.
fn same_type(message: &str, before: &Field, now: &Field) -> Result<(), Failure> {
    let repeated = |field: &Field| field.label == Label::Repeated;
    if before.kind == now.kind && repeated(before) == repeated(now) {
        return Ok(());
    }
    Err(format!(
        "{message}.{} was {} and is {} in AWS's model. A field's type never changes: old and new parts would misread each other. \
         Rename the old field in its .proto file (its number stays taken) and run the command again.",
        now.name,
        described(before),
        described(now)
    )
    .into())
}

fn described(field: &Field) -> String {
    format!("{}{:?}", if field.label == Label::Repeated { "a list of " } else { "" }, field.kind)
}

/// Messages of delisted actions stay in the file they were in, with the word lists that they name.
fn keep_unreached(old: &Contract, new: &mut Contract) {
    let reached: BTreeSet<String> = new.messages().map(|(_, message)| message.name.clone()).collect();
    let mut kept: BTreeMap<&str, Vec<&Message>> = BTreeMap::new();
    for (file, message) in old.messages().filter(|(_, message)| !reached.contains(&message.name)) {
        kept.entry(file).or_default().push(message);
    }
    for (name, messages) in kept {
        let lists = messages.iter().flat_map(|message| &message.fields).filter_map(|field| field.one_of.as_deref());
        let lists: Vec<(String, Vec<String>)> = lists
            .filter(|list| new.words(list).is_none())
            .filter_map(|list| old.words(list).map(|words| (list.to_owned(), words.to_vec())))
            .collect();
        let file = new.files.entry(name.to_owned()).or_default();
        file.words.extend(lists);
        file.messages.extend(messages.into_iter().cloned());
        file.messages.sort_by(|one, other| one.name.cmp(&other.name));
        // Others' messages may have moved meanwhile; a kept file imports all files that it needs by name.
        file.imports = imports(&new.service, name, file);
    }
    import_moved(new);
}

/// Adds the imports of files other than common that kept messages reach into.
fn import_moved(contract: &mut Contract) {
    let homes: BTreeMap<String, String> = contract.messages().map(|(file, message)| (message.name.clone(), file.to_owned())).collect();
    let service = contract.service.clone();
    for (name, file) in &mut contract.files {
        let mut needed: BTreeSet<String> = BTreeSet::new();
        for field in file.messages.iter().flat_map(|message| &message.fields) {
            if let Kind::Message(message) = &field.kind
                && let Some(home) = homes.get(message)
                && home != name
            {
                needed.insert(format!("aws/{service}/{home}.proto"));
            }
        }
        for import in needed {
            if !file.imports.contains(&import) {
                file.imports.push(import);
                file.imports.sort();
            }
        }
    }
}
