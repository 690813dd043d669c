//! What somebody has to act on: whose it is, what is wrong, since when, what to do.

use std::fmt;
use std::time::SystemTime;

use freehold_proto::internal::operator;
use serde::Serialize;

use crate::output;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Whose; "" where the sentence says it.
    pub part: String,
    pub what: String,
    /// As AWS writes times; "" where it is not known.
    pub since: String,
    /// What to do, with the command; "" where the sentence says it.
    pub remedy: String,
    /// Whether the cloud does not serve because of it.
    pub down: bool,
}

impl Problem {
    pub fn of(part: impl Into<String>, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { part: part.into(), what: what.into(), since: String::new(), remedy: remedy.into(), down: false }
    }

    /// Because of it the cloud does not serve.
    pub fn down(self) -> Self {
        Self { down: true, ..self }
    }

    pub fn since(self, since: Option<SystemTime>) -> Self {
        Self { since: output::time(since.map(Into::into)), ..self }
    }

    /// A sentence that says all of it.
    pub fn sentence(text: String) -> Self {
        Self::of("", text, "")
    }
}

impl From<operator::Problem> for Problem {
    fn from(problem: operator::Problem) -> Self {
        let operator::Problem { part, what, since, remedy } = problem;
        Self { since: output::time(since), ..Self::of(part, what, remedy) }
    }
}

/// On one line.
impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.part.is_empty() {
            write!(formatter, "{}: ", self.part)?;
        }
        formatter.write_str(&self.what)?;
        if !self.since.is_empty() {
            write!(formatter, " (since {})", self.since)?;
        }
        if !self.remedy.is_empty() {
            write!(formatter, "; {}", self.remedy)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_line_has_what_is_known_and_no_more() {
        let problem = Problem::of("disk", "it is full", "make room");
        assert_eq!(problem.to_string(), "disk: it is full; make room");
        let since = problem.since(Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1)));
        assert_eq!(since.to_string(), "disk: it is full (since 1970-01-01T00:00:01Z); make room");
        assert_eq!(Problem::sentence("all of it".into()).to_string(), "all of it");
    }
}
