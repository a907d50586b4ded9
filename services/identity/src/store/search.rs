//! Searching Contacts. The statement selects at least those who are looked for, by indexes where
//! there are some; the domain has the last word on each.

use std::fmt::Write;

use onethread_core::{OrganizationId, PageSize};
use onethread_db::{Conn, Json, Result, Time, on};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, query_as, query_scalar};
use uuid::Uuid;

use super::{
    Store,
    contacts::{ContactPage, ContactSort, PageKey},
    rows::{ContactRow, NEVER},
    sql,
};
use crate::domain::{
    contact::Contact,
    search::{Condition, Field, Operand, Operator, Search, span},
};

/// Rows that are looked at where the first page of them was not enough.
const CHUNK: i64 = 1000;
/// Rows looked at in one call. Where that doesn't fill a page, it is shorter, and goes on.
const MOST_ROWS: usize = 20_000;
/// With more matches in an index than these, walking along the order finds a page sooner.
const FEW: i64 = 5000;

/// A value of a statement.
#[derive(Debug, Clone)]
enum Bind {
    Text(String),
    Int(i64),
    Real(f64),
    Time(Time),
    Id(Uuid),
    Json(Value),
}

macro_rules! bind_all {
    ($query:expr, $binds:expr) => {
        $binds.iter().cloned().fold($query, |query, bind| match bind {
            Bind::Text(value) => query.bind(value),
            Bind::Int(value) => query.bind(value),
            Bind::Real(value) => query.bind(value),
            Bind::Time(value) => query.bind(value),
            Bind::Id(value) => query.bind(value),
            Bind::Json(value) => query.bind(Json(value)),
        })
    };
}

/// A statement in the making.
struct Statement {
    postgres: bool,
    text: String,
    binds: Vec<Bind>,
    /// SQLite's full-text queries, as expressions.
    indexed: Vec<String>,
}

impl Statement {
    fn new(of: OrganizationId, search: &Search, postgres: bool) -> Self {
        let text = format!(
            "organization_id = $1{}",
            if search.include_visitors { "" } else { " AND listed" }
        );
        let mut statement =
            Self { postgres, text, binds: vec![Bind::Id(of.0)], indexed: Vec::new() };
        if let Some(words) = &search.words {
            statement.words(words);
        }
        for condition in &search.conditions {
            statement.condition(condition);
        }
        statement
    }

    fn bind(&mut self, value: Bind) -> String {
        self.binds.push(value);
        format!("${}", self.binds.len())
    }

    fn text(&mut self, value: &str) -> String {
        self.bind(Bind::Text(value.to_owned()))
    }

    fn and(&mut self, condition: &str) {
        write!(self.text, " AND {condition}").expect("writing to a string succeeds");
    }

    /// Words hold letters and digits alone, so that they need no quoting.
    fn words(&mut self, words: &[String]) {
        if words.is_empty() {
            return self.and("false");
        }
        if self.postgres {
            let all: Vec<_> = words.iter().map(|word| format!("'{word}':*")).collect();
            let query = self.text(&all.join(" & "));
            return self.and(&format!(
                "array_to_tsvector(string_to_array(words, ' ')) @@ {query}::tsquery"
            ));
        }
        let all: Vec<_> = words.iter().map(|word| format!("words : \"{word}\" *")).collect();
        let query = self.text(&all.join(" AND "));
        self.indexed.push(query);
        for word in words {
            let word = self.text(&format!(" {word}"));
            self.and(&format!("instr(' ' || words, {word}) > 0"));
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
                self.compare("sort_name", Operator::Is, &text.to_lowercase())
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
            let tag = self.bind(Bind::Json(json!([tag])));
            return self.and(&format!("tags @> {tag}"));
        }
        let tag = self.text(tag);
        self.indexed.push(format!("'traits : \"t' || hex(substr({tag}, 1, 60)) || '\"'"));
        self.and(&format!("EXISTS (SELECT 1 FROM json_each(tags) WHERE value = {tag})"));
    }

