//! VPC peering: two VPCs whose route tables may lead to each other.
//!
//! ```text
//!   pending-acceptance ─accept─▶ active ─delete─▶ deleted      ended ones are shown for a while, then forgotten
//!      ├ reject ─▶ rejected    delete ─▶ deleted    7 days ─▶ expired
//!      └ (nobody to ask, or the two overlap) failed
//! ```
//!
//! A host that has something in one of two such VPCs is told of both, so that each end of a packet's way knows the other.

use std::collections::BTreeSet;

use freehold_proto::id::VpcPeeringConnectionId;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, ExprTrait, IntoActiveModel, ModelTrait, PaginatorTrait, QueryFilter,
};

use super::{cidr, restate, vpc as network_vpc};
use crate::lifecycle::terminate;
use crate::store::vpc_peering_connection::{Column, Entity, Model};
use crate::store::{Outcome, Rows, Tx, vpc};

/// EC2's words for how it is.
pub mod status {
    pub const PENDING: &str = "pending-acceptance";
    pub const ACTIVE: &str = "active";
    pub const DELETED: &str = "deleted";
    pub const REJECTED: &str = "rejected";
    pub const EXPIRED: &str = "expired";
    pub const FAILED: &str = "failed";

    /// Those of which two VPCs have at most one.
    pub const STANDING: [&str; 2] = [PENDING, ACTIVE];
}

/// A VPC's. Source: <https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html>.
pub const MOST_ACTIVE: u64 = 125;
/// A VPC's requests that nobody has answered.
pub const MOST_OUTSTANDING: u64 = 25;

const HOUR_MILLIS: i64 = 60 * 60 * 1000;
const DAY_MILLIS: i64 = 24 * HOUR_MILLIS;
/// How long a request stands. Source: <https://docs.aws.amazon.com/vpc/latest/peering/vpc-peering-basics.html>.
const STANDS_MILLIS: i64 = 7 * DAY_MILLIS;
/// How long the side that ended it sees it, and how long the other one does.
const SHOWN_MILLIS: i64 = 2 * HOUR_MILLIS;
const SHOWN_TO_OTHER_MILLIS: i64 = 2 * DAY_MILLIS;

/// The accounts that see it.
pub fn seen_by(row: &Model) -> impl Iterator<Item = &str> {
    let both = [(row.requester_sees, &row.account_id), (row.accepter_sees, &row.accepter_account_id)];
    both.into_iter().filter_map(|(sees, account)| sees.then_some(account.as_str()))
}

/// The other VPC.
pub fn peer<'a>(row: &'a Model, vpc_id: &str) -> &'a str {
    if row.requester_vpc_id == vpc_id { &row.accepter_vpc_id } else { &row.requester_vpc_id }
}

/// Whether public names of the VPC's instances mean private addresses to the other VPC.
pub fn answers_public_names(row: &Model, vpc_id: &str) -> bool {
    if row.requester_vpc_id == vpc_id { row.requester_answers_public_names } else { row.accepter_answers_public_names }
}

/// A VPC's that are active.
pub async fn active(db: &impl ConnectionTrait, vpc_id: &str) -> Result<Vec<Model>, DbErr> {
    let of_vpc = Column::RequesterVpcId.eq(vpc_id).or(Column::AccepterVpcId.eq(vpc_id));
    Entity::find().filter(of_vpc).filter(Column::Status.eq(status::ACTIVE)).all(db).await
}

/// A VPC and those that it is peered with: what a host that has something in it is told of.
pub async fn with_peers(db: &impl ConnectionTrait, vpc_id: &str) -> Result<BTreeSet<String>, DbErr> {
    let peers = active(db, vpc_id).await?;
    Ok(peers.iter().map(|row| peer(row, vpc_id).to_owned()).chain([vpc_id.to_owned()]).collect())
}

/// The same of several VPCs in the World.
pub fn with_peers_in(rows: &Rows, vpcs: BTreeSet<String>) -> BTreeSet<String> {
    let peers = |vpc_id: &String| {
        let all = rows.vpc_peering_connections.of(vpc_id, None).filter_map(|id| rows.vpc_peering_connections.one(id));
        let peers = all.filter(|row| row.status == status::ACTIVE).map(|row| peer(row, vpc_id).to_owned());
        peers.collect::<Vec<_>>()
    };
    let peers: Vec<String> = vpcs.iter().flat_map(peers).collect();
    vpcs.into_iter().chain(peers).collect()
}

/// One that the transaction's account sees.
pub async fn seen(tx: &Tx, id: &str) -> Outcome<Option<Model>> {
    let row = Entity::find_by_id(id).one(tx.db()).await?;
    Ok(row.filter(|row| seen_by(row).any(|account| account == tx.account())))
}

