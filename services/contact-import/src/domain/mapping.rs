//! Which column becomes what.

use std::{collections::BTreeMap, fmt, str::FromStr};

use onethread_errors::{Error, Field, Result};

use super::Header;

/// Custom attributes that one file may fill: as many as a contact may have.
const CUSTOM_COLUMNS: usize = 100;
/// Characters of a custom attribute's key.
const CUSTOM_KEY: usize = 64;

/// What a column becomes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Target {
    UserId,
    Email,
    Name,
    Phone,
    Company,
    SecurityHash,
    Tags,
    /// A custom attribute with this key.
    Custom(String),
}

/// Each field with its name and the other names that columns usually have for it, best first, in
/// lower case without spaces, `_`, `-` and `.`. A bare `id` is none of them: it is as often a
/// number of the row, and a wrong user id would put strangers together.
const USUAL: [(Target, &str, &[&str]); 7] = [
    (Target::UserId, "user_id", &["userid", "externaluserid", "externalid"]),
    (Target::Email, "email", &["email", "emailaddress", "mail", "mailaddress"]),
    (Target::Name, "name", &["name", "fullname", "displayname"]),
    (
        Target::Phone,
        "phone",
        &["phone", "phonenumber", "telephone", "telephonenumber", "tel", "mobile", "mobilephone"],
    ),
    (
        Target::Company,
        "company",
        &["company", "companyname", "organization", "organisation", "organizationname"],
    ),
    (Target::SecurityHash, "security_hash", &["securityhash"]),
    (Target::Tags, "tags", &["tags", "tag"]),
];

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Custom(key) => write!(f, "custom.{key}"),
            field => {
                let named = USUAL.iter().find(|(target, ..)| target == field);
                f.write_str(named.expect("every field has a name").1)
            }
        }
    }
}

/// A text that names nothing a column can become.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "is none of user_id, email, name, phone, company, security_hash, tags and custom.<key> with a key of 1 to 64 of A-Z a-z 0-9 _ . -"
)]
pub(crate) struct UnknownTarget;

impl FromStr for Target {
    type Err = UnknownTarget;

    fn from_str(text: &str) -> Result<Self, UnknownTarget> {
        if let Some((field, ..)) = USUAL.iter().find(|(_, name, _)| *name == text) {
            return Ok(field.clone());
        }
        let key = text.strip_prefix("custom.").ok_or(UnknownTarget)?;
        let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
        if (1..=CUSTOM_KEY).contains(&key.len()) && key.bytes().all(fits) {
            Ok(Self::Custom(key.to_owned()))
        } else {
            Err(UnknownTarget)
        }
    }
}

/// What each column becomes, by the column's name. No two columns become the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Mapping(pub(crate) BTreeMap<String, Target>);

impl Mapping {
    /// The mapping that a header suggests: for each field the column with the best of its usual
    /// names, and `custom.<key>` as an export writes it.
    pub(crate) fn propose(header: &Header) -> Self {
        let mut mapping = BTreeMap::new();
        for (target, _, names) in &USUAL {
            let rank = |name: &str| names.iter().position(|usual| *usual == plain(name));
            let named = header.columns.iter().filter_map(|c| Some((rank(&c.name)?, c)));
            // Equal ranks keep the order of the file.
            if let Some((_, column)) = named.min_by_key(|(rank, _)| *rank) {
                mapping.insert(column.name.clone(), target.clone());
            }
        }
        let custom = header.columns.iter().filter_map(|column| match column.name.parse() {
            Ok(target @ Target::Custom(_)) => Some((column.name.clone(), target)),
            _ => None,
        });
        mapping.extend(custom.take(CUSTOM_COLUMNS));
        Self(mapping)
    }

    /// True when rows can be told apart: a user id or an e-mail is there.
    pub(crate) fn has_key(&self) -> bool {
        self.0.values().any(|target| matches!(target, Target::UserId | Target::Email))
    }

