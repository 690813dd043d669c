//! `CreateKeyPair`. The private half is in the answer and nowhere else.

use freehold_proto::aws::ec2;
use freehold_proto::id::KeyPairId;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::{ActiveModelTrait, IntoActiveModel};

use super::create_tags::insert_tags;
use super::message;
use super::resolve::KEY_PAIR;
use crate::engine::Prepared;
use crate::key_pair::{self, Generated, KeyType, PublicKey};
use crate::store::{self, Outcome, Store, Tx, is_unique_violation};
use crate::tags::Tags;

impl Prepared for ec2::CreateKeyPairRequest {
    const ERRORS: &'static [ErrorCode] =
        &[ErrorCode::InvalidKeyPairDuplicate, ErrorCode::InvalidParameterValue, ErrorCode::MissingParameter, ErrorCode::TagLimitExceeded];
    type Made = Generated;

    async fn prepare(&self, store: &Store) -> Outcome<Generated> {
        key_pair::check_name(&self.key_name)?;
        message::tags_on_create(KEY_PAIR.resource_type, &self.tag_specifications)?;
        let key_type = self.key_type.as_deref().map_or(Ok(KeyType::Rsa), KeyType::parse)?;
        Ok(key_pair::generate(key_type, store.shared_entropy()).await?)
    }

    async fn run(self, made: Generated, tx: &mut Tx) -> Outcome<ec2::KeyPair> {
        let tags = message::tags_on_create(KEY_PAIR.resource_type, &self.tag_specifications)?;
        let row = insert(tx, &self.key_name, made.public, &tags).await?;
        Ok(ec2::KeyPair {
            key_pair_id: Some(row.key_pair_id),
            key_name: Some(row.key_name),
            key_fingerprint: Some(row.key_fingerprint),
            key_material: Some(made.material),
            tags: message::tags(&tags),
        })
    }
}

/// Names are unique in an account; the database says so.
pub(super) async fn insert(tx: &Tx, name: &str, public: PublicKey, tags: &Tags) -> Outcome<store::key_pair::Model> {
    let row = store::key_pair::Model {
        key_pair_id: KeyPairId::draw(tx.entropy()).into(),
        account_id: tx.account().to_owned(),
        key_name: name.to_owned(),
        key_type: public.key_type.as_str().to_owned(),
        key_fingerprint: public.fingerprint,
        public_key: public.openssh,
        created: tx.now(),
    };
    let row = match row.into_active_model().insert(tx.db()).await {
        Err(error) if is_unique_violation(&error) => {
            let message = format!("The keypair '{name}' already exists. Choose another name, or delete it first.");
            return Err(Fault::new(ErrorCode::InvalidKeyPairDuplicate, message).into());
        }
        inserted => inserted?,
    };
    insert_tags(tx, &row.key_pair_id, KEY_PAIR.resource_type, tags).await?;
    Ok(row)
}
