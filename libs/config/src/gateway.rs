//! Settings of the gateway.

use std::{net::SocketAddr, path::Path};

use clap::Args;
use ipnet::IpNet;
use secrecy::SecretString;

use crate::{Dump, RateLimits, dump::hidden};

/// Settings of the gateway.
#[derive(Debug, Clone, Args)]
pub struct GatewayArgs {
    /// Address that the gateway listens on for HTTP (port 0: any free port)
    #[arg(long, env = "ONETHREAD_HTTP_ADDR", default_value = "127.0.0.1:8080")]
    pub http_addr: SocketAddr,
    /// Limits by caller: default, off, or a TOML file with requests per minute
    #[arg(long, env = "ONETHREAD_RATE_LIMITS", default_value = "default")]
    pub rate_limits: RateLimits,
    /// Networks of proxies whose X-Forwarded-For header is trusted, separated by commas
    #[arg(long, env = "ONETHREAD_TRUSTED_PROXIES", value_delimiter = ',')]
    pub trusted_proxies: Vec<IpNet>,
    /// Operator token, required to create organizations
    #[arg(long, env = "ONETHREAD_OPERATOR_TOKEN", hide_env_values = true, value_parser = non_empty)]
    pub operator_token: Option<SecretString>,
}

impl Dump for GatewayArgs {
    fn lines(&self, _: &Path) -> Vec<(&'static str, String)> {
        let proxies: Vec<_> = self.trusted_proxies.iter().map(ToString::to_string).collect();
        vec![
            ("HTTP_ADDR", self.http_addr.to_string()),
            ("RATE_LIMITS", self.rate_limits.to_string()),
            ("TRUSTED_PROXIES", proxies.join(",")),
            ("OPERATOR_TOKEN", hidden(self.operator_token.as_ref())),
        ]
    }
}

fn non_empty(text: &str) -> Result<SecretString, &'static str> {
    // With an empty token a request without one would be the operator's.
    if text.is_empty() { Err("is empty") } else { Ok(text.into()) }
}
