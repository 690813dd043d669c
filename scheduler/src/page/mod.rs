//! `MaxResults` and `NextToken`, once for every Describe.
//!
//! A Describe walks what there is in the order of a key that never changes (an id), from [`Page::after`] on, and gives it to
//! [`Page::take`]; a short list it may sort and give to [`Page::cut`] whole. The token holds
//! the last key given and when it expires; it is sealed, so that nobody can read or forge it, and bound to the account, the action and
//! the rest of the query, so that it continues the question it came from and no other. What appears or goes between two pages
//! shifts nothing: the next page starts after a key, not at a count.
//!
//! [`Paged`] is the one table of EC2's limits: which actions page, between which bounds, and which id lists exclude paging.

mod token;

use std::ops::RangeInclusive;

use freehold_proto::{ErrorCode, Fault};

pub use token::{Query, Sealer};

/// A request that EC2 pages.
pub trait Paged: prost::Message + Clone {
    const ACTION: &'static str;
    /// What `MaxResults` may be.
    const BOUNDS: RangeInclusive<i32>;

    fn max_results(&self) -> Option<i32>;
    fn next_token(&self) -> Option<&str>;
    /// The id list that the request names things by, in EC2's words, where it is not empty and excludes `MaxResults`.
    fn ids_given(&self) -> Option<&'static str>;
    /// The same question without `MaxResults` and `NextToken`.
    #[must_use]
    fn question(&self) -> Self;
}

/// One page to be answered.
pub struct Page {
    limit: usize,
    after: Option<String>,
    query: Query,
    sealer: Sealer,
    now_millis: i64,
}

impl Page {
    /// Checks the paging parameters of a request and opens its token.
    pub fn of<R: Paged>(request: &R, account_id: &str, sealer: &Sealer, now_millis: i64) -> Result<Self, Fault> {
        if let (Some(ids), Some(_)) = (request.ids_given(), request.max_results()) {
            let message = format!("The parameter {ids} cannot be used with the parameter maxResults");
            return Err(Fault::new(ErrorCode::InvalidParameterCombination, message));
        }
        let limit = limit(request.max_results(), &R::BOUNDS)?;
        let query = Query::new(account_id, R::ACTION, &request.question().encode_to_vec());
        // Some clients ask for the first page with an empty token.
        let after =
            request.next_token().filter(|token| !token.is_empty()).map(|token| sealer.open(token, &query, now_millis)).transpose()?;
        Ok(Self { limit, after, query, sealer: sealer.clone(), now_millis })
    }

    /// The last key of the page before, behind which this one begins.
    pub fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// As [`Page::cut`], of what follows [`Page::after`]. Takes no more than it needs.
    pub fn take<T>(self, found: impl Iterator<Item = T>, key: impl Fn(&T) -> &str) -> Result<(Vec<T>, Option<String>), Fault> {
        let most = self.limit + 1;
        self.cut(found.take(most).collect(), key)
    }

    /// The page's part of `found`, which is sorted by `key`, and the token for the rest, where there is a rest.
    pub fn cut<T>(self, mut found: Vec<T>, key: impl Fn(&T) -> &str) -> Result<(Vec<T>, Option<String>), Fault> {
        debug_assert!(found.is_sorted_by(|a, b| key(a) < key(b)), "a page is cut from what is sorted by a unique key");
        let start = self.after.as_deref().map_or(0, |after| found.partition_point(|item| key(item) <= after));
        let mut page = found.split_off(start);
        if page.len() <= self.limit {
            return Ok((page, None));
        }
        page.truncate(self.limit);
        let token = page.last().map(|last| self.sealer.seal(key(last), &self.query, self.now_millis)).transpose()?;
        Ok((page, token))
    }
}

