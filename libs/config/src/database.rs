//! Where rows are kept.

use std::{fmt, path::Path, str::FromStr};

use clap::Args;
use secrecy::{ExposeSecret, SecretString};

use crate::Dump;

/// The database of a process with one service.
#[derive(Debug, Clone, Args)]
pub struct DatabaseArgs {
    /// A `postgres:` URL, in which the service has a schema of its own, or a `sqlite:` URL; an
    /// SQLite file in the data folder where it isn't said
    #[arg(long, env = "ONETHREAD_DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<DatabaseUrl>,
}

/// The databases of a process with all services.
#[derive(Debug, Clone, Args)]
pub struct SharedDatabaseArgs {
    /// One PostgreSQL URL for every service instead of SQLite files in the data folder
    #[arg(long, env = "ONETHREAD_DATABASE_URL", hide_env_values = true, value_parser = shared)]
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

/// URL of a database. Shown with its password hidden.
#[derive(Debug, Clone)]
pub struct DatabaseUrl(SecretString);

impl DatabaseUrl {
    /// The URL itself.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// True for PostgreSQL, false for SQLite.
    pub fn is_postgres(&self) -> bool {
        ["postgres://", "postgresql://"].iter().any(|scheme| self.expose().starts_with(scheme))
    }
}

impl FromStr for DatabaseUrl {
    type Err = &'static str;

    fn from_str(url: &str) -> Result<Self, Self::Err> {
        let url = Self(SecretString::from(url));
        if url.is_postgres() || url.expose().starts_with("sqlite:") {
            Ok(url)
        } else {
            Err("a postgres:// or sqlite: URL is expected")
        }
    }
}

fn shared(url: &str) -> Result<DatabaseUrl, &'static str> {
    let expected = "a postgres:// URL is expected";
    let url: DatabaseUrl = url.parse().map_err(|_| expected)?;
    // One SQLite file is one service's.
    if url.is_postgres() { Ok(url) } else { Err(expected) }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.expose();
        let scheme = url.split_once("://").map_or("postgres", |(scheme, _)| scheme);
        match url.rsplit_once('@') {
            Some((_, host)) => write!(f, "{scheme}://***@{host}"),
            None => f.write_str(url),
        }
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
    fn an_sqlite_file_is_no_database_for_all() {
        assert!("sqlite:/tmp/x.db".parse::<DatabaseUrl>().is_ok());
        assert!(shared("sqlite:/tmp/x.db").is_err());
        assert!("mysql://x".parse::<DatabaseUrl>().is_err());
    }
}
