//! Adding and changing contacts, by agents and the API.

use onethread_core::{ContactId, OrganizationId};
use onethread_db::transaction;
use onethread_errors::{Error, Field, Result};
use serde_json::Value;

use crate::{
    app::App,
    contact::{
        domain::{
            contact::{Contact, MAX_TAGS, Source},
            fields,
            profile::{ProfilePatch, Warning},
            user_details::{UserClaims, read_profile},
        },
        store::contacts,
    },
    organization::domain::audit::Actor,
    session::domain::proof::UserId,
};

/// Changes of a contact as received: each member absent, null or a value.
#[derive(Clone, Default)]
pub(crate) struct ContactChanges {
    pub(crate) user: UserClaims,
    pub(crate) tags: Option<Value>,
    pub(crate) blocked: Option<Value>,
}

/// The same, validated.
#[derive(Debug, Clone)]
struct Edit {
    user_id: Option<UserId>,
    profile: ProfilePatch,
    tags: Option<Vec<String>>,
    blocked: Option<bool>,
}

impl App {
    /// Adds a contact, or changes the one with the user id. Returns whether it is new.
    ///
    /// # Errors
    ///
    /// Each invalid field.
    pub(crate) async fn upsert_contact(
        &self,
        organization: OrganizationId,
        actor: Actor,
        changes: &ContactChanges,
    ) -> Result<(Contact, bool)> {
        let edit = Edit::parse(changes)?;
        let source = if matches!(actor, Actor::Agent(_)) { Source::Agent } else { Source::Api };
        let id = ContactId::generate(&*self.clock, &*self.entropy);
        let now = self.clock.now();
        let saved = transaction!(self.db, "contact.edit", |tx| {
            let before = match &edit.user_id {
                Some(user_id) => {
                    contacts::locked_by_user_id(tx, organization, user_id.as_str()).await?
                }
                None => None,
            };
            let new = || Contact::new(organization, id, source, now);
            let mut contact = before.clone().unwrap_or_else(new);
            contact.list_as_added();
            if let Some(user_id) = &edit.user_id {
                contact.user_id = Some(user_id.as_str().to_owned());
            }
            edit.apply(&mut contact)?;
            self.save_contact(tx, before.as_ref(), &contact).await?;
            Ok((contact, before.is_none()))
        })?;
        self.webhook_wake.notify_one();
        Ok(saved)
    }

    /// Changes a contact.
    ///
    /// # Errors
    ///
    /// `NotFound`, and each invalid field.
    pub(crate) async fn update_contact(
        &self,
        organization: OrganizationId,
        id: ContactId,
        changes: &ContactChanges,
    ) -> Result<()> {
        let edit = Edit::parse(changes)?;
        transaction!(self.db, "contact.edit", |tx| {
            let before = contacts::locked_by_id(tx, organization, id).await?;
            let before = before.ok_or_else(Error::not_found)?;
            let user_id = edit.user_id.as_ref().map(UserId::as_str);
            if user_id.is_some() && user_id != before.user_id.as_deref() {
                return Err(Error::invalid(
                    "changes.user.user_id",
                    "is settled when a contact is made",
                ));
            }
            let mut after = before.clone();
            edit.apply(&mut after)?;
            self.save_contact(tx, Some(&before), &after).await
        })?;
        self.webhook_wake.notify_one();
        Ok(())
    }
}

impl Edit {
    /// Validates changes. Unlike in an init, each invalid value is an error.
    fn parse(changes: &ContactChanges) -> Result<Self> {
        let (profile, warnings) = read_profile(&changes.user);
        let mut errors: Vec<_> = warnings.into_iter().map(invalid_field).collect();
        let user_id = match &changes.user.user_id {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) if text.is_empty() => None,
            Some(Value::String(text)) => UserId::parse(text)
                .map_err(|detail| errors.push(Field::new("changes.user.user_id", detail)))
                .ok(),
            Some(_) => {
                errors.push(Field::new("changes.user.user_id", "is not a string"));
                None
            }
        };
        let tags = changes.tags.as_ref().map(|tags| read_tags(tags, &mut errors));
        let blocked = match &changes.blocked {
            None => None,
            Some(Value::Bool(blocked)) => Some(*blocked),
            Some(_) => {
                errors.push(Field::new("changes.blocked", "is not true or false"));
                None
            }
        };
        if errors.is_empty() {
            Ok(Self { user_id, profile, tags, blocked })
        } else {
            Err(Error::invalid_fields(errors))
        }
    }

    fn apply(&self, contact: &mut Contact) -> Result<()> {
        let before = contact.email.clone();
        let warnings = contact.apply(&self.profile);
        if !warnings.is_empty() {
            return Err(Error::invalid_fields(warnings.into_iter().map(invalid_field).collect()));
        }
        if contact.email.is_some() && contact.email != before {
            // An agent writes down what a visitor said, who may say anybody's email.
            contact.email_vouched = !contact.is_visitor();
        }
        if let Some(tags) = &self.tags {
            contact.tags.clone_from(tags);
        }
        contact.blocked = self.blocked.unwrap_or(contact.blocked);
        Ok(())
    }
}

/// An invalid value of a profile, which is an error in these calls.
fn invalid_field(warning: Warning) -> Field {
    Field::new(format!("changes.{}", warning.field), warning.detail)
}

/// Tags in their order, each once. Null means none.
fn read_tags(value: &Value, errors: &mut Vec<Field>) -> Vec<String> {
    let items = match value {
        Value::Null => return Vec::new(),
        Value::Array(items) if items.len() <= MAX_TAGS => items,
        Value::Array(_) => {
            errors.push(Field::new("changes.tags", "are more than 100"));
            return Vec::new();
        }
        _ => {
            errors.push(Field::new("changes.tags", "is not a list of strings"));
            return Vec::new();
        }
    };
    let mut tags = Vec::new();
    for (n, item) in items.iter().enumerate() {
        let text = item.as_str().map(str::trim);
        match text.ok_or("is not a string").and_then(|text| fields::tag(text).map(|()| text)) {
            Ok(text) if !tags.iter().any(|tag| tag == text) => tags.push(text.to_owned()),
            Ok(_) => {}
            Err(detail) => errors.push(Field::new(format!("changes.tags[{n}]"), detail)),
        }
    }
    tags
}