/// Asks the owner of another VPC. Where there is nobody to ask, or addresses are in both VPCs, the request is there, and has failed.
pub async fn request(tx: &Tx, requester: &vpc::Model, accepter_account_id: String, accepter_vpc_id: String) -> Outcome<Model> {
    let standing = standing(requester.vpc_id.as_str()).all(tx.db()).await?;
    if let Some(other) = standing.iter().find(|row| peer(row, &requester.vpc_id) == accepter_vpc_id) {
        let message = format!(
            "{} between {} and {accepter_vpc_id} already exists. Use it, or delete it first.",
            other.vpc_peering_connection_id, requester.vpc_id
        );
        return Err(Fault::new(ErrorCode::VpcPeeringConnectionAlreadyExists, message).into());
    }
    let own = standing.iter().filter(|row| row.requester_vpc_id == requester.vpc_id && row.status == status::PENDING);
    if own.count() as u64 >= MOST_OUTSTANDING {
        let message = format!("{} has {MOST_OUTSTANDING} requests that nobody has answered yet. Delete some of them.", requester.vpc_id);
        return Err(Fault::new(ErrorCode::OutstandingVpcPeeringConnectionLimitExceeded, message).into());
    }
    let fits = match vpc::Entity::find_by_id(&accepter_vpc_id).one(tx.db()).await?.filter(|row| row.account_id == accepter_account_id) {
        Some(accepter) => !overlap(tx, requester, &accepter).await?,
        None => false,
    };
    let (status, status_message) = if fits {
        (status::PENDING, format!("Pending Acceptance by {accepter_account_id}"))
    } else {
        (status::FAILED, "Failed due to incorrect VPC-ID, Account ID, or overlapping CIDR range".into())
    };
    let row = Model {
        vpc_peering_connection_id: VpcPeeringConnectionId::draw(tx.entropy()).into(),
        account_id: requester.account_id.clone(),
        requester_vpc_id: requester.vpc_id.clone(),
        accepter_account_id,
        accepter_vpc_id,
        status: status.into(),
        status_message,
        requester_answers_public_names: false,
        accepter_answers_public_names: false,
        requester_sees: true,
        accepter_sees: fits,
        requester_until: (!fits).then(|| tx.now() + SHOWN_MILLIS),
        accepter_until: None,
        expires: tx.now() + STANDS_MILLIS,
        created: tx.now(),
    };
    Ok(row.into_active_model().insert(tx.db()).await?)
}

fn standing(vpc_id: &str) -> sea_orm::Select<Entity> {
    let of_vpc = Column::RequesterVpcId.eq(vpc_id).or(Column::AccepterVpcId.eq(vpc_id));
    Entity::find().filter(of_vpc).filter(Column::Status.is_in(status::STANDING))
}

async fn overlap(tx: &Tx, one: &vpc::Model, other: &vpc::Model) -> Outcome<bool> {
    let (one, other) = (network_vpc::blocks(tx, one).await?, network_vpc::blocks(tx, other).await?);
    Ok(one.iter().any(|block| other.iter().any(|theirs| cidr::overlap(block, theirs))))
}

/// From now on packets pass where route tables lead them.
pub async fn accept(tx: &mut Tx, row: Model) -> Outcome<Model> {
    let (requester, accepter) = (vpc_of(tx, &row.requester_vpc_id).await?, vpc_of(tx, &row.accepter_vpc_id).await?);
    for vpc_id in [&row.requester_vpc_id, &row.accepter_vpc_id] {
        if standing(vpc_id).filter(Column::Status.eq(status::ACTIVE)).count(tx.db()).await? >= MOST_ACTIVE {
            let message = format!("{vpc_id} has {MOST_ACTIVE} active VPC peering connections. Delete some of them first.");
            return Err(Fault::new(ErrorCode::ActiveVpcPeeringConnectionPerVpcLimitExceeded, message).into());
        }
    }
    // A block may have been added since.
    if overlap(tx, &requester, &accepter).await? {
        let message = format!("The CIDR blocks of {} and {} overlap by now.", row.requester_vpc_id, row.accepter_vpc_id);
        return Err(Fault::new(ErrorCode::OperationNotPermitted, message).into());
    }
    let row = Model { status: status::ACTIVE.into(), status_message: "Active".into(), ..row };
    let row = save(tx, row).await?;
    terminate::join_vpcs(tx, &row.requester_vpc_id, &row.accepter_vpc_id).await?;
    restate_both(tx, &row).await?;
    Ok(row)
}

async fn vpc_of(tx: &Tx, vpc_id: &str) -> Outcome<vpc::Model> {
    let row = vpc::Entity::find_by_id(vpc_id).one(tx.db()).await?;
    Ok(row.ok_or_else(|| Fault::internal("a peering connection stands without its VPC", vpc_id.to_owned()))?)
}

async fn save(tx: &Tx, row: Model) -> Outcome<Model> {
    Ok(row.into_active_model().reset_all().update(tx.db()).await?)
}

