//! Protobuf's wire format, as little of it as tables need: keys, varints, length-delimited spans.

/// What follows a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
    Span(&'a [u8]),
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Malformed {
    #[error("protobuf ends in the middle of a field")]
    Truncated,
    #[error("protobuf has a number of more than 64 bits")]
    Overlong,
    #[error("protobuf has the wire type {0}, which is not in use")]
    WireType(u64),
    #[error("field {number} of {shape} has the wrong wire type")]
    Mismatch { shape: &'static str, number: u32 },
    #[error("text is not UTF-8")]
    NotText,
    #[error("a timestamp is outside the years 1 to 9999")]
    Timestamp,
}

/// Reads fields from the front of what is left.
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next field's number and value.
    pub fn field(&mut self) -> Result<(u32, Value<'a>), Malformed> {
        let key = self.varint()?;
        let number = u32::try_from(key >> 3).map_err(|_| Malformed::Overlong)?;
        let value = match key & 7 {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| Malformed::Truncated)?;
                Value::Span(self.take(length)?)
            }
            5 => Value::Fixed32(u32::from_le_bytes(self.array()?)),
            other => return Err(Malformed::WireType(other)),
        };
        Ok((number, value))
    }

    pub fn varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.rest.split_first().ok_or(Malformed::Truncated)?;
            self.rest = rest;
            value |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Malformed::Overlong)
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.take(N)?.try_into().map_err(|_| Malformed::Truncated)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Malformed::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }
}

/// Appends fields.
#[derive(Default)]
pub struct Writer {
    pub bytes: Vec<u8>,
}

impl Writer {
    pub fn write(&mut self, number: u32, value: Value<'_>) {
        let key = |wire_type| u64::from(number) << 3 | wire_type;
        match value {
            Value::Varint(value) => {
                self.varint(key(0));
                self.varint(value);
            }
            Value::Fixed64(value) => {
                self.varint(key(1));
                self.bytes.extend_from_slice(&value.to_le_bytes());
            }
            Value::Fixed32(value) => {
                self.varint(key(5));
                self.bytes.extend_from_slice(&value.to_le_bytes());
            }
            Value::Span(span) => {
                self.varint(key(2));
                self.varint(span.len() as u64);
                self.bytes.extend_from_slice(span);
            }
        }
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            // The low seven bits, and one that says that more follow.
            self.bytes.push(value.to_le_bytes()[0] | 0x80);
            value >>= 7;
        }
        self.bytes.push(value.to_le_bytes()[0]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_as_written() {
        arbtest::arbtest(|source| {
            let mut writer = Writer::default();
            let span: Vec<u8> = source.arbitrary()?;
            let number = source.int_in_range(1..=(1 << 29) - 1)?;
            let values = [
                Value::Varint(source.arbitrary()?),
                Value::Fixed64(source.arbitrary()?),
                Value::Fixed32(source.arbitrary()?),
                Value::Span(&span),
            ];
            for value in values {
                writer.write(number, value);
            }
            let mut reader = Reader::new(&writer.bytes);
            for value in values {
                assert_eq!(reader.field(), Ok((number, value)));
            }
            assert!(reader.is_empty());
            Ok(())
        });
    }

    #[test]
    fn arbitrary_bytes_end_in_an_answer() {
        arbtest::arbtest(|source| {
            let bytes: Vec<u8> = source.arbitrary()?;
            let mut reader = Reader::new(&bytes);
            while !reader.is_empty() && reader.field().is_ok() {}
            Ok(())
        });
    }
}
