//! Names and descriptions that a group or a rule may have.
//! Source: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html>.

use freehold_proto::{ErrorCode, Fault};

/// Every VPC's own group. Nobody else's may have its name, however it is written.
pub const DEFAULT: &str = "default";

const LONGEST: usize = 255;

fn allowed(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(c);
    text.chars().count() <= LONGEST && text.chars().all(allowed)
}

/// A new group's name, as it is kept.
pub fn check_name(given: &str) -> Result<&str, Fault> {
    let name = given.trim_end_matches(' ');
    let invalid = |why: &str| {
        let message = format!("Value ({given}) for parameter GroupName is invalid. {why}");
        Err(Fault::new(ErrorCode::InvalidParameterValue, message))
    };
    if name.is_empty() || !allowed(name) {
        return invalid("Valid names are strings of at most 255 characters from the following set: a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*");
    }
    if name.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("sg-")) {
        return invalid("Group names may not be in the format sg-*.");
    }
    if name.eq_ignore_ascii_case(DEFAULT) {
        let message = format!("Cannot use reserved security group name: {name}");
        return Err(Fault::new(ErrorCode::InvalidParameterValue, message));
    }
    Ok(name)
}

/// `noun`: what it describes.
pub fn check_description(noun: &str, text: &str) -> Result<String, Fault> {
    if !allowed(text) {
        let message = format!(
            "Invalid {noun} description. Valid descriptions are strings less than 256 characters from the following set: \
             a-zA-Z0-9. _-:/()#,@[]+=&;{{}}!$*"
        );
        return Err(Fault::new(ErrorCode::InvalidParameterValue, message));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_trimmed_at_its_end_and_two_are_kept_back() {
        assert_eq!(check_name("web (blue) #1  ").unwrap(), "web (blue) #1");
        assert_eq!(check_name("defaults").unwrap(), "defaults");
        let long = "a".repeat(256);
        for name in ["", "  ", "sg-web", "SG-web", "default", "Default ", "b\u{fc}ro", "a|b", &long] {
            assert_eq!(check_name(name).unwrap_err().code, ErrorCode::InvalidParameterValue, "{name}");
        }
        assert!(check_name(&long[1..]).is_ok());
    }

    #[test]
    fn a_description_has_255_characters_of_ec2_s_set() {
        assert!(check_description("rule", &"a".repeat(255)).is_ok());
        assert!(check_description("rule", "").is_ok());
        for text in [&*"a".repeat(256), "n\u{e4}h", "a|b"] {
            assert_eq!(check_description("rule", text).unwrap_err().code, ErrorCode::InvalidParameterValue, "{text}");
        }
    }
}
