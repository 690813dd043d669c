//! Join tokens: made by an operator, spent by a part.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use freehold_link::identity::{Kind, is_name};
use freehold_proto::ErrorCode;
use freehold_proto::id::HostId;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};

use super::has_joined;
use crate::store::{Failure, Outcome, Store, Tx, host, join_token, part};

const LONGEST_LIFE: Duration = Duration::from_hours(30 * 24);

/// A token that expired is remembered for as long, to say so.
const REMEMBERED_MILLIS: i64 = 7 * 24 * 60 * 60 * 1000;

/// What the operator is shown, once.
pub struct Created {
    pub secret: String,
    /// Milliseconds since the Unix epoch.
    pub expires: i64,
}

fn refuse<T>(message: impl Into<String>) -> Outcome<T> {
    Err(Failure::refuse(ErrorCode::InvalidParameterValue, message.into()))
}

fn hashed(secret: &str) -> String {
    URL_SAFE_NO_PAD.encode(ring::digest::digest(&ring::digest::SHA256, secret.as_bytes()))
}

/// Makes a token for a part of this kind; with a name, for that part alone, joined before or not.
pub async fn create(store: &Store, kind: &str, name: &str, lifetime: Duration) -> Outcome<Created> {
    let Some(kind @ (Kind::Host | Kind::Gateway | Kind::ImageStore)) = Kind::parse(kind) else {
        return refuse(format!("There is no token for a '{kind}'. Give host, gateway or image-store."));
    };
    if !name.is_empty() {
        check_name(kind, name)?;
    }
    if lifetime.is_zero() || lifetime > LONGEST_LIFE {
        return refuse("A token's life is between a second and 30 days.");
    }
    let tx = store.begin("").await?;
    join_token::Entity::delete_many().filter(join_token::Column::Expires.lt(tx.now() - REMEMBERED_MILLIS)).exec(tx.db()).await?;
    let mut secret = [0; 32];
    tx.entropy().fill(&mut secret);
    let secret = URL_SAFE_NO_PAD.encode(secret);
    let expires = tx.now() + i64::try_from(lifetime.as_millis()).unwrap_or(i64::MAX);
    let row = join_token::Model {
        secret_hash: hashed(&secret),
        kind: kind.to_string(),
        name: name.to_owned(),
        created: tx.now(),
        expires,
        spent_by: String::new(),
    };
    row.into_active_model().insert(tx.db()).await?;
    tx.commit().await?;
    Ok(Created { secret, expires })
}

fn check_name(kind: Kind, name: &str) -> Outcome<()> {
    match kind {
        Kind::Host if HostId::parse(name).is_err() => refuse(format!("'{name}' is not a host's id.")),
        _ if !is_name(name) => refuse(format!("'{name}' is not a part's name: letters, digits, dots and dashes, at most 64.")),
        _ => Ok(()),
    }
}

/// Spends the token for this part and this key, and notes that it has joined. Spending it again for the same key changes nothing.
pub(super) async fn spend(tx: &Tx, secret: &str, kind: Kind, name: &str, key: &[u8; 32]) -> Outcome<()> {
    check_name(kind, name)?;
    let Some(token) = join_token::Entity::find_by_id(hashed(secret)).one(tx.db()).await? else {
        return refuse("this cluster has given out no such token, or long ago. Make one with `freehold host token`");
    };
    let spender = format!("{name} {}", URL_SAFE_NO_PAD.encode(key));
    if tx.now() >= token.expires {
        return refuse("the token has expired. Make another one with `freehold host token`");
    }
    if token.kind != kind.as_str() {
        return refuse(format!("the token is for a {}, not for a {kind}. Make one with `freehold host token --for {kind}`", token.kind));
    }
    if !token.spent_by.is_empty() && token.spent_by != spender {
        return refuse("the token has been used. Each lets one part join: make another one with `freehold host token`");
    }
    if token.spent_by.is_empty() {
        check_free(tx, &token, kind, name).await?;
        join_token::Model { spent_by: spender, ..token }.into_active_model().reset_all().update(tx.db()).await?;
    }
    note(tx, kind, name).await
}

/// Whoever has a token for any host must not become one that is there.
async fn check_free(tx: &Tx, token: &join_token::Model, kind: Kind, name: &str) -> Outcome<()> {
    if token.name == name {
        return Ok(());
    }
    if !token.name.is_empty() {
        return refuse(format!("the token is for {} alone, and this is {name}", token.name));
    }
    let known = kind == Kind::Host && host::Entity::find_by_id(name).one(tx.db()).await?.is_some();
    if known || has_joined(tx.db(), kind, name).await? {
        return refuse(format!(
            "{kind} {name} is part of this cluster already. If it has lost its certificate, make a token for it alone: \
             `freehold host token --for {kind} --name {name}`"
        ));
    }
    Ok(())
}

/// Writes down that the part has a fresh certificate.
pub(super) async fn note(tx: &Tx, kind: Kind, name: &str) -> Outcome<()> {
    let now = tx.now();
    if let Some(row) = part::Entity::find_by_id((kind.to_string(), name.to_owned())).one(tx.db()).await? {
        part::Model { certified: now, ..row }.into_active_model().reset_all().update(tx.db()).await?;
    } else {
        let row = part::Model { kind: kind.to_string(), name: name.to_owned(), joined: now, certified: now };
        row.into_active_model().insert(tx.db()).await?;
    }
    Ok(())
}
