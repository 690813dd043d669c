//! `DescribeKeyPairs`. EC2 does not page it.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::message;
use super::model::key_pair::{FILTERS, KeyPair};
use super::resolve::KEY_PAIR;
use crate::engine::{Ask, Query};
use crate::store::{Outcome, View};

impl Query for ec2::DescribeKeyPairsRequest {
    const ERRORS: &'static [ErrorCode] =
        &[ErrorCode::FilterLimitExceeded, ErrorCode::InvalidKeyPairNotFound, ErrorCode::InvalidParameterValue];

    async fn answer(self, ask: &Ask) -> Outcome<ec2::DescribeKeyPairsResult> {
        let filters = FILTERS.compile(message::filters(&self.filters))?;
        self.key_pair_ids.iter().try_for_each(|id| KEY_PAIR.check(id))?;
        // An account has few key pairs and may name them by name: all are read.
        let mut keys: Vec<KeyPair> = KeyPair::all(&ask.rows(), ask.account(), None).collect();
        KEY_PAIR.all_found(&self.key_pair_ids, keys.iter().map(|key| key.item.key_pair_id.as_str()))?;
        KEY_PAIR.all_found(&self.key_names, keys.iter().map(|key| key.item.key_name.as_str()))?;
        let named = |list: &[String], word: &String| list.contains(word);
        keys.retain(|key| {
            let all = self.key_names.is_empty() && self.key_pair_ids.is_empty();
            all || named(&self.key_names, &key.item.key_name) || named(&self.key_pair_ids, &key.item.key_pair_id)
        });
        keys.retain(|key| filters.matches(key));
        let with_public_key = self.include_public_key.unwrap_or_default();
        let shown = keys.iter().map(|key| ec2::KeyPairInfo {
            public_key: with_public_key.then(|| format!("{} {}\n", key.item.public_key, key.item.key_name)),
            ..key.into()
        });
        Ok(ec2::DescribeKeyPairsResult { key_pairs: shown.collect() })
    }
}
