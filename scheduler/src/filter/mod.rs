//! EC2's `Filter` parameter, once for every Describe.
//!
//! A resource brings one [`Table`]: the filter names EC2 documents for it, each with how to read its values. Values of one filter are
//! alternatives, filters add up. A name that the table lacks is refused, never ignored: a client that filters by something we do not
//! know must not be given everything.
//!
//! Source: <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html>.

mod pattern;

use freehold_proto::{ErrorCode, Fault};
pub use pattern::Pattern;

/// Filter values in one call, all filters together. Source: EC2's message of `FilterLimitExceeded`.
const MAX_VALUES: usize = 200;
/// Longer than any value that could match: a tag's value has at most 256 characters, each perhaps escaped.
const MAX_VALUE_CHARACTERS: usize = 1024;

/// Tells the values that a resource has for one filter name: none, one or several.
pub type Accessor<R> = fn(&R, &mut dyn FnMut(&str));
/// Tells the resource's tags, key and value.
pub type TagAccessor<R> = fn(&R, &mut dyn FnMut(&str, &str));

/// The filters of one resource.
pub struct Table<R: 'static> {
    pub names: &'static [(&'static str, Accessor<R>)],
    /// Present where the resource has tags: then `tag:KEY` and `tag-key` are filters too.
    pub tags: Option<TagAccessor<R>>,
}

/// One `Filter` of a request.
pub struct Filter<'a> {
    pub name: &'a str,
    pub values: &'a [String],
}

enum Subject<R: 'static> {
    Value(Accessor<R>),
    TagKey(TagAccessor<R>),
    Tag(TagAccessor<R>, String),
}

/// A request's filters, checked and ready to be asked.
pub struct Filters<R: 'static>(Vec<(Subject<R>, Vec<Pattern>)>);

impl<R> Table<R> {
    /// Checks names, counts and lengths. Empty is "everything".
    pub fn compile<'a>(&self, filters: impl IntoIterator<Item = Filter<'a>>) -> Result<Filters<R>, Fault> {
        let mut compiled = Vec::new();
        let mut count = 0;
        for filter in filters {
            let subject = self.subject(filter.name)?;
            count += filter.values.len();
            check_values(&filter, count)?;
            compiled.push((subject, filter.values.iter().map(|value| Pattern::compile(value)).collect()));
        }
        Ok(Filters(compiled))
    }

    fn subject(&self, name: &str) -> Result<Subject<R>, Fault> {
        if let Some(tags) = self.tags {
            if name == "tag-key" {
                return Ok(Subject::TagKey(tags));
            }
            if let Some(key) = name.strip_prefix("tag:").filter(|key| !key.is_empty()) {
                return Ok(Subject::Tag(tags, key.to_owned()));
            }
        }
        self.names
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, accessor)| Subject::Value(*accessor))
            .ok_or_else(|| Fault::new(ErrorCode::InvalidParameterValue, format!("The filter '{name}' is invalid")))
    }
}

fn check_values(filter: &Filter<'_>, count: usize) -> Result<(), Fault> {
    if filter.values.is_empty() {
        let message = format!("The filter '{}' has no values. Give at least one.", filter.name);
        return Err(Fault::new(ErrorCode::InvalidParameterValue, message));
    }
    if count > MAX_VALUES {
        let message = format!("The maximum number of filter values specified on a single call is {MAX_VALUES}");
        return Err(Fault::new(ErrorCode::FilterLimitExceeded, message));
    }
    if filter.values.iter().any(|value| value.chars().count() > MAX_VALUE_CHARACTERS) {
        let message = format!("A value of the filter '{}' is longer than {MAX_VALUE_CHARACTERS} characters.", filter.name);
        return Err(Fault::new(ErrorCode::InvalidParameterValue, message));
    }
    Ok(())
}

/// A tag that a resource must have: of one key, with one of some values.
#[derive(Debug, PartialEq, Eq)]
pub struct TagIs<'a> {
    pub key: &'a str,
    pub values: Vec<&'a str>,
}

impl<R> Filters<R> {
    /// What whatever matches is tagged with, where a filter says so without a wildcard. It can be looked up.
    pub fn tag(&self) -> Option<TagIs<'_>> {
        self.0.iter().find_map(|(subject, patterns)| {
            let Subject::Tag(_, key) = subject else { return None };
            let values = patterns.iter().map(Pattern::literal).collect::<Option<Vec<_>>>()?;
            Some(TagIs { key, values })
        })
    }

    pub fn matches(&self, resource: &R) -> bool {
        self.0.iter().all(|(subject, patterns)| subject.matches(resource, patterns))
    }
}

