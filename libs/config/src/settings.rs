//! Settings of the process that contains every service.

use clap::Args;
use onethread_grpc::Certificates;

use crate::{
    BusArgs, ContactImportAddress, ConversationAddress, GatewayArgs, IdentityArgs, ObjectStoreArgs,
    ProcessArgs, SharedDatabaseArgs, TransportArgs, dump,
};

/// All groups except the URLs of services in other processes.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// Settings of every process.
    #[command(flatten)]
    pub process: ProcessArgs,
    /// The gateway.
    #[command(flatten)]
    pub gateway: GatewayArgs,
    /// Identity.
    #[command(flatten)]
    pub identity: IdentityArgs,
    /// Conversation.
    #[command(flatten)]
    pub conversation: ConversationAddress,
    /// Contact-import.
    #[command(flatten)]
    pub contact_import: ContactImportAddress,
    /// Uploaded files.
    #[command(flatten)]
    pub object_store: ObjectStoreArgs,
    /// The databases.
    #[command(flatten)]
    pub database: SharedDatabaseArgs,
    /// The bus.
    #[command(flatten)]
    pub bus: BusArgs,
    /// Connections between services.
    #[command(flatten)]
    pub transport: TransportArgs,
}

impl Settings {
    /// Checks that the settings go together, and returns the certificates to serve with.
    ///
    /// # Errors
    ///
    /// Returns one line that names the setting at fault.
    pub fn check(&self) -> Result<Option<Certificates>, String> {
        let serving = [
            ("--identity-addr", self.identity.identity_addr),
            ("--conversation-addr", self.conversation.conversation_addr),
            ("--contact-import-addr", self.contact_import.contact_import_addr),
        ];
        let certificates = self.transport.check(&serving, &[])?;
        self.transport.check_bus(&self.bus)?;
        self.identity.check_keys_file()?;
        Ok(certificates)
    }

    /// Formats the settings as `NAME=value` lines that can be used as an environment file.
    pub fn dump(&self) -> String {
        dump(
            &self.process.data_dir,
            &[
                &self.process,
                &self.gateway,
                &self.identity,
                &self.conversation,
                &self.contact_import,
                &self.object_store,
                &self.database,
                &self.bus,
                &self.transport,
            ],
        )
    }
}
