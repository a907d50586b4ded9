//! An installed widget or app of an organization, and its pre-chat form.

use onethread_core::{ApplicationId, OrganizationId};
use serde::{Deserialize, Serialize};

/// An application.
#[derive(Debug, Clone)]
pub(crate) struct Application {
    pub(crate) organization_id: OrganizationId,
    pub(crate) id: ApplicationId,
    pub(crate) name: String,
    /// The secret of the classic snippet: in every page, but compared in constant time all the same.
    pub(crate) secret: String,
    pub(crate) form: PreChatForm,
}

/// The form in front of a visitor's first message.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PreChatForm {
    pub(crate) enabled: bool,
    pub(crate) fields: Vec<PreChatField>,
}

/// One field of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PreChatField {
    /// `name`, `email`, `phone`, `company`, or the key of a custom attribute.
    pub(crate) name: String,
    pub(crate) label: String,
    /// `text`, `email` or `tel`.
    pub(crate) kind: String,
    pub(crate) required: bool,
}

impl Default for PreChatForm {
    /// What a new application asks for.
    fn default() -> Self {
        let field = |name: &str, label: &str, kind: &str| PreChatField {
            name: name.to_owned(),
            label: label.to_owned(),
            kind: kind.to_owned(),
            required: true,
        };
        Self {
            enabled: true,
            fields: vec![field("name", "Name", "text"), field("email", "E-mail", "email")],
        }
    }
}
