//! The way back: a store of yesterday under hosts of today.
//!
//! Agents have followed the store that was lost, and hold guests that the restored one may not know. So that nothing of theirs is destroyed
//! and their orders count again:
//! * the epoch jumps past every one that agents can have seen: a host refuses an older one;
//! * generations jump likewise: a host ignores what is older than what it holds. Both jump to the time of the restore, in seconds and in
//!   milliseconds, which no counter that grows by ones has come to;
//! * tombstones of networks are dropped: a host that has entered the VPC again since has guests in it. When the last of them goes, the
//!   order is given anew. Those of instances stay: they carry out a termination that was answered before the backup, which nobody can
//!   have taken back, under an id that is never given again;
//! * guests that the restored store does not know are in no list: their hosts quarantine them, and the operator sees them;
//! * what was connected or quarantined is what hosts say when they attend again.
//!
//! What is replaced is put aside and not taken away.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, Statement, TransactionTrait};

use super::{ASIDE, SEALING_KEY, Unable, at, beside, connect, is_kept, store_file, sync_folder};
use crate::Config;
use crate::store::bring_up_to_date;

/// What a restore did.
#[derive(Debug, PartialEq, Eq)]
pub struct Restored {
    /// What was replaced, under its new name.
    pub put_aside: Vec<PathBuf>,
    pub instances: i64,
}

/// Puts the backup `file` in the place of the store of `config`, whose scheduler must not run. `now` in milliseconds since the Unix epoch.
pub async fn restore(config: &Config, file: &Path, now: i64) -> Result<Restored, Unable> {
    let store = store_file(config)?;
    fs::create_dir_all(&config.data).map_err(at(&config.data))?;
    fs::set_permissions(&config.data, Permissions::from_mode(0o700)).map_err(at(&config.data))?;
    let newest_epoch = if store.exists() { let_go(&store).await? } else { 0 };
    let copy = beside(&store, ".restoring");
    let outcome = prepare(file, &copy, newest_epoch, now).await;
    let outcome = match outcome {
        Ok((files, instances)) => put_in_place(config, &store, &copy, files, now).map(|put_aside| Restored { put_aside, instances }),
        Err(unable) => Err(unable),
    };
    for suffix in ["", "-journal", "-wal", "-shm"] {
        // Only what failed has left something.
        let _ = fs::remove_file(beside(&copy, suffix));
    }
    outcome
}

/// Sees that nobody has the present store open, brings its log into its file, and answers its epoch as far as it can be read.
async fn let_go(store: &Path) -> Result<i64, Unable> {
    let Ok(db) = connect(store).await else {
        // What can not be opened is perhaps why there is a restore.
        return Ok(0);
    };
    let mode = text(&db, "PRAGMA journal_mode = DELETE").await;
    let epoch = number(&db, "SELECT epoch FROM cluster").await.unwrap_or_default();
    db.close().await?;
    match mode {
        Ok(mode) if mode == "delete" => Ok(epoch),
        Ok(_) => Err(Unable::InUse(store.to_owned())),
        Err(error) if error.to_string().contains("locked") => Err(Unable::InUse(store.to_owned())),
        Err(_) => Ok(epoch),
    }
}

type Files = Vec<(String, Vec<u8>)>;

/// Copies the backup and makes of the copy what a scheduler can open.
async fn prepare(file: &Path, copy: &Path, newest_epoch: i64, now: i64) -> Result<(Files, i64), Unable> {
    let _ = fs::remove_file(copy);
    let mut from = File::open(file).map_err(at(file))?;
    let mut to = OpenOptions::new().write(true).create_new(true).mode(0o600).open(copy).map_err(at(copy))?;
    std::io::copy(&mut from, &mut to).map_err(at(copy))?;
    let wrong = |why: String| Unable::NotABackup(file.to_owned(), why);
    let db = connect(copy).await.map_err(|error| wrong(error.to_string()))?;
    let checked = text(&db, "PRAGMA integrity_check").await.map_err(|error| wrong(error.to_string()))?;
    if checked != "ok" {
        return Err(wrong(checked));
    }
    let files = files(&db).await.map_err(|error| wrong(error.to_string()))?;
    if !files.iter().any(|(name, _)| name == SEALING_KEY) {
        return Err(wrong("it holds no sealing key".to_owned()));
    }
    bring_up_to_date(&db).await?;
    let instances = begin_anew(&db, newest_epoch, now).await?;
    db.close().await?;
    to.sync_all().map_err(at(copy))?;
    Ok((files, instances))
}

