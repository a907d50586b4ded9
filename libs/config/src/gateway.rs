//! What the gateway is told.

use std::{net::SocketAddr, path::Path};

use clap::Args;
use ipnet::IpNet;
use secrecy::SecretString;

use crate::{Dump, RateLimits, dump::hidden};

/// Settings of the gateway.
#[derive(Debug, Clone, Args)]
pub struct GatewayArgs {
    /// Address of the gateway, HTTP; port 0 takes any free port
    #[arg(long, env = "ONETHREAD_HTTP_ADDR", default_value = "127.0.0.1:8080")]
    pub http_addr: SocketAddr,
    /// Rate limits: `default`, `off`, or a TOML file with calls a minute by name
    #[arg(long, env = "ONETHREAD_RATE_LIMITS", default_value = "default")]
    pub rate_limits: RateLimits,
    /// Networks whose `X-Forwarded-For` counts, with commas
    #[arg(long, env = "ONETHREAD_TRUSTED_PROXIES", value_delimiter = ',')]
    pub trusted_proxies: Vec<IpNet>,
    /// Token of the operator, who may make organizations; nobody may where it isn't said
    #[arg(long, env = "ONETHREAD_OPERATOR_TOKEN", hide_env_values = true, value_parser = token)]
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

fn token(text: &str) -> Result<SecretString, &'static str> {
    // An empty one would be everybody's.
    if text.is_empty() { Err("is empty") } else { Ok(text.into()) }
}
