//! Conditions of a search as SQL: those that each row is checked by, and those that an index
//! answers.

use std::fmt::Write;

use onethread_core::OrganizationId;
use onethread_db::{Json, Statement, Time};
use serde_json::json;
use uuid::Uuid;

use crate::contact::{
    domain::search::{Condition, Field, Operand, Operator, Search, span, split},
    store::rows::NEVER,
};

/// PostgreSQL's indexed expressions, as the migrations have them. Both begin with the tenant, as
/// each index does, so that words of other organizations are never read.
const WORDS: &str = "array_to_tsvector(string_to_array(right(organization_id::text, 12)
  || replace(words, ' ', ' ' || right(organization_id::text, 12)), ' '))";
const TRAITS: &str = "jsonb_set(jsonb_set('{}', ARRAY['c' || right(organization_id::text, 12)],
  custom), ARRAY['t' || right(organization_id::text, 12)], tags)";

/// A parameter of a statement.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Text(String),
    Int(i64),
    Real(f64),
    Time(Time),
    Id(Uuid),
    Json(serde_json::Value),
}

/// Binds parameters in their order.
pub(super) fn bind_all<'c>(statement: Statement<'c>, values: &[Value]) -> Statement<'c> {
    values.iter().fold(statement, |statement, value| match value {
        Value::Text(value) => statement.bind(value),
        Value::Int(value) => statement.bind(value),
        Value::Real(value) => statement.bind(value),
        Value::Time(value) => statement.bind(value),
        Value::Id(value) => statement.bind(value),
        Value::Json(value) => statement.bind(Json(value)),
    })
}

/// Conditions of a search. The organization is `$1`.
pub(super) struct Conditions {
    postgres: bool,
    /// Prefix of the organization's words in an index.
    tenant: String,
    /// True for at least the matches, each part with an `AND` in front.
    pub(super) text: String,
    pub(super) values: Vec<Value>,
    /// Columns with an index of their own.
    columns: Vec<String>,
    /// Conditions on PostgreSQL's indexed expressions; parts of SQLite's full-text query.
    indexed: Vec<String>,
}

/// What an index answers.
pub(super) struct IndexQuery {
    /// True for at least the matches.
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
            values: vec![Value::Id(organization.0)],
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

    /// The query that an index answers, where there is one.
    pub(super) fn indexed(&self, most: i64) -> Option<IndexQuery> {
        let organization = "organization_id = $1";
        let mut parts = self.columns.clone();
        if self.postgres {
            parts.extend(self.indexed.clone());
        } else if parts.is_empty() && !self.indexed.is_empty() {
            let query = self.indexed.join(" || ' AND ' || ");
            let matching =
                format!("SELECT rowid FROM contact_index WHERE contact_index MATCH ({query})");
            return Some(IndexQuery {
                // The sign keeps SQLite from walking along an index of the organization's.
                condition: format!("+{organization} AND search_key IN ({matching})"),
                count: format!("SELECT count(*) FROM ({matching} LIMIT {most})"),
            });
        }
        if parts.is_empty() {
            return None;
        }
        let condition = format!("{organization} AND {}", parts.join(" AND "));
        let rows = format!("SELECT 1 FROM contacts WHERE {condition} LIMIT {most}");
        Some(IndexQuery { count: format!("SELECT count(*) FROM ({rows}) AS few"), condition })
    }

    fn bind(&mut self, value: Value) -> String {
        self.values.push(value);
        format!("${}", self.values.len())
    }

    fn text(&mut self, value: &str) -> String {
        self.bind(Value::Text(value.to_owned()))
    }

    fn and(&mut self, condition: &str) {
        write!(self.text, " AND {condition}").expect("writing to a string succeeds");
    }

    /// Beginnings of words, all of which are there.
    fn words(&mut self, words: &[String]) {
        self.index_words(words, true);
        let find = if self.postgres { "strpos" } else { "instr" };
        for word in words {
            let word = self.text(&format!(" {word}"));
            self.and(&format!("{find}(' ' || words, {word}) > 0"));
        }
    }

