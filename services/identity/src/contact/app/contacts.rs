//! Reading Contacts: one, several, pages and searches.

use onethread_core::{AgentId, ContactId, OrganizationId, PageSize, PageToken};
use onethread_errors::{Error, Field, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{
    app::App,
    contact::{
        domain::{
            contact::Contact,
            search::{Search, condition::Condition, words},
            tracked_event::TrackedEvent,
        },
        store::{
            contacts,
            list::{self, ContactPage, ContactSort, PageKey},
            search::search_contacts,
            tracked_events,
        },
    },
    session::{domain::session::Device, store::devices},
    team::{domain::agent::ListedAgent, store::agents},
};

/// Most ids of a batch.
const MAX_IDS: usize = 200;
/// Most conditions of a search.
const MAX_CONDITIONS: usize = 20;
/// Longest search text, in bytes.
const MAX_WORDS_BYTES: usize = 256;
/// Most attributes that an export has columns for.
const MAX_KEYS: i64 = 1000;

/// A search as received.
#[derive(Debug)]
pub(crate) struct ContactQuery {
    pub(crate) words: String,
    /// Field, operator, value.
    pub(crate) conditions: Vec<(String, &'static str, Value)>,
    pub(crate) include_visitors: bool,
    pub(crate) order_by: String,
    pub(crate) page_token: String,
}

/// A page of Contacts.
#[derive(Debug)]
pub(crate) struct ContactList {
    pub(crate) contacts: Vec<Contact>,
    /// Empty on the last page.
    pub(crate) next_page_token: String,
}

impl App {
    /// A contact with its devices and latest events.
    ///
    /// # Errors
    ///
    /// `NotFound`.
    pub(crate) async fn contact(
        &self,
        organization: OrganizationId,
        id: ContactId,
    ) -> Result<(Contact, Vec<Device>, Vec<TrackedEvent>)> {
        let mut conn = self.db.reader("contact.get").await?;
        let contact = contacts::by_id(&mut conn, organization, id).await?;
        let contact = contact.ok_or_else(Error::not_found)?;
        let devices = devices::of_contact(&mut conn, organization, id).await?;
        drop(conn);
        let mut conn = self.db.reader("event.last").await?;
        let events = tracked_events::latest(&mut conn, organization, id).await?;
        Ok((contact, devices, events))
    }

    /// Those of the contacts that exist.
    ///
    /// # Errors
    ///
    /// `contact_ids` when they are too many.
    pub(crate) async fn batch_contacts(
        &self,
        organization: OrganizationId,
        ids: Vec<ContactId>,
    ) -> Result<Vec<Contact>> {
        check_count(ids.len(), "contact_ids")?;
        let mut conn = self.db.reader("contact.batch").await?;
        let mut found = Vec::with_capacity(ids.len());
        for id in ids {
            found.extend(contacts::by_id(&mut conn, organization, id).await?);
        }
        Ok(found)
    }

    /// Those of the agents that exist.
    ///
    /// # Errors
    ///
    /// `agent_ids` when they are too many.
    pub(crate) async fn batch_agents(
        &self,
        organization: OrganizationId,
        ids: Vec<AgentId>,
    ) -> Result<Vec<ListedAgent>> {
        check_count(ids.len(), "agent_ids")?;
        let mut conn = self.db.reader("agent.batch").await?;
        let mut found = Vec::with_capacity(ids.len());
        for id in ids {
            let account = agents::by_id(&mut conn, organization, id).await?;
            found.extend(account.map(ListedAgent::from));
        }
        Ok(found)
    }

    /// A page of a search. It may be short, or empty, although there is a next one.
    ///
    /// # Errors
    ///
    /// Each invalid part of the query; `RateLimited` and `Unavailable` when too many searches wait.
    pub(crate) async fn search_contacts(
        &self,
        organization: OrganizationId,
        query: ContactQuery,
        size: PageSize,
    ) -> Result<ContactList> {
        let search = parse(&query)?;
        let list = List::new(organization, &query.order_by, Some(&query))?;
        let after = list.place(&query.page_token)?;
        let _permit = self.searches.enter(organization).await?;
        let mut conn = self.db.searcher("contact.search").await?;
        let page = search_contacts(&mut conn, organization, &search, list.sort, after, size);
        Ok(list.page(page.await?))
    }

    /// The keys of the attributes that contacts have, as columns of an export.
    ///
    /// # Errors
    ///
    /// `RateLimited` and `Unavailable` when too many searches wait.
    pub(crate) async fn attribute_keys(&self, organization: OrganizationId) -> Result<Vec<String>> {
        let _permit = self.searches.enter(organization).await?;
        let mut conn = self.db.searcher("contact.keys").await?;
        Ok(list::attribute_keys(&mut conn, organization, MAX_KEYS).await?)
    }

    /// A page of Contacts.
    ///
    /// # Errors
    ///
    /// `order_by` and `page_token`.
    pub(crate) async fn list_contacts(
        &self,
        organization: OrganizationId,
        order_by: &str,
        size: PageSize,
        page_token: &str,
    ) -> Result<ContactList> {
        let list = List::new(organization, order_by, None)?;
        let after = list.place(page_token)?;
        let mut conn = self.db.reader("contact.list").await?;
        Ok(list.page(list::page(&mut conn, organization, list.sort, after, size).await?))
    }
}

/// A list of Contacts: which ones, in which order.
struct List {
    sort: ContactSort,
    /// Hash that identifies the list.
    id: String,
}

/// A place in a list, as its page token has it.
#[derive(Serialize, Deserialize)]
struct Place {
    list: String,
    key: PageKey,
}

impl List {
    fn new(
        organization: OrganizationId,
        order_by: &str,
        query: Option<&ContactQuery>,
    ) -> Result<Self> {
        let sort = parse_order(order_by)?;
        let query = query.map(|query| (&query.words, &query.conditions, query.include_visitors));
        let list = (organization.0, format!("{sort:?}"), query);
        let hash = Sha256::digest(serde_json::to_vec(&list).map_err(Error::internal)?);
        let id = hash[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { sort, id })
    }

    /// The key that a page begins after. A token of another list is invalid.
    fn place(&self, page_token: &str) -> Result<Option<PageKey>> {
        let invalid = || Error::invalid("page_token", "is not a cursor of this list");
        let place: Option<Place> = PageToken::decode(page_token).map_err(|_| invalid())?;
        match place {
            Some(place) if place.list != self.id || !self.sort.accepts(&place.key) => {
                Err(invalid())
            }
            place => Ok(place.map(|place| place.key)),
        }
    }

    fn page(&self, page: ContactPage) -> ContactList {
        let token = |key| PageToken::encode(&Place { list: self.id.clone(), key });
        let next_page_token = page.next.map(token).unwrap_or_default();
        ContactList { contacts: page.contacts, next_page_token }
    }
}

fn parse(query: &ContactQuery) -> Result<Search> {
    if query.words.len() > MAX_WORDS_BYTES {
        return Err(Error::invalid("query", "is longer than 256 bytes"));
    }
    if query.conditions.len() > MAX_CONDITIONS {
        return Err(Error::invalid("filters", "are more than 20"));
    }
    let (mut conditions, mut errors) = (Vec::new(), Vec::new());
    for (n, (field, operator, value)) in query.conditions.iter().enumerate() {
        match Condition::parse(field, operator, value) {
            Ok(condition) => conditions.push(condition),
            Err((member, detail)) => {
                errors.push(Field::new(format!("filters[{n}].{member}"), detail))
            }
        }
    }
    if !errors.is_empty() {
        return Err(Error::invalid_fields(errors));
    }
    let has_words = !query.words.trim().is_empty();
    let words = has_words.then(|| words::split(&query.words).collect());
    Ok(Search { words, conditions, include_visitors: query.include_visitors })
}

fn check_count(count: usize, path: &str) -> Result<()> {
    if count > MAX_IDS { Err(Error::invalid(path, "are more than 200")) } else { Ok(()) }
}

/// `created_at desc` is newest first, as in AIP-132.
fn parse_order(text: &str) -> Result<ContactSort> {
    let mut words = text.split_ascii_whitespace();
    let (field, direction, more) = (words.next(), words.next(), words.next());
    let descending = match (direction, more) {
        (None, None) => Some(field.is_none()),
        (Some("asc"), None) => Some(false),
        (Some("desc"), None) => Some(true),
        _ => None,
    };
    match (field.unwrap_or("created_at"), descending) {
        ("name", Some(descending)) => Ok(ContactSort::Name { descending }),
        ("created_at", Some(descending)) => Ok(ContactSort::Created { descending }),
        ("last_seen_at", Some(descending)) => Ok(ContactSort::Seen { descending }),
        _ => Err(Error::invalid(
            "order_by",
            "is not name, created_at or last_seen_at, with or without desc",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_a_field_and_a_direction() {
        for (text, order) in [
            ("", ContactSort::Created { descending: true }),
            ("created_at", ContactSort::Created { descending: false }),
            ("created_at desc", ContactSort::Created { descending: true }),
            ("name asc", ContactSort::Name { descending: false }),
            (" last_seen_at  desc ", ContactSort::Seen { descending: true }),
        ] {
            assert_eq!(parse_order(text).unwrap(), order, "{text:?}");
        }
        for text in ["createdAt", "-created_at", "created_at down", "name desc desc", "name, email"]
        {
            assert_eq!(parse_order(text).unwrap_err().fields[0].path, "order_by", "{text:?}");
        }
    }
}
