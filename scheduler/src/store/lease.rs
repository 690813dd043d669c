//! A lease: a row that names the one scheduler that does what only one may. Its holder renews it; one that is not renewed for a while, by the
//! clock of whoever watches it, is free. Compared and set in a transaction.
//!
//! No two clocks are compared, and a scheduler may stand still for longer than its lease. So a lease keeps nobody from working by itself: what is
//! done under it is done in transactions that ask whether it still holds ([`Store::fenced`]), and the epoch, which grows with every new
//! holder, tells one time of holding it from the next.

use std::collections::HashMap;

use sea_orm::{ActiveModelTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel};

use super::entity::lease::{Entity, Model};
use super::{Outcome, Store};

/// How long a holder that is gone keeps others waiting.
pub const LIFETIME_MILLIS: i64 = 5_000;

/// For how long others' rows have not changed, by one's own clock.
#[derive(Default)]
pub struct Watch(HashMap<String, Seen>);

struct Seen {
    beat: i64,
    since: i64,
}

impl Watch {
    /// Whether the row has stood at this beat for a lifetime.
    pub fn is_over(&mut self, row: &str, beat: i64, now: i64) -> bool {
        let seen = self.0.entry(row.to_owned()).or_insert(Seen { beat, since: now });
        if seen.beat != beat || seen.since > now {
            *seen = Seen { beat, since: now };
        }
        now - seen.since >= LIFETIME_MILLIS
    }

    /// Whoever has not looked for a while has seen nothing.
    pub fn forget(&mut self) {
        self.0.clear();
    }
}

/// Proof of holding a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    name: &'static str,
    holder: String,
    epoch: i64,
}

/// Takes the lease if it is free, or holds it for longer. None while somebody else has it.
pub async fn take(store: &Store, name: &'static str, holder: &str, watch: &mut Watch) -> Outcome<Option<Lease>> {
    let tx = store.begin("").await?;
    let row = |epoch, beat| Model { name: name.to_owned(), holder: holder.to_owned(), epoch, beat };
    let epoch = match Entity::find_by_id(name).one(tx.db()).await? {
        None => {
            row(1, 1).into_active_model().insert(tx.db()).await?;
            1
        }
        Some(held) => {
            let renewed = held.holder == holder;
            if !renewed && !held.holder.is_empty() && !watch.is_over(name, held.beat, tx.now()) {
                return Ok(None);
            }
            let epoch = if renewed { held.epoch } else { held.epoch + 1 };
            row(epoch, held.beat + 1).into_active_model().reset_all().update(tx.db()).await?;
            epoch
        }
    };
    tx.commit().await?;
    Ok(Some(Lease { name, holder: holder.to_owned(), epoch }))
}

/// Who holds it, as far as the rows say.
pub async fn holder(store: &Store, name: &str) -> Outcome<Option<String>> {
    let row = Entity::find_by_id(name).one(store.reader()).await?;
    Ok(row.map(|row| row.holder).filter(|holder| !holder.is_empty()))
}

/// Lets the next one have it at once.
pub async fn give_back(store: &Store, lease: &Lease) -> Outcome<()> {
    let tx = store.begin("").await?;
    if let Some(held) = lease.row(tx.db()).await? {
        Model { holder: String::new(), ..held }.into_active_model().reset_all().update(tx.db()).await?;
    }
    Ok(tx.commit().await?)
}

impl Lease {
    /// The row, if it is still this very lease.
    async fn row(&self, db: &impl ConnectionTrait) -> Result<Option<Model>, DbErr> {
        let row = Entity::find_by_id(self.name).one(db).await?;
        Ok(row.filter(|row| row.holder == self.holder && row.epoch == self.epoch))
    }

    /// Asked in a transaction's own turn: as long as that lasts nobody else can take the lease.
    pub(super) async fn check(&self, db: &impl ConnectionTrait) -> Result<(), DbErr> {
        match self.row(db).await? {
            Some(_) => Ok(()),
            None => Err(DbErr::Custom(format!("another scheduler has taken the lease '{}'", self.name))),
        }
    }
}
