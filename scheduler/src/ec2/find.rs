//! What most Describes do: the resources that a request names, each of which must be there, or a page of all.

use std::collections::BTreeSet;

use freehold_proto::Fault;

use super::resolve::Kind;
use crate::engine::Ask;
use crate::page::Page;
use crate::store::{Rows, View};

/// A page and the token for the rest.
type Found<V> = Result<(Vec<V>, Option<String>), Fault>;

/// Those of `ids`, or of all where there are none, that match: the part that `page` asks for.
pub fn find<V: View>(ask: &Ask, kind: &Kind, ids: &[String], page: Page, matches: impl Fn(&V) -> bool) -> Found<V> {
    find_as(ask, kind, ids, page, |_, view| view, V::id, matches)
}

/// The same, of something that is made of each and is asked whether it matches.
pub fn find_as<V: View, S>(
    ask: &Ask,
    kind: &Kind,
    ids: &[String],
    page: Page,
    shape: impl Fn(&Rows, V) -> S,
    id: impl Fn(&S) -> &str,
    matches: impl Fn(&S) -> bool,
) -> Found<S> {
    let rows = ask.rows();
    if ids.is_empty() {
        let after = page.after().map(str::to_owned);
        let all = V::all(&rows, ask.account(), after.as_deref()).map(|view| shape(&rows, view));
        return page.take(all.filter(|shown| matches(shown)), id);
    }
    let named = named::<V>(&rows, ask.account(), kind, ids)?;
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
