//! Key pairs.

use std::sync::Arc;

use freehold_proto::aws::ec2;

use crate::ec2::message;
use crate::filter::Table;
use crate::store::key_pair;
use crate::store::read::resources::Tagged;

pub type KeyPair = Tagged<Arc<key_pair::Model>>;

pub const FILTERS: Table<KeyPair> = Table {
    names: &[
        ("fingerprint", |key, say| say(&key.item.key_fingerprint)),
        ("key-name", |key, say| say(&key.item.key_name)),
        ("key-pair-id", |key, say| say(&key.item.key_pair_id)),
    ],
    tags: Some(|key, say| key.tags.iter().for_each(|(key, value)| say(key, value))),
};

/// The public key itself is shown where it is asked for.
impl From<&KeyPair> for ec2::KeyPairInfo {
    fn from(Tagged { item, tags }: &KeyPair) -> Self {
        Self {
            key_pair_id: Some(item.key_pair_id.clone()),
            key_name: Some(item.key_name.clone()),
            key_type: Some(item.key_type.clone()),
            key_fingerprint: Some(item.key_fingerprint.clone()),
            create_time: Some(message::timestamp(item.created)),
            tags: message::tags(tags),
            public_key: None,
        }
    }
}
