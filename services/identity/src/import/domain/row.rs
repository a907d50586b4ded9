//! A row of an imported file: whether it is valid, and what it changes.

use std::borrow::Cow;

use onethread_core::{ContactId, OrganizationId, Timestamp};
use serde::{Deserialize, Serialize, Serializer};

use crate::{
    contact::domain::{
        attributes, changes,
        contact::{Contact, Source},
        fields,
        profile::{Change, ProfilePatch},
    },
    domain::{
        effects::Effects,
        keys::{Match, ServerKeys},
    },
    organization::domain::audit::Actor,
    session::domain::proof::{SecurityHash, UserId},
};

/// A row as received. Empty cells change nothing.
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
    /// Cells by the attribute's key, in the order of keys, each key once. Their types are those of
    /// [`attributes::from_cell`].
    pub(crate) custom: Vec<(String, String)>,
}

/// The outcome of a row, with its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RowResult {
    pub(crate) line: i64,
    pub(crate) outcome: RowOutcome,
}

/// A row whose values were checked.
#[derive(Debug, Clone)]
pub(crate) struct CheckedRow {
    pub(crate) line: i64,
    /// The valid row, or why it is rejected.
    pub(crate) row: Result<ValidRow, RowOutcome>,
}

/// The outcome of a row.
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

/// A valid row.
#[derive(Debug, Clone)]
pub(crate) struct ValidRow {
    /// How its contact is found.
    pub(crate) key: RowKey,
    /// Without the attributes.
    profile: ProfilePatch,
    custom: Vec<(String, String)>,
    proof: Option<SecurityHash>,
    tags: Vec<String>,
}

/// The values that a contact has at least when a row doesn't change it.
#[derive(Debug, Serialize)]
pub(crate) struct RowValues<'r> {
    pub(crate) user_id: &'r str,
    pub(crate) email: Option<&'r str>,
    pub(crate) name: Option<&'r str>,
    pub(crate) phone: Option<&'r str>,
    pub(crate) company: Option<&'r str>,
    pub(crate) custom: InferredCells<'r>,
    pub(crate) tags: &'r [String],
}

/// Cells with their inferred types.
#[derive(Debug)]
pub(crate) struct InferredCells<'r>(&'r [(String, String)]);

impl Serialize for InferredCells<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, cell)| (key, attributes::infer(cell))))
    }
}

impl ValidRow {
    /// The values to compare with the contact of the user id. `None` where more than they decides:
    /// there is a proof to check, or the contact is found by email. Attributes have their inferred
    /// types, so a contact that has them as text differs here although the row doesn't change it.
    pub(crate) fn values(&self) -> Option<RowValues<'_>> {
        let RowKey::UserId(user_id) = &self.key else { return None };
        if self.proof.is_some() {
            return None;
        }
        let profile = &self.profile;
        Some(RowValues {
            user_id: user_id.as_str(),
            email: profile.email.text(),
            name: profile.name.text(),
            phone: profile.phone.text(),
            company: profile.company.text(),
            custom: InferredCells(&self.custom),
            tags: &self.tags,
        })
    }

    /// True when an export writes exactly this row for the contact. A contact without a user id
    /// whose email is not vouched for is not found in any other way.
    pub(crate) fn is_export_of(&self, contact: &Contact) -> bool {
        let is_same = |cell: &Change, value: &Option<String>| match (cell, value) {
            (Change::Keep, None) => true,
            (Change::Set(cell), Some(value)) => cell == value,
            _ => false,
        };
        let profile = &self.profile;
        let custom = contact.custom.iter().map(|(key, value)| (key, attributes::to_text(value)));
        let custom = custom.filter(|(_, text)| !text.is_empty());
        let cells = self.custom.iter().map(|(key, cell)| (key, Cow::Borrowed(cell.as_str())));
        contact.user_id.is_none()
            && is_same(&profile.email, &contact.email)
            && is_same(&profile.name, &contact.name)
            && is_same(&profile.phone, &contact.phone)
            && is_same(&profile.company, &contact.company)
            && self.tags == contact.tags
            && custom.eq(cells)
    }
}

/// How a row finds its contact.
#[derive(Debug, Clone)]
pub(crate) enum RowKey {
    UserId(UserId),
    /// Only where there is no user id: a row with one is never matched by email.
    Email(String),
}