/// What hosts are told of the two follows.
pub async fn restate_both(tx: &mut Tx, row: &Model) -> Outcome<()> {
    restate(tx, &row.requester_vpc_id).await?;
    restate(tx, &row.accepter_vpc_id).await
}

/// What either side may say of its own VPC.
pub async fn answer_public_names(tx: &mut Tx, row: Model, requester: Option<bool>, accepter: Option<bool>) -> Outcome<Model> {
    let row = Model {
        requester_answers_public_names: requester.unwrap_or(row.requester_answers_public_names),
        accepter_answers_public_names: accepter.unwrap_or(row.accepter_answers_public_names),
        ..row
    };
    let row = save(tx, row).await?;
    restate_both(tx, &row).await?;
    Ok(row)
}

/// How one ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Deleted,
    Rejected,
    Expired,
}

impl End {
    pub fn word(self) -> &'static str {
        match self {
            Self::Deleted => status::DELETED,
            Self::Rejected => status::REJECTED,
            Self::Expired => status::EXPIRED,
        }
    }

    fn message(self, account: &str) -> String {
        match self {
            Self::Deleted => format!("Deleted by {account}"),
            Self::Rejected => format!("Rejected by {account}"),
            Self::Expired => "Expired".into(),
        }
    }
}

/// Ends one that stands. Routes to it stay, and lead nowhere.
pub async fn end(tx: &mut Tx, row: Model, end: End) -> Outcome<Model> {
    let was_active = row.status == status::ACTIVE;
    let shown_to = |account: &str| {
        let own = account == tx.account() && end != End::Expired;
        Some(tx.now() + if own { SHOWN_MILLIS } else { SHOWN_TO_OTHER_MILLIS })
    };
    let (requester_until, accepter_until) = (shown_to(&row.account_id), shown_to(&row.accepter_account_id));
    let (status, status_message) = (end.word().to_owned(), end.message(tx.account()));
    let row = save(tx, Model { status, status_message, requester_until, accepter_until, ..row }).await?;
    if was_active {
        terminate::part_vpcs(tx, &row.requester_vpc_id, &row.accepter_vpc_id).await?;
        restate_both(tx, &row).await?;
    }
    Ok(row)
}

/// A VPC goes, and its connections with it.
pub async fn leave(tx: &mut Tx, vpc_id: &str) -> Outcome<()> {
    for row in standing(vpc_id).all(tx.db()).await? {
        end(tx, row, End::Deleted).await?;
    }
    Ok(())
}

/// Another account's request to a VPC that waits for an answer.
pub async fn unanswered(tx: &Tx, vpc_id: &str) -> Outcome<Option<Model>> {
    let pending = standing(vpc_id).filter(Column::Status.eq(status::PENDING)).filter(Column::AccepterVpcId.eq(vpc_id));
    Ok(pending.filter(Column::AccountId.ne(tx.account())).one(tx.db()).await?)
}

/// Those of a VPC whose other end has an address of `block`, or will have, once its owner agrees.
pub async fn overlapped(tx: &Tx, vpc_id: &str, block: &ipnet::Ipv4Net) -> Outcome<Option<Model>> {
    for row in standing(vpc_id).all(tx.db()).await? {
        let other = vpc_of(tx, peer(&row, vpc_id)).await?;
        if network_vpc::blocks(tx, &other).await?.iter().any(|theirs| cidr::overlap(theirs, block)) {
            return Ok(Some(row));
        }
    }
    Ok(None)
}

/// What time has made due of it: whoever has seen its end for long enough no longer does, and what nobody sees is gone.
pub async fn settle(tx: &mut Tx, id: &str) -> Outcome<()> {
    let now = tx.now();
    let Some(row) = Entity::find_by_id(id).one(tx.db()).await? else { return Ok(()) };
    if row.status == status::PENDING && row.expires <= now {
        return end(tx, row, End::Expired).await.map(drop);
    }
    let past = |until: Option<i64>| until.is_some_and(|until| until <= now);
    let requester_sees = row.requester_sees && !past(row.requester_until);
    let accepter_sees = row.accepter_sees && !past(row.accepter_until);
    if requester_sees || accepter_sees {
        return save(tx, Model { requester_sees, accepter_sees, ..row }).await.map(drop);
    }
    terminate::forget_tags(tx, &row.vpc_peering_connection_id).await?;
    row.delete(tx.db()).await?;
    Ok(())
}

/// Those that [`settle`] has something to do with.
pub async fn unsettled(db: &impl ConnectionTrait, now: i64) -> Result<Vec<Model>, DbErr> {
    let expired = Column::Status.eq(status::PENDING).and(Column::Expires.lte(now));
    let requester = Column::RequesterSees.eq(true).and(Column::RequesterUntil.lte(now));
    let accepter = Column::AccepterSees.eq(true).and(Column::AccepterUntil.lte(now));
    Entity::find().filter(expired.or(requester).or(accepter)).all(db).await
}