    /// The mapping with somebody's changes; an empty target leaves a column out. A field that is
    /// given to another column goes from the one that was proposed for it.
    pub(crate) fn change(mut self, header: &Header, changes: &[(String, String)]) -> Result<Self> {
        let mut wrong = Vec::new();
        let mut wanted = BTreeMap::new();
        for (column, target) in changes {
            let mut refuse = |why: &str| wrong.push(Field::new(pointer(column), why));
            if !header.has(column) {
                refuse("is no column of the file");
            } else if target.is_empty() {
                self.0.remove(column);
            } else {
                match target.parse::<Target>() {
                    Err(unknown) => refuse(&unknown.to_string()),
                    Ok(target) if wanted.values().any(|other| *other == target) => {
                        refuse("becomes what another column becomes");
                    }
                    Ok(target) => {
                        wanted.insert(column.clone(), target);
                    }
                }
            }
        }
        self.0.retain(|column, target| {
            !wanted.contains_key(column) && wanted.values().all(|other| other != target)
        });
        self.0.extend(wanted);
        let custom = self.0.values().filter(|target| matches!(target, Target::Custom(_))).count();
        if custom > CUSTOM_COLUMNS {
            wrong.push(Field::new("/mapping", "has more than 100 custom attributes"));
        }
        if wrong.is_empty() && !self.has_key() {
            wrong.push(Field::new("/mapping", "has neither a user_id nor an email"));
        }
        if wrong.is_empty() { Ok(self) } else { Err(Error::invalid_fields(wrong)) }
    }
}

/// A name as it is compared with the usual ones.
fn plain(name: &str) -> String {
    name.chars()
        .filter(|c| !matches!(c, ' ' | '_' | '-' | '.'))
        .flat_map(char::to_lowercase)
        .collect()
}

/// JSON pointer (RFC 6901) to a column's line of the mapping.
fn pointer(column: &str) -> String {
    format!("/mapping/{}", column.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Column;

    fn header(names: &[&str]) -> Header {
        let column = |(position, name): (usize, &&str)| Column { name: name.to_string(), position };
        Header { columns: names.iter().enumerate().map(column).collect(), width: names.len() }
    }

    fn shown(mapping: &Mapping) -> String {
        let lines = mapping.0.iter().map(|(column, target)| format!("{column}={target}"));
        lines.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn usual_names_are_known_in_any_spelling() {
        let names = ["User ID", "E-Mail", "Full Name", "mobile", "ORGANISATION", "plan", "id"];
        assert_eq!(
            shown(&Mapping::propose(&header(&names))),
            "E-Mail=email Full Name=name ORGANISATION=company User ID=user_id mobile=phone"
        );
        let names = ["mobile", "Phone", "custom.plan", "custom.", "tags", "Security-Hash"];
        assert_eq!(
            shown(&Mapping::propose(&header(&names))),
            "Phone=phone Security-Hash=security_hash custom.plan=custom.plan tags=tags"
        );
    }

    fn change(changes: &[(&str, &str)]) -> Result<String> {
        let header = header(&["email", "second", "a/b~c", "plan"]);
        let changes = changes.iter().map(|(c, t)| (c.to_string(), t.to_string()));
        let changes: Vec<_> = changes.collect();
        Mapping::propose(&header).change(&header, &changes).map(|mapping| shown(&mapping))
    }

    #[test]
    fn changes_replace_what_was_proposed() {
        assert_eq!(change(&[]).unwrap(), "email=email");
        assert_eq!(change(&[("second", "email")]).unwrap(), "second=email");
        assert_eq!(
            change(&[("email", ""), ("second", "user_id"), ("plan", "custom.plan")]).unwrap(),
            "plan=custom.plan second=user_id"
        );
    }

    #[test]
    fn wrong_changes_are_told_with_their_pointer() {
        for (changes, pointer) in [
            (&[("nobody", "email")][..], "/mapping/nobody"),
            (&[("a/b~c", "colour")], "/mapping/a~1b~0c"),
            (&[("plan", "custom.ä")], "/mapping/plan"),
            (&[("plan", "name"), ("second", "name")], "/mapping/second"),
            (&[("email", "")], "/mapping"),
        ] {
            assert_eq!(change(changes).unwrap_err().fields[0].pointer, pointer);
        }
    }
}
