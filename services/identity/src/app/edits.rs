//! What agents and companies' servers do to people: making, changing, erasing.

use onethread_core::{ContactId, OrganizationId};
use onethread_errors::{Error, Field, Result};
use serde_json::Value;

use super::App;
use crate::{
    domain::{
        audit::{Actor, Change},
        contact::{Contact, MOST_TAGS, Source},
        fields,
        profile::{ProfilePatch, Warning},
        proof::UserId,
        said::{UserClaims, read_profile},
    },
    store::{Found, Refused},
};

/// What is said of somebody, as it came: absent, null or some value, member by member.
#[derive(Clone, Default)]
pub(crate) struct ContactChanges {
    pub(crate) user: UserClaims,
    pub(crate) tags: Option<Value>,
    pub(crate) blocked: Option<Value>,
}

/// The same, understood.
#[derive(Debug, Clone)]
struct Edit {
    user_id: Option<UserId>,
    profile: ProfilePatch,
    tags: Option<Vec<String>>,
    blocked: Option<bool>,
}

impl App {
    /// Makes somebody, or changes the one with the user id. Says whether they are new.
    pub(crate) async fn upsert_contact(
        &self,
        of: OrganizationId,
        actor: Actor,
        changes: &ContactChanges,
    ) -> Result<(Contact, bool)> {
        let edit = Edit::read(changes)?;
        let who = match &edit.user_id {
            Some(user_id) => Found::ByUserId(user_id.as_str().to_owned()),
            None => Found::New,
        };
        let source = if matches!(actor, Actor::Agent(_)) { Source::Agent } else { Source::Api };
        let id = ContactId::generate(&*self.clock, &*self.entropy);
        let now = self.clock.now();
        let change = move |held: Option<Contact>| {
            let blank = || Contact::new(of, id, source, now);
            let mut contact = held.unwrap_or_else(blank);
            contact.listed = true;
            if let Some(user_id) = &edit.user_id {
                contact.user_id = Some(user_id.as_str().to_owned());
            }
            edit.apply(contact)
        };
        self.store.edit_contact(of, who, now, change).await?.map_err(refusal)
    }

    pub(crate) async fn update_contact(
        &self,
        of: OrganizationId,
        id: ContactId,
        changes: &ContactChanges,
    ) -> Result<Contact> {
        let edit = Edit::read(changes)?;
        let change = move |held: Option<Contact>| {
            let contact = held.ok_or(Refused::NotFound)?;
            let said = edit.user_id.as_ref().map(UserId::as_str);
            if said.is_some() && said != contact.user_id.as_deref() {
                let why = "is settled when a contact is made";
                return Err(Refused::Fields(vec![Field::new("/userId", why)]));
            }
            edit.apply(contact)
        };
        let edited = self.store.edit_contact(of, Found::ById(id), self.clock.now(), change).await?;
        edited.map(|(contact, _)| contact).map_err(refusal)
    }

    /// Erases somebody everywhere.
    pub(crate) async fn erase_contact(
        &self,
        of: OrganizationId,
        id: ContactId,
        actor: Actor,
    ) -> Result<()> {
        let change = Change {
            actor,
            action: "contact.erased",
            subject: id.to_string(),
            detail: String::new(),
        };
        let erased = self.store.erase_contact(of, id, change, self.clock.now()).await?;
        if erased { Ok(()) } else { Err(Error::not_found()) }
    }
}

fn refusal(refused: Refused) -> Error {
    match refused {
        Refused::NotFound => Error::not_found(),
        Refused::Fields(fields) => Error::invalid_fields(fields),
    }
}

impl Edit {
    /// Other than in a widget, each bad value is the caller's to mend.
    fn read(changes: &ContactChanges) -> Result<Self> {
        let (profile, warnings) = read_profile(&changes.user);
        let mut wrong: Vec<_> = warnings.into_iter().map(of_caller).collect();
        let user_id = match &changes.user.user_id {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) if text.is_empty() => None,
            Some(Value::String(text)) => {
                UserId::parse(text).map_err(|detail| wrong.push(Field::new("/userId", detail))).ok()
            }
            Some(_) => {
                wrong.push(Field::new("/userId", "is not a string"));
                None
            }
        };
        let tags = changes.tags.as_ref().map(|tags| read_tags(tags, &mut wrong));
        let blocked = match &changes.blocked {
            None => None,
            Some(Value::Bool(blocked)) => Some(*blocked),
            Some(_) => {
                wrong.push(Field::new("/blocked", "is not true or false"));
                None
            }
        };
        if wrong.is_empty() {
            Ok(Self { user_id, profile, tags, blocked })
        } else {
            Err(Error::invalid_fields(wrong))
        }
    }

    fn apply(&self, mut contact: Contact) -> Result<Contact, Refused> {
        let before = contact.email.clone();
        let no_room = contact.apply(&self.profile);
        if !no_room.is_empty() {
            return Err(Refused::Fields(no_room.into_iter().map(of_caller).collect()));
        }
        if contact.email.is_some() && contact.email != before {
            contact.email_vouched = true;
        }
        if let Some(tags) = &self.tags {
            contact.tags.clone_from(tags);
        }
        contact.blocked = self.blocked.unwrap_or(contact.blocked);
        Ok(contact)
    }
}

/// In these calls the body itself is the person, in the API's own spelling.
fn of_caller(warning: Warning) -> Field {
    let pointer = warning.pointer.strip_prefix("/user").unwrap_or(&warning.pointer);
    Field::new(pointer.replacen("/custom_data", "/customData", 1), warning.detail)
}

/// Tags in their order, each once; null is none.
fn read_tags(value: &Value, wrong: &mut Vec<Field>) -> Vec<String> {
    let items = match value {
        Value::Null => return Vec::new(),
        Value::Array(items) if items.len() <= MOST_TAGS => items,
        Value::Array(_) => {
            wrong.push(Field::new("/tags", "are more than 100"));
            return Vec::new();
        }
        _ => {
            wrong.push(Field::new("/tags", "is not a list of strings"));
            return Vec::new();
        }
    };
    let mut tags = Vec::new();
    for (n, item) in items.iter().enumerate() {
        let text = item.as_str().map(str::trim);
        match text.ok_or("is not a string").and_then(|text| fields::tag(text).map(|()| text)) {
            Ok(text) if !tags.iter().any(|tag| tag == text) => tags.push(text.to_owned()),
            Ok(_) => {}
            Err(detail) => wrong.push(Field::new(format!("/tags/{n}"), detail)),
        }
    }
    tags
}
