//! Between AWS's wire and protobuf, by table: a request's parameters to the bytes of its message, an answer's bytes to XML.
//!
//! ```text
//! parameters ─▶ sent (sorted, bounded) ─▶ request (protobuf bytes) ─▶ standing (refused by name?) ─▶ scheduler
//! XML        ◀─ answer (order and names of AWS's model) ◀──────────────────────────────── protobuf bytes ◀┘
//! ```
//!
//! Knows [`freehold_wire`]'s tables and no message type: there is no code per action. Nothing that a client sends is ignored: what no
//! table knows is `UnknownParameter`, what is not done is `UnsupportedOperation`, what means two things at once is refused.
//! Work is linear in the request (sorting aside) and in the answer, whatever bytes they are.

mod answer;
mod request;
mod scalar;
mod sent;
mod standing;
mod time;

use bytes::Bytes;
use freehold_proto::Fault;
use freehold_wire::Operation;
#[cfg(test)]
use freehold_wire::protobuf;

use sent::Sent;

pub(crate) use sent::{is_xml, shortened};

/// The protobuf bytes of a request, from its parameters without `Action`, `Version` and those of the signature.
///
/// Codes: `InvalidParameterValue`, `MalformedQueryString`, `MissingParameter`, `UnknownParameter`, `UnsupportedOperation`.
pub fn decode(operation: &Operation, parameters: &[(String, String)]) -> Result<Bytes, Fault> {
    let sent = Sent::sorted(parameters)?;
    let bytes = request::encode(operation, &sent)?;
    standing::check(operation, &sent)?;
    Ok(bytes)
}

/// As [`decode`], for whatever AWS's model has: whether it is done is not asked. For tests of the whole model.
pub fn decode_unchecked(operation: &Operation, parameters: &[(String, String)]) -> Result<Bytes, Fault> {
    request::encode(operation, &Sent::sorted(parameters)?)
}

/// Whether these bytes are whole fields of protobuf.
#[cfg(test)]
pub(crate) fn is_whole(bytes: &[u8]) -> bool {
    let mut reader = protobuf::Reader::new(bytes);
    while !reader.is_empty() {
        if reader.field().is_err() {
            return false;
        }
    }
    true
}

/// The XML document of an answer. Bytes that are no message of the answer's shape are an internal error.
pub fn encode(operation: &Operation, answer: &[u8], request_id: &str) -> Result<String, Fault> {
    answer::document(operation, answer, request_id)
        .map_err(|error| Fault::internal(format!("encoding the answer of {}", operation.name), error))
}
