//! Reading Contacts.

use onethread_core::{AgentId, ContactId, OrganizationId, PageSize, PageToken};
use onethread_errors::{Error, Result};

use super::App;
use crate::{
    domain::{contact::Contact, people::Agent, session::Device},
    store::{ContactSort, PageKey},
};

/// The most ids a batch names.
const MOST_IDS: usize = 200;

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
    ) -> Result<(Contact, Vec<Device>)> {
        self.store.contact(of, id).await?.ok_or_else(Error::not_found)
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

    pub(crate) async fn list_contacts(
        &self,
        of: OrganizationId,
        sort: &str,
        size: PageSize,
        page_token: &str,
    ) -> Result<ContactList> {
        let sort = parse_sort(sort)?;
        let bad_token = || Error::invalid("/cursor", "is not a cursor of this list");
        let after: Option<PageKey> = PageToken::decode(page_token).map_err(|_| bad_token())?;
        if after.as_ref().is_some_and(|key| !sort.takes(key)) {
            return Err(bad_token());
        }
        let page = self.store.list_contacts(of, sort, after, size).await?;
        let next_page_token = page.next.map(|key| PageToken::encode(&key)).unwrap_or_default();
        Ok(ContactList { contacts: page.contacts, next_page_token })
    }
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
