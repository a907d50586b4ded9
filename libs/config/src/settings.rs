//! The settings themselves.

use std::{fmt, net::SocketAddr, path::PathBuf, str::FromStr};

use clap::Args;
use ipnet::IpNet;
use onethread_telemetry::LogFormat;
use secrecy::{ExposeSecret, SecretString};

/// Settings of a process. Port 0 takes any free port.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// Address of the gateway, HTTP
    #[arg(long, env = "ONETHREAD_HTTP_ADDR", default_value = "127.0.0.1:8080")]
    pub http_addr: SocketAddr,
    /// Address of identity, gRPC
    #[arg(long, env = "ONETHREAD_IDENTITY_ADDR", default_value = "127.0.0.1:50051")]
    pub identity_addr: SocketAddr,
    /// Address of conversation, gRPC
    #[arg(long, env = "ONETHREAD_CONVERSATION_ADDR", default_value = "127.0.0.1:50052")]
    pub conversation_addr: SocketAddr,
    /// Address of contact-import, gRPC
    #[arg(long, env = "ONETHREAD_CONTACT_IMPORT_ADDR", default_value = "127.0.0.1:50053")]
    pub contact_import_addr: SocketAddr,
    /// Folder for databases, keys and uploads; one process at a time
    #[arg(long, env = "ONETHREAD_DATA_DIR", default_value = "./data")]
    pub data_dir: PathBuf,
    /// One PostgreSQL URL for every service instead of SQLite files in the data folder
    #[arg(long, env = "ONETHREAD_DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<DatabaseUrl>,
    /// File with the server's keys, made where it is missing; in the data folder by default
    #[arg(long, env = "ONETHREAD_SERVER_KEYS_FILE")]
    pub server_keys_file: Option<PathBuf>,
    /// Rate limits: `default` or `off`
    #[arg(long, env = "ONETHREAD_RATE_LIMITS", default_value = "default")]
    pub rate_limits: RateLimits,
    /// Networks whose `X-Forwarded-For` counts, with commas
    #[arg(long, env = "ONETHREAD_TRUSTED_PROXIES", value_delimiter = ',')]
    pub trusted_proxies: Vec<IpNet>,
    /// Form of log lines; text on a terminal, else JSON, where it isn't said
    #[arg(long, env = "ONETHREAD_LOG_FORMAT", value_parser = log_format)]
    pub log_format: Option<LogFormat>,
    /// Print the settings, secrets hidden, and exit
    #[arg(long)]
    pub dump_config: bool,
}

impl Settings {
    /// Where the server's keys are.
    pub fn server_keys_file(&self) -> PathBuf {
        self.server_keys_file.clone().unwrap_or_else(|| self.data_dir.join("server-keys.json"))
    }

    /// The settings as `NAME=value` lines, in the names of the environment.
    pub fn dump(&self) -> String {
        let proxies: Vec<_> = self.trusted_proxies.iter().map(ToString::to_string).collect();
        let format = self.log_format.unwrap_or_else(LogFormat::suitable);
        [
            ("HTTP_ADDR", self.http_addr.to_string()),
            ("IDENTITY_ADDR", self.identity_addr.to_string()),
            ("CONVERSATION_ADDR", self.conversation_addr.to_string()),
            ("CONTACT_IMPORT_ADDR", self.contact_import_addr.to_string()),
            ("DATA_DIR", self.data_dir.display().to_string()),
            (
                "DATABASE_URL",
                self.database_url.as_ref().map_or_else(String::new, |u| u.to_string()),
            ),
            ("SERVER_KEYS_FILE", self.server_keys_file().display().to_string()),
            ("RATE_LIMITS", self.rate_limits.to_string()),
            ("TRUSTED_PROXIES", proxies.join(",")),
            ("LOG_FORMAT", if format == LogFormat::Json { "json" } else { "text" }.to_owned()),
        ]
        .map(|(name, value)| format!("ONETHREAD_{name}={value}\n"))
        .concat()
    }
}

/// A PostgreSQL URL. Shown with its password hidden.
#[derive(Debug, Clone)]
pub struct DatabaseUrl(SecretString);

impl DatabaseUrl {
    /// The URL itself.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl FromStr for DatabaseUrl {
    type Err = &'static str;

    fn from_str(url: &str) -> Result<Self, Self::Err> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Ok(Self(SecretString::from(url)))
        } else {
            Err("a postgres:// URL is expected")
        }
    }
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

/// Which rate limits hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateLimits {
    /// Those the README lists.
    Default,
    /// None.
    Off,
}

impl FromStr for RateLimits {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "default" => Ok(Self::Default),
            "off" => Ok(Self::Off),
            _ => Err("`default` or `off` is expected"),
        }
    }
}

impl fmt::Display for RateLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::Off { "off" } else { "default" })
    }
}

fn log_format(text: &str) -> Result<LogFormat, &'static str> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("`text` or `json` is expected"),
    }
}
