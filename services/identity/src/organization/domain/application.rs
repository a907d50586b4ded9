//! An installed widget or app of an organization, its pre-chat form, and who may start it.

use onethread_core::{ApplicationId, OrganizationId};
use onethread_errors::{Error, Field};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    audit::{Action, Actor},
    origin,
};
use crate::{
    contact::domain::{attributes, fields},
    domain::effects::Effects,
};

/// Most fields of a form.
const MAX_FIELDS: usize = 20;
/// Prefix of the name of a field that fills a custom attribute.
const CUSTOM_PREFIX: &str = "custom.";
/// Longest secret of a snippet, in bytes.
const MAX_SECRET_BYTES: usize = 255;
/// Largest number that every JSON client reads exactly.
const MAX_NUMBER: i64 = (1 << 53) - 1;
/// Longest look, in bytes of JSON.
const MAX_LOOK_BYTES: usize = 16 * 1024;

/// An application.
#[derive(Debug, Clone)]
pub(crate) struct Application {
    pub(crate) organization_id: OrganizationId,
    pub(crate) id: ApplicationId,
    /// The organization's domain.
    pub(crate) organization: String,
    /// Number of the classic snippet.
    pub(crate) number: i64,
    /// The secret of the classic snippet. It is in every page, and still compared in constant time.
    pub(crate) secret: String,
    pub(crate) name: String,
    pub(crate) form: PreChatForm,
    /// Origins whose pages may start it; empty for all.
    pub(crate) origins: Vec<String>,
    /// Appearance of its widget. Only the widget's script interprets it.
    pub(crate) look: Map<String, Value>,
}

/// The form before a visitor's first message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PreChatForm {
    pub(crate) enabled: bool,
    pub(crate) fields: Vec<PreChatField>,
}

/// One field of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PreChatField {
    /// `name`, `email`, `phone`, `company`, or the key of a custom attribute.
    pub(crate) name: String,
    pub(crate) label: String,
    /// `text`, `email` or `tel`.
    pub(crate) kind: String,
    pub(crate) required: bool,
}

/// Changes of an application; `None` keeps a setting.
#[derive(Debug, Clone, Default)]
pub(crate) struct ApplicationPatch {
    pub(crate) name: Option<String>,
    pub(crate) origins: Option<Vec<String>>,
    pub(crate) look: Option<Map<String, Value>>,
    pub(crate) form_enabled: Option<bool>,
    pub(crate) form_fields: Option<Vec<PreChatField>>,
}

impl Application {
    /// Whether a page of this origin may start it; apps and its own frame have none.
    pub(crate) fn allows_origin(&self, origin: &str) -> bool {
        let is_same = |allowed: &String| allowed.eq_ignore_ascii_case(origin);
        origin.is_empty() || self.origins.is_empty() || self.origins.iter().any(is_same)
    }

    /// What a widget shows of it.
    pub(crate) fn settings(&self) -> Map<String, Value> {
        Map::from_iter([
            ("applicationName".to_owned(), Value::from(self.name.as_str())),
            ("look".to_owned(), Value::from(self.look.clone())),
        ])
    }

    /// Changes it, and returns what follows.
    pub(crate) fn change(&mut self, patch: ApplicationPatch, actor: Actor) -> Effects {
        self.apply(patch);
        Effects::none().audit(actor, Action::ApplicationChange, self.id.0)
    }

    /// Applies changes.
    pub(crate) fn apply(&mut self, patch: ApplicationPatch) {
        let ApplicationPatch { name, origins, look, form_enabled, form_fields } = patch;
        self.name = name.unwrap_or_else(|| std::mem::take(&mut self.name));
        self.origins = origins.unwrap_or_else(|| std::mem::take(&mut self.origins));
        self.look = look.unwrap_or_else(|| std::mem::take(&mut self.look));
        self.form.enabled = form_enabled.unwrap_or(self.form.enabled);
        self.form.fields = form_fields.unwrap_or_else(|| std::mem::take(&mut self.form.fields));
    }
}

impl ApplicationPatch {
    /// Checks each value, and brings origins and fields to their usual spelling.
    ///
    /// # Errors
    ///
    /// Each invalid value.
    pub(crate) fn normalize(self) -> Result<Self, Error> {
        let mut invalid = Vec::new();
        if let Some(Err(detail)) = self.name.as_deref().map(check_name) {
            invalid.push(Field::new("application.name", detail));
        }
        if self.look.as_ref().is_some_and(|look| !fits(look)) {
            invalid.push(Field::new("application.look", "is over 16 KiB of JSON, or holds NUL"));
        }
        let origins = self.origins.map(|origins| origin::normalize(&origins, &mut invalid));
        let form_fields = self.form_fields.map(|fields| normalize_fields(fields, &mut invalid));
        if invalid.is_empty() {
            Ok(Self { origins, form_fields, ..self })
        } else {
            Err(Error::invalid_fields(invalid))
        }
    }
}

/// What follows when an application is created.
pub(crate) fn created(application: ApplicationId, actor: Actor) -> Effects {
    Effects::none().audit(actor, Action::ApplicationCreate, application.0)
}

/// Checks a number of the classic snippet.
///
/// # Errors
///
/// What is invalid with it.
pub(crate) fn check_number(number: i64) -> Result<(), &'static str> {
    let fits = (1..=MAX_NUMBER).contains(&number);
    if fits { Ok(()) } else { Err("is not a whole number from 1 to 2^53 - 1") }
}

/// Checks a secret that pages have from another system.
///
/// # Errors
///
/// What is invalid with it.
pub(crate) fn check_secret(secret: &str) -> Result<(), &'static str> {
    if secret.is_empty() || secret.len() > MAX_SECRET_BYTES {
        Err("is not 1 to 255 bytes long")
    } else if secret.chars().any(char::is_control) {
        Err("holds a control character")
    } else {
        Ok(())
    }
}

