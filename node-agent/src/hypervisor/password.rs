//! How a Windows guest says its administrator's password: EC2's agent in the guest encrypts it for the key pair of the instance and prints
//! it on the serial console, in base64 between two tags.

const BEFORE: &[u8] = b"<Password>";
const AFTER: &[u8] = b"</Password>";

/// What RSA makes of a password is as long as the key: 8192 bits, in base64, with line ends.
const LONGEST: usize = 4096;

/// The last one that a console has whole: base64 without line ends.
pub fn last(console: &[u8]) -> Option<Vec<u8>> {
    let after = find_last(console, AFTER)?;
    let before = find_last(&console[..after], BEFORE)? + BEFORE.len();
    let inside = &console[before..after];
    if inside.len() > LONGEST {
        return None;
    }
    let text: Vec<u8> = inside.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    (!text.is_empty() && text.iter().all(base64)).then_some(text)
}

fn find_last(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).rposition(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_whole_one_is_found() {
        let found = |console: &str| last(console.as_bytes()).map(|text| String::from_utf8(text).unwrap());
        assert_eq!(
            found("boot\r\n<Password>\r\nb2xk\r\n</Password>\r\n<Password>\r\nbmV3\r\nZXI=\r\n</Password>\r\n").as_deref(),
            Some("bmV3ZXI=")
        );
        assert_eq!(found("<Password>\nb2xk\n</Password>\n<Password>\nbmV").as_deref(), Some("b2xk"));
        for none in ["", "<Password>", "</Password>", "<Password></Password>", "<Password>not base64!</Password>", "</Password><Password>"]
        {
            assert_eq!(found(none), None, "{none}");
        }
        assert_eq!(found(&format!("<Password>{}</Password>", "A".repeat(LONGEST + 1))), None);
    }
}
