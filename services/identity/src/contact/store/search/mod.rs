//! Searching Contacts. Statements select at least the contacts that match; the domain decides on
//! each.
//!
//! Where many match, a scan in the order of the list soon fills a page. Where it finds too few, an
//! index selects all that match, if they are few. Where they are many, or no index helps, the scan
//! continues, up to a limit.

mod attributes;
mod conditions;
mod parameters;

use std::fmt::Write;

use onethread_core::{OrganizationId, PageSize, Timestamp};
use onethread_db::{Connection, Result, Time};
use uuid::Uuid;

use self::{
    conditions::Conditions,
    parameters::{Parameter, bind_all},
};
use super::{
    list::{ContactPage, ContactSort, PageKey},
    rows::{ContactRow, contact_columns},
};
use crate::contact::domain::{contact::Contact, search::Search};

const CONTACT_COLUMNS: &str = contact_columns!();
const SELECT_CONTACTS: &str = concat!("SELECT ", contact_columns!(), " FROM contacts");
/// Rows of a read where the domain rejects many.
const CHUNK_ROWS: i64 = 1000;

/// Limits of a search.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Rows of the first scan, for each contact of a page.
    pub(crate) first_rows: i64,
    /// Rows of each further scan.
    pub(crate) next_rows: i64,
    /// Most rows scanned for one page. If they don't fill it, it is shorter, and there is a next
    /// one.
    pub(crate) max_rows: i64,
    /// Most matches in an index for which reading all of them is faster than a scan.
    pub(crate) max_matches: i64,
}

impl Bounds {
    const DEFAULT: Self =
        Self { first_rows: 8, next_rows: 10_000, max_rows: 50_000, max_matches: 5000 };
}

/// A page of a search. It may be short, or empty, although there is a next one.
pub(crate) async fn search_contacts(
    conn: &mut Connection,
    organization: OrganizationId,
    search: &Search,
    sort: ContactSort,
    after: Option<PageKey>,
    size: PageSize,
) -> Result<ContactPage> {
    search_within(Bounds::DEFAULT, conn, organization, search, sort, after, size).await
}

/// [`search_contacts`] within other bounds.
pub(crate) async fn search_within(
    bounds: Bounds,
    conn: &mut Connection,
    organization: OrganizationId,
    search: &Search,
    sort: ContactSort,
    after: Option<PageKey>,
    size: PageSize,
) -> Result<ContactPage> {
    let conditions = Conditions::new(organization, search, conn.is_postgres());
    let mut query = Query { conn, conditions: &conditions, search, sort, bounds };
    let wanted = size.limit_plus_one();
    let mut found = query.find("listed", after.clone(), wanted).await?;
    if search.include_visitors {
        let visitors = query.find("NOT listed", after, wanted).await?;
        found = found.merge(visitors, sort);
    }
    Ok(found.page(sort, size))
}

/// Contacts found up to a key of the order.
struct FoundContacts {
    contacts: Vec<Contact>,
    /// The key, or `None` at the end of the order.
    reached: Option<PageKey>,
}

impl FoundContacts {
    /// Contacts and visitors in one order, up to the key that comes first.
    fn merge(self, other: Self, sort: ContactSort) -> Self {
        let before = |one: &PageKey, two: &PageKey| {
            if sort.column().1 { one > two } else { one < two }
        };
        let reached = match (self.reached, other.reached) {
            (Some(one), Some(two)) => Some(if before(&one, &two) { one } else { two }),
            (one, two) => one.or(two),
        };
        let mut contacts = self.contacts;
        contacts.extend(other.contacts);
        contacts.retain(|one| reached.as_ref().is_none_or(|end| !before(end, &sort.key(one))));
        contacts.sort_by(|one, two| {
            let order = sort.key(one).cmp(&sort.key(two));
            if sort.column().1 { order.reverse() } else { order }
        });
        Self { contacts, reached }
    }

    fn page(mut self, sort: ContactSort, size: PageSize) -> ContactPage {
        let next = if self.contacts.len() > size.rows() {
            self.contacts.truncate(size.rows());
            self.contacts.last().map(|last| sort.key(last))
        } else {
            self.reached
        };
        ContactPage { contacts: self.contacts, next }.within_bytes(sort)
    }
}

/// One search on one connection.
struct Query<'q> {
    conn: &'q mut Connection,
    conditions: &'q Conditions,
    search: &'q Search,
    sort: ContactSort,
    bounds: Bounds,
}

/// Rows to read.
#[derive(Clone, Copy)]
enum RowSource<'s> {
    /// All contacts, or all visitors.
    Scan,
    /// Those that an index selects with this condition.
    Index(&'s str),
}

