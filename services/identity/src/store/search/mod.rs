//! Searching Contacts. Statements select at least those who are looked for; the domain has the
//! last word on each.
//!
//! Of what fits many a page is filled soon by walking along the order asked for. Where that finds
//! too few, an index names all that fit, if they are few. Where they are many, or no index knows,
//! the walk goes on, up to a bound.

mod statement;

use std::fmt::Write;

use onethread_core::{OrganizationId, PageSize, Timestamp};
use onethread_db::{Conn, Result, Time, on};
use sqlx::{AssertSqlSafe, query_as, query_scalar};
use uuid::Uuid;

use self::statement::{Bind, Statement, bind_all};
use super::{
    Store,
    contacts::{ContactPage, ContactSort, PageKey},
    rows::ContactRow,
    sql,
};
use crate::domain::{contact::Contact, search::Search};

/// Rows read at once where the domain turns many away.
const CHUNK: i64 = 1000;

/// How far a search goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Places of the order walked at first, for each contact of a page.
    pub(super) first: i64,
    /// Places walked at a time after that.
    pub(super) stretch: i64,
    /// Places walked in one call. Where that doesn't fill a page, it is shorter, and goes on.
    pub(super) most: i64,
    /// With more matches in an index than these, walking along the order finds a page sooner.
    pub(super) few: i64,
}

