//! The parameters as sent, sorted so that everything below one name lies together and list elements are in the order of their numbers.

use std::cmp::Ordering;

use freehold_proto::{ErrorCode, Fault};

/// Longer than any path of AWS's.
const MAX_NAME_BYTES: usize = 256;

/// User-data may have 16 KiB before base64; what is larger but not huge still gets the action's own answer.
const MAX_VALUE_BYTES: usize = 128 << 10;

#[derive(Clone, Copy, Debug)]
pub struct Sent<'a> {
    pub name: &'a str,
    pub value: &'a str,
}

impl<'a> Sent<'a> {
    /// Sorted, each name once, within bounds, and text that an XML answer can give back.
    pub fn sorted(parameters: &'a [(String, String)]) -> Result<Vec<Self>, Fault> {
        let mut sent = Vec::with_capacity(parameters.len());
        for (name, value) in parameters {
            let one = Self { name, value };
            one.check()?;
            sent.push(one);
        }
        sent.sort_unstable_by(|one, other| compare(one.name, other.name));
        if let Some([one, _]) = sent.array_windows().find(|[one, other]| one.name == other.name) {
            let message = format!("The parameter {} is given more than once.", one.name);
            return Err(Fault::new(ErrorCode::MalformedQueryString, message));
        }
        Ok(sent)
    }

    fn check(&self) -> Result<(), Fault> {
        let invalid = |message| Err(Fault::new(ErrorCode::InvalidParameterValue, message));
        if self.name.len() > MAX_NAME_BYTES {
            let message = format!("A parameter's name has more than {MAX_NAME_BYTES} bytes: {}…", shortened(self.name));
            return Err(Fault::new(ErrorCode::UnknownParameter, message));
        }
        if self.value.len() > MAX_VALUE_BYTES {
            return invalid(format!("The value of {} has more than {MAX_VALUE_BYTES} bytes.", self.name));
        }
        if !self.value.chars().all(is_xml) {
            return invalid(format!("The value of {} has a control character, which AWS's XML can not carry.", self.name));
        }
        Ok(())
    }

    /// The name's segment that begins at `from`, and where the one after it begins.
    pub fn segment(&self, from: usize) -> (&'a str, Option<usize>) {
        let rest = self.name.get(from..).unwrap_or_default();
        match rest.split_once('.') {
            Some((segment, _)) => (segment, Some(from + segment.len() + 1)),
            None => (rest, None),
        }
    }
}

/// The characters that XML 1.0 has.
pub fn is_xml(letter: char) -> bool {
    matches!(letter, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

/// Enough of something to recognise it by in a message.
pub fn shortened(text: &str) -> &str {
    text.get(..text.floor_char_boundary(64)).unwrap_or_default()
}

/// By segments, so that `Tag`, `Tag.1` and `Tag.10.Key` keep together whatever else begins with `Tag`; numbers as numbers.
fn compare(one: &str, other: &str) -> Ordering {
    let mut one = one.split('.');
    let mut other = other.split('.');
    loop {
        match (one.next(), other.next()) {
            (Some(one), Some(other)) if one == other => {}
            (Some(one), Some(other)) => return compare_segments(one, other),
            (one, other) => return one.is_some().cmp(&other.is_some()),
        }
    }
}

fn compare_segments(one: &str, other: &str) -> Ordering {
    let is_number = |segment: &str| segment.bytes().all(|byte| byte.is_ascii_digit());
    if is_number(one) && is_number(other) { (one.len(), one).cmp(&(other.len(), other)) } else { one.cmp(other) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_sort_as_numbers_and_names_keep_together() {
        let names = ["Tag.10.Key", "Tag-x", "Tag.2.Key", "Tag", "Tag.2", "Tag.02"];
        let parameters: Vec<_> = names.map(|name| (name.to_owned(), String::new())).into();
        let sorted: Vec<_> = Sent::sorted(&parameters).unwrap().iter().map(|sent| sent.name).collect();
        assert_eq!(sorted, ["Tag", "Tag.2", "Tag.2.Key", "Tag.02", "Tag.10.Key", "Tag-x"]);
    }

    #[test]
    fn a_name_given_twice_is_refused() {
        let parameters = [("A".to_owned(), "1".to_owned()), ("A".to_owned(), "1".to_owned())];
        assert_eq!(Sent::sorted(&parameters).unwrap_err().code, ErrorCode::MalformedQueryString);
    }
}
