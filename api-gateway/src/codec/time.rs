//! Times: ISO 8601 on AWS's wire, `google.protobuf.Timestamp` in protobuf (seconds 1, nanoseconds 2).

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use freehold_wire::Protocol;
use freehold_wire::protobuf::{Malformed, Reader, Value, Writer};

/// `2026-01-02T03:04:05Z`, with a fraction and an offset where there are some.
pub fn parse(text: &str) -> Option<DateTime> {
    let time = DateTime::from_str(text, Format::DateTimeWithOffset).ok()?;
    is_in_range(time.secs()).then_some(time)
}

/// The message's bytes.
pub fn message(time: &DateTime) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.write(1, Value::Varint(time.secs().cast_unsigned()));
    writer.write(2, Value::Varint(u64::from(time.subsec_nanos())));
    writer.bytes
}

/// EC2 writes milliseconds always, the Query services never.
pub fn text(message: &[u8], protocol: Protocol) -> Result<String, Malformed> {
    let mut reader = Reader::new(message);
    let (mut seconds, mut nanoseconds) = (0i64, 0u64);
    while !reader.is_empty() {
        match reader.field()? {
            (1, Value::Varint(value)) => seconds = value.cast_signed(),
            (2, Value::Varint(value)) => nanoseconds = value,
            (number @ (1 | 2), _) => return Err(Malformed::Mismatch { shape: "Timestamp", number }),
            _ => {}
        }
    }
    if !is_in_range(seconds) || nanoseconds >= 1_000_000_000 {
        return Err(Malformed::Timestamp);
    }
    let whole = DateTime::from_secs(seconds).fmt(Format::DateTime).map_err(|_| Malformed::Timestamp)?;
    Ok(match protocol {
        Protocol::Ec2 => format!("{}.{:03}Z", whole.trim_end_matches('Z'), nanoseconds / 1_000_000),
        Protocol::Query => whole,
    })
}

/// The years 1 to 9999, which protobuf and ISO 8601 share.
fn is_in_range(seconds: i64) -> bool {
    (-62_135_596_800..=253_402_300_799).contains(&seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ec2_has_milliseconds_always_and_query_never() {
        let time = parse("2026-01-02T04:04:05.5+01:00").unwrap();
        assert_eq!(text(&message(&time), Protocol::Ec2).unwrap(), "2026-01-02T03:04:05.500Z");
        assert_eq!(text(&message(&time), Protocol::Query).unwrap(), "2026-01-02T03:04:05Z");
        let whole = parse("2026-01-02T03:04:05Z").unwrap();
        assert_eq!(text(&message(&whole), Protocol::Ec2).unwrap(), "2026-01-02T03:04:05.000Z");
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", "yesterday", "2026-13-01T00:00:00Z", "99999-01-01T00:00:00Z"] {
            assert!(parse(text).is_none(), "{text}");
        }
    }
}
