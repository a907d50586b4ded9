//! Addresses of the services, and settings of identity.

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
    /// Address that identity listens on for gRPC
    #[arg(long, env = "ONETHREAD_IDENTITY_ADDR", default_value = "127.0.0.1:50051")]
    pub identity_addr: SocketAddr,
    /// File with the server's keys, created if it is missing [default: server-keys.json in the
    /// data folder]
    #[arg(long, env = "ONETHREAD_SERVER_KEYS_FILE")]
    pub server_keys_file: Option<PathBuf>,
    /// Allow webhooks to private IP addresses, such as 10.0.0.1 or localhost
    #[arg(long, env = "ONETHREAD_WEBHOOK_PRIVATE_ADDRESSES", value_enum, default_value = "refuse")]
    pub webhook_private_addresses: PrivateAddresses,
}

/// Whether private addresses may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PrivateAddresses {
    /// Call private addresses
    Allow,
    /// Call public addresses only
    Refuse,
}

impl IdentityArgs {
    /// Returns the path of the file with the server's keys.
    pub fn keys_file(&self, data_dir: &Path) -> PathBuf {
        self.server_keys_file.clone().unwrap_or_else(|| data_dir.join("server-keys.json"))
    }

    /// True when webhooks may be at private addresses.
    pub fn allows_private_webhooks(&self) -> bool {
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
                if self.allows_private_webhooks() { "allow" } else { "refuse" }.to_owned(),
            ),
        ]
    }
}

macro_rules! single_setting {
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

single_setting!(
    /// Address of conversation.
    ConversationAddress,
    /// Address that conversation listens on for gRPC
    conversation_addr: SocketAddr, "ONETHREAD_CONVERSATION_ADDR", "CONVERSATION_ADDR",
    "127.0.0.1:50052"
);
single_setting!(
    /// Address of contact-import.
    ContactImportAddress,
    /// Address that contact-import listens on for gRPC
    contact_import_addr: SocketAddr, "ONETHREAD_CONTACT_IMPORT_ADDR", "CONTACT_IMPORT_ADDR",
    "127.0.0.1:50053"
);
single_setting!(
    /// URL of identity.
    IdentityUrl,
    /// URL of identity: http://host:port (https:// with certificates), several separated by
    /// commas, or dns://host:port for every address of a name
    identity_url: Addresses, "ONETHREAD_IDENTITY_URL", "IDENTITY_URL", "http://127.0.0.1:50051"
);
single_setting!(
    /// URL of conversation.
    ConversationUrl,
    /// URL of conversation, in the same form as the URL of identity
    conversation_url: Addresses, "ONETHREAD_CONVERSATION_URL", "CONVERSATION_URL",
    "http://127.0.0.1:50052"
);
single_setting!(
    /// URL of contact-import.
    ContactImportUrl,
    /// URL of contact-import, in the same form as the URL of identity
    contact_import_url: Addresses, "ONETHREAD_CONTACT_IMPORT_URL", "CONTACT_IMPORT_URL",
    "http://127.0.0.1:50053"
);
