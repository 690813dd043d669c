//! `freehold account key create | ls | disable | enable | rm`.

use freehold_proto::internal::operator::{
    CreateAccessKeyRequest, DeleteAccessKeyRequest, ListAccessKeysRequest, ListedAccessKey, SetAccessKeyRequest,
};
use serde::Serialize;

use crate::Failure;
use crate::cli::{Key, Output};
use crate::config::Config;
use crate::operator;
use crate::output::{self, Row};

#[derive(Serialize)]
struct Listed {
    access_key_id: String,
    account_id: String,
    active: bool,
    created: String,
}

impl From<ListedAccessKey> for Listed {
    fn from(key: ListedAccessKey) -> Self {
        let created = output::time(key.created);
        Self { access_key_id: key.access_key_id, account_id: key.account_id, active: key.active, created }
    }
}

impl Row for Listed {
    const HEADINGS: &'static [&'static str] = &["ACCESS KEY", "ACCOUNT", "STATE", "CREATED"];

    fn cells(&self) -> Vec<String> {
        let state = if self.active { "active" } else { "disabled" };
        vec![self.access_key_id.clone(), self.account_id.clone(), state.into(), self.created.clone()]
    }
}

#[derive(Serialize)]
struct Created {
    account_id: String,
    access_key_id: String,
    secret_access_key: String,
}

pub async fn run(config: &Config, output: Output, command: Key) -> Result<(), Failure> {
    match command {
        Key::Create { account_id } => create(config, output, account_id).await,
        Key::Ls { account_id } => list(config, output, account_id.unwrap_or_default()).await,
        Key::Disable { access_key_id } => set(config, access_key_id, false).await,
        Key::Enable { access_key_id } => set(config, access_key_id, true).await,
        Key::Rm { access_key_id } => {
            let request = DeleteAccessKeyRequest { access_key_id: access_key_id.clone() };
            operator::call(&config.sockets().operator, operator::connect(config).delete_access_key(request)).await?;
            output::progress(&format!("{access_key_id} is gone"));
            Ok(())
        }
    }
}

async fn create(config: &Config, output: Output, account_id: String) -> Result<(), Failure> {
    let request = CreateAccessKeyRequest { account_id };
    let key = operator::call(&config.sockets().operator, operator::connect(config).create_access_key(request)).await?;
    let created = Created { account_id: key.account_id, access_key_id: key.access_key_id, secret_access_key: key.secret_access_key };
    match output {
        Output::Json => output::json(&created),
        Output::Table => {
            output::line(&format!("Access key {}\nSecret     {}  (shown this once)", created.access_key_id, created.secret_access_key))
        }
    }
}

async fn list(config: &Config, output: Output, account_id: String) -> Result<(), Failure> {
    let request = ListAccessKeysRequest { account_id };
    let answer = operator::call(&config.sockets().operator, operator::connect(config).list_access_keys(request)).await?;
    let rows: Vec<Listed> = answer.keys.into_iter().map(Listed::from).collect();
    output::rows(output, &rows)
}

async fn set(config: &Config, access_key_id: String, active: bool) -> Result<(), Failure> {
    let request = SetAccessKeyRequest { access_key_id: access_key_id.clone(), active };
    operator::call(&config.sockets().operator, operator::connect(config).set_access_key(request)).await?;
    output::progress(&format!("{access_key_id} is {}", if active { "active" } else { "disabled" }));
    Ok(())
}