impl Bounds {
    const USUAL: Self = Self { first: 8, stretch: 10_000, most: 50_000, few: 5000 };
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
        self.search_within(Bounds::USUAL, of, search, sort, after, size).await
    }

    /// The same, going just so far.
    pub(super) async fn search_within(
        &self,
        bounds: Bounds,
        of: OrganizationId,
        search: Search,
        sort: ContactSort,
        after: Option<PageKey>,
        size: PageSize,
    ) -> Result<ContactPage> {
        self.db
            .read("contact.search", move |mut conn| {
                Box::pin(async move {
                    let statement = Statement::new(of, &search, matches!(conn, Conn::Postgres(_)));
                    let (conn, statement) = (&mut conn, &statement);
                    let mut look = Look { conn, statement, search: &search, sort, bounds };
                    let wanted = size.limit_and_one();
                    let mut found = look.among("listed", after.clone(), wanted).await?;
                    if search.include_visitors {
                        let visitors = look.among("NOT listed", after, wanted).await?;
                        found = found.merge(visitors, sort);
                    }
                    Ok(found.page(sort, size))
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

/// Those found up to some place of the order.
struct Found {
    contacts: Vec<Contact>,
    /// The place; `None` at the end.
    reached: Option<PageKey>,
}

impl Found {
    /// Two kinds of people as one: up to the nearer of both places.
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
        ContactPage { contacts: self.contacts, next }
    }
}

/// One search on one connection.
struct Look<'l, 'c> {
    conn: &'l mut Conn<'c>,
    statement: &'l Statement,
    search: &'l Search,
    sort: ContactSort,
    bounds: Bounds,
}

/// Rows to choose from.
#[derive(Clone, Copy)]
enum Source<'s> {
    /// All of the kind.
    Order,
    /// Those whom an index names by this condition.
    Index(&'s str),
}

impl Look<'_, '_> {
    /// The next `wanted` of a kind of people, behind a place.
    async fn among(
        &mut self,
        kind: &'static str,
        after: Option<PageKey>,
        wanted: i64,
    ) -> Result<Found> {
        if self.search.words.as_ref().is_some_and(Vec::is_empty) {
            return Ok(Found { contacts: Vec::new(), reached: None });
        }
        let mut found = Found { contacts: Vec::new(), reached: after };
        let (mut places, mut stretch) = (0, self.bounds.first * wanted);
        loop {
            if stretch > 0 {
                // Without a condition a page is the next rows, whatever they are.
                let any = self.search.words.is_none() && self.search.conditions.is_empty();
                let end = if any {
                    None
                } else {
                    self.place(kind, found.reached.as_ref(), stretch).await?
                };
                self.read(Source::Order, kind, &mut found, end.as_ref(), wanted).await?;
                if end.is_none() || is_full(&found, wanted) {
                    return Ok(found);
                }
                found.reached = end;
            }
            if places == 0
                && let Some(condition) = self.narrow().await?
            {
                let source = Source::Index(&condition);
                self.read(source, kind, &mut found, None, wanted).await?;
                return Ok(found);
            }
            places += stretch;
            if places >= self.bounds.most {
                return Ok(found);
            }
            stretch = self.bounds.stretch;
        }
    }

    /// The condition by which an index names those who are looked for, where they are few.
    async fn narrow(&mut self) -> Result<Option<String>> {
        let Some(narrow) = self.statement.narrow(self.bounds.few + 1) else { return Ok(None) };
        let (count, binds) = (narrow.count, &self.statement.binds);
        let few: i64 =
            on!(&mut *self.conn, |c| bind_all!(query_scalar(AssertSqlSafe(count)), binds)
                .persistent(false)
                .fetch_one(&mut **c)
                .await)?;
        Ok((few <= self.bounds.few).then_some(narrow.condition))
    }

    /// The place so many rows further.
    async fn place(
        &mut self,
        kind: &str,
        after: Option<&PageKey>,
        further: i64,
    ) -> Result<Option<PageKey>> {
        let (column, descending) = self.sort.column();
        let direction = if descending { "DESC" } else { "ASC" };
        let mut binds = vec![self.statement.binds[0].clone()];
        let mut text =
            format!("SELECT {column}, id FROM contacts WHERE organization_id = $1 AND {kind}");
        self.beyond(&mut text, &mut binds, after);
        binds.push(Bind::Int(further - 1));
        write!(
            text,
            " ORDER BY {column} {direction}, id {direction} LIMIT 1 OFFSET ${}",
            binds.len()
        )
        .expect("a string");
        if matches!(self.sort, ContactSort::Name { .. }) {
            let place: Option<(String, Uuid)> =
                on!(&mut *self.conn, |c| bind_all!(query_as(AssertSqlSafe(text)), binds)
                    .fetch_optional(&mut **c)
                    .await)?;
            return Ok(place.map(|(name, id)| PageKey::Name(name, id)));
        }
        let place: Option<(Time, Uuid)> =
            on!(&mut *self.conn, |c| bind_all!(query_as(AssertSqlSafe(text)), binds)
                .fetch_optional(&mut **c)
                .await)?;
        Ok(place.map(|(at, id)| PageKey::Time(at.0.micros(), id)))
    }

    fn beyond(&self, text: &mut String, binds: &mut Vec<Bind>, after: Option<&PageKey>) {
        let (_, descending) = self.sort.column();
        self.bound(text, binds, after, if descending { "<" } else { ">" });
    }

    fn bound(&self, text: &mut String, binds: &mut Vec<Bind>, key: Option<&PageKey>, sign: &str) {
        let Some(key) = key else { return };
        let (column, _) = self.sort.column();
        let (key, id) = match key {
            PageKey::Name(name, id) => (Bind::Text(name.clone()), *id),
            PageKey::Time(at, id) => (Bind::Time(Time(Timestamp::from_micros(*at))), *id),
        };
        binds.extend([key, Bind::Id(id)]);
        let n = binds.len();
        write!(text, " AND ({column}, id) {sign} (${}, ${n})", n - 1).expect("a string");
    }

    /// Reads on, up to a place or the end of the order, until so many are found.
    async fn read(
        &mut self,
        source: Source<'_>,
        kind: &str,
        found: &mut Found,
        end: Option<&PageKey>,
        wanted: i64,
    ) -> Result<()> {
        let mut rows = wanted;
        loop {
            let (text, binds) = self.rows(source, kind, found.reached.as_ref(), end, rows);
            let read: Vec<ContactRow> =
                on!(&mut *self.conn, |c| bind_all!(query_as(AssertSqlSafe(text)), binds)
                    // The values decide which way is the quickest.
                    .persistent(false)
                    .fetch_all(&mut **c)
                    .await)?;
            let more = read.len() == usize::try_from(rows).unwrap_or(usize::MAX);
            for row in read {
                let contact = Contact::try_from(row)?;
                found.reached = Some(self.sort.key(&contact));
                if self.search.finds(&contact) {
                    found.contacts.push(contact);
                    if is_full(found, wanted) {
                        return Ok(());
                    }
                }
            }
            if !more {
                found.reached = end.cloned();
                return Ok(());
            }
            rows = CHUNK;
        }
    }

    /// The rows between two places, in order.
    fn rows(
        &self,
        source: Source<'_>,
        kind: &str,
        after: Option<&PageKey>,
        end: Option<&PageKey>,
        rows: i64,
    ) -> (String, Vec<Bind>) {
        let (column, descending) = self.sort.column();
        let direction = if descending { "DESC" } else { "ASC" };
        let (mut binds, conditions) = (self.statement.binds.clone(), &self.statement.text);
        let mut text = match source {
            Source::Order => {
                format!(
                    "{} WHERE organization_id = $1 AND {kind}{conditions}",
                    sql::SELECT_CONTACTS
                )
            }
            Source::Index(named) => format!(
                "WITH named AS MATERIALIZED
                   (SELECT * FROM contacts WHERE {named} AND {kind}{conditions})
                 SELECT {} FROM named WHERE true",
                sql::CONTACT_COLUMNS
            ),
        };
        self.beyond(&mut text, &mut binds, after);
        self.bound(&mut text, &mut binds, end, if descending { ">=" } else { "<=" });
        binds.push(Bind::Int(rows));
        write!(text, " ORDER BY {column} {direction}, id {direction} LIMIT ${}", binds.len())
            .expect("a string");
        (text, binds)
    }
}

fn is_full(found: &Found, wanted: i64) -> bool {
    usize::try_from(wanted).is_ok_and(|wanted| found.contacts.len() >= wanted)
}
