//! `application/x-www-form-urlencoded`, as query strings and Query bodies use it: `name=value` pairs, percent-encoded, `+` for a space.

use std::fmt::Write as _;

/// A `%` that two hex digits do not follow, or bytes that are not UTF-8 where text is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("a percent sign is not followed by two hexadecimal digits")]
    Escape,
    #[error("a parameter is not valid UTF-8")]
    Utf8,
}

/// The pairs in the order sent, decoded to bytes. Empty parts (`a=1&&b=2`) are skipped; a part without `=` has an empty value.
pub fn pairs(raw: &[u8]) -> impl Iterator<Item = Result<(Vec<u8>, Vec<u8>), Malformed>> {
    raw.split(|byte| *byte == b'&').filter(|part| !part.is_empty()).map(|part| {
        let at = part.iter().position(|byte| *byte == b'=').unwrap_or(part.len());
        Ok((decode(&part[..at], true)?, decode(part.get(at + 1..).unwrap_or_default(), true)?))
    })
}

/// As [`pairs`], as text.
pub fn text_pairs(raw: &[u8]) -> impl Iterator<Item = Result<(String, String), Malformed>> {
    pairs(raw).map(|pair| {
        let (name, value) = pair?;
        Ok((String::from_utf8(name).map_err(|_| Malformed::Utf8)?, String::from_utf8(value).map_err(|_| Malformed::Utf8)?))
    })
}

/// Undoes percent-encoding once.
pub fn decode(raw: &[u8], plus_is_space: bool) -> Result<Vec<u8>, Malformed> {
    let mut decoded = Vec::with_capacity(raw.len());
    let mut rest = raw.iter();
    while let Some(&byte) = rest.next() {
        decoded.push(match byte {
            b'%' => {
                let mut digit = || rest.next().and_then(|byte| char::from(*byte).to_digit(16)).ok_or(Malformed::Escape);
                let value = digit()? * 16 + digit()?;
                u8::try_from(value).map_err(|_| Malformed::Escape)?
            }
            b'+' if plus_is_space => b' ',
            other => other,
        });
    }
    Ok(decoded)
}

/// RFC 3986 as SigV4 wants it: all but unreserved characters escaped, in upper case; slashes kept where they separate.
pub fn encode(into: &mut String, raw: &[u8], keep_slash: bool) {
    for &byte in raw {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => into.push(char::from(byte)),
            b'/' if keep_slash => into.push('/'),
            // Writing to a String does not fail.
            _ => drop(write!(into, "%{byte:02X}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(raw: &str) -> Result<Vec<(String, String)>, Malformed> {
        text_pairs(raw.as_bytes()).collect()
    }

    #[test]
    fn pairs_keep_their_order_and_their_bytes() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(read("b=1&a=x%20y+z%2B&&c&d=e=f"), Ok(vec![pair("b", "1"), pair("a", "x y z+"), pair("c", ""), pair("d", "e=f")]));
    }

    #[test]
    fn broken_escapes_and_broken_text_are_malformed() {
        for raw in ["a=%", "a=%2", "a=%zz", "a=%+1", "%f=1"] {
            assert_eq!(read(raw), Err(Malformed::Escape), "{raw}");
        }
        assert_eq!(read("a=%ff"), Err(Malformed::Utf8));
    }

    #[test]
    fn decoding_undoes_encoding() {
        arbtest::arbtest(|source| {
            let bytes: Vec<u8> = source.arbitrary()?;
            let mut encoded = String::new();
            encode(&mut encoded, &bytes, false);
            assert_eq!(decode(encoded.as_bytes(), true), Ok(bytes));
            Ok(())
        });
    }
}
