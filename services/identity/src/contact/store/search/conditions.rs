//! Conditions of a search as SQL: those that check each row, and those that an index answers.

use std::fmt::Write;

use onethread_core::OrganizationId;
use onethread_db::Time;
use serde_json::json;

use super::parameters::Parameter;
use crate::contact::{
    domain::search::{
        Search,
        condition::{Condition, Field, Operand, Operator},
        time_range::TimeRange,
        words::split,
    },
    store::rows::NEVER,
};

/// PostgreSQL's indexed expressions, as in the migrations. Both begin with the tenant, so that an
/// index never reads entries of other organizations.
const WORDS: &str = "array_to_tsvector(string_to_array(right(organization_id::text, 12)
  || replace(words, ' ', ' ' || right(organization_id::text, 12)), ' '))";
pub(super) const TRAITS: &str =
    "jsonb_set(jsonb_set('{}', ARRAY['c' || right(organization_id::text, 12)],
  custom), ARRAY['t' || right(organization_id::text, 12)], tags)";

/// Conditions of a search. The organization is `$1`.
pub(super) struct Conditions {
    pub(super) postgres: bool,
    /// Prefix of the organization's words in an index.
    pub(super) tenant: String,
    /// Selects at least the matches. Each part begins with `AND`.
    pub(super) text: String,
    pub(super) values: Vec<Parameter>,
    /// Columns with an index of their own.
    columns: Vec<String>,
    /// Conditions on PostgreSQL's indexed expressions; parts of SQLite's full-text query.
    pub(super) indexed: Vec<String>,
}

/// A query that an index answers.
pub(super) struct IndexQuery {
    /// Selects at least the matches.
    pub(super) condition: String,
    /// Statement that counts them, up to a limit.
    pub(super) count: String,
}

impl Conditions {
    pub(super) fn new(organization: OrganizationId, search: &Search, postgres: bool) -> Self {
        let id = organization.0.simple().to_string();
        let mut conditions = Self {
            postgres,
            tenant: id[id.len() - 12..].to_owned(),
            text: String::new(),
            values: vec![Parameter::Id(organization.0)],
            columns: Vec::new(),
            indexed: Vec::new(),
        };
        if let Some(words) = &search.words {
            conditions.words(words);
        }
        for condition in &search.conditions {
            conditions.condition(condition);
        }
        conditions
    }

    /// The query that an index answers, if there is one. The count stops at the limit.
    pub(super) fn indexed(&self, limit: i64) -> Option<IndexQuery> {
        let organization = "organization_id = $1";
        let mut parts = self.columns.clone();
        if self.postgres {
            parts.extend(self.indexed.clone());
        } else if parts.is_empty() && !self.indexed.is_empty() {
            let query = self.indexed.join(" || ' AND ' || ");
            let matching =
                format!("SELECT rowid FROM contact_index WHERE contact_index MATCH ({query})");
            return Some(IndexQuery {
                // The sign keeps SQLite from scanning an index by organization.
                condition: format!("+{organization} AND search_key IN ({matching})"),
                count: format!("SELECT count(*) FROM ({matching} LIMIT {limit})"),
            });
        }
        if parts.is_empty() {
            return None;
        }
        let condition = format!("{organization} AND {}", parts.join(" AND "));
        let rows = format!("SELECT 1 FROM contacts WHERE {condition} LIMIT {limit}");
        Some(IndexQuery { count: format!("SELECT count(*) FROM ({rows}) AS few"), condition })
    }

    pub(super) fn bind(&mut self, value: Parameter) -> String {
        self.values.push(value);
        format!("${}", self.values.len())
    }

    pub(super) fn text(&mut self, value: &str) -> String {
        self.bind(Parameter::Text(value.to_owned()))
    }

    pub(super) fn and(&mut self, condition: &str) {
        write!(self.text, " AND {condition}").expect("writing to a string succeeds");
    }

    /// Beginnings of words, all of which must be found.
    fn words(&mut self, words: &[String]) {
        self.index_words(words, true);
        let find = if self.postgres { "strpos" } else { "instr" };
        for word in words {
            let word = self.text(&format!(" {word}"));
            self.and(&format!("{find}(' ' || words, {word}) > 0"));
        }
    }

    /// Words have only letters and digits, so they need no quoting.
    fn index_words(&mut self, words: &[String], match_prefixes: bool) {
        if words.is_empty() {
            return;
        }
        let tenant = &self.tenant;
        if self.postgres {
            let any_end = if match_prefixes { ":*" } else { "" };
            let all: Vec<_> = words.iter().map(|w| format!("'{tenant}{w}'{any_end}")).collect();
            let query = self.text(&all.join(" & "));
            self.indexed.push(format!("{WORDS} @@ {query}::tsquery"));
        } else {
            let any_end = if match_prefixes { " *" } else { "" };
            let all: Vec<_> =
                words.iter().map(|w| format!("words : \"{tenant}{w}\"{any_end}")).collect();
            let query = self.text(&all.join(" AND "));
            self.indexed.push(query);
        }
    }