/// What a row changes.
#[derive(Debug)]
pub(crate) enum RowChange {
    Create(Box<Contact>, Effects),
    Update(Box<Contact>, Effects),
    /// The row is rejected, or changes nothing.
    None(RowOutcome),
}

/// Checks a row's values.
pub(crate) fn check(row: ImportRow) -> CheckedRow {
    CheckedRow { line: row.line, row: validate(row) }
}

fn validate(row: ImportRow) -> Result<ValidRow, RowOutcome> {
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
    let cell = |(name, cell): (String, String)| {
        let key = attributes::check_cell(&name, &cell)
            .map_err(|reason| rejected(&format!("custom.{name}"), reason))?;
        Ok((key.into_string(), cell))
    };
    let custom = row.custom.into_iter().map(cell).collect::<Result<_, _>>()?;
    for tag in &row.tags {
        fields::name(tag).map_err(|reason| rejected("tags", reason))?;
    }
    let proof =
        SecurityHash::parse(&row.security_hash).map_err(|r| rejected("security_hash", r))?;
    let key = match (row.user_id.as_str(), &email) {
        ("", Change::Set(email)) => RowKey::Email(email.clone()),
        ("", _) => return Err(rejected("", "has neither a user_id nor an email")),
        (text, _) => RowKey::UserId(UserId::parse(text).map_err(|r| rejected("user_id", r))?),
    };
    if proof.is_some() && matches!(key, RowKey::Email(_)) {
        return Err(rejected("security_hash", "means nothing without a user_id"));
    }
    let profile = ProfilePatch { name, email, phone, company, ..ProfilePatch::default() };
    Ok(ValidRow { key, profile, custom, proof, tags: row.tags })
}

/// Decides what a row changes of the contacts that it matches: none, one, or several by email.
pub(crate) fn decide(
    row: &ValidRow,
    matches: &[&Contact],
    organization: OrganizationId,
    new_id: ContactId,
    actor: Actor,
    keys: &ServerKeys,
    now: Timestamp,
) -> RowChange {
    let rejected = |field, reason| RowChange::None(RowOutcome::rejected(field, reason));
    let before = match matches {
        [] => None,
        [one] => Some(*one),
        _ => return rejected("email", "is ambiguous: several contacts have this email"),
    };
    let new = || Contact::new(organization, new_id, Source::Import, now);
    let mut contact = before.cloned().unwrap_or_else(new);
    contact.list_as_added();

    let mut effects = Effects::none();
    if let RowKey::UserId(user_id) = &row.key {
        contact.user_id = Some(user_id.as_str().to_owned());
        if let Some(proof) = &row.proof {
            let (user_id, proof) = (user_id.as_str(), proof.as_str());
            match contact.claim.as_ref().map(|c| keys.check(c, organization, user_id, proof)) {
                None => {
                    let claim = keys.claim(organization, user_id, proof);
                    effects = contact.set_claim(claim, actor);
                }
                Some(Match::No) => {
                    return rejected("security_hash", "is another than the claimed one");
                }
                Some(Match::Yes | Match::Stale) => {}
            }
        }
    }
    // The type of a cell depends on the contact's current value.
    let custom = row
        .custom
        .iter()
        .map(|(key, cell)| (key.clone(), attributes::from_cell(cell, contact.custom.get(key))));
    let profile = ProfilePatch { custom: custom.collect(), ..row.profile.clone() };
    if !contact.apply(&profile).is_empty() {
        return rejected("", "has more than the 100 attributes and 65,536 bytes of a contact");
    }
    // An email that the contact has already doesn't vouch for anything: the user id found it.
    if row.profile.email != Change::Keep && before.is_none_or(|one| one.email != contact.email) {
        contact.email_vouched = true;
    }
    for tag in &row.tags {
        if !contact.tags.contains(tag) {
            contact.tags.push(tag.clone());
        }
    }
    // Sessions are not revoked for another profile: that would be a row for each contact of a file.
    let events = changes::events(before, &contact);
    match before {
        None => {
            // A new contact has no sessions to revoke.
            effects.revoked.clear();
            RowChange::Create(Box::new(contact), effects.and(events))
        }
        Some(before) if *before == contact => RowChange::None(RowOutcome::Unchanged),
        Some(_) => RowChange::Update(Box::new(contact), effects.and(events)),
    }
}
