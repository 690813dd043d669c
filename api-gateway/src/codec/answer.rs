//! The bytes of an answer's message to AWS's XML: elements in the order of AWS's model, whatever the order of the bytes.

use std::fmt::Write;

use aws_smithy_types::base64;
use freehold_wire::protobuf::{Malformed, Reader, Value};
use freehold_wire::{Field, Kind, Operation, Protocol, Shape};
use quick_xml::escape::escape;

use super::sent::is_xml;
use super::time;

pub fn document(operation: &Operation, answer: &[u8], request_id: &str) -> Result<String, Malformed> {
    let service = operation.service;
    let mut out = Document { text: String::with_capacity(answer.len() * 4 + 256), protocol: service.protocol };
    out.text.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let root = format!("{}Response", operation.name);
    let _ = write!(out.text, "<{root} xmlns=\"{}\">", service.namespace);
    match service.protocol {
        Protocol::Ec2 => {
            out.leaf("requestId", request_id);
            match operation.answer {
                Some(shape) => out.members(shape, answer)?,
                None => out.leaf("return", "true"),
            }
        }
        Protocol::Query => {
            if let (Some(shape), Some(result)) = (operation.answer, operation.result) {
                out.open(result);
                out.members(shape, answer)?;
                out.close(result);
            }
            out.open("ResponseMetadata");
            out.leaf("RequestId", request_id);
            out.close("ResponseMetadata");
        }
    }
    out.close(&root);
    Ok(out.text)
}

struct Document {
    text: String,
    protocol: Protocol,
}

impl Document {
    /// All members of a structure. Lists are written even where they are empty, since protobuf does not tell empty from absent and EC2's
    /// clients expect `<tagSet/>` rather than nothing.
    fn members(&mut self, shape: &Shape, bytes: &[u8]) -> Result<(), Malformed> {
        let values = by_field(shape, bytes)?;
        let mut rest = values.as_slice();
        for (index, field) in shape.fields.iter().enumerate() {
            let (own, others) = rest.split_at(rest.partition_point(|(other, _)| *other <= index));
            rest = others;
            match field.item {
                Some(item) => self.list(shape.name, field, item, own)?,
                None => self.single(shape.name, field, own)?,
            }
        }
        Ok(())
    }

