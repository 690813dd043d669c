//! Sorted parameters to the bytes of the request's message.
//!
//! Walks shape and parameters together. A field is written exactly if it was sent, explicit `false` and 0 included. List numbers are
//! `1`, `2`…, in the one way to write them; gaps are closed up, as EC2 does.

use bytes::Bytes;
use freehold_proto::{ErrorCode, Fault};
use freehold_wire::protobuf::{Value, Writer};
use freehold_wire::{Field, Kind, Operation, Protocol, Shape};

use super::scalar;
use super::sent::Sent;

/// EC2 takes at most 1,000 of anything; `MaxResults` ends there too.
const MAX_LIST: usize = 1000;

pub fn encode(operation: &Operation, sent: &[Sent<'_>]) -> Result<Bytes, Fault> {
    let mut out = Writer::default();
    let walk = Walk { protocol: operation.service.protocol };
    let missing = walk.members(&mut out, operation.request, sent, 0)?;
    match missing.first() {
        Some(field) => Err(missing_parameter("", field)),
        None => Ok(out.bytes.into()),
    }
}

struct Walk {
    protocol: Protocol,
}

impl Walk {
    /// Writes what was sent of a shape whose members' names begin at `from`, and answers which required members were not.
    fn members(&self, out: &mut Writer, shape: &Shape, sent: &[Sent<'_>], from: usize) -> Result<Vec<&'static Field>, Fault> {
        let mut missing: Vec<&'static Field> = shape.fields.iter().filter(|field| field.required).collect();
        for group in sent.chunk_by(|one, other| one.segment(from).0 == other.segment(from).0) {
            let Some(first) = group.first() else { continue };
            let (name, below) = first.segment(from);
            let field = shape.field(name).ok_or_else(|| unknown(first))?;
            if self.field(out, field, group, below.unwrap_or(first.name.len() + 1))? {
                missing.retain(|other| other.number != field.number);
            }
        }
        Ok(missing)
    }

    /// Everything below one name; `from` is where the next segment begins. Answers whether anything was written.
    fn field(&self, out: &mut Writer, field: &'static Field, group: &[Sent<'_>], from: usize) -> Result<bool, Fault> {
        match field.item {
            None => self.element(out, field, group, from),
            Some(item) => self.list(out, field, item, group, from),
        }
    }

    fn list(&self, out: &mut Writer, field: &'static Field, item: &str, group: &[Sent<'_>], from: usize) -> Result<bool, Fault> {
        let (itself, group) = split_itself(group, from);
        if let Some(sent) = itself.filter(|sent| !sent.value.is_empty()) {
            return Err(unknown_list(sent, from));
        }
        let from = if self.protocol == Protocol::Query { below_item(item, group, from)? } else { from };
        let mut elements = 0;
        for element in group.chunk_by(|one, other| one.segment(from).0 == other.segment(from).0) {
            let Some(first) = element.first() else { continue };
            let (number, below) = first.segment(from);
            if !is_list_number(number) {
                return Err(unknown_list(first, from));
            }
            elements += usize::from(self.element(out, field, element, below.unwrap_or(first.name.len() + 1))?);
            if elements > MAX_LIST {
                let name = first.name.get(..from).unwrap_or_default().trim_end_matches('.');
                let message = format!("The list {name} has more than {MAX_LIST} elements. Send it in parts.");
                return Err(Fault::new(ErrorCode::InvalidParameterValue, message));
            }
        }
        Ok(elements > 0)
    }

    /// One scalar or one structure.
    fn element(&self, out: &mut Writer, field: &'static Field, group: &[Sent<'_>], from: usize) -> Result<bool, Fault> {
        if let Kind::Message(shape) = field.kind {
            return self.structure(out, field, shape, group, from);
        }
        match (group.iter().find(|sent| from <= sent.name.len()), group.first()) {
            (Some(below), _) => Err(unknown(below)),
            (None, Some(sent)) => scalar::write(out, field, sent),
            (None, None) => Ok(false),
        }
    }

    fn structure(&self, out: &mut Writer, field: &Field, shape: &Shape, group: &[Sent<'_>], from: usize) -> Result<bool, Fault> {
        let (itself, members) = split_itself(group, from);
        if let Some(sent) = itself.filter(|sent| !sent.value.is_empty()) {
            let message = format!("The parameter {0} is a structure and takes no value. Give its members: {0}.NAME.", sent.name);
            return Err(Fault::new(ErrorCode::InvalidParameterValue, message));
        }
        let Some(first) = members.first() else { return Ok(false) };
        let mut below = Writer::default();
        let missing = self.members(&mut below, shape, members, from)?;
        if below.bytes.is_empty() {
            return Ok(false);
        }
        if let Some(field) = missing.first() {
            return Err(missing_parameter(first.name.get(..from).unwrap_or_default(), field));
        }
        out.write(field.number, Value::Span(&below.bytes));
        Ok(true)
    }
}

/// The parameter that ends at a name (`Placement=`, or the empty list `Tags=` of AWS Query), which sorts first, and those below it.
fn split_itself<'s, 'a>(group: &'s [Sent<'a>], from: usize) -> (Option<&'s Sent<'a>>, &'s [Sent<'a>]) {
    match group {
        [first, rest @ ..] if from > first.name.len() => (Some(first), rest),
        _ => (None, group),
    }
}

/// AWS Query puts a word before the number: `Tags.member.1`.
fn below_item(item: &str, group: &[Sent<'_>], from: usize) -> Result<usize, Fault> {
    match group.iter().find(|sent| sent.segment(from).0 != item) {
        Some(sent) => Err(unknown(sent)),
        None => Ok(from + item.len() + 1),
    }
}

/// One way to write each number: `Tag.01` beside `Tag.1` would be two elements, or one.
fn is_list_number(segment: &str) -> bool {
    (1..=9).contains(&segment.len()) && !segment.starts_with('0') && segment.bytes().all(|byte| byte.is_ascii_digit())
}

fn unknown(sent: &Sent<'_>) -> Fault {
    Fault::new(ErrorCode::UnknownParameter, format!("The parameter {} is not recognized.", sent.name))
}

fn unknown_list(sent: &Sent<'_>, from: usize) -> Fault {
    let list = sent.name.get(..from).unwrap_or(sent.name).trim_end_matches('.');
    Fault::new(
        ErrorCode::UnknownParameter,
        format!("The parameter {} is not recognized: {list} is a list, send {list}.1, {list}.2 and so on.", sent.name),
    )
}

fn missing_parameter(prefix: &str, field: &Field) -> Fault {
    Fault::new(ErrorCode::MissingParameter, format!("The request must contain the parameter {prefix}{}.", field.query))
}