    /// Words hold letters and digits alone, so that they need no quoting.
    fn index_words(&mut self, words: &[String], beginnings: bool) {
        if words.is_empty() {
            return;
        }
        let tenant = &self.tenant;
        if self.postgres {
            let any_end = if beginnings { ":*" } else { "" };
            let all: Vec<_> = words.iter().map(|w| format!("'{tenant}{w}'{any_end}")).collect();
            let query = self.text(&all.join(" & "));
            self.indexed.push(format!("{WORDS} @@ {query}::tsquery"));
        } else {
            let any_end = if beginnings { " *" } else { "" };
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
            Field::Seen => return self.time("last_seen_at", condition),
            Field::Created => return self.time("created_at", condition),
            Field::Custom(key) => return self.attribute(key, condition),
        };
        let folded = condition.field == Field::Email;
        match (&condition.operand, condition.operator) {
            (Operand::Nothing, Operator::Is) => self.and(&format!("{column} IS NULL")),
            (Operand::Nothing, _) => self.and(&format!("{column} IS NOT NULL")),
            (Operand::Text(text), operator) => {
                let text = if folded { text.to_lowercase() } else { text.clone() };
                self.compare(column, operator, &text);
                if operator == Operator::Is {
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

    fn compare(&mut self, column: &str, operator: Operator, text: &str) {
        let bytewise = if self.postgres { " COLLATE \"C\"" } else { "" };
        match operator {
            Operator::Is => {
                let text = self.text(text);
                self.and(&format!("{column} = {text}"));
            }
            Operator::Less | Operator::More => {
                let sign = if operator == Operator::Less { "<" } else { ">" };
                let text = self.text(text);
                self.and(&format!("{column}{bytewise} {sign} {text}"));
            }
            // Beyond ASCII databases don't agree on letters' cases.
            Operator::Contains if text.is_ascii() => {
                let find = if self.postgres { "strpos" } else { "instr" };
                let text = self.text(&text.to_ascii_lowercase());
                self.and(&format!("{find}(lower({column}{bytewise}), {text}) > 0"));
            }
            Operator::Contains | Operator::IsNot => {}
        }
    }

    fn name(&mut self, condition: &Condition) {
        match (&condition.operand, condition.operator) {
            (Operand::Nothing, Operator::Is) => self.and("name IS NULL"),
            (Operand::Text(text), Operator::Is) => {
                let text = text.to_lowercase();
                self.compare("sort_name", Operator::Is, &text);
                self.index_column(&Field::Name, "sort_name", &text);
            }
            (Operand::Text(text), Operator::Contains) => {
                self.compare("sort_name", Operator::Contains, text)
            }
            _ => {}
        }
    }

    fn tag(&mut self, condition: &Condition) {
        let (Operand::Text(tag), Operator::Is) = (&condition.operand, condition.operator) else {
            return;
        };
        if self.postgres {
            let (held, tenant) = (json!([tag]), format!("t{}", self.tenant));
            let (held, known) = (
                self.bind(Value::Json(held.clone())),
                self.bind(Value::Json(json!({ tenant: held }))),
            );
            self.indexed.push(format!("{TRAITS} @> {known}"));
            return self.and(&format!("tags @> {held}"));
        }
        let (tag, tenant) = (self.text(tag), &self.tenant);
        self.indexed.push(format!("'traits : \"t{tenant}' || hex(substr({tag}, 1, 60)) || '\"'"));
        self.and(&format!("EXISTS (SELECT 1 FROM json_each(tags) WHERE value = {tag})"));
    }

    fn time(&mut self, column: &str, condition: &Condition) {
        let Operand::Span(from, to) = condition.operand else { return };
        let (from, to) = (Value::Time(Time(from)), Value::Time(Time(to)));
        match condition.operator {
            Operator::Less => {
                let (from, never) = (self.bind(from), self.bind(Value::Time(Time(NEVER))));
                self.and(&format!("{column} < {from} AND {column} <> {never}"));
            }
            Operator::More => {
                let to = self.bind(to);
                self.and(&format!("{column} >= {to}"));
            }
            Operator::Is => {
                let (from, to) = (self.bind(from), self.bind(to));
                self.and(&format!("{column} >= {from} AND {column} < {to}"));
            }
            Operator::IsNot | Operator::Contains => {}
        }
    }

    fn attribute(&mut self, key: &str, condition: &Condition) {
        match (condition.operator, &condition.operand) {
            (Operator::Is, Operand::Nothing) => {
                let held = self.held(key);
                self.and(&format!("{held} IS NULL"));
            }
            (Operator::Is, _) if self.postgres => self.equal_on_postgres(key, &condition.likes()),
            (Operator::Is, _) => self.equal_on_sqlite(key, &condition.likes()),
            (Operator::Less | Operator::More, Operand::Number(number)) => {
                let sign = if condition.operator == Operator::Less { "<" } else { ">" };
                let (held, kind) = (self.held(key), self.kind(key));
                let number = self.bind(Value::Real(*number));
                // Texts that look like numbers are the domain's to tell.
                if self.postgres {
                    // The case keeps a cast of text from being tried.
                    return self.and(&format!(
                        "CASE {kind} WHEN 'number' THEN {held}::float8 {sign} {number}
                         WHEN 'string' THEN true ELSE false END"
                    ));
                }
                self.and(&format!(
                    "CASE {kind} WHEN 'text' THEN true WHEN 'integer' THEN {held} {sign} {number}
                     WHEN 'real' THEN {held} {sign} {number} ELSE false END"
                ));
            }
            (Operator::Less | Operator::More, Operand::Text(text)) => {
                let (held, kind) = (self.held(key), self.kind(key));
                let string = if self.postgres { "string" } else { "text" };
                self.and(&format!("{kind} = '{string}'"));
                if span(text).is_none() {
                    self.compare(&held, condition.operator, text);
                }
            }
            (Operator::Contains, Operand::Text(text)) => {
                let (held, kind) = (self.held(key), self.kind(key));
                let string = if self.postgres { "string" } else { "text" };
                let before = self.text.len();
                self.compare(&held, Operator::Contains, text);
                // What is not text is few, and written by each database in its own way.
                let text = self.text.split_off(before);
                let text = text.strip_prefix(" AND ").unwrap_or("true");
                self.and(&format!("({kind} <> '{string}' OR {text})"));
            }
            _ => {}
        }
    }

    /// The value of an attribute, as text on PostgreSQL; NULL where there is none.
    fn held(&mut self, key: &str) -> String {
        if self.postgres {
            let key = self.text(key);
            return format!("(custom ->> {key})");
        }
        // A key has no sign that would need quoting.
        let path = self.text(&format!("$.\"{key}\""));
        format!("json_extract(custom, {path})")
    }

    /// The type of an attribute.
    fn kind(&mut self, key: &str) -> String {
        if self.postgres {
            let key = self.text(key);
            return format!("jsonb_typeof(custom -> {key})");
        }
        let path = self.text(&format!("$.\"{key}\""));
        format!("json_type(custom, {path})")
    }

    fn equal_on_postgres(&mut self, key: &str, likes: &[serde_json::Value]) {
        let (mut held, mut known) = (Vec::new(), Vec::new());
        for like in likes {
            let pair = json!({ key: like });
            let tenant = format!("c{}", self.tenant);
            let whole = self.bind(Value::Json(json!({ tenant: pair.clone() })));
            known.push(format!("{TRAITS} @> {whole}"));
            let pair = self.bind(Value::Json(pair));
            held.push(format!("custom @> {pair}"));
        }
        self.indexed.push(format!("({})", known.join(" OR ")));
        self.and(&format!("({})", held.join(" OR ")));
    }

    fn equal_on_sqlite(&mut self, key: &str, likes: &[serde_json::Value]) {
        let (mut values, mut words) = (Vec::new(), Vec::new());
        let name = self.text(key);
        for like in likes {
            let value = match like {
                serde_json::Value::String(text) => self.text(text),
                serde_json::Value::Number(number) => {
                    self.number(number.as_f64().unwrap_or_default())
                }
                // Truths are ones and zeros there.
                other => self.bind(Value::Int(i64::from(other.as_bool().unwrap_or_default()))),
            };
            let tenant = &self.tenant;
            words.push(format!(
                "'\"k{tenant}' || hex({name} || char(31) || substr({value}, 1, 60)) || '\"'"
            ));
            values.push(value);
        }
        let held = self.held(key);
        self.indexed.push(format!("'traits : (' || {} || ')'", words.join(" || ' OR ' || ")));
        self.and(&format!("{held} IN ({})", values.join(", ")));
    }

    /// Whole numbers as such: a number is one word of the index however it is written.
    #[expect(clippy::cast_possible_truncation, reason = "whole and in range")]
    fn number(&mut self, number: f64) -> String {
        if number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0 {
            self.bind(Value::Int(number as i64))
        } else {
            self.bind(Value::Real(number))
        }
    }
}
