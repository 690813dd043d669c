//! What becomes of each parameter that was sent and understood: obeyed, accepted at its default, or refused by name.

use freehold_proto::{ErrorCode, Fault};
use freehold_wire::{Field, Kind, Operation, Protocol, Standing};

use super::sent::Sent;

pub fn check(operation: &Operation, sent: &[Sent<'_>]) -> Result<(), Fault> {
    sent.iter().try_for_each(|sent| check_one(operation, sent))
}

fn check_one(operation: &Operation, sent: &Sent<'_>) -> Result<(), Fault> {
    let Some((path, field)) = path(operation, sent) else {
        return Err(Fault::new(ErrorCode::UnknownParameter, format!("The parameter {} is not recognized.", sent.name)));
    };
    if sent.value.is_empty() && (field.kind.empty_is_absent() || matches!(field.kind, Kind::Message(_))) {
        return Ok(());
    }
    let message = match operation.standing(&path) {
        Standing::Done => return Ok(()),
        Standing::DefaultOnly(value) if value.eq_ignore_ascii_case(sent.value) => return Ok(()),
        Standing::DefaultOnly(value) => format!("The parameter {} is supported with the value '{value}' only.", sent.name),
        Standing::Refused => format!("The parameter {} of {} is not supported. Leave it out.", sent.name, operation.name),
    };
    Err(Fault::new(ErrorCode::UnsupportedOperation, message))
}

/// The path without list numbers, and the field that it ends at.
fn path(operation: &Operation, sent: &Sent<'_>) -> Option<(String, &'static Field)> {
    let mut segments = sent.name.split('.');
    let mut shape = Some(operation.request);
    let mut path = String::new();
    let mut last = None;
    while let Some(segment) = segments.next() {
        let field = shape?.field(segment)?;
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(segment);
        if field.item.is_some() {
            let numbering = if operation.service.protocol == Protocol::Query { 2 } else { 1 };
            segments.by_ref().take(numbering).for_each(drop);
        }
        shape = if let Kind::Message(below) = field.kind { Some(below) } else { None };
        last = Some(field);
    }
    last.map(|field| (path, field))
}
