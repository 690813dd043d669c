//! One value of a request: text as sent to a protobuf field.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use freehold_proto::{ErrorCode, Fault};
use freehold_wire::protobuf::{Value, Writer};
use freehold_wire::{Field, Kind};

use super::sent::{Sent, shortened};
use super::time;

/// Some clients leave the padding out.
const BASE64: GeneralPurpose =
    GeneralPurpose::new(&STANDARD, GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent));

/// Writes the value, and answers whether there was one: an empty text that can mean nothing is none.
pub fn write(out: &mut Writer, field: &Field, sent: &Sent<'_>) -> Result<bool, Fault> {
    let text = sent.value;
    if text.is_empty() && field.kind.empty_is_absent() {
        return Ok(false);
    }
    let owned;
    let value = match field.kind {
        Kind::Text | Kind::Id => Some(Value::Span(text.as_bytes())),
        Kind::Words(words) => words.contains(&text).then_some(Value::Span(text.as_bytes())),
        Kind::Bool => boolean(text).map(|value| Value::Varint(u64::from(value))),
        // Protobuf has negative numbers sign-extended to 64 bits.
        Kind::Int32 => text.parse::<i32>().ok().map(|value| Value::Varint(i64::from(value).cast_unsigned())),
        Kind::Int64 => text.parse::<i64>().ok().map(|value| Value::Varint(value.cast_unsigned())),
        Kind::Float => text.parse::<f32>().ok().map(|value| Value::Fixed32(value.to_bits())),
        Kind::Double => text.parse::<f64>().ok().map(|value| Value::Fixed64(value.to_bits())),
        Kind::Blob => {
            owned = BASE64.decode(text).ok();
            owned.as_deref().map(Value::Span)
        }
        Kind::Timestamp => {
            owned = time::parse(text).as_ref().map(time::message);
            owned.as_deref().map(Value::Span)
        }
        Kind::Message(_) => None,
    };
    out.write(field.number, value.ok_or_else(|| invalid(field, sent))?);
    Ok(true)
}

fn boolean(text: &str) -> Option<bool> {
    [true, false].into_iter().find(|value| text.eq_ignore_ascii_case(if *value { "true" } else { "false" }))
}

/// What is expected instead. The words of a list are named where they are few; bytes are not repeated, they may be secret.
fn invalid(field: &Field, sent: &Sent<'_>) -> Fault {
    let expected = match field.kind {
        Kind::Words(words) if words.len() <= 16 => format!("Expected one of: {}.", words.join(", ")),
        Kind::Bool => "Expected true or false.".to_owned(),
        Kind::Int32 | Kind::Int64 => "Expected an integer.".to_owned(),
        Kind::Float | Kind::Double => "Expected a number.".to_owned(),
        Kind::Blob => return Fault::new(ErrorCode::InvalidParameterValue, format!("The value of {} is not base64.", sent.name)),
        Kind::Timestamp => "Expected a time such as 2026-01-02T03:04:05Z.".to_owned(),
        Kind::Text | Kind::Id | Kind::Words(_) | Kind::Message(_) => String::new(),
    };
    let message = format!("Value ({}) for parameter {} is invalid. {expected}", shortened(sent.value), sent.name);
    Fault::new(ErrorCode::InvalidParameterValue, message.trim_end())
}
