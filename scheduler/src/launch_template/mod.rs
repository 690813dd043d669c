//! Launch templates: how a request names one and a version of it, and the rows that they are. What a version says is [`data`].
//!
//! Invariants:
//! * a version never changes, and its number never comes again;
//! * the default version is there for as long as the template is.
//!
//! Source: <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/launch-template-restrictions.html>.

pub mod data;

use std::sync::Arc;

use freehold_proto::{ErrorCode, Fault};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use crate::ec2::resolve::LAUNCH_TEMPLATE;
use crate::store::{Outcome, Rows, Tx, launch_template, launch_template_version};

/// EC2's quotas.
pub const MOST_TEMPLATES: u64 = 5_000;
/// See [`MOST_TEMPLATES`].
pub const MOST_VERSIONS: u64 = 10_000;

/// How a request names a launch template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named<'a> {
    Id(&'a str),
    Name(&'a str),
}

impl<'a> Named<'a> {
    /// By id or by name, by one of them or by none. What is empty is not given.
    pub fn given(id: Option<&'a String>, name: Option<&'a String>) -> Result<Option<Self>, Fault> {
        let given = |text: Option<&'a String>| text.map(String::as_str).filter(|text| !text.is_empty());
        match (given(id), given(name)) {
            (Some(_), Some(_)) => {
                let message = "Give either the launch template ID or the launch template name, not both.";
                Err(Fault::new(ErrorCode::InvalidParameterCombination, message))
            }
            (Some(id), None) => Ok(Some(Self::Id(id))),
            (None, Some(name)) => Ok(Some(Self::Name(name))),
            (None, None) => Ok(None),
        }
    }

    /// The same of a request that must name one.
    pub fn one(id: Option<&'a String>, name: Option<&'a String>) -> Result<Self, Fault> {
        let missing = || {
            let message = "Either a launch template ID or a launch template name must be specified in the request.";
            Fault::new(ErrorCode::MissingParameter, message)
        };
        Self::given(id, name)?.ok_or_else(missing)
    }

    pub fn check(self) -> Result<(), Fault> {
        match self {
            Self::Id(id) => LAUNCH_TEMPLATE.check(id),
            Self::Name(name) => check_name(name),
        }
    }

    pub fn absent(self) -> Fault {
        match self {
            Self::Id(id) => LAUNCH_TEMPLATE.absent(id),
            Self::Name(name) => {
                let message = format!("The specified launch template, with template name {name}, does not exist.");
                Fault::new(ErrorCode::InvalidLaunchTemplateNameNotFound, message)
            }
        }
    }

    /// The account's template of this name, as a command's transaction has it.
    pub async fn find(self, tx: &Tx) -> Outcome<launch_template::Model> {
        use launch_template::{Column, Entity};
        self.check()?;
        let of_account = Entity::find().filter(Column::AccountId.eq(tx.account()));
        let found = match self {
            Self::Id(id) => of_account.filter(Column::LaunchTemplateId.eq(id)),
            Self::Name(name) => of_account.filter(Column::LaunchTemplateName.eq(name)),
        };
        Ok(found.one(tx.db()).await?.ok_or_else(|| self.absent())?)
    }

    /// The same, as a query sees it.
    pub fn find_in(self, rows: &Rows, account: &str) -> Result<Arc<launch_template::Model>, Fault> {
        self.check()?;
        let found = match self {
            Self::Id(id) => rows.launch_templates.one(id).filter(|row| row.account_id == account),
            Self::Name(name) => rows.launch_template_named(account, name),
        };
        found.cloned().ok_or_else(|| self.absent())
    }
}

/// EC2's rule: 3 to 128 letters, digits and some other characters.
pub fn check_name(name: &str) -> Result<(), Fault> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"()./_-".contains(&byte);
    if (3..=128).contains(&name.len()) && name.bytes().all(fits) {
        return Ok(());
    }
    let message = "The specified launch template name is invalid. A launch template name must be between 3 and 128 characters, and may \
                   contain letters, numbers, and the following characters: - ( ) . / _";
    Err(Fault::new(ErrorCode::InvalidLaunchTemplateNameMalformed, message))
}

/// How a request names a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    Number(i64),
    Latest,
    Default,
}

impl Version {
    pub fn parse(text: &str) -> Result<Self, Fault> {
        match text {
            "$Latest" => Ok(Self::Latest),
            "$Default" => Ok(Self::Default),
            number => number_of(number).map(Self::Number),
        }
    }

    /// Its number, whether or not there is such a version.
    pub fn of(self, template: &launch_template::Model) -> i64 {
        match self {
            Self::Number(number) => number,
            Self::Latest => template.latest_version_number,
            Self::Default => template.default_version_number,
        }
    }

    /// The version, as a command's transaction has it.
    pub async fn find(self, tx: &Tx, template: &launch_template::Model) -> Outcome<launch_template_version::Model> {
        let number = self.of(template);
        let id = version_id(&template.launch_template_id, number);
        let found = launch_template_version::Entity::find_by_id(id).one(tx.db()).await?;
        Ok(found.ok_or_else(|| absent_version(&template.launch_template_id, number))?)
    }
}

/// A version's number as a request gives it.
pub fn number_of(text: &str) -> Result<i64, Fault> {
    text.parse().ok().filter(|number| *number > 0).ok_or_else(|| {
        let message = format!("Invalid launch template version: '{text}'. Give a version number, $Latest or $Default.");
        Fault::new(ErrorCode::InvalidParameterValue, message)
    })
}

pub fn absent_version(template_id: &str, number: i64) -> Fault {
    let message = format!("Could not find the specified version {number} for the launch template with ID {template_id}.");
    Fault::new(ErrorCode::InvalidLaunchTemplateIdVersionNotFound, message)
}

/// The id of a version's row. A template's versions sort by it as by their numbers.
pub fn version_id(template_id: &str, number: i64) -> String {
    format!("{template_id} {number:019}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_named_by_one_of_two() {
        let (id, name, none) = ("lt-0123abcd".to_owned(), "web".to_owned(), String::new());
        assert_eq!(Named::one(Some(&id), Some(&none)).unwrap(), Named::Id("lt-0123abcd"));
        assert_eq!(Named::one(None, Some(&name)).unwrap(), Named::Name("web"));
        assert_eq!(Named::one(Some(&none), None).unwrap_err().code, ErrorCode::MissingParameter);
        assert_eq!(Named::given(Some(&id), Some(&name)).unwrap_err().code, ErrorCode::InvalidParameterCombination);
        assert_eq!(Named::given(None, None).unwrap(), None);
    }

    #[test]
    fn names_are_ec2_s() {
        for name in ["web", "a-b_c.d/e(f)", &"x".repeat(128)] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in ["", "ab", "a b c", "caf\u{e9}", "a:b", &"x".repeat(129)] {
            assert_eq!(check_name(name).unwrap_err().code, ErrorCode::InvalidLaunchTemplateNameMalformed, "{name}");
        }
    }

    #[test]
    fn versions_are_numbers_and_two_words() {
        assert_eq!(Version::parse("12").unwrap(), Version::Number(12));
        assert_eq!((Version::parse("$Latest").unwrap(), Version::parse("$Default").unwrap()), (Version::Latest, Version::Default));
        for text in ["", "0", "-1", "1.0", "$latest", "99999999999999999999"] {
            assert_eq!(Version::parse(text).unwrap_err().code, ErrorCode::InvalidParameterValue, "{text}");
        }
        assert!(version_id("lt-1", 9) < version_id("lt-1", 10));
    }
}