impl Query<'_> {
    /// The next contacts, or visitors, after a key.
    async fn find(
        &mut self,
        kind: &'static str,
        after: Option<PageKey>,
        wanted: i64,
    ) -> Result<FoundContacts> {
        if self.search.words.as_ref().is_some_and(Vec::is_empty) {
            return Ok(FoundContacts { contacts: Vec::new(), reached: None });
        }
        let mut found = FoundContacts { contacts: Vec::new(), reached: after };
        let (mut scanned, mut step) = (0, self.bounds.first_rows * wanted);
        loop {
            if step > 0 {
                // Without a condition every row matches, so the scan needs no end.
                let has_no_condition =
                    self.search.words.is_none() && self.search.conditions.is_empty();
                let end = if has_no_condition {
                    None
                } else {
                    self.key_after(kind, found.reached.as_ref(), step).await?
                };
                self.read(RowSource::Scan, kind, &mut found, end.as_ref(), wanted).await?;
                if end.is_none() || is_full(&found, wanted) {
                    return Ok(found);
                }
                found.reached = end;
            }
            if scanned == 0
                && let Some(condition) = self.index_condition().await?
            {
                let source = RowSource::Index(&condition);
                self.read(source, kind, &mut found, None, wanted).await?;
                return Ok(found);
            }
            scanned += step;
            if scanned >= self.bounds.max_rows {
                return Ok(found);
            }
            step = self.bounds.next_rows;
        }
    }

    /// The condition with which an index selects the matches, if they are few enough.
    async fn index_condition(&mut self) -> Result<Option<String>> {
        let Some(indexed) = self.conditions.indexed(self.bounds.max_matches + 1) else {
            return Ok(None);
        };
        let count = self.conn.query_dynamic(indexed.count).unprepared();
        let matches: i64 = bind_all(count, &self.conditions.values).scalar().await?;
        Ok((matches <= self.bounds.max_matches).then_some(indexed.condition))
    }

    /// The key a number of rows further.
    async fn key_after(
        &mut self,
        kind: &str,
        after: Option<&PageKey>,
        rows: i64,
    ) -> Result<Option<PageKey>> {
        let (column, descending) = self.sort.column();
        let direction = if descending { "DESC" } else { "ASC" };
        let mut values = vec![self.conditions.values[0].clone()];
        let mut text =
            format!("SELECT {column}, id FROM contacts WHERE organization_id = $1 AND {kind}");
        self.and_after(&mut text, &mut values, after);
        values.push(Parameter::Int(rows - 1));
        write!(
            text,
            " ORDER BY {column} {direction}, id {direction} LIMIT 1 OFFSET ${}",
            values.len()
        )
        .expect("writing to a string succeeds");
        if matches!(self.sort, ContactSort::Name { .. }) {
            let select = bind_all(self.conn.query_dynamic(text), &values);
            let key: Option<(String, Uuid)> = select.optional().await?;
            return Ok(key.map(|(name, id)| PageKey::Name(name, id)));
        }
        let select = bind_all(self.conn.query_dynamic(text), &values);
        let key: Option<(Time, Uuid)> = select.optional().await?;
        Ok(key.map(|(at, id)| PageKey::Time(at.0.micros(), id)))
    }

    fn and_after(&self, text: &mut String, values: &mut Vec<Parameter>, after: Option<&PageKey>) {
        let (_, descending) = self.sort.column();
        self.and_key(text, values, after, if descending { "<" } else { ">" });
    }

    fn and_key(
        &self,
        text: &mut String,
        values: &mut Vec<Parameter>,
        key: Option<&PageKey>,
        sign: &str,
    ) {
        let Some(key) = key else { return };
        let (column, _) = self.sort.column();
        let (key, id) = match key {
            PageKey::Name(name, id) => (Parameter::Text(name.clone()), *id),
            PageKey::Time(at, id) => (Parameter::Time(Time(Timestamp::from_micros(*at))), *id),
        };
        values.extend([key, Parameter::Id(id)]);
        let n = values.len();
        write!(text, " AND ({column}, id) {sign} (${}, ${n})", n - 1)
            .expect("writing to a string succeeds");
    }

    /// Reads up to a key or the end of the order, until enough contacts are found.
    async fn read(
        &mut self,
        source: RowSource<'_>,
        kind: &str,
        found: &mut FoundContacts,
        end: Option<&PageKey>,
        wanted: i64,
    ) -> Result<()> {
        let mut rows = wanted;
        loop {
            let (text, values) = self.rows(source, kind, found.reached.as_ref(), end, rows);
            // The best plan depends on the values.
            let select = self.conn.query_dynamic(text).unprepared();
            let read: Vec<ContactRow> = bind_all(select, &values).all().await?;
            let has_more = read.len() == usize::try_from(rows).unwrap_or(usize::MAX);
            for row in read {
                let contact = Contact::try_from(row)?;
                found.reached = Some(self.sort.key(&contact));
                if self.search.matches(&contact) {
                    found.contacts.push(contact);
                    if is_full(found, wanted) {
                        return Ok(());
                    }
                }
            }
            if !has_more {
                found.reached = end.cloned();
                return Ok(());
            }
            rows = CHUNK_ROWS;
        }
    }

    /// The statement that selects the rows between two keys, in order.
    fn rows(
        &self,
        source: RowSource<'_>,
        kind: &str,
        after: Option<&PageKey>,
        end: Option<&PageKey>,
        rows: i64,
    ) -> (String, Vec<Parameter>) {
        let (column, descending) = self.sort.column();
        let direction = if descending { "DESC" } else { "ASC" };
        let (mut values, conditions) = (self.conditions.values.clone(), &self.conditions.text);
        let mut text = match source {
            RowSource::Scan => {
                format!("{SELECT_CONTACTS} WHERE organization_id = $1 AND {kind}{conditions}")
            }
            RowSource::Index(condition) => format!(
                "WITH selected AS MATERIALIZED
                   (SELECT * FROM contacts WHERE {condition} AND {kind}{conditions})
                 SELECT {CONTACT_COLUMNS} FROM selected WHERE true"
            ),
        };
        self.and_after(&mut text, &mut values, after);
        self.and_key(&mut text, &mut values, end, if descending { ">=" } else { "<=" });
        values.push(Parameter::Int(rows));
        write!(text, " ORDER BY {column} {direction}, id {direction} LIMIT ${}", values.len())
            .expect("writing to a string succeeds");
        (text, values)
    }
}

fn is_full(found: &FoundContacts, wanted: i64) -> bool {
    usize::try_from(wanted).is_ok_and(|wanted| found.contacts.len() >= wanted)
}
