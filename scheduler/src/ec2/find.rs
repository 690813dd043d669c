//! What most Describes do: the resources that a request names, each of which must be there, or a page of all.

use std::collections::BTreeSet;

use freehold_proto::Fault;

use super::resolve::Kind;
use super::shown::{Shown, Shows};
use crate::engine::Ask;
use crate::filter::{Filters, TagIs};
use crate::page::Page;
use crate::store::{Rows, View};

/// A page and the token for the rest.
type Found<V> = Result<(Vec<V>, Option<String>), Fault>;

/// What a request looks for.
pub struct Search<'a> {
    kind: &'a Kind,
    ids: &'a [String],
    page: Page,
    tag: Option<TagIs<'a>>,
}

impl<'a> Search<'a> {
    /// The part that `page` asks for: of `ids`, or of all where there are none. Of the filters it takes what spares it a walk through
    /// everything; whether something matches is the caller's to say.
    pub fn new<R>(kind: &'a Kind, ids: &'a [String], page: Page, filters: &'a Filters<R>) -> Self {
        Self { kind, ids, page, tag: filters.tag() }
    }
}

/// What the search finds and `matches`.
pub fn find<V: View>(ask: &Ask, search: Search<'_>, matches: impl Fn(&V) -> bool) -> Found<V> {
    find_as(ask, search, |_, view| view, V::id, matches)
}

/// The same, where what `matches` may look at what is shown.
pub fn find_shown<V: View + Shows>(ask: &Ask, search: Search<'_>, matches: impl Fn(&Shown<V>) -> bool) -> Found<Shown<V>> {
    find_as(ask, search, |_, view| Shown::new(view, &ask.settings), |shown| V::id(shown), matches)
}

/// The same, of something that is made of each and is asked whether it matches.
pub fn find_as<V: View, S>(
    ask: &Ask,
    search: Search<'_>,
    shape: impl Fn(&Rows, V) -> S,
    id: impl Fn(&S) -> &str,
    matches: impl Fn(&S) -> bool,
) -> Found<S> {
    let Search { kind, ids, page, tag } = search;
    let (rows, account) = (ask.rows(), ask.account());
    if ids.is_empty() {
        let after = page.after().map(str::to_owned);
        let all = match &tag {
            Some(tag) => rows.tagged(account, tag.key, &tag.values, after.as_deref()),
            None => V::ids(&rows, account, after.as_deref()),
        };
        let all = all.filter_map(|id| V::one(&rows, account, id)).map(|view| shape(&rows, view));
        return page.take(all.filter(|shown| matches(shown)), id);
    }
    let named = named::<V>(&rows, account, kind, ids)?;
    let shown = named.into_iter().map(|view| shape(&rows, view)).filter(|shown| matches(shown));
    page.cut(shown.collect(), id)
}

/// Those of `ids`, once each, by id; refuses the first that is absent.
pub fn named<V: View>(rows: &Rows, account: &str, kind: &Kind, ids: &[String]) -> Result<Vec<V>, Fault> {
    ids.iter().try_for_each(|id| kind.check(id))?;
    let in_order: BTreeSet<&str> = ids.iter().map(String::as_str).collect();
    let found: Vec<V> = in_order.into_iter().filter_map(|id| V::one(rows, account, id)).collect();
    kind.all_found(ids, found.iter().map(V::id))?;
    Ok(found)
}
