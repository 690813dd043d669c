//! `freehold account create | ls`; keys are in [`super::access_key`].

use freehold_proto::internal::operator::{CreateAccessKeyRequest, CreateAccountRequest, ListAccountsRequest};
use serde::Serialize;

use crate::Failure;
use crate::cli::{Account, Output};
use crate::commands::access_key;
use crate::config::Config;
use crate::operator::{self, Operator};
use crate::output::{self, Row};
use crate::profile::{Files, Profile};

#[derive(Serialize)]
struct Listed {
    account_id: String,
    name: String,
    created: String,
}

impl Row for Listed {
    const HEADINGS: &'static [&'static str] = &["ACCOUNT", "NAME", "CREATED"];

    fn cells(&self) -> Vec<String> {
        vec![self.account_id.clone(), self.name.clone(), self.created.clone()]
    }
}

/// A new account with the key that opens it.
#[derive(Serialize)]
pub struct Created {
    pub account_id: String,
    pub name: String,
    pub access_key_id: String,
    pub secret_access_key: String,
}

pub async fn run(config: &Config, output: Output, command: Account) -> Result<(), Failure> {
    match command {
        Account::Ls => list(config, output).await,
        Account::Key(command) => access_key::run(config, output, command).await,
        Account::Create { name, account_id, profile } => {
            let created = create(config, name, account_id.unwrap_or_default()).await?;
            if let Some(profile) = &profile {
                write_profile(config, profile, &created).await?;
            }
            match output {
                Output::Json => output::json(&created),
                Output::Table => show(&created, profile.as_deref()),
            }
        }
    }
}

async fn list(config: &Config, output: Output) -> Result<(), Failure> {
    let socket = config.sockets().operator;
    let answer = operator::call(&socket, operator::connect(config).list_accounts(ListAccountsRequest {})).await?;
    let rows: Vec<Listed> = answer
        .accounts
        .into_iter()
        .map(|account| Listed { account_id: account.account_id, name: account.name, created: output::time(account.created) })
        .collect();
    output::rows(output, &rows)
}

/// Creates the account and its first key. `account_id` "" draws one.
pub async fn create(config: &Config, name: String, account_id: String) -> Result<Created, Failure> {
    let socket = config.sockets().operator;
    let mut operator = operator::connect(config);
    let account = operator::call(&socket, operator.create_account(CreateAccountRequest { account_id, name })).await?;
    key(config, &mut operator, account.account_id, account.name).await
}

/// A new access key of an account that is there.
pub async fn key(config: &Config, operator: &mut Operator, account_id: String, name: String) -> Result<Created, Failure> {
    let socket = config.sockets().operator;
    let key = operator::call(&socket, operator.create_access_key(CreateAccessKeyRequest { account_id })).await?;
    Ok(Created { account_id: key.account_id, name, access_key_id: key.access_key_id, secret_access_key: key.secret_access_key })
}

/// Writes the key as a profile of the AWS CLI and says where.
pub async fn write_profile(config: &Config, name: &str, created: &Created) -> Result<(), Failure> {
    let files = Files::locate()?;
    let ca_bundle = match operator::authority(config).await? {
        Some(pem) => Some(files.write_authority(name, &pem)?),
        None => None,
    };
    files.write(&Profile {
        name,
        endpoint_url: &config.endpoint_url(),
        region: config.region(),
        ca_bundle: ca_bundle.as_deref(),
        access_key_id: &created.access_key_id,
        secret_access_key: &created.secret_access_key,
    })?;
    output::progress(&format!("wrote the profile `{name}` into {} and {}", files.config.display(), files.credentials.display()));
    Ok(())
}

fn show(created: &Created, profile: Option<&str>) -> Result<(), Failure> {
    let Created { account_id, name, access_key_id, secret_access_key } = created;
    output::line(&format!("Account    {account_id} ({name})\nAccess key {access_key_id}"))?;
    match profile {
        Some(profile) => output::line(&format!("Use it     aws --profile {profile} sts get-caller-identity")),
        None => output::line(&format!("Secret     {secret_access_key}  (shown this once)")),
    }
}
