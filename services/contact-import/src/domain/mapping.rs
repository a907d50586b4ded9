//! The mapping of columns to contact fields.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

use onethread_core::AttributeKey;
use onethread_errors::{Error, Field, Result, entry_path};

use super::Header;

/// Most custom attributes of a file: as many as a contact may have.
const MAX_CUSTOM_COLUMNS: usize = 100;

/// The contact field that a column is mapped to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Target {
    UserId,
    Email,
    Name,
    Phone,
    Company,
    SecurityHash,
    Tags,
    /// A custom attribute.
    Custom(AttributeKey),
}

/// Each field with its name and the usual names of its columns, best first, in lower case without
/// spaces, `_`, `-` and `.`. A bare `id` is not among them: it is as often the number of the row, and
/// a wrong user id would merge strangers.
const FIELDS: [(Target, &str, &[&str]); 7] = [
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
                let named = FIELDS.iter().find(|(target, ..)| target == field);
                f.write_str(named.expect("every field has a name").1)
            }
        }
    }
}

/// The text is not the name of a field.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "is none of user_id, email, name, phone, company, security_hash, tags and custom.<name> with a name of 1 to 64 letters, digits, blanks, _ . or -"
)]
pub(crate) struct UnknownTarget;

impl FromStr for Target {
    type Err = UnknownTarget;

    fn from_str(text: &str) -> Result<Self, UnknownTarget> {
        if let Some((field, ..)) = FIELDS.iter().find(|(_, name, _)| *name == text) {
            return Ok(field.clone());
        }
        let name = text.strip_prefix("custom.").ok_or(UnknownTarget)?;
        AttributeKey::parse(name).map(Self::Custom).map_err(|_| UnknownTarget)
    }
}

/// The field of each mapped column, by the column's name. No two columns have the same field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Mapping(pub(crate) BTreeMap<String, Target>);

impl Mapping {
    /// The mapping that is proposed for a header: for each field the column with the best of its
    /// usual names, and columns named `custom.<key>`, as exports name them.
    pub(crate) fn propose(header: &Header) -> Self {
        let mut mapping = BTreeMap::new();
        for (target, _, names) in &FIELDS {
            let rank = |name: &str| names.iter().position(|usual| *usual == normalize(name));
            let named = header.columns.iter().filter_map(|c| Some((rank(&c.name)?, c)));
            // Equal ranks keep the order of the file.
            if let Some((_, column)) = named.min_by_key(|(rank, _)| *rank) {
                mapping.insert(column.name.clone(), target.clone());
            }
        }
        let mut keys = BTreeSet::new();
        let custom = header.columns.iter().filter_map(|column| match column.name.parse() {
            // Two columns may spell one name differently.
            Ok(Target::Custom(key)) if keys.insert(key.clone()) => {
                Some((column.name.clone(), Target::Custom(key)))
            }
            _ => None,
        });
        mapping.extend(custom.take(MAX_CUSTOM_COLUMNS));
        Self(mapping)
    }

    /// True when a user id or an email is mapped, so that rows have a key.
    pub(crate) fn has_key(&self) -> bool {
        self.0.values().any(|target| matches!(target, Target::UserId | Target::Email))
    }

    /// The mapping with changes; an empty target removes a column. A field that is given to another
    /// column is taken from the column that was proposed for it.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` with a path for each invalid change, or for the mapping when its rows
    /// have no key or it has too many custom attributes.
    pub(crate) fn change(mut self, header: &Header, changes: &[(String, String)]) -> Result<Self> {
        let mut errors = Vec::new();
        let mut changed = BTreeMap::new();
        for (column, target) in changes {
            let mut reject =
                |why: &str| errors.push(Field::new(entry_path("mapping", column), why));
            if !header.has(column) {
                reject("is no column of the file");
            } else if target.is_empty() {
                self.0.remove(column);
            } else {
                match target.parse::<Target>() {
                    Err(unknown) => reject(&unknown.to_string()),
                    Ok(target) if changed.values().any(|other| *other == target) => {
                        reject("becomes what another column becomes");
                    }
                    Ok(target) => {
                        changed.insert(column.clone(), target);
                    }
                }
            }
        }
        self.0.retain(|column, target| {
            !changed.contains_key(column) && changed.values().all(|other| other != target)
        });
        self.0.extend(changed);
        let custom = self.0.values().filter(|target| matches!(target, Target::Custom(_))).count();
        if custom > MAX_CUSTOM_COLUMNS {
            errors.push(Field::new("mapping", "has more than 100 custom attributes"));
        }
        if errors.is_empty() && !self.has_key() {
            errors.push(Field::new("mapping", "has neither a user_id nor an email"));
        }
        if errors.is_empty() { Ok(self) } else { Err(Error::invalid_fields(errors)) }
    }
}

