//! A copy of everything that a scheduler has, in one file, and the way back.
//!
//! A backup is an SQLite database: the store as it was at one moment, and beside it in a table of its own the small files of the
//! scheduler's folder, among them the key that seals secrets, without which those are lost. Whoever can read a backup has the cloud: it
//! is made with mode 0600.
//!
//! Of a store in PostgreSQL the server's own tools make better ones; see [`Unable::Postgres`].

mod restore;
#[cfg(test)]
mod tests;

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, DbErr, Statement};

pub use restore::{Restored, restore};

use crate::Config;
use crate::store::{OpenError, Place};

/// Every scheduler has it: a folder without it is not a scheduler's.
const SEALING_KEY: &str = "sealing.key";

/// What stands beside the database is keys and certificates. Anything larger is somebody else's.
const LARGEST_FILE: u64 = 1 << 20;

/// The table of a backup that no store has.
const FILES: &str = "CREATE TABLE backup_file (name TEXT PRIMARY KEY, content TEXT NOT NULL)";

/// Why there is no backup, or why one is not restored.
#[derive(Debug, thiserror::Error)]
pub enum Unable {
    #[error(
        "the store is in PostgreSQL: back it up with `pg_dump`, restore it with `pg_restore` while no scheduler runs, and keep a copy of \
         {} beside the dump, since secrets can not be read without it", .0.join(SEALING_KEY).display()
    )]
    Postgres(PathBuf),
    #[error("there is no store in {}", .0.display())]
    NoStore(PathBuf),
    #[error("{} is there already; give another name", .0.display())]
    Exists(PathBuf),
    #[error("{}", .0.display())]
    File(PathBuf, #[source] io::Error),
    #[error("{} is not a whole backup of a freehold store: {}", .0.display(), .1)]
    NotABackup(PathBuf, String),
    #[error("the store in {} is in use: stop the scheduler first (`freehold down`; guests keep running)", .0.display())]
    InUse(PathBuf),
    #[error("the database refused")]
    Database(#[from] DbErr),
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// What a backup holds.
#[derive(Debug, PartialEq, Eq)]
pub struct Written {
    pub bytes: u64,
    /// The files beside the store, by name.
    pub files: Vec<String>,
}

/// Writes a backup to `file`, which must not be there. The scheduler may run meanwhile.
pub async fn write(config: &Config, file: &Path) -> Result<Written, Unable> {
    let store = store_file(config)?;
    if !store.exists() {
        return Err(Unable::NoStore(config.data.clone()));
    }
    if file.exists() {
        return Err(Unable::Exists(file.to_owned()));
    }
    let part = beside(file, ".part");
    let written = write_part(config, &store, &part).await;
    let outcome = written.and_then(|files| {
        // Never over another file, however late that came.
        fs::hard_link(&part, file).map_err(at(file))?;
        sync_folder(file)?;
        let bytes = fs::metadata(file).map_err(at(file))?.len();
        Ok(Written { bytes, files })
    });
    // Half a backup is none; of a whole one this was the other name.
    let _ = fs::remove_file(&part);
    outcome
}

async fn write_part(config: &Config, store: &Path, part: &Path) -> Result<Vec<String>, Unable> {
    // What a backup that was killed left behind.
    let _ = fs::remove_file(part);
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(part).map_err(at(part))?;
    let live = connect(store).await?;
    let copied = live.execute_unprepared(&format!("VACUUM INTO '{}'", part.display().to_string().replace('\'', "''"))).await;
    live.close().await?;
    copied?;
    let files = files(&config.data)?;
    let copy = connect(part).await?;
    copy.execute_unprepared(FILES).await?;
    for (name, content) in &files {
        let values = [name.into(), STANDARD.encode(content).into()];
        let insert = Statement::from_sql_and_values(DbBackend::Sqlite, "INSERT INTO backup_file (name, content) VALUES (?, ?)", values);
        copy.execute_raw(insert).await?;
    }
    copy.close().await?;
    File::open(part).and_then(|file| file.sync_all()).map_err(at(part))?;
    Ok(files.into_iter().map(|(name, _)| name).collect())
}

/// The small files beside the store.
fn files(data: &Path) -> Result<Vec<(String, Vec<u8>)>, Unable> {
    let mut files = Vec::new();
    for entry in fs::read_dir(data).map_err(at(data))? {
        let entry = entry.map_err(at(data))?;
        let metadata = entry.metadata().map_err(at(&entry.path()))?;
        let name = entry.file_name().into_string().unwrap_or_default();
        if metadata.is_file() && metadata.len() <= LARGEST_FILE && is_kept(&name) {
            files.push((name, fs::read(entry.path()).map_err(at(&entry.path()))?));
        }
    }
    files.sort();
    if files.iter().any(|(name, _)| name == SEALING_KEY) { Ok(files) } else { Err(Unable::NoStore(data.to_owned())) }
}

/// A plain name, and neither the database's own files nor what a restore put aside.
fn is_kept(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    !name.is_empty() && name.bytes().all(plain) && !name.starts_with('.') && !name.starts_with("freehold.db") && !name.contains(ASIDE)
}

/// Part of the name of what a restore put aside.
const ASIDE: &str = ".before-restore-";

fn store_file(config: &Config) -> Result<PathBuf, Unable> {
    match config.place() {
        Place::File(file) => Ok(file),
        Place::Postgres(_) => Err(Unable::Postgres(config.data.clone())),
    }
}

/// One connection to a file that is there.
async fn connect(file: &Path) -> Result<DatabaseConnection, DbErr> {
    let mut options = ConnectOptions::new(format!("sqlite://{}?mode=rw", file.display()));
    options.max_connections(1).sqlx_logging(false);
    options.map_sqlx_sqlite_opts(|options| options.pragma("synchronous", "FULL").busy_timeout(Duration::from_secs(2)));
    Database::connect(options).await
}

fn at(path: &Path) -> impl Fn(io::Error) -> Unable + use<> {
    let path = path.to_owned();
    move |error| Unable::File(path.clone(), error)
}

fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Makes a name durable.
fn sync_folder(file: &Path) -> Result<(), Unable> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(at(folder))
}