    fn list(&mut self, shape: &'static str, field: &Field, item: &str, values: &[(usize, Value<'_>)]) -> Result<(), Malformed> {
        if values.is_empty() {
            let _ = write!(self.text, "<{}/>", field.xml);
            return Ok(());
        }
        self.open(field.xml);
        for (_, value) in values {
            match value {
                Value::Span(packed) if is_numeric(field.kind) => self.packed(field, item, packed)?,
                value => self.element(shape, field, item, *value)?,
            }
        }
        self.close(field.xml);
        Ok(())
    }

    /// Numbers of a list may stand in one span without keys.
    fn packed(&mut self, field: &Field, item: &str, packed: &[u8]) -> Result<(), Malformed> {
        let mut reader = Reader::new(packed);
        while !reader.is_empty() {
            let value = match field.kind {
                Kind::Float => Value::Fixed32(u32::from_le_bytes(reader.array()?)),
                Kind::Double => Value::Fixed64(u64::from_le_bytes(reader.array()?)),
                _ => Value::Varint(reader.varint()?),
            };
            self.element("a packed list", field, item, value)?;
        }
        Ok(())
    }

    /// A field that is no list: protobuf takes the last scalar, and merges the parts of a message.
    fn single(&mut self, shape: &'static str, field: &Field, values: &[(usize, Value<'_>)]) -> Result<(), Malformed> {
        match (values, field.kind) {
            ([], _) => Ok(()),
            ([_, .., _], Kind::Message(_) | Kind::Timestamp) => {
                let mut merged = Vec::new();
                for (_, value) in values {
                    merged.extend_from_slice(span(shape, field, *value)?);
                }
                self.element(shape, field, field.xml, Value::Span(&merged))
            }
            ([.., (_, last)], _) => self.element(shape, field, field.xml, *last),
        }
    }

    fn element(&mut self, shape: &'static str, field: &Field, name: &str, value: Value<'_>) -> Result<(), Malformed> {
        if let Kind::Message(below) = field.kind {
            self.open(name);
            self.members(below, span(shape, field, value)?)?;
            self.close(name);
            return Ok(());
        }
        self.open(name);
        self.scalar(shape, field, value)?;
        self.close(name);
        Ok(())
    }

    fn scalar(&mut self, shape: &'static str, field: &Field, value: Value<'_>) -> Result<(), Malformed> {
        match (field.kind, value) {
            (Kind::Text | Kind::Id | Kind::Words(_), Value::Span(text)) => {
                let text = std::str::from_utf8(text).map_err(|_| Malformed::NotText)?;
                self.escaped(text);
            }
            (Kind::Bool, Value::Varint(value)) => self.text.push_str(if value == 0 { "false" } else { "true" }),
            (Kind::Int32 | Kind::Int64, Value::Varint(value)) => self.number(value.cast_signed()),
            (Kind::Float, Value::Fixed32(bits)) => self.float(f64::from(f32::from_bits(bits)), f32::from_bits(bits)),
            (Kind::Double, Value::Fixed64(bits)) => self.float(f64::from_bits(bits), f64::from_bits(bits)),
            (Kind::Blob, Value::Span(bytes)) => self.text.push_str(&base64::encode(bytes)),
            (Kind::Timestamp, Value::Span(message)) => self.text.push_str(&time::text(message, self.protocol)?),
            _ => return Err(Malformed::Mismatch { shape, number: field.number }),
        }
        Ok(())
    }

    fn number(&mut self, value: impl std::fmt::Display) {
        let _ = write!(self.text, "{value}");
    }

    /// The words of AWS for what is no number.
    fn float(&mut self, value: f64, shown: impl std::fmt::Display) {
        match value {
            f64::INFINITY => self.text.push_str("Infinity"),
            f64::NEG_INFINITY => self.text.push_str("-Infinity"),
            _ => self.number(shown),
        }
    }

    fn leaf(&mut self, name: &str, text: &str) {
        self.open(name);
        self.escaped(text);
        self.close(name);
    }

    /// A carriage return would come back as a line feed, and a control character as no document at all.
    fn escaped(&mut self, text: &str) {
        let escaped = escape(text);
        if escaped.bytes().all(|byte| byte >= b' ' || byte == b'\n' || byte == b'\t') && escaped.chars().all(is_xml) {
            self.text.push_str(&escaped);
            return;
        }
        for letter in escaped.chars() {
            match letter {
                '\r' => self.text.push_str("&#13;"),
                letter if is_xml(letter) => self.text.push(letter),
                _ => self.text.push(char::REPLACEMENT_CHARACTER),
            }
        }
    }

    fn open(&mut self, name: &str) {
        let _ = write!(self.text, "<{name}>");
    }

    fn close(&mut self, name: &str) {
        let _ = write!(self.text, "</{name}>");
    }
}

/// The fields found, with their place in the shape, in the shape's order; those of one field in the order of the bytes. What a newer
/// peer has beyond the table is passed over.
fn by_field<'a>(shape: &Shape, bytes: &'a [u8]) -> Result<Vec<(usize, Value<'a>)>, Malformed> {
    let mut reader = Reader::new(bytes);
    let mut values = Vec::new();
    let mut near = 0;
    while !reader.is_empty() {
        let (number, value) = reader.field()?;
        // Writers go in ascending order, so the field is most often at or soon after the last one.
        let place = |fields: &[Field]| fields.iter().position(|field| field.number == number);
        let found = place(&shape.fields[near..]).map(|offset| near + offset).or_else(|| place(&shape.fields[..near]));
        if let Some(index) = found {
            near = index;
            values.push((index, value));
        }
    }
    if !values.is_sorted_by_key(|(index, _)| *index) {
        values.sort_by_key(|(index, _)| *index);
    }
    Ok(values)
}

fn is_numeric(kind: Kind) -> bool {
    matches!(kind, Kind::Bool | Kind::Int32 | Kind::Int64 | Kind::Float | Kind::Double)
}

fn span<'a>(shape: &'static str, field: &Field, value: Value<'a>) -> Result<&'a [u8], Malformed> {
    match value {
        Value::Span(span) => Ok(span),
        _ => Err(Malformed::Mismatch { shape, number: field.number }),
    }
}
