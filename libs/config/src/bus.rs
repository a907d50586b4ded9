//! Settings of the bus.

use std::path::Path;

use clap::Args;
use onethread_events::NatsUrl;

use crate::Dump;

/// The bus between replicas.
#[derive(Debug, Clone, Default, Args)]
pub struct BusArgs {
    /// NATS servers that carry events between replicas: nats:// or tls:// URLs, separated by
    /// commas. A single replica needs none
    #[arg(long, env = "ONETHREAD_NATS_URL", hide_env_values = true)]
    pub nats_url: Option<NatsUrl>,
}

impl Dump for BusArgs {
    fn lines(&self, _: &Path) -> Vec<(&'static str, String)> {
        vec![("NATS_URL", self.nats_url.as_ref().map_or_else(String::new, ToString::to_string))]
    }
}