    fn time(&mut self, column: &str, condition: &Condition) {
        let Operand::Span(from, to) = condition.operand else { return };
        let (from, to) = (Bind::Time(Time(from)), Bind::Time(Time(to)));
        match condition.operator {
            Operator::Less => {
                let (from, never) = (self.bind(from), self.bind(Bind::Time(Time(NEVER))));
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
        let value = match &condition.operand {
            Operand::Text(text) => json!(text),
            Operand::Number(number) => json!(number),
            Operand::Truth(truth) => json!(truth),
            Operand::Nothing | Operand::Span(..) => return,
        };
        if self.postgres {
            self.attribute_on_postgres(key, condition.operator, &value);
        } else {
            self.attribute_on_sqlite(key, condition.operator, &value);
        }
    }

    fn attribute_on_postgres(&mut self, key: &str, operator: Operator, value: &Value) {
        match (operator, value) {
            (Operator::Is, _) => {
                let pair = self.bind(Bind::Json(json!({ key: value })));
                self.and(&format!("custom @> {pair}"));
            }
            (Operator::IsNot, _) => {}
            (_, Value::Number(number)) => {
                let sign = if operator == Operator::Less { "<" } else { ">" };
                let key = self.text(key);
                let number = self.bind(Bind::Real(number.as_f64().unwrap_or_default()));
                self.and(&format!(
                    "CASE WHEN jsonb_typeof(custom -> {key}) = 'number'
                     THEN (custom ->> {key})::float8 {sign} {number} ELSE false END"
                ));
            }
            (_, Value::String(text)) => {
                let key = self.text(key);
                self.and(&format!("jsonb_typeof(custom -> {key}) = 'string'"));
                if operator == Operator::Contains || span(text).is_none() {
                    self.compare(&format!("(custom ->> {key})"), operator, text);
                }
            }
            _ => {}
        }
    }

    fn attribute_on_sqlite(&mut self, key: &str, operator: Operator, value: &Value) {
        if operator == Operator::IsNot {
            return;
        }
        // A key has no sign that would need quoting.
        let path = self.text(&format!("$.\"{key}\""));
        let (held, kinds) =
            (format!("json_extract(custom, {path})"), format!("json_type(custom, {path})"));
        let bound = match value {
            Value::String(text) => {
                self.and(&format!("{kinds} = 'text'"));
                if operator != Operator::Is {
                    if operator == Operator::Contains || span(text).is_none() {
                        self.compare(&held, operator, text);
                    }
                    return;
                }
                self.text(text)
            }
            Value::Number(number) => {
                self.and(&format!("{kinds} IN ('integer', 'real')"));
                let number = number.as_f64().unwrap_or_default();
                let bound = self.number(number);
                let sign = match operator {
                    Operator::Less => "<",
                    Operator::More => ">",
                    _ => "=",
                };
                self.and(&format!("{held} {sign} {bound}"));
                if operator != Operator::Is {
                    return;
                }
                bound
            }
            _ => {
                self.and(&format!("{kinds} IN ('true', 'false')"));
                self.bind(Bind::Int(i64::from(value.as_bool().unwrap_or_default())))
            }
        };
        if operator == Operator::Is {
            self.and(&format!("{held} = {bound}"));
            let key = self.text(key);
            self.indexed.push(format!(
                "'traits : \"k' || hex({key} || char(31) || substr({bound}, 1, 60)) || '\"'"
            ));
        }
    }

    /// Whole numbers as such: a number is one word of the index however it is written.
    #[expect(clippy::cast_possible_truncation, reason = "whole and in range")]
    fn number(&mut self, number: f64) -> String {
        if number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0 {
            self.bind(Bind::Int(number as i64))
        } else {
            self.bind(Bind::Real(number))
        }
    }

    /// The rows behind a key, in order.
    fn page(&self, sort: ContactSort, after: Option<PageKey>, rows: i64) -> (String, Vec<Bind>) {
        let (column, descending) = sort.column();
        let (beyond, direction) = if descending { ("<", "DESC") } else { (">", "ASC") };
        let mut binds = self.binds.clone();
        let mut text = format!("{} WHERE {}", sql::SELECT_CONTACTS, self.text);
        if let Some(key) = after {
            let (key, id) = match key {
                PageKey::Name(name, id) => (Bind::Text(name), id),
                PageKey::Time(at, id) => {
                    (Bind::Time(Time(onethread_core::Timestamp::from_micros(at))), id)
                }
            };
            binds.extend([key, Bind::Id(id)]);
            let n = binds.len();
            write!(text, " AND ({column}, id) {beyond} (${}, ${n})", n - 1).expect("a string");
        }
        binds.push(Bind::Int(rows));
        write!(text, " ORDER BY {column} {direction}, id {direction} LIMIT ${}", binds.len())
            .expect("a string");
        (text, binds)
    }
}

impl Store {
    /// A page of those who are looked for. It may be short, or empty, and go on all the same.
    pub(crate) async fn search_contacts(
        &self,
        of: OrganizationId,
        search: Search,
        sort: ContactSort,
        after: Option<PageKey>,
        size: PageSize,
    ) -> Result<ContactPage> {
        self.db
            .read("contact.search", move |mut conn| {
                Box::pin(async move {
                    let mut statement =
                        Statement::new(of, &search, matches!(conn, Conn::Postgres(_)));
                    narrow(&mut conn, &mut statement).await?;
                    look(&mut conn, &statement, &search, sort, after, size).await
                })
            })
            .await
    }

    /// Keys of the attributes that people in Contacts have, sorted; at most `most`.
    pub(crate) async fn attribute_keys(
        &self,
        of: OrganizationId,
        most: i64,
    ) -> Result<Vec<String>> {
        self.db
            .read("contact.keys", move |mut conn| {
                Box::pin(async move {
                    let text = conn.pick(sql::ATTRIBUTE_KEYS_SQLITE, sql::ATTRIBUTE_KEYS_POSTGRES);
                    Ok(on!(&mut conn, |c| query_scalar(text)
                        .bind(of.0)
                        .bind(most)
                        .fetch_all(&mut **c)
                        .await)?)
                })
            })
            .await
    }
}

/// Goes by SQLite's index where it names few; PostgreSQL's planner knows that by itself.
async fn narrow(conn: &mut Conn<'_>, statement: &mut Statement) -> Result<()> {
    for query in std::mem::take(&mut statement.indexed) {
        let matching =
            format!("SELECT rowid FROM contact_index WHERE contact_index MATCH ({query})");
        let count = format!("SELECT count(*) FROM ({matching} LIMIT {})", FEW + 1);
        let binds = &statement.binds;
        let found: i64 = on!(&mut *conn, |c| bind_all!(query_scalar(AssertSqlSafe(count)), binds)
            .fetch_one(&mut **c)
            .await)?;
        if found <= FEW {
            // The sign keeps SQLite from walking along an index of the organization's.
            statement.text = format!("+{} AND rowid IN ({matching})", statement.text);
            return Ok(());
        }
    }
    Ok(())
}

async fn look(
    conn: &mut Conn<'_>,
    statement: &Statement,
    search: &Search,
    sort: ContactSort,
    mut after: Option<PageKey>,
    size: PageSize,
) -> Result<ContactPage> {
    let mut contacts: Vec<Contact> = Vec::new();
    let mut looked = 0;
    let mut rows = size.limit_and_one();
    loop {
        let (text, binds) = statement.page(sort, after.clone(), rows);
        let found: Vec<ContactRow> =
            on!(&mut *conn, |c| bind_all!(query_as(AssertSqlSafe(text)), binds)
                // The values decide which way is the quickest.
                .persistent(false)
                .fetch_all(&mut **c)
                .await)?;
        let last = i64::try_from(found.len()).unwrap_or(i64::MAX) < rows;
        looked += found.len();
        for row in found {
            let contact = Contact::try_from(row)?;
            if search.finds(&contact) {
                if contacts.len() == size.rows() {
                    let next = contacts.last().map(|last| sort.key(last));
                    return Ok(ContactPage { contacts, next });
                }
                after = Some(sort.key(&contact));
                contacts.push(contact);
            } else {
                after = Some(sort.key(&contact));
            }
        }
        if last {
            return Ok(ContactPage { contacts, next: None });
        }
        if looked >= MOST_ROWS {
            return Ok(ContactPage { contacts, next: after });
        }
        rows = CHUNK;
    }
}
