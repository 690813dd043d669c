//! Tags as resources of their own, for `DescribeTags`.

use std::sync::Arc;

use freehold_proto::aws::ec2;

use crate::filter::Table;
use crate::store::tag;

/// A tag with the key by which pages are cut.
pub struct TagView {
    pub row: Arc<tag::Model>,
    /// Resource id and key: unique in an account.
    pub place: String,
}

pub const FILTERS: Table<TagView> = Table {
    names: &[
        ("key", |tag, say| say(&tag.row.key)),
        ("resource-id", |tag, say| say(&tag.row.resource_id)),
        ("resource-type", |tag, say| say(&tag.row.resource_type)),
        ("value", |tag, say| say(&tag.row.value)),
    ],
    // Here `tag:KEY` asks for this very tag's value.
    tags: Some(|tag, say| say(&tag.row.key, &tag.row.value)),
};

impl From<&TagView> for ec2::TagDescription {
    fn from(TagView { row, .. }: &TagView) -> Self {
        Self {
            key: Some(row.key.clone()),
            resource_id: Some(row.resource_id.clone()),
            resource_type: Some(row.resource_type.clone()),
            value: Some(row.value.clone()),
        }
    }
}
