//! A row of an imported file: what it changes, pure.

use onethread_core::{ContactId, OrganizationId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::domain::{
    attributes,
    contact::{Contact, Source},
    fields,
    keys::{Match, ServerKeys},
    profile::{Change, ProfilePatch},
    proof::{SecurityHash, UserId},
};

/// A row as it came; empty cells say nothing.
#[derive(Debug, Clone, Default)]
pub(crate) struct ImportRow {
    pub(crate) line: i64,
    pub(crate) user_id: String,
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) phone: String,
    pub(crate) company: String,
    pub(crate) security_hash: String,
    pub(crate) tags: Vec<String>,
    /// Cells, which are texts: [`attributes::of_cell`] says what each means.
    pub(crate) custom: Map<String, Value>,
}

/// What became of a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RowResult {
    pub(crate) line: i64,
    pub(crate) outcome: RowOutcome,
}

/// What became of a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum RowOutcome {
    Created,
    Updated,
    Unchanged,
    /// Nothing was written. An empty field means the whole row.
    Rejected {
        field: String,
        reason: String,
    },
}

impl RowOutcome {
    pub(crate) fn rejected(field: &str, reason: &str) -> Self {
        Self::Rejected { field: field.to_owned(), reason: reason.to_owned() }
    }
}

/// A row whose values are in order.
#[derive(Debug, Clone)]
pub(crate) struct CheckedRow {
    /// Whom the row is about.
    pub(crate) key: RowKey,
    profile: ProfilePatch,
    proof: Option<SecurityHash>,
    tags: Vec<String>,
}

impl CheckedRow {
    /// True when it is what an export writes of this contact: nothing else, and nothing less. Of
    /// somebody without a user id whose e-mail a page said that is all there is to go by.
    pub(crate) fn says_all_of(&self, contact: &Contact) -> bool {
        let same = |said: &Change, held: &Option<String>| match (said, held) {
            (Change::Keep, None) => true,
            (Change::Set(said), Some(held)) => said == held,
            _ => false,
        };
        let profile = &self.profile;
        let held = contact.custom.iter().map(|(key, value)| (key, attributes::text_of(value)));
        let held = held.filter(|(_, text)| !text.is_empty());
        let said = profile.custom.iter().map(|(key, value)| (key, attributes::text_of(value)));
        contact.user_id.is_none()
            && same(&profile.email, &contact.email)
            && same(&profile.name, &contact.name)
            && same(&profile.phone, &contact.phone)
            && same(&profile.company, &contact.company)
            && self.tags == contact.tags
            && held.eq(said)
    }
}

/// How a row finds its contact.
#[derive(Debug, Clone)]
pub(crate) enum RowKey {
    UserId(UserId),
    /// Only where there is no user id: a row with one never falls back to e-mail.
    Email(String),
}

/// What a row changes.
#[derive(Debug)]
pub(crate) enum RowChange {
    Create(Box<Contact>),
    Update {
        contact: Box<Contact>,
        /// The user id is claimed from now on.
        claimed: bool,
    },
    Settled(RowOutcome),
}

/// Checks a row's values.
pub(crate) fn check(row: &ImportRow) -> Result<CheckedRow, RowOutcome> {
    let rejected = RowOutcome::rejected;
    let set = |field: &str, text: &str, check: fields::Check| match text.trim() {
        "" => Ok(Change::Keep),
        text => check(text).map(|()| Change::Set(text.to_owned())).map_err(|r| rejected(field, r)),
    };
    let email = set("email", &row.email, fields::email)?;
    let profile = ProfilePatch {
        name: set("name", &row.name, fields::name)?,
        phone: set("phone", &row.phone, fields::phone)?,
        company: set("company", &row.company, fields::name)?,
        email: email.clone(),
        clear_custom: false,
        custom: row.custom.clone(),
    };
    let (_, bad) = attributes::sort_out(&row.custom);
    if let Some((key, reason)) = bad.first() {
        return Err(rejected(&format!("custom.{key}"), reason));
    }
    for tag in &row.tags {
        fields::name(tag).map_err(|reason| rejected("tags", reason))?;
    }
    let proof =
        SecurityHash::parse(&row.security_hash).map_err(|r| rejected("security_hash", r))?;
    let key = match (row.user_id.as_str(), email) {
        ("", Change::Set(email)) => RowKey::Email(email),
        ("", _) => return Err(rejected("", "has neither a user_id nor an e-mail")),
        (text, _) => RowKey::UserId(UserId::parse(text).map_err(|r| rejected("user_id", r))?),
    };
    if proof.is_some() && matches!(key, RowKey::Email(_)) {
        return Err(rejected("security_hash", "means nothing without a user_id"));
    }
    Ok(CheckedRow { key, profile, proof, tags: row.tags.clone() })
}

/// Decides what a row does to those it matches: none, one, or several by e-mail.
pub(crate) fn decide(
    row: &CheckedRow,
    matches: &[Contact],
    of: OrganizationId,
    new_id: ContactId,
    keys: &ServerKeys,
    now: Timestamp,
) -> RowChange {
    let rejected = |field, reason| RowChange::Settled(RowOutcome::rejected(field, reason));
    let held = match matches {
        [] => None,
        [one] => Some(one),
        _ => return rejected("email", "is ambiguous: several contacts have this e-mail"),
    };
    let mut contact =
        held.cloned().unwrap_or_else(|| Contact::new(of, new_id, Source::Import, now));
    contact.listed = true;

    let mut claimed = false;
    if let (RowKey::UserId(user_id), Some(proof)) = (&row.key, &row.proof) {
        match contact.claim.as_ref().map(|c| keys.check(c, of, user_id.as_str(), proof.as_str())) {
            None => {
                contact.claim_with(keys.claim(of, user_id.as_str(), proof.as_str()));
                claimed = true;
            }
            Some(Match::No) => return rejected("security_hash", "is another than the claimed one"),
            Some(Match::Yes | Match::Stale) => {}
        }
    }
    if let RowKey::UserId(user_id) = &row.key {
        contact.user_id = Some(user_id.as_str().to_owned());
    }
    // A cell has no type: what the contact has tells.
    let mut profile = row.profile.clone();
    for (key, value) in &mut profile.custom {
        if let Value::String(cell) = value {
            *value = attributes::of_cell(cell, contact.custom.get(key));
        }
    }
    if !contact.apply(&profile).is_empty() {
        return rejected("", "has more attributes than find room: a contact has at most 100");
    }
    // An e-mail that the contact has already says nothing new: whose it is, the user id tells.
    if row.profile.email != Change::Keep && held.is_none_or(|held| held.email != contact.email) {
        contact.email_vouched = true;
    }
    for tag in &row.tags {
        if !contact.tags.contains(tag) {
            contact.tags.push(tag.clone());
        }
    }
    match held {
        None => RowChange::Create(Box::new(contact)),
        Some(held) if *held == contact => RowChange::Settled(RowOutcome::Unchanged),
        Some(_) => RowChange::Update { contact: Box::new(contact), claimed },
    }
}
