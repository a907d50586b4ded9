//! Reading Contacts.

use onethread_core::{AgentId, ContactId, OrganizationId, PageSize, PageToken};
use onethread_errors::{Error, Field, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::App;
use crate::{
    domain::{
        contact::Contact,
        events::Event,
        people::Agent,
        search::{self, Condition, Search},
        session::Device,
    },
    store::{ContactPage, ContactSort, PageKey},
};

/// The most ids a batch names.
const MOST_IDS: usize = 200;
/// The most conditions of a search.
const MOST_CONDITIONS: usize = 20;
/// The longest words that are searched for, in bytes.
const LONGEST_WORDS: usize = 256;
/// The most attributes that an export has columns for.
const MOST_KEYS: i64 = 1000;

/// Who is looked for, as it came.
#[derive(Debug)]
pub(crate) struct ContactQuery {
    pub(crate) words: String,
    /// Field, operator, value.
    pub(crate) conditions: Vec<(String, String, Value)>,
    pub(crate) include_visitors: bool,
    pub(crate) sort: String,
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
    pub(crate) async fn contact(
        &self,
        of: OrganizationId,
        id: ContactId,
    ) -> Result<(Contact, Vec<Device>, Vec<Event>)> {
        let (contact, devices) = self.store.contact(of, id).await?.ok_or_else(Error::not_found)?;
        Ok((contact, devices, self.store.last_events(of, id).await?))
    }

    pub(crate) async fn batch_contacts(
        &self,
        of: OrganizationId,
        ids: Vec<ContactId>,
    ) -> Result<Vec<Contact>> {
        bounded(ids.len(), "/contactIds")?;
        Ok(self.store.contacts(of, ids).await?)
    }

    pub(crate) async fn batch_agents(
        &self,
        of: OrganizationId,
        ids: Vec<AgentId>,
    ) -> Result<Vec<Agent>> {
        bounded(ids.len(), "/agentIds")?;
        Ok(self.store.agents(of, ids).await?)
    }

    pub(crate) async fn search_contacts(
        &self,
        of: OrganizationId,
        query: ContactQuery,
        size: PageSize,
    ) -> Result<ContactList> {
        let search = read(&query)?;
        let list = List::new(of, &query.sort, Some(&query))?;
        let after = list.place(&query.page_token)?;
        let page = self.store.search_contacts(of, search, list.sort, after, size).await?;
        Ok(list.page(page))
    }

    /// Keys of the attributes that people have, as columns of an export.
    pub(crate) async fn attribute_keys(&self, of: OrganizationId) -> Result<Vec<String>> {
        Ok(self.store.attribute_keys(of, MOST_KEYS).await?)
    }

    pub(crate) async fn list_contacts(
        &self,
        of: OrganizationId,
        sort: &str,
        size: PageSize,
        page_token: &str,
    ) -> Result<ContactList> {
        let list = List::new(of, sort, None)?;
        let page = self.store.list_contacts(of, list.sort, list.place(page_token)?, size).await?;
        Ok(list.page(page))
    }
}

/// A list: who stands in it, in which order.
struct List {
    sort: ContactSort,
    /// Tells it from other lists.
    name: String,
}

/// A place in a list.
#[derive(Serialize, Deserialize)]
struct Place {
    list: String,
    key: PageKey,
}

impl List {
    /// Checks the order asked for.
    fn new(of: OrganizationId, sort: &str, query: Option<&ContactQuery>) -> Result<Self> {
        let sort = parse_sort(sort)?;
        let said = query.map(|query| (&query.words, &query.conditions, query.include_visitors));
        let said =
            serde_json::to_vec(&(of.0, format!("{sort:?}"), said)).map_err(Error::internal)?;
        let hash = Sha256::digest(said);
        let name = hash[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { sort, name })
    }

    /// Where a page begins. A place of another list is none here.
    fn place(&self, page_token: &str) -> Result<Option<PageKey>> {
        let bad = || Error::invalid("/cursor", "is not a cursor of this list");
        let place: Option<Place> = PageToken::decode(page_token).map_err(|_| bad())?;
        match place {
            Some(place) if place.list != self.name || !self.sort.takes(&place.key) => Err(bad()),
            place => Ok(place.map(|place| place.key)),
        }
    }

    fn page(&self, page: ContactPage) -> ContactList {
        let token = |key| PageToken::encode(&Place { list: self.name.clone(), key });
        let next_page_token = page.next.map(token).unwrap_or_default();
        ContactList { contacts: page.contacts, next_page_token }
    }
}

fn read(query: &ContactQuery) -> Result<Search> {
    if query.words.len() > LONGEST_WORDS {
        return Err(Error::invalid("/q", "is longer than 256 bytes"));
    }
    if query.conditions.len() > MOST_CONDITIONS {
        return Err(Error::invalid("/filter", "are more than 20"));
    }
    let (mut conditions, mut wrong) = (Vec::new(), Vec::new());
    for (n, (field, operator, value)) in query.conditions.iter().enumerate() {
        match Condition::read(field, operator, value) {
            Ok(condition) => conditions.push(condition),
            Err((part, detail)) => wrong.push(Field::new(format!("/filter/{n}/{part}"), detail)),
        }
    }
    if !wrong.is_empty() {
        return Err(Error::invalid_fields(wrong));
    }
    let asked = !query.words.trim().is_empty();
    let words = asked.then(|| search::split(&query.words).collect());
    Ok(Search { words, conditions, include_visitors: query.include_visitors })
}

fn bounded(count: usize, pointer: &str) -> Result<()> {
    if count > MOST_IDS { Err(Error::invalid(pointer, "are more than 200")) } else { Ok(()) }
}

fn parse_sort(text: &str) -> Result<ContactSort> {
    let (descending, by) = match text.strip_prefix('-') {
        Some(by) => (true, by),
        None => (text.is_empty(), text),
    };
    match by {
        "name" => Ok(ContactSort::Name { descending }),
        "createdAt" | "" => Ok(ContactSort::Created { descending }),
        "lastSeenAt" => Ok(ContactSort::Seen { descending }),
        _ => {
            Err(Error::invalid("/sort", "is not name, createdAt or lastSeenAt, with or without -"))
        }
    }
}