async fn files(db: &DatabaseConnection) -> Result<Files, DbErr> {
    let unreadable = |what: String| DbErr::Custom(format!("the file {what} in it is unreadable"));
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), "SELECT name, content FROM backup_file")).await?;
    let file = |row: &sea_orm::QueryResult| -> Result<(String, Vec<u8>), DbErr> {
        let (name, content): (String, String) = (row.try_get("", "name")?, row.try_get("", "content")?);
        let content = STANDARD.decode(content).map_err(|_| unreadable(name.clone()))?;
        // A name decides where it is written.
        if is_kept(&name) { Ok((name, content)) } else { Err(unreadable(name)) }
    };
    rows.iter().map(file).collect()
}

/// See the head of this file.
async fn begin_anew(db: &DatabaseConnection, newest_epoch: i64, now: i64) -> Result<i64, DbErr> {
    let tx = db.begin().await?;
    for statement in [
        "DROP TABLE backup_file".to_owned(),
        "DELETE FROM tombstone WHERE kind <> 'instance'".to_owned(),
        format!("UPDATE cluster SET epoch = MAX(epoch, {newest_epoch}, {}) + 1", now / 1000),
        format!("UPDATE instance SET generation = MAX(generation + 1, {now}) WHERE state NOT IN ('shutting-down', 'terminated')"),
        format!("UPDATE vpc SET generation = MAX(generation + 1, {now})"),
        format!("UPDATE security_group SET generation = MAX(generation + 1, {now})"),
        format!("UPDATE nat_gateway SET generation = MAX(generation + 1, {now}) WHERE state IN ('pending', 'available')"),
        // Tokens that were spent since are unspent in it, and parts have renewed their certificates for keys that it does not know.
        "DELETE FROM join_token".to_owned(),
        "UPDATE part SET current_key = '', previous_key = ''".to_owned(),
        "UPDATE host SET connected = FALSE, attended_by = NULL, quarantined = '[]'".to_owned(),
        "DELETE FROM scheduler".to_owned(),
    ] {
        tx.execute_unprepared(&statement).await?;
    }
    let instances = number(&tx, "SELECT COUNT(*) FROM instance WHERE state <> 'terminated'").await?;
    tx.commit().await?;
    Ok(instances)
}

/// The files first, then the store, in one step that either has happened or has not.
fn put_in_place(config: &Config, store: &Path, copy: &Path, files: Files, now: i64) -> Result<Vec<PathBuf>, Unable> {
    let mut put_aside = Vec::new();
    for (name, content) in files {
        let path = config.data.join(name);
        if fs::read(&path).is_ok_and(|present| present == content) {
            continue;
        }
        put_aside.extend(keep(&path, now)?);
        let part = beside(&path, ".restoring");
        let _ = fs::remove_file(&part);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part).map_err(at(&part))?;
        file.write_all(&content).and_then(|()| file.sync_all()).map_err(at(&part))?;
        fs::rename(&part, &path).map_err(at(&path))?;
    }
    put_aside.extend(keep(store, now)?);
    fs::rename(copy, store).map_err(at(store))?;
    sync_folder(store)?;
    Ok(put_aside)
}

/// Gives what is there another name, and leaves the one that it has.
fn keep(path: &Path, now: i64) -> Result<Option<PathBuf>, Unable> {
    if !path.exists() {
        return Ok(None);
    }
    let aside = beside(path, &format!("{ASIDE}{now}"));
    fs::hard_link(path, &aside).map_err(at(&aside))?;
    Ok(Some(aside))
}

async fn text(db: &impl ConnectionTrait, sql: &str) -> Result<String, DbErr> {
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await?;
    row.ok_or_else(|| DbErr::RecordNotFound(sql.to_owned()))?.try_get_by_index(0)
}

async fn number(db: &impl ConnectionTrait, sql: &str) -> Result<i64, DbErr> {
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await?;
    row.ok_or_else(|| DbErr::RecordNotFound(sql.to_owned()))?.try_get_by_index(0)
}
