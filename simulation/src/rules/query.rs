//! A request as EC2's clients write it: an action and flat parameters, read by the model as anybody reads EC2's reference.

use std::collections::BTreeMap;
use std::fmt;

/// Parameters by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given(pub BTreeMap<String, String>);

/// Key and value of a tag, as far as they are given.
pub type TagGiven = (Option<String>, Option<String>);

impl Given {
    /// What is empty is not given.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub fn is(&self, name: &str) -> bool {
        self.get(name) == Some("true")
    }

    pub fn number(&self, name: &str) -> Option<i64> {
        self.get(name).and_then(|text| text.parse().ok())
    }

    /// `Name.1`, `Name.2` and so on.
    pub fn list(&self, name: &str) -> Vec<&str> {
        (1..).map_while(|at| self.0.get(&format!("{name}.{at}"))).map(String::as_str).collect()
    }

    /// What is below a name, without it.
    pub fn under(&self, name: &str) -> Self {
        let prefix = format!("{name}.");
        let below = self.0.iter().filter_map(|(key, value)| Some((key.strip_prefix(&prefix)?.to_owned(), value.clone())));
        Self(below.collect())
    }

    /// The structures `Name.1`, `Name.2` and so on.
    pub fn each(&self, name: &str) -> Vec<Self> {
        let below = |at: usize| Some(self.under(&format!("{name}.{at}"))).filter(|below| !below.0.is_empty());
        (1..).map_while(below).collect()
    }

    /// The list `Tag`.
    pub fn tags(&self) -> Vec<TagGiven> {
        self.each("Tag").into_iter().map(|tag| (tag.0.get("Key").cloned(), tag.0.get("Value").cloned())).collect()
    }

    /// `TagSpecification` by resource type.
    pub fn tag_specifications(&self) -> Vec<(String, Vec<TagGiven>)> {
        let each = self.each("TagSpecification").into_iter();
        each.map(|one| (one.get("ResourceType").unwrap_or_default().to_owned(), one.tags())).collect()
    }

    /// Without a parameter and all that is below it.
    pub fn remove(&mut self, name: &str) {
        let prefix = format!("{name}.");
        self.0.retain(|key, _| key != name && !key.starts_with(&prefix));
    }
}

/// One request.
#[derive(Clone, PartialEq, Eq)]
pub struct Query {
    pub action: &'static str,
    pub given: Given,
}

impl Query {
    pub fn new(action: &'static str) -> Self {
        Self { action, given: Given::default() }
    }

    #[expect(clippy::needless_pass_by_value, reason = "texts and numbers are given as they come")]
    pub fn with(mut self, name: impl Into<String>, value: impl ToString) -> Self {
        self.given.0.insert(name.into(), value.to_string());
        self
    }

    pub fn with_list<V: ToString>(self, name: &str, values: impl IntoIterator<Item = V>) -> Self {
        values.into_iter().enumerate().fold(self, |query, (at, value)| query.with(format!("{name}.{}", at + 1), value))
    }

    /// With `TagSpecification.1`, or another prefix of such a list.
    pub fn with_tags(self, prefix: &str, resource_type: &str, tags: &[(String, String)]) -> Self {
        let list = format!("{prefix}TagSpecification.1");
        self.with(format!("{list}.ResourceType"), resource_type).with_plain_tags(&format!("{list}."), tags)
    }

    pub fn with_plain_tags(self, prefix: &str, tags: &[(String, String)]) -> Self {
        tags.iter().enumerate().fold(self, |query, (at, (key, value))| {
            let one = format!("{prefix}Tag.{}", at + 1);
            query.with(format!("{one}.Key"), key).with(format!("{one}.Value"), value)
        })
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.given.get(name)
    }

    pub fn list(&self, name: &str) -> Vec<&str> {
        self.given.list(name)
    }

    /// As it is sent.
    pub fn form(&self) -> Vec<(String, String)> {
        let head = [("Action".to_owned(), self.action.to_owned()), ("Version".to_owned(), "2016-11-15".to_owned())];
        head.into_iter().chain(self.given.0.clone()).collect()
    }
}

impl fmt::Debug for Query {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.action)?;
        for (name, value) in &self.given.0 {
            let long = value.chars().count() > 60;
            let value: String = value.chars().take(60).collect();
            write!(formatter, " {name}={value}{}", if long { "…" } else { "" })?;
        }
        Ok(())
    }
}
