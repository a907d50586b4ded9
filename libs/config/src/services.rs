//! Where each service serves, and where the others are found.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use onethread_grpc::Addresses;

use crate::Dump;

/// Settings of identity.
#[derive(Debug, Clone, Args)]
pub struct IdentityArgs {
    /// Address of identity, gRPC
    #[arg(long, env = "ONETHREAD_IDENTITY_ADDR", default_value = "127.0.0.1:50051")]
    pub identity_addr: SocketAddr,
    /// File with the server's keys, made where it is missing; in the data folder by default
    #[arg(long, env = "ONETHREAD_SERVER_KEYS_FILE")]
    pub server_keys_file: Option<PathBuf>,
    /// Whether webhooks may lie at private addresses, such as 10.0.0.1 or localhost
    #[arg(long, env = "ONETHREAD_WEBHOOK_PRIVATE_ADDRESSES", value_enum, default_value = "refuse")]
    pub webhook_private_addresses: PrivateAddresses,
}

/// What becomes of private addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PrivateAddresses {
    /// They are used.
    Allow,
    /// They are not.
    Refuse,
}

impl IdentityArgs {
    /// Where the server's keys are.
    pub fn keys_file(&self, data_dir: &Path) -> PathBuf {
        self.server_keys_file.clone().unwrap_or_else(|| data_dir.join("server-keys.json"))
    }

    /// True when webhooks may lie at private addresses.
    pub fn private_webhooks(&self) -> bool {
        self.webhook_private_addresses == PrivateAddresses::Allow
    }
}

impl Dump for IdentityArgs {
    fn lines(&self, data_dir: &Path) -> Vec<(&'static str, String)> {
        vec![
            ("IDENTITY_ADDR", self.identity_addr.to_string()),
            ("SERVER_KEYS_FILE", self.keys_file(data_dir).display().to_string()),
            (
                "WEBHOOK_PRIVATE_ADDRESSES",
                if self.private_webhooks() { "allow" } else { "refuse" }.to_owned(),
            ),
        ]
    }
}

macro_rules! one_setting {
    ($(#[$doc:meta])* $name:ident, $(#[$help:meta])* $field:ident: $type:ty, $env:literal, $short:literal, $default:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Args)]
        pub struct $name {
            $(#[$help])*
            #[arg(long, env = $env, default_value = $default)]
            pub $field: $type,
        }

        impl Dump for $name {
            fn lines(&self, _: &Path) -> Vec<(&'static str, String)> {
                vec![($short, self.$field.to_string())]
            }
        }
    };
}

one_setting!(
    /// Where conversation serves.
    ConversationAddress,
    /// Address of conversation, gRPC
    conversation_addr: SocketAddr, "ONETHREAD_CONVERSATION_ADDR", "CONVERSATION_ADDR",
    "127.0.0.1:50052"
);
one_setting!(
    /// Where contact-import serves.
    ContactImportAddress,
    /// Address of contact-import, gRPC
    contact_import_addr: SocketAddr, "ONETHREAD_CONTACT_IMPORT_ADDR", "CONTACT_IMPORT_ADDR",
    "127.0.0.1:50053"
);
one_setting!(
    /// Where identity is found.
    IdentityUrl,
    /// Identity: one http:// URL (https:// with certificates), several with commas, or
    /// dns://host:port for every address behind a name
    identity_url: Addresses, "ONETHREAD_IDENTITY_URL", "IDENTITY_URL", "http://127.0.0.1:50051"
);
one_setting!(
    /// Where conversation is found.
    ConversationUrl,
    /// Conversation: one http:// or https:// URL, several with commas, or dns://host:port
    conversation_url: Addresses, "ONETHREAD_CONVERSATION_URL", "CONVERSATION_URL",
    "http://127.0.0.1:50052"
);
one_setting!(
    /// Where contact-import is found.
    ContactImportUrl,
    /// Contact-import: one http:// or https:// URL, several with commas, or dns://host:port
    contact_import_url: Addresses, "ONETHREAD_CONTACT_IMPORT_URL", "CONTACT_IMPORT_URL",
    "http://127.0.0.1:50053"
);
