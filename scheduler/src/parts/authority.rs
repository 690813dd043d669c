//! The install's authority as the store keeps it: made at the first start, opened at every other one.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use freehold_link::grant::{self, Signer};
use freehold_link::tls::{self, Authority};
use freehold_proto::Fault;
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel};

use crate::identity::Vault;
use crate::store::{Outcome, Store, authority, cluster, is_unique_violation};

const KEY: &str = "authority";
const GRANT_KEY: &str = "grants";

/// What this scheduler signs with.
pub struct Trust {
    pub authority: Authority,
    pub grants: Signer,
}

impl Trust {
    /// Opens the authority, or makes it. Another scheduler on the same store may be doing the same: the first row counts.
    pub async fn open(store: &Store, vault: &Vault, grant_lifetime: Duration) -> Outcome<Self> {
        let cluster = cluster::Entity::find().one(store.reader()).await?;
        let cluster_id = cluster.ok_or_else(|| damaged("the store names no cluster"))?.cluster_id;
        let row = match authority::Entity::find().one(store.reader()).await? {
            Some(row) => row,
            None => make(store, vault, &cluster_id).await?,
        };
        let grants = Signer::new(&unsealed(vault, GRANT_KEY, &row.sealed_grant_key)?, &cluster_id, grant_lifetime).map_err(damaged)?;
        let certificate = STANDARD.decode(&row.certificate).map_err(damaged)?;
        let key = unsealed(vault, KEY, &row.sealed_key)?;
        let authority = Authority::open(certificate, &key, &cluster_id, grants.public_key()).map_err(damaged)?;
        Ok(Self { authority, grants })
    }

    /// The authority's certificate for clients' `ca_bundle`.
    pub fn pem(&self) -> String {
        tls::pem(self.authority.certificate())
    }
}

async fn make(store: &Store, vault: &Vault, cluster_id: &str) -> Outcome<authority::Model> {
    let (certificate, key) = tls::generate_authority(cluster_id, store.clock().now()).map_err(damaged)?;
    let tx = store.begin("").await?;
    let row = authority::Model {
        singleton: 1,
        certificate: STANDARD.encode(certificate),
        sealed_key: vault.seal(KEY, &STANDARD.encode(key), tx.entropy())?,
        sealed_grant_key: vault.seal(GRANT_KEY, &STANDARD.encode(grant::generate().map_err(damaged)?), tx.entropy())?,
        created: tx.now(),
    };
    match row.clone().into_active_model().insert(tx.db()).await {
        Ok(_) => {}
        Err(error) if is_unique_violation(&error) => {
            tx.rollback().await?;
            let theirs = authority::Entity::find().one(store.reader()).await?;
            return Ok(theirs.ok_or_else(|| damaged("the authority's row was there and is not"))?);
        }
        Err(error) => return Err(error.into()),
    }
    tx.commit().await?;
    Ok(row)
}

fn unsealed(vault: &Vault, owner: &str, sealed: &str) -> Result<Vec<u8>, Fault> {
    STANDARD.decode(vault.open_sealed(owner, sealed)?).map_err(damaged)
}

fn damaged(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Fault {
    Fault::internal("the install's certificate authority can not be used", source)
}
