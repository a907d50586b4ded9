//! A row of an imported file: what it changes, pure.

use std::borrow::Cow;

use onethread_core::{ContactId, OrganizationId, Timestamp};
use serde::{Deserialize, Serialize, Serializer};

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
    /// Cells by the attribute's key, in the order of keys, each key once: [`attributes::of_cell`]
    /// says what each means.
    pub(crate) custom: Vec<(String, String)>,
}

/// What became of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RowResult {
    pub(crate) line: i64,
    pub(crate) outcome: RowOutcome,
}

/// A row whose values were looked at.
#[derive(Debug, Clone)]
pub(crate) struct LookedAt {
    pub(crate) line: i64,
    /// What it says, or why nobody takes it.
    pub(crate) row: Result<CheckedRow, RowOutcome>,
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
    /// But for the attributes.
    profile: ProfilePatch,
    custom: Vec<(String, String)>,
    proof: Option<SecurityHash>,
    tags: Vec<String>,
}

/// What somebody has to have, at least, for a row to change nothing.
#[derive(Debug, Serialize)]
pub(crate) struct Said<'r> {
    pub(crate) user_id: &'r str,
    pub(crate) email: Option<&'r str>,
    pub(crate) name: Option<&'r str>,
    pub(crate) phone: Option<&'r str>,
    pub(crate) company: Option<&'r str>,
    pub(crate) custom: Looks<'r>,
    pub(crate) tags: &'r [String],
}

/// Cells as the attributes that they look like.
#[derive(Debug)]
pub(crate) struct Looks<'r>(&'r [(String, String)]);

impl Serialize for Looks<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, cell)| (key, attributes::look(cell))))
    }
}

impl CheckedRow {
    /// What the row says of a user id. `None` where more than that decides: there is a proof to be
    /// checked, or the e-mail says who it is. Attributes are as they look: somebody who has them
    /// as texts has the same in other words.
    pub(crate) fn said(&self) -> Option<Said<'_>> {
        let RowKey::UserId(user_id) = &self.key else { return None };
        if self.proof.is_some() {
            return None;
        }
        let profile = &self.profile;
        Some(Said {
            user_id: user_id.as_str(),
            email: profile.email.text(),
            name: profile.name.text(),
            phone: profile.phone.text(),
            company: profile.company.text(),
            custom: Looks(&self.custom),
            tags: &self.tags,
        })
    }

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
        let said = self.custom.iter().map(|(key, cell)| (key, Cow::Borrowed(cell.as_str())));
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
pub(crate) fn look_at(row: ImportRow) -> LookedAt {
    LookedAt { line: row.line, row: check(row) }
}

fn check(row: ImportRow) -> Result<CheckedRow, RowOutcome> {
    let rejected = RowOutcome::rejected;
    let set = |field: &str, text: String, check: fields::Check| match text.trim() {
        "" => Ok(Change::Keep),
        trimmed => {
            check(trimmed).map_err(|reason| rejected(field, reason))?;
            let whole = trimmed.len() == text.len();
            Ok(Change::Set(if whole { text } else { trimmed.to_owned() }))
        }
    };
    let email = set("email", row.email, fields::email)?;
    let name = set("name", row.name, fields::name)?;
    let phone = set("phone", row.phone, fields::phone)?;
    let company = set("company", row.company, fields::name)?;
    for (key, cell) in &row.custom {
        attributes::check_cell(key, cell)
            .map_err(|reason| rejected(&format!("custom.{key}"), reason))?;
    }
    for tag in &row.tags {
        fields::name(tag).map_err(|reason| rejected("tags", reason))?;
    }
    let proof =
        SecurityHash::parse(&row.security_hash).map_err(|r| rejected("security_hash", r))?;
    let key = match (row.user_id.as_str(), &email) {
        ("", Change::Set(email)) => RowKey::Email(email.clone()),
        ("", _) => return Err(rejected("", "has neither a user_id nor an e-mail")),
        (text, _) => RowKey::UserId(UserId::parse(text).map_err(|r| rejected("user_id", r))?),
    };
    if proof.is_some() && matches!(key, RowKey::Email(_)) {
        return Err(rejected("security_hash", "means nothing without a user_id"));
    }
    let profile = ProfilePatch { name, email, phone, company, ..ProfilePatch::default() };
    Ok(CheckedRow { key, profile, custom: row.custom, proof, tags: row.tags })
}

/// Decides what a row does to those it matches: none, one, or several by e-mail.
pub(crate) fn decide(
    row: &CheckedRow,
    matches: &[&Contact],
    of: OrganizationId,
    new_id: ContactId,
    keys: &ServerKeys,
    now: Timestamp,
) -> RowChange {
    let rejected = |field, reason| RowChange::Settled(RowOutcome::rejected(field, reason));
    let held = match matches {
        [] => None,
        [one] => Some(*one),
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
    let custom = row
        .custom
        .iter()
        .map(|(key, cell)| (key.clone(), attributes::of_cell(cell, contact.custom.get(key))));
    let profile = ProfilePatch { custom: custom.collect(), ..row.profile.clone() };
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
