//! Settings of the databases.

use std::{fmt, path::Path, str::FromStr};

use clap::Args;
use onethread_core::SecretUrl;

use crate::Dump;

/// The database of a process with one service.
#[derive(Debug, Clone, Args)]
pub struct DatabaseArgs {
    /// Database: a postgres:// URL (the service uses its own schema) or a sqlite: URL
    /// [default: an SQLite file in the data folder]
    #[arg(long, env = "ONETHREAD_DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<DatabaseUrl>,
}

/// The databases of a process with all services.
#[derive(Debug, Clone, Args)]
pub struct SharedDatabaseArgs {
    /// Database: a postgres:// URL that all services share [default: SQLite files in the data
    /// folder]
    #[arg(long, env = "ONETHREAD_DATABASE_URL", hide_env_values = true, value_parser = postgres_url)]
    pub database_url: Option<DatabaseUrl>,
}

impl Dump for DatabaseArgs {
    fn lines(&self, _: &Path) -> Vec<(&'static str, String)> {
        vec![line(self.database_url.as_ref())]
    }
}

impl Dump for SharedDatabaseArgs {
    fn lines(&self, _: &Path) -> Vec<(&'static str, String)> {
        vec![line(self.database_url.as_ref())]
    }
}

fn line(url: Option<&DatabaseUrl>) -> (&'static str, String) {
    ("DATABASE_URL", url.map_or_else(String::new, ToString::to_string))
}

/// URL of a database.
#[derive(Debug, Clone)]
pub struct DatabaseUrl(SecretUrl);

impl DatabaseUrl {
    /// Returns the URL with its secrets.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// True for PostgreSQL, false for SQLite.
    pub fn is_postgres(&self) -> bool {
        ["postgres://", "postgresql://"].iter().any(|scheme| self.expose().starts_with(scheme))
    }
}

impl FromStr for DatabaseUrl {
    type Err = &'static str;

    fn from_str(url: &str) -> Result<Self, Self::Err> {
        let url = Self(SecretUrl::from(url));
        if url.is_postgres() || url.expose().starts_with("sqlite:") {
            Ok(url)
        } else {
            Err("a postgres:// or sqlite: URL is expected")
        }
    }
}

fn postgres_url(url: &str) -> Result<DatabaseUrl, &'static str> {
    let expected = "a postgres:// URL is expected";
    let url: DatabaseUrl = url.parse().map_err(|_| expected)?;
    // Services can't share one SQLite file: each has its own tables and its own writer.
    if url.is_postgres() { Ok(url) } else { Err(expected) }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_its_password() {
        let url: DatabaseUrl = "postgres://me:canary@db/onethread".parse().unwrap();
        assert_eq!(url.to_string(), "postgres://***@db/onethread");
        assert!(!format!("{url:?}").contains("canary"));
    }

    #[test]
    fn services_cannot_share_an_sqlite_file() {
        assert!("sqlite:/tmp/x.db".parse::<DatabaseUrl>().is_ok());
        assert!(postgres_url("sqlite:/tmp/x.db").is_err());
        assert!("mysql://x".parse::<DatabaseUrl>().is_err());
    }
}
