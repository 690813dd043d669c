//! Questions to a host that attends another scheduler: a row that asks, a row that answers, and the feed, which tells either side to look.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use freehold_proto::internal::host::ConsoleOutput;
use prost::Message;
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect};

use super::QUESTIONS;
use super::console::Question;
use crate::store::{Kind, Outcome, Store, console_question};

/// What no account owns is written on behalf of nobody.
const NOBODY: &str = "";

pub async fn ask(store: &Store, host_id: &str, question: &Question) -> Outcome<()> {
    let mut tx = store.begin(NOBODY).await?;
    let row = console_question::Model {
        request_id: question.request_id.clone(),
        host_id: host_id.to_owned(),
        asked: tx.now(),
        answer: None,
        question: STANDARD.encode(question.encode_to_vec()),
    };
    row.into_active_model().insert(tx.db()).await?;
    tx.changed(Kind::ConsoleQuestion, host_id);
    Ok(tx.commit().await?)
}

/// What the host of this session has been asked elsewhere, and has not answered.
pub async fn open(store: &Store, host_id: &str) -> Outcome<Vec<Question>> {
    let rows = console_question::Entity::find()
        .filter(console_question::Column::HostId.eq(host_id))
        .filter(console_question::Column::Answer.is_null())
        .limit(QUESTIONS as u64)
        .all(store.reader())
        .await?;
    Ok(rows.iter().filter_map(|row| decoded(&row.question)).collect())
}

/// Nobody may wait for it any more.
pub async fn answer(store: &Store, host_id: &str, output: &ConsoleOutput) -> Outcome<()> {
    let mut tx = store.begin(NOBODY).await?;
    console_question::Entity::update_many()
        .col_expr(console_question::Column::Answer, Expr::value(STANDARD.encode(output.encode_to_vec())))
        .filter(console_question::Column::RequestId.eq(&output.request_id))
        .filter(console_question::Column::HostId.eq(host_id))
        .exec(tx.db())
        .await?;
    tx.changed(Kind::ConsoleQuestion, host_id);
    Ok(tx.commit().await?)
}

/// The answer, if it is there.
pub async fn answered(store: &Store, request_id: &str) -> Outcome<Option<ConsoleOutput>> {
    let row = console_question::Entity::find_by_id(request_id).one(store.reader()).await?;
    Ok(row.and_then(|row| row.answer).and_then(|answer| decoded(&answer)))
}

fn decoded<M: Message + Default>(text: &str) -> Option<M> {
    M::decode(STANDARD.decode(text).ok()?.as_slice()).ok()
}

pub async fn forget(store: &Store, request_id: &str) -> Outcome<()> {
    let tx = store.begin(NOBODY).await?;
    console_question::Entity::delete_by_id(request_id).exec(tx.db()).await?;
    Ok(tx.commit().await?)
}
