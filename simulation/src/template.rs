//! A store as an operator leaves it, made once and copied for each schedule: some accounts with some keys each, one image.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use freehold_link::unix::in_process;
use freehold_proto::clock::ManualClock;
use freehold_proto::internal::operator::operator_client::OperatorClient;
use freehold_proto::internal::operator::{CreateAccessKeyRequest, CreateAccountRequest, RegisterImageRequest};
use freehold_scheduler::{Config, Scheduler};
use tempfile::TempDir;

use crate::dice::Seeded;

/// A setting-up that failed: nothing to do with any schedule.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

pub const ACCOUNTS: [&str; 2] = ["111122223333", "444455556666"];

const DATABASE: &str = "freehold.db";

/// A client's key.
#[derive(Clone, Debug)]
pub struct Key {
    pub access_key_id: String,
    pub secret_access_key: String,
}

/// What every schedule starts from.
pub struct Template {
    files: Vec<(PathBuf, Vec<u8>)>,
    pub image_id: String,
    pub accounts: Vec<String>,
    /// As many of each account, in the order of the accounts.
    pub keys: Vec<Key>,
}

/// In memory where that is to be had: nothing here is to survive the process.
pub fn folder() -> io::Result<TempDir> {
    let memory = Path::new("/dev/shm");
    let made = tempfile::Builder::new().prefix("freehold-simulation-").tempdir_in(memory);
    made.or_else(|_| tempfile::tempdir())
}

/// When every schedule begins.
pub fn beginning() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_323_045)
}

pub fn config(data: &Path) -> Config {
    Config { data: data.to_owned(), audit: Some(data.join("audit.log")), availability_zones: vec!['a'], ..Config::default() }
}

impl Template {
    /// What schedules start from: a key for each account.
    pub async fn make() -> Result<Self, Error> {
        Self::of(&ACCOUNTS, 1).await
    }

    /// With so many keys for each of the accounts.
    pub async fn of(accounts: &[&str], keys_each: usize) -> Result<Self, Error> {
        let folder = folder()?;
        let clock = Arc::new(ManualClock::at(beginning()));
        let scheduler = Scheduler::open(config(folder.path()), clock, Arc::new(Seeded::of(0, 0))).await?;
        let mut operator = OperatorClient::new(in_process(scheduler.operator_routes()));
        let mut keys = Vec::new();
        for account_id in accounts {
            operator.create_account(CreateAccountRequest { account_id: (*account_id).into(), name: "simulated".into() }).await?;
            for _ in 0..keys_each {
                let key = operator.create_access_key(CreateAccessKeyRequest { account_id: (*account_id).into() }).await?.into_inner();
                keys.push(Key { access_key_id: key.access_key_id, secret_access_key: key.secret_access_key });
            }
        }
        let image = RegisterImageRequest {
            name: "simulated".into(),
            account_id: accounts.first().copied().unwrap_or_default().into(),
            public: true,
            architecture: "x86_64".into(),
            root_device_name: "/dev/xvda".into(),
            manifest: "a".repeat(64),
            size_bytes: 1 << 30,
            ..RegisterImageRequest::default()
        };
        let image_id = operator.register_image(image).await?.into_inner().image_id;
        drop((operator, scheduler));
        // The scheduler's connections close a moment after it: a copy of the bare file could be of a half-written one.
        let whole = folder.path().join("whole.db");
        database(folder.path())?.execute("VACUUM INTO ?1", [whole.to_string_lossy()])?;
        let mut files = contents(folder.path())?;
        files.push((DATABASE.into(), std::fs::read(whole)?));
        let accounts = accounts.iter().map(|account| (*account).to_owned()).collect();
        Ok(Self { files, image_id, accounts, keys })
    }

    /// A folder of its own for one schedule.
    pub fn copy(&self) -> io::Result<TempDir> {
        let folder = folder()?;
        for (name, content) in &self.files {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(folder.path().join(name))?;
            file.write_all(content)?;
        }
        Ok(folder)
    }
}

/// The database of a schedule, read by itself and not through the product.
pub fn database(folder: &Path) -> rusqlite::Result<rusqlite::Connection> {
    rusqlite::Connection::open(folder.join(DATABASE))
}

fn contents(folder: &Path) -> io::Result<Vec<(PathBuf, Vec<u8>)>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        // Neither the database nor its companions.
        if entry.file_type()?.is_file() && ![".db", "-shm", "-wal"].iter().any(|end| name.to_string_lossy().ends_with(end)) {
            files.push((name.into(), std::fs::read(entry.path())?));
        }
    }
    Ok(files)
}
