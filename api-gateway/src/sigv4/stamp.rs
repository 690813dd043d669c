//! Request dates: `20260102T030405Z`, and the HTTP date that a `Date` header may bring instead.

use std::time::{Duration, SystemTime};

use aws_smithy_types::date_time::{DateTime, Format};

/// A moment as a client wrote it, to the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp(u64);

impl Stamp {
    /// ISO 8601 basic, UTC, exactly as SigV4 has it.
    pub fn parse_basic(text: &str) -> Option<Self> {
        let digits = |range: std::ops::Range<usize>| text.get(range).filter(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
        if text.len() != 16 || text.get(8..9) != Some("T") || text.get(15..) != Some("Z") {
            return None;
        }
        let (day, time) = (digits(0..8)?, digits(9..15)?);
        let iso =
            format!("{}-{}-{}T{}:{}:{}Z", day.get(..4)?, day.get(4..6)?, day.get(6..)?, time.get(..2)?, time.get(2..4)?, time.get(4..)?);
        Self::of(DateTime::from_str(&iso, Format::DateTime).ok()?)
    }

    /// RFC 7231: `Fri, 02 Jan 2026 03:04:05 GMT`.
    pub fn parse_http(text: &str) -> Option<Self> {
        Self::of(DateTime::from_str(text, Format::HttpDate).ok()?)
    }

    fn of(moment: DateTime) -> Option<Self> {
        u64::try_from(moment.secs()).ok().map(Self)
    }

    pub fn now(clock: &dyn freehold_proto::clock::Clock) -> Self {
        Self(clock.now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs())
    }

    pub fn plus(self, time: Duration) -> Self {
        Self(self.0.saturating_add(time.as_secs()))
    }

    pub fn is_after(self, other: Self) -> bool {
        self.0 > other.0
    }

    /// `20260102T030405Z`.
    pub fn basic(self) -> String {
        let moment = DateTime::from_secs(i64::try_from(self.0).unwrap_or(i64::MAX));
        // Years beyond 9999 have no such form; no request that is admitted is that old or that young.
        moment.fmt(Format::DateTime).unwrap_or_default().replace(['-', ':'], "")
    }

    /// `20260102`.
    pub fn day(self) -> String {
        let mut text = self.basic();
        text.truncate(8);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_name_the_same_second() {
        let basic = Stamp::parse_basic("20260102T030405Z").unwrap();
        assert_eq!(Stamp::parse_http("Fri, 02 Jan 2026 03:04:05 GMT"), Some(basic));
        assert_eq!((basic.basic().as_str(), basic.day().as_str()), ("20260102T030405Z", "20260102"));
    }

    #[test]
    fn anything_else_is_no_date() {
        for text in ["", "20260102", "20260102T030405", "20260102t030405Z", "20261302T030405Z", "2026010aT030405Z", "20260102T030405+0"] {
            assert_eq!(Stamp::parse_basic(text), None, "{text}");
        }
    }
}