/// A column's name as it is compared with the usual names.
fn normalize(name: &str) -> String {
    name.chars()
        .filter(|c| !matches!(c, ' ' | '_' | '-' | '.'))
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::Column;

    fn header(names: &[&str]) -> Header {
        let column = |(position, name): (usize, &&str)| Column { name: name.to_string(), position };
        Header { columns: names.iter().enumerate().map(column).collect(), width: names.len() }
    }

    fn text(mapping: &Mapping) -> String {
        let lines = mapping.0.iter().map(|(column, target)| format!("{column}={target}"));
        lines.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn usual_names_are_recognized_in_any_spelling() {
        let names = ["User ID", "E-Mail", "Full Name", "mobile", "ORGANISATION", "plan", "id"];
        assert_eq!(
            text(&Mapping::propose(&header(&names))),
            "E-Mail=email Full Name=name ORGANISATION=company User ID=user_id mobile=phone"
        );
        let names = ["mobile", "Phone", "custom.plan", "custom.", "tags", "Security-Hash"];
        assert_eq!(
            text(&Mapping::propose(&header(&names))),
            "Phone=phone Security-Hash=security_hash custom.plan=custom.plan tags=tags"
        );
    }

    fn change(changes: &[(&str, &str)]) -> Result<String> {
        let header = header(&["email", "second", "a/b~c", "plan"]);
        let changes = changes.iter().map(|(c, t)| (c.to_string(), t.to_string()));
        let changes: Vec<_> = changes.collect();
        Mapping::propose(&header).change(&header, &changes).map(|mapping| text(&mapping))
    }

    #[test]
    fn changes_replace_the_proposal() {
        assert_eq!(change(&[]).unwrap(), "email=email");
        assert_eq!(change(&[("second", "email")]).unwrap(), "second=email");
        assert_eq!(
            change(&[("email", ""), ("second", "user_id"), ("plan", "custom.plan")]).unwrap(),
            "plan=custom.plan second=user_id"
        );
    }

    #[test]
    fn errors_in_changes_have_a_path() {
        for (changes, path) in [
            (&[("nobody", "email")][..], r#"mapping["nobody"]"#),
            (&[("a/b~c", "colour")], r#"mapping["a/b~c"]"#),
            (&[("plan", "custom.a/b")], r#"mapping["plan"]"#),
            (&[("plan", "name"), ("second", "name")], r#"mapping["second"]"#),
            (&[("email", "")], "mapping"),
        ] {
            assert_eq!(change(changes).unwrap_err().fields[0].path, path);
        }
    }

    proptest! {
        /// Whatever the columns are called, a proposal and a change of it map no field twice.
        #[test]
        fn no_field_is_mapped_twice(
            names in prop::collection::btree_set("(E-?mail|mail|User.?ID|tags?|custom\\.[ab])", 1..6),
            changes in prop::collection::vec(("[a-z.]{0,9}", "(email|tags|custom\\.a|)"), 0..4),
        ) {
            let names: Vec<_> = names.iter().map(String::as_str).collect();
            let header = header(&names);
            let proposed = Mapping::propose(&header);
            let mut changes = changes;
            for (change, name) in changes.iter_mut().zip(&names) {
                change.0 = (*name).to_owned();
            }
            for mapping in [Some(proposed.clone()), proposed.change(&header, &changes).ok()] {
                let mut fields: Vec<_> = mapping.iter().flat_map(|m| m.0.values()).collect();
                let count = fields.len();
                fields.sort();
                fields.dedup();
                prop_assert_eq!(fields.len(), count);
            }
        }
    }
}