fn check_name(name: &str) -> Result<(), &'static str> {
    if name.trim().is_empty() { Err("is empty") } else { fields::name(name) }
}

/// PostgreSQL's JSON has no NUL.
fn fits(look: &Map<String, Value>) -> bool {
    let text = serde_json::to_string(look).unwrap_or_default();
    text.len() <= MAX_LOOK_BYTES && !text.contains("\\u0000")
}

fn normalize_fields(fields: Vec<PreChatField>, invalid: &mut Vec<Field>) -> Vec<PreChatField> {
    if fields.len() > MAX_FIELDS {
        invalid.push(Field::new("application.pre_chat.fields", "are more than 20"));
        return Vec::new();
    }
    let mut normalized: Vec<PreChatField> = Vec::new();
    for (at, mut field) in fields.into_iter().enumerate() {
        let mut reject = |member: &str, detail: &str| {
            invalid.push(Field::new(format!("application.pre_chat.fields[{at}].{member}"), detail));
        };
        let key = field.attribute().map(attributes::check_key).transpose();
        if let Ok(Some(key)) = &key {
            // Without its prefix `custom.name` would be the name of the profile.
            let prefix = if field.name.starts_with(CUSTOM_PREFIX) { CUSTOM_PREFIX } else { "" };
            field.name = format!("{prefix}{key}");
        }
        let usual = field.usual();
        if let Err(detail) = key {
            reject("name", detail);
        } else if normalized.iter().any(|before| before.target() == field.target()) {
            reject("name", "is the name of an earlier field");
        }
        if field.label.trim().is_empty() {
            usual.map_or(field.name.as_str(), |(label, _)| label).clone_into(&mut field.label);
        }
        if let Err(detail) = fields::name(&field.label) {
            reject("label", detail);
        }
        if field.kind.is_empty() {
            usual.map_or("text", |(_, kind)| kind).clone_into(&mut field.kind);
        }
        if !["text", "email", "tel"].contains(&field.kind.as_str()) {
            reject("type", "is not text, email or tel");
        }
        normalized.push(field);
    }
    normalized
}

impl PreChatField {
    /// Label and type of one of the four fields that every profile has.
    fn usual(&self) -> Option<(&'static str, &'static str)> {
        match self.name.as_str() {
            "name" => Some(("Name", "text")),
            "email" => Some(("Email", "email")),
            "phone" => Some(("Phone", "tel")),
            "company" => Some(("Company", "text")),
            _ => None,
        }
    }

    /// The custom attribute that it fills, for a field that isn't one of the usual four.
    pub(crate) fn attribute(&self) -> Option<&str> {
        match self.usual() {
            Some(_) => None,
            None => Some(self.name.strip_prefix(CUSTOM_PREFIX).unwrap_or(&self.name)),
        }
    }

    /// What it fills, in one spelling.
    fn target(&self) -> (bool, &str) {
        (self.usual().is_some(), self.attribute().unwrap_or(&self.name))
    }
}

impl PreChatForm {
    /// Whether there is anything to ask.
    pub(crate) fn asks(&self) -> bool {
        self.enabled && !self.fields.is_empty()
    }
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
            fields: vec![field("name", "Name", "text"), field("email", "Email", "email")],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str, kind: &str) -> PreChatField {
        let (label, kind) = (String::new(), kind.to_owned());
        PreChatField { name: name.to_owned(), label, kind, required: false }
    }

    fn normalize(fields: Vec<PreChatField>) -> Result<Vec<PreChatField>, Vec<String>> {
        let patch = ApplicationPatch { form_fields: Some(fields), ..Default::default() };
        let normalized = patch.normalize().map(|patch| patch.form_fields.unwrap());
        normalized.map_err(|error| error.fields.into_iter().map(|field| field.path).collect())
    }

    #[test]
    fn fields_get_default_labels_and_types() {
        let normalized = normalize(vec![field("phone", ""), field("custom.size", "")]).unwrap();
        assert_eq!((&*normalized[0].label, &*normalized[0].kind), ("Phone", "tel"));
        assert_eq!(
            (&*normalized[1].label, normalized[1].attribute()),
            ("custom.size", Some("size"))
        );
        let normalized = normalize(vec![field("custom.name", ""), field("name", "")]).unwrap();
        assert_eq!((normalized[0].attribute(), normalized[1].attribute()), (Some("name"), None));
    }

    #[test]
    fn an_invalid_field_is_named() {
        let invalid = |fields| normalize(fields).unwrap_err();
        assert_eq!(invalid(vec![field("a/b", "")]), ["application.pre_chat.fields[0].name"]);
        assert_eq!(invalid(vec![field("custom.", "")]), ["application.pre_chat.fields[0].name"]);
        let twice = vec![field("size", ""), field("custom.size", "")];
        assert_eq!(invalid(twice), ["application.pre_chat.fields[1].name"]);
        assert_eq!(invalid(vec![field("name", "date")]), ["application.pre_chat.fields[0].type"]);
        let many = (0..21).map(|n| field(&format!("k{n}"), ""));
        assert_eq!(invalid(many.collect()), ["application.pre_chat.fields"]);
    }

    #[test]
    fn a_look_has_a_largest_size() {
        let look = |text: &str| {
            let look = Map::from_iter([("a".to_owned(), Value::from(text))]);
            ApplicationPatch { look: Some(look), ..Default::default() }.normalize()
        };
        assert!(look("#ff0000").is_ok());
        assert_eq!(look("\0").unwrap_err().fields[0].path, "application.look");
        assert_eq!(
            look(&"x".repeat(MAX_LOOK_BYTES)).unwrap_err().fields[0].path,
            "application.look"
        );
    }
}