    fn condition(&mut self, condition: &Condition) {
        let column = match &condition.field {
            Field::UserId => "user_id",
            Field::Email => "email_key",
            Field::Name => return self.name(condition),
            Field::Phone => "phone",
            Field::Company => "company",
            Field::Source => "source",
            Field::Tags => return self.tag(condition),
            Field::LastSeenAt => return self.time("last_seen_at", condition),
            Field::CreatedAt => return self.time("created_at", condition),
            Field::Custom(key) => return self.attribute(key, condition),
        };
        let is_email = condition.field == Field::Email;
        match (&condition.operand, condition.operator) {
            (Operand::Null, Operator::Equal) => self.and(&format!("{column} IS NULL")),
            (Operand::Null, _) => self.and(&format!("{column} IS NOT NULL")),
            (Operand::Text(text), operator) => {
                let text = if is_email { text.to_lowercase() } else { text.clone() };
                self.compare(column, operator, &text);
                if operator == Operator::Equal {
                    self.index_column(&condition.field, column, &text);
                }
            }
            _ => {}
        }
    }

    fn index_column(&mut self, field: &Field, column: &str, text: &str) {
        match field {
            Field::UserId | Field::Email | Field::Name => {
                let text = self.text(text);
                self.columns.push(format!("{column} = {text}"));
            }
            Field::Phone | Field::Company => {
                self.index_words(&split(text).collect::<Vec<_>>(), false);
            }
            _ => {}
        }
    }

    pub(super) fn compare(&mut self, column: &str, operator: Operator, text: &str) {
        let bytewise = if self.postgres { " COLLATE \"C\"" } else { "" };
        match operator {
            Operator::Equal => {
                let text = self.text(text);
                self.and(&format!("{column} = {text}"));
            }
            Operator::Less | Operator::Greater => {
                let sign = if operator == Operator::Less { "<" } else { ">" };
                let text = self.text(text);
                self.and(&format!("{column}{bytewise} {sign} {text}"));
            }
            // The databases fold the case of other letters differently.
            Operator::Contains if text.is_ascii() => {
                let find = if self.postgres { "strpos" } else { "instr" };
                let text = self.text(&text.to_ascii_lowercase());
                self.and(&format!("{find}(lower({column}{bytewise}), {text}) > 0"));
            }
            Operator::Contains | Operator::NotEqual => {}
        }
    }

    fn name(&mut self, condition: &Condition) {
        match (&condition.operand, condition.operator) {
            (Operand::Null, Operator::Equal) => self.and("name IS NULL"),
            (Operand::Text(text), Operator::Equal) => {
                let text = text.to_lowercase();
                self.compare("sort_name", Operator::Equal, &text);
                self.index_column(&Field::Name, "sort_name", &text);
            }
            (Operand::Text(text), Operator::Contains) => {
                self.compare("sort_name", Operator::Contains, text)
            }
            _ => {}
        }
    }

    fn tag(&mut self, condition: &Condition) {
        let (Operand::Text(tag), Operator::Equal) = (&condition.operand, condition.operator) else {
            return;
        };
        if self.postgres {
            let (tags, tenant) = (json!([tag]), format!("t{}", self.tenant));
            let (tags, indexed) = (
                self.bind(Parameter::Json(tags.clone())),
                self.bind(Parameter::Json(json!({ tenant: tags }))),
            );
            self.indexed.push(format!("{TRAITS} @> {indexed}"));
            return self.and(&format!("tags @> {tags}"));
        }
        let (tag, tenant) = (self.text(tag), &self.tenant);
        self.indexed.push(format!("'traits : \"t{tenant}' || hex(substr({tag}, 1, 60)) || '\"'"));
        self.and(&format!("EXISTS (SELECT 1 FROM json_each(tags) WHERE value = {tag})"));
    }

    fn time(&mut self, column: &str, condition: &Condition) {
        let Operand::Time(TimeRange { start, end }) = condition.operand else { return };
        let (start, end) = (Parameter::Time(Time(start)), Parameter::Time(Time(end)));
        match condition.operator {
            Operator::Less => {
                let (start, never) = (self.bind(start), self.bind(Parameter::Time(Time(NEVER))));
                self.and(&format!("{column} < {start} AND {column} <> {never}"));
            }
            Operator::Greater => {
                let end = self.bind(end);
                self.and(&format!("{column} >= {end}"));
            }
            Operator::Equal => {
                let (start, end) = (self.bind(start), self.bind(end));
                self.and(&format!("{column} >= {start} AND {column} < {end}"));
            }
            Operator::NotEqual | Operator::Contains => {}
        }
    }
}