fn limit(max_results: Option<i32>, bounds: &RangeInclusive<i32>) -> Result<usize, Fault> {
    // EC2 answers at most 1000 items where nothing is asked for, whatever larger number an action lets a client ask.
    let asked = max_results.unwrap_or(1000.min(*bounds.end()));
    let refuse = |expected: String| {
        Fault::new(ErrorCode::InvalidParameterValue, format!("Value ( {asked} ) for parameter maxResults is invalid. {expected}"))
    };
    if asked < *bounds.start() {
        return Err(refuse(format!("Expecting a value greater than {}.", bounds.start())));
    }
    if asked > *bounds.end() {
        return Err(refuse(format!("Expecting a value smaller than {}.", bounds.end())));
    }
    usize::try_from(asked).map_err(|error| Fault::internal("a page's bound is negative", error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use freehold_proto::id::OsEntropy;
    use std::sync::Arc;

    #[derive(Clone, PartialEq, prost::Message)]
    struct Ask {
        #[prost(int32, optional, tag = "1")]
        max_results: Option<i32>,
        #[prost(string, optional, tag = "2")]
        next_token: Option<String>,
        #[prost(string, repeated, tag = "3")]
        ids: Vec<String>,
    }

    impl Paged for Ask {
        const ACTION: &'static str = "DescribeThings";
        const BOUNDS: RangeInclusive<i32> = 5..=1000;

        fn max_results(&self) -> Option<i32> {
            self.max_results
        }
        fn next_token(&self) -> Option<&str> {
            self.next_token.as_deref()
        }
        fn ids_given(&self) -> Option<&'static str> {
            (!self.ids.is_empty()).then_some("thingsSet")
        }
        fn question(&self) -> Self {
            Self { max_results: None, next_token: None, ..self.clone() }
        }
    }

    fn sealer() -> Sealer {
        Sealer::new(&[7; 32], Arc::new(OsEntropy)).unwrap()
    }

    fn page(ask: &Ask, found: &[String], sealer: &Sealer) -> Result<(Vec<String>, Option<String>), Fault> {
        Page::of(ask, "111122223333", sealer, 0)?.cut(found.to_vec(), |id| id)
    }

    #[test]
    fn pages_follow_each_other_and_give_everything_once() {
        let sealer = sealer();
        let mut found: Vec<String> = (0..12).map(|n| format!("x-{n:02}")).collect();
        let mut ask = Ask { max_results: Some(5), ..Ask::default() };
        let (first, token) = page(&ask, &found, &sealer).unwrap();
        assert_eq!(first, found[..5]);
        ask.next_token = token;
        found.remove(4);
        let (second, token) = page(&ask, &found, &sealer).unwrap();
        assert_eq!(second, found[4..9], "what went meanwhile shifts nothing");
        (ask.next_token, ask.max_results) = (token, Some(6));
        assert_eq!(page(&ask, &found, &sealer).unwrap(), (found[9..].to_vec(), None));
    }

    #[test]
    fn an_empty_token_asks_for_the_first_page() {
        let found: Vec<String> = (0..6).map(|n| format!("x-{n}")).collect();
        let ask = Ask { max_results: Some(5), next_token: Some(String::new()), ..Ask::default() };
        let (first, token) = page(&ask, &found, &sealer()).unwrap();
        assert_eq!((first, token.is_some()), (found[..5].to_vec(), true));
    }

    #[test]
    fn a_full_last_page_has_no_token() {
        let found: Vec<String> = (0..5).map(|n| format!("x-{n}")).collect();
        let ask = Ask { max_results: Some(5), ..Ask::default() };
        assert_eq!(page(&ask, &found, &sealer()).unwrap(), (found, None));
    }

    #[test]
    fn without_max_results_a_page_has_1000() {
        let found: Vec<String> = (0..1001).map(|n| format!("x-{n:04}")).collect();
        let (first, token) = page(&Ask::default(), &found, &sealer()).unwrap();
        assert_eq!((first.len(), token.is_some()), (1000, true));
    }

    #[test]
    fn bounds_and_combinations_are_held() {
        let code = |ask: Ask| page(&ask, &[], &sealer()).unwrap_err().code;
        for max_results in [4, 0, -1, 1001] {
            assert_eq!(code(Ask { max_results: Some(max_results), ..Ask::default() }), ErrorCode::InvalidParameterValue);
        }
        assert_eq!(code(Ask { max_results: Some(5), ids: vec!["x".into()], ..Ask::default() }), ErrorCode::InvalidParameterCombination);
        assert_eq!(code(Ask { next_token: Some("no".into()), ..Ask::default() }), ErrorCode::InvalidNextToken);
    }

    #[test]
    fn a_token_does_not_continue_another_question() {
        let (sealer, found) = (sealer(), (0..9).map(|n| format!("x-{n}")).collect::<Vec<_>>());
        let (_, next_token) = page(&Ask { max_results: Some(5), ..Ask::default() }, &found, &sealer).unwrap();
        let other = Ask { ids: vec!["x".into()], next_token, ..Ask::default() };
        assert_eq!(page(&other, &found, &sealer).unwrap_err().code, ErrorCode::InvalidNextToken);
    }
}
