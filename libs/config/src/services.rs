//! Addresses of the services, and settings of identity.

use std::{
    fs,
    net::SocketAddr,
    os::unix::fs::MetadataExt,
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

/// Accepts a file that is missing, or that only its owner can read. A file of root may be readable by a
/// group: so Kubernetes mounts secrets.
fn check_private(path: &Path) -> Result<(), String> {
    let Ok(found) = fs::metadata(path) else { return Ok(()) };
    let readable_by = found.mode() & 0o077;
    if readable_by == 0 || (found.uid() == 0 && readable_by & !0o040 == 0) {
        return Ok(());
    }
    let (mode, path) = (found.mode() & 0o777, path.display());
    Err(format!(
        "server keys file {path}: others can read it (mode {mode:04o}): run chmod 600 {path}"
    ))
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
    /// Checks that only its owner can read the file with the server's keys. In the data folder, that is
    /// the case without a check.
    ///
    /// # Errors
    ///
    /// Returns one line that says who can read it and how to change that.
    pub fn check_keys_file(&self) -> Result<(), String> {
        self.server_keys_file.as_deref().map_or(Ok(()), check_private)
    }

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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_keys_file_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys.json");
        assert_eq!(check_private(&file), Ok(()), "it is created later");
        fs::write(&file, "{}").unwrap();
        for (mode, is_private) in
            [(0o600, true), (0o400, true), (0o644, false), (0o660, false), (0o604, false)]
        {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(check_private(&file).is_ok(), is_private, "{mode:o}");
        }
        let line = check_private(&file).unwrap_err();
        assert!(line.contains("mode 0604") && line.contains("chmod 600"), "{line}");
    }
}
