//! Join tokens: made by an operator, spent by a part.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use freehold_link::identity::{Kind, is_name};
use freehold_link::token::hex;
use freehold_proto::ErrorCode;
use freehold_proto::id::HostId;
use sea_orm::{ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter};

use super::{has_joined, row, standing};
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

/// The token, if it is one for this part and this key and still good. Changes nothing.
pub(super) async fn find(db: &impl ConnectionTrait, now: i64, secret: &str, joining: &Joining<'_>) -> Outcome<join_token::Model> {
    let Joining { kind, name, .. } = *joining;
    check_name(kind, name)?;
    let Some(token) = join_token::Entity::find_by_id(hashed(secret)).one(db).await? else {
        return refuse("this cluster has given out no such token, or long ago. Make one with `freehold host token`");
    };
    if now >= token.expires {
        return refuse("the token has expired. Make another one with `freehold host token`");
    }
    if token.kind != kind.as_str() {
        return refuse(format!("the token is for a {}, not for a {kind}. Make one with `freehold host token --for {kind}`", token.kind));
    }
    if !token.spent_by.is_empty() && token.spent_by != joining.spender() {
        return refuse("the token has been used. Each lets one part join: make another one with `freehold host token`");
    }
    Ok(token)
}

/// Spends the token for this part and this key, and notes that it has joined. Spending it again for the same key changes nothing, but that
/// a part which has another key by now does not get its first one back.
pub(super) async fn spend(tx: &Tx, secret: &str, joining: &Joining<'_>) -> Outcome<()> {
    let token = find(tx.db(), tx.now(), secret, joining).await?;
    let Joining { kind, name, key } = *joining;
    if token.spent_by.is_empty() {
        check_free(tx, &token, kind, name).await?;
        join_token::Model { spent_by: joining.spender(), ..token }.into_active_model().reset_all().update(tx.db()).await?;
        return note(tx, kind, name, Keys { current: hex(key), previous: String::new() }).await;
    }
    match row(tx.db(), kind, name).await? {
        Some(row) if standing(Some(&row), kind, name, Some(key)).is_ok() => Ok(()),
        _ => refuse("the token has been used, and its part has another key since. Make another one with `freehold host token`"),
    }
}

/// Who wants to join.
#[derive(Clone, Copy)]
pub(super) struct Joining<'a> {
    pub kind: Kind,
    pub name: &'a str,
    pub key: &'a [u8; 32],
}

impl Joining<'_> {
    fn spender(&self) -> String {
        format!("{} {}", self.name, URL_SAFE_NO_PAD.encode(self.key))
    }
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

/// The keys that a part may show: the one that it was certified for last, and the one that it asked with, should it not have heard.
pub(super) struct Keys {
    pub current: String,
    pub previous: String,
}

/// Writes down that the part has a fresh certificate.
pub(super) async fn note(tx: &Tx, kind: Kind, name: &str, keys: Keys) -> Outcome<()> {
    let (now, Keys { current, previous }) = (tx.now(), keys);
    if let Some(row) = row(tx.db(), kind, name).await? {
        let row = part::Model { certified: now, current_key: current, previous_key: previous, ..row };
        row.into_active_model().reset_all().update(tx.db()).await?;
    } else {
        let name = name.to_owned();
        let row = part::Model { kind: kind.to_string(), name, joined: now, certified: now, current_key: current, previous_key: previous };
        row.into_active_model().insert(tx.db()).await?;
    }
    Ok(())
}
