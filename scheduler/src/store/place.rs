//! Which database a scheduler keeps its store in: a file of SQLite's, or a PostgreSQL that several schedulers may share.

use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;

/// The address of a PostgreSQL database, `postgres://USER@HOST/NAME`. Shown anywhere, it is without its password.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct DatabaseUrl(String);

/// Why an address is refused. Never repeats the address: it may hold a password.
#[derive(Debug, thiserror::Error)]
#[error("scheduler.database must be the address of a PostgreSQL database, such as postgres://freehold@db.example.com/freehold")]
pub struct NotPostgres;

impl TryFrom<String> for DatabaseUrl {
    type Error = NotPostgres;

    fn try_from(text: String) -> Result<Self, NotPostgres> {
        let rest = text.strip_prefix("postgres://").or_else(|| text.strip_prefix("postgresql://")).ok_or(NotPostgres)?;
        // sea-orm knows the shorter of the two names alone.
        let url = format!("postgres://{rest}");
        match url.parse::<sea_orm::sqlx::postgres::PgConnectOptions>() {
            Ok(_) => Ok(Self(url)),
            Err(_) => Err(NotPostgres),
        }
    }
}

impl DatabaseUrl {
    pub(super) fn secret(&self) -> &str {
        &self.0
    }
}

/// With `***` where a password stands, in the authority or among the parameters.
impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_password(&self.0))
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// `url` with `***` in place of a password.
pub fn without_password(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    let authority = match authority.rsplit_once('@') {
        Some((user, host)) if user.contains(':') => format!("{}:***@{host}", user.split(':').next().unwrap_or_default()),
        _ => authority.to_owned(),
    };
    let (path, query) = tail.split_once('?').map_or((tail, None), |(path, query)| (path, Some(query)));
    let hidden = |pair: &str| match pair.split_once('=') {
        Some((name, _)) if name.eq_ignore_ascii_case("password") => format!("{name}=***"),
        _ => pair.to_owned(),
    };
    let query = query.map(|query| format!("?{}", query.split('&').map(hidden).collect::<Vec<_>>().join("&"))).unwrap_or_default();
    format!("{scheme}://{authority}{path}{query}")
}

/// Where the store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// SQLite, in this file.
    File(PathBuf),
    Postgres(DatabaseUrl),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_password() {
        for (given, shown) in [
            ("postgres://freehold@db/freehold", "postgres://freehold@db/freehold"),
            ("postgresql://u:p%40ss@db:5433/x?sslmode=require", "postgres://u:***@db:5433/x?sslmode=require"),
            ("postgres://u:a:b@db/x", "postgres://u:***@db/x"),
            ("postgres:///x?host=/run/postgresql&user=u&password=hush", "postgres:///x?host=/run/postgresql&user=u&password=***"),
        ] {
            let url = DatabaseUrl::try_from(given.to_owned()).expect(given);
            assert_eq!((url.to_string().as_str(), format!("{url:?}").as_str()), (shown, shown));
        }
    }

    #[test]
    fn what_is_no_address_of_postgresql_is_refused_without_repeating_it() {
        for wrong in ["", "sqlite://x", "mysql://u:hush@db/x", "/var/lib/x.db", "postgres://u:hush@db:port/x"] {
            let refusal = DatabaseUrl::try_from(wrong.to_owned()).expect_err(wrong).to_string();
            assert!(!refusal.contains("hush"), "{refusal}");
        }
    }
}
