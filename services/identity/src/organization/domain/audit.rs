//! The audit log: changes that matter for security, and who made them.

use onethread_core::{AgentId, ApiKeyId, Timestamp};
use uuid::Uuid;

/// Who changed something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Actor {
    /// A member of the team.
    Agent(AgentId),
    /// A server of the organization, by its API key.
    Server(ApiKeyId),
    /// The operator of this server.
    Operator,
    /// A page that shows the widget.
    Widget,
    /// A CSV file, by its import.
    Import(Uuid),
}

impl Actor {
    /// The kind in storage and on the wire.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Agent(_) => "agent",
            Self::Server(_) => "api-key",
            Self::Operator => "operator",
            Self::Widget => "widget",
            Self::Import(_) => "import",
        }
    }

    /// The id, where the kind has one.
    pub(crate) fn id(self) -> Option<Uuid> {
        match self {
            Self::Agent(id) => Some(id.0),
            Self::Server(id) => Some(id.0),
            Self::Import(id) => Some(id),
            Self::Operator | Self::Widget => None,
        }
    }

    /// The actor with this kind and id.
    pub(crate) fn from_parts(kind: &str, id: Option<Uuid>) -> Option<Self> {
        match (kind, id) {
            ("agent", Some(id)) => Some(Self::Agent(AgentId(id))),
            ("api-key", Some(id)) => Some(Self::Server(ApiKeyId(id))),
            ("import", Some(id)) => Some(Self::Import(id)),
            ("operator", None) => Some(Self::Operator),
            ("widget", None) => Some(Self::Widget),
            _ => None,
        }
    }
}

/// What was done, as the audit log names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
pub(crate) enum Action {
    #[strum(serialize = "address.block")]
    AddressBlock,
    #[strum(serialize = "address.unblock")]
    AddressUnblock,
    #[strum(serialize = "agent.accept")]
    AgentAccept,
    #[strum(serialize = "agent.change")]
    AgentChange,
    #[strum(serialize = "agent.invite")]
    AgentInvite,
    #[strum(serialize = "agent.login")]
    AgentLogin,
    #[strum(serialize = "agent.login-failed")]
    AgentLoginFailed,
    #[strum(serialize = "agent.password")]
    AgentPassword,
    #[strum(serialize = "agent.remove")]
    AgentRemove,
    #[strum(serialize = "agent.reset")]
    AgentReset,
    #[strum(serialize = "api-key.create")]
    ApiKeyCreate,
    #[strum(serialize = "api-key.revoke")]
    ApiKeyRevoke,
    #[strum(serialize = "application.change")]
    ApplicationChange,
    #[strum(serialize = "application.create")]
    ApplicationCreate,
    #[strum(serialize = "claim.reset")]
    ClaimReset,
    #[strum(serialize = "claim.set")]
    ClaimSet,
    #[strum(serialize = "contact.erased")]
    ContactErased,
    #[strum(serialize = "contact.joined")]
    ContactMerged,
    #[strum(serialize = "contacts.import")]
    ContactsImport,
    #[strum(serialize = "identity-key.create")]
    IdentityKeyCreate,
    #[strum(serialize = "identity-key.end")]
    IdentityKeyEnd,
    #[strum(serialize = "organization.change")]
    OrganizationChange,
    #[strum(serialize = "webhook.changed")]
    WebhookChanged,
    #[strum(serialize = "webhook.created")]
    WebhookCreated,
    #[strum(serialize = "webhook.deleted")]
    WebhookDeleted,
}

impl Action {
    /// The name in storage and in `GET /v1/audit`.
    pub(crate) fn name(self) -> &'static str {
        self.into()
    }
}

/// An entry of the audit log.
#[derive(Debug, Clone)]
pub(crate) struct AuditEntry {
    pub(crate) id: Uuid,
    pub(crate) actor: Actor,
    pub(crate) action: String,
    pub(crate) subject: String,
    pub(crate) detail: String,
    pub(crate) at: Timestamp,
}