impl<R> Subject<R> {
    fn matches(&self, resource: &R, patterns: &[Pattern]) -> bool {
        let mut found = false;
        let mut try_value = |value: &str| found = found || patterns.iter().any(|pattern| pattern.matches(value));
        match self {
            Self::Value(accessor) => accessor(resource, &mut try_value),
            Self::TagKey(tags) => tags(resource, &mut |key, _| try_value(key)),
            Self::Tag(tags, wanted) => tags(resource, &mut |key, value| {
                if key == wanted {
                    try_value(value);
                }
            }),
        }
        found
    }
}

/// EC2's words for a flag in a filter.
pub fn flag(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Disk {
        id: &'static str,
        zones: &'static [&'static str],
        tags: &'static [(&'static str, &'static str)],
    }

    const DISKS: Table<Disk> = Table {
        names: &[("volume-id", |disk, say| say(disk.id)), ("zone", |disk, say| disk.zones.iter().for_each(|zone| say(zone)))],
        tags: Some(|disk, say| disk.tags.iter().for_each(|(key, value)| say(key, value))),
    };
    const WEB: Disk = Disk { id: "vol-1", zones: &["a", "b"], tags: &[("Name", "web"), ("empty", "")] };

    fn matches(filters: &[(&str, &[&str])]) -> Result<bool, Fault> {
        let owned: Vec<(&str, Vec<String>)> =
            filters.iter().map(|(name, values)| (*name, values.iter().map(|v| (*v).into()).collect())).collect();
        let filters = owned.iter().map(|(name, values)| Filter { name, values });
        Ok(DISKS.compile(filters)?.matches(&WEB))
    }

    #[test]
    fn no_filter_matches_everything() {
        assert!(matches(&[]).unwrap());
    }

    #[test]
    fn values_are_alternatives_and_filters_add_up() {
        assert!(matches(&[("volume-id", &["vol-2", "vol-*"]), ("zone", &["b"])]).unwrap());
        assert!(!matches(&[("volume-id", &["vol-1"]), ("zone", &["c"])]).unwrap());
    }

    #[test]
    fn tags_are_found_by_key_by_value_and_by_both() {
        assert!(matches(&[("tag:Name", &["w?b"])]).unwrap());
        assert!(!matches(&[("tag:name", &["web"])]).unwrap(), "keys are case-sensitive");
        assert!(matches(&[("tag-key", &["Na*"])]).unwrap());
        assert!(matches(&[("tag:empty", &[""])]).unwrap());
        assert!(!matches(&[("tag:absent", &["*"])]).unwrap());
    }

    #[test]
    fn a_tag_can_be_looked_up_unless_a_value_has_a_wildcard() {
        let filter = |name: &str, values: &[&str]| {
            let values: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
            let filters = DISKS.compile([Filter { name, values: &values }]).unwrap();
            filters.tag().map(|TagIs { key, values }| format!("{key}={}", values.join("|")))
        };
        assert_eq!(filter("tag:Name", &["web", r"\*"]).as_deref(), Some("Name=web|*"));
        assert_eq!(filter("tag:Name", &["web", "d*"]), None);
        assert_eq!((filter("tag-key", &["Name"]), filter("zone", &["a"])), (None, None));
    }

    #[test]
    fn an_unknown_name_is_refused_by_name() {
        for name in ["Volume-Id", "tag:", "tag", ""] {
            let fault = matches(&[(name, &["x"])]).unwrap_err();
            assert_eq!((fault.code, fault.message), (ErrorCode::InvalidParameterValue, format!("The filter '{name}' is invalid")));
        }
    }

    #[test]
    fn counts_and_lengths_are_bounded() {
        let many = vec!["v"; 101];
        assert_eq!(matches(&[("zone", &many), ("volume-id", &many)]).unwrap_err().code, ErrorCode::FilterLimitExceeded);
        assert!(!matches(&[("zone", &many)]).unwrap());
        assert_eq!(matches(&[("zone", &[])]).unwrap_err().code, ErrorCode::InvalidParameterValue);
        assert_eq!(matches(&[("zone", &[&"é".repeat(1025)])]).unwrap_err().code, ErrorCode::InvalidParameterValue);
    }
}
