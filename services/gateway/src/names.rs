//! Names of authors. Messages carry only ids and identity has the names, which are cached for a
//! moment. Functions that read names fail as the call to identity does.

use std::{
    collections::{BTreeSet, HashMap},
    hash::Hash,
    time::Duration,
};

use onethread_core::{AgentId, ContactId, OrganizationId};
use onethread_errors::{Error, Result};
use onethread_proto::{
    conversation::{AuthorKind, Message},
    identity::{BatchGetAgentsRequest, BatchGetContactsRequest},
};
use quick_cache::sync::Cache;
use tokio::time::Instant;

use crate::{
    app::App,
    json::{ContactLine, contact_of},
};

/// The author of events.
const SYSTEM_NAME: &str = "Onethread";

/// The author of messages that came by an API key or from an agent who was removed.
const TEAM_NAME: &str = "Team";

/// Ids in one call to identity.
const BATCH_SIZE: usize = 200;

/// Time for which a name is cached: contacts and agents may be renamed while somebody reads.
const NAME_MAX_AGE: Duration = Duration::from_secs(5);

/// Names of each kind that are cached.
const CACHE_CAPACITY: usize = 10_000;

/// Cached names.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// `None` of an agent that doesn't exist.
    agents: NameCache<AgentId, Option<String>>,
    contacts: NameCache<ContactId, ContactLine>,
}

/// The names of the authors of some messages.
#[derive(Debug, Default)]
pub(crate) struct Authors {
    contacts: HashMap<ContactId, String>,
    agents: HashMap<AgentId, Option<String>>,
}

impl Authors {
    /// The name of a message's author.
    pub(crate) fn name(&self, message: &Message) -> String {
        let (kind, agent) = author(message);
        let agent = agent.and_then(|id| self.agents.get(&id).cloned().flatten());
        match kind {
            AuthorKind::System | AuthorKind::Unspecified => {
                agent.unwrap_or_else(|| SYSTEM_NAME.to_owned())
            }
            AuthorKind::Agent => agent.unwrap_or_else(|| TEAM_NAME.to_owned()),
            // By conversation: the message may come from a visitor who became this contact.
            AuthorKind::Contact => {
                let contact = contact_of(&message.conversation_id);
                let name = self.contacts.get(&contact).cloned();
                name.unwrap_or_else(|| ContactLine::unknown(contact).name)
            }
        }
    }
}

fn author(message: &Message) -> (AuthorKind, Option<AgentId>) {
    let author = message.author.as_ref();
    author.map_or((AuthorKind::System, None), |author| (author.kind(), author.id.parse().ok()))
}

impl Names {
    /// Authors of messages in the conversation of a contact whose name is known.
    pub(crate) async fn authors_of_conversation<'a>(
        &self,
        app: &App,
        organization: OrganizationId,
        (contact, name): (ContactId, &str),
        messages: impl IntoIterator<Item = &'a Message>,
    ) -> Result<Authors> {
        Ok(Authors {
            contacts: HashMap::from([(contact, name.to_owned())]),
            agents: self.agents(app, organization, messages).await?,
        })
    }

    /// Authors of messages in conversations of contacts who are known.
    pub(crate) async fn authors_of_conversations<'a>(
        &self,
        app: &App,
        organization: OrganizationId,
        contacts: &HashMap<ContactId, ContactLine>,
        messages: impl IntoIterator<Item = &'a Message>,
    ) -> Result<Authors> {
        let contacts = contacts.iter().map(|(id, line)| (*id, line.name.clone())).collect();
        Ok(Authors { contacts, agents: self.agents(app, organization, messages).await? })
    }

    async fn agents<'a>(
        &self,
        app: &App,
        organization: OrganizationId,
        messages: impl IntoIterator<Item = &'a Message>,
    ) -> Result<HashMap<AgentId, Option<String>>> {
        // The author of an event is the agent who caused it.
        let by_agents = messages.into_iter().map(author);
        let by_agents =
            by_agents.filter(|(kind, _)| matches!(kind, AuthorKind::Agent | AuthorKind::System));
        let ids = by_agents.filter_map(|(_, id)| id).collect();
        let (mut known, missing) = self.agents.get_all(organization, ids);
        for ids in missing.chunks(BATCH_SIZE) {
            let request = BatchGetAgentsRequest {
                organization_id: organization.to_string(),
                agent_ids: ids.iter().map(AgentId::to_string).collect(),
            };
            let answer = app.clients.agents().batch_get_agents(request).await;
            let agents = answer.map_err(Error::from)?.into_inner().agents.into_iter();
            let mut names: HashMap<AgentId, _> =
                agents.filter_map(|agent| Some((agent.id.parse().ok()?, agent.name))).collect();
            for id in ids {
                let name = names.remove(id);
                self.agents.insert(organization, *id, name.clone());
                known.insert(*id, name);
            }
        }
        Ok(known)
    }

    /// Contacts by their ids. A contact that identity doesn't know has a generated name.
    pub(crate) async fn contacts(
        &self,
        app: &App,
        organization: OrganizationId,
        ids: impl IntoIterator<Item = ContactId>,
    ) -> Result<HashMap<ContactId, ContactLine>> {
        let (mut known, missing) = self.contacts.get_all(organization, ids.into_iter().collect());
        for ids in missing.chunks(BATCH_SIZE) {
            let request = BatchGetContactsRequest {
                organization_id: organization.to_string(),
                contact_ids: ids.iter().map(ContactId::to_string).collect(),
            };
            let answer = app.clients.contacts().batch_get_contacts(request).await;
            let contacts = answer.map_err(Error::from)?.into_inner().contacts;
            for line in contacts.into_iter().map(ContactLine::from) {
                self.contacts.insert(organization, line.id, line.clone());
                known.insert(line.id, line);
            }
            for id in ids {
                known.entry(*id).or_insert_with(|| ContactLine::unknown(*id));
            }
        }
        Ok(known)
    }

    /// One contact.
    pub(crate) async fn contact(
        &self,
        app: &App,
        organization: OrganizationId,
        id: ContactId,
    ) -> Result<ContactLine> {
        let mut contacts = self.contacts(app, organization, [id]).await?;
        Ok(contacts.remove(&id).unwrap_or_else(|| ContactLine::unknown(id)))
    }

    /// Drops the cached name of an agent.
    pub(crate) fn agent_changed(&self, organization: OrganizationId, agent: AgentId) {
        self.agents.remove(organization, agent);
    }

    /// Drops the cached name of a contact.
    pub(crate) fn contact_changed(&self, organization: OrganizationId, contact: ContactId) {
        self.contacts.remove(organization, contact);
    }
}

/// Values by organization and id, each with the moment at which it expires.
#[derive(Debug)]
struct NameCache<K, V>(Cache<(OrganizationId, K), (Instant, V)>);

impl<K: Eq + Hash + Copy + Ord, V: Clone> Default for NameCache<K, V> {
    fn default() -> Self {
        Self(Cache::new(CACHE_CAPACITY))
    }
}

impl<K: Eq + Hash + Copy + Ord, V: Clone> NameCache<K, V> {
    /// The cached values, and the ids of those that aren't cached.
    fn get_all(&self, organization: OrganizationId, ids: BTreeSet<K>) -> (HashMap<K, V>, Vec<K>) {
        let mut known = HashMap::new();
        let mut missing = Vec::new();
        let now = Instant::now();
        for id in ids {
            match self.0.get(&(organization, id)) {
                Some((expires_at, value)) if expires_at > now => {
                    known.insert(id, value);
                }
                _ => missing.push(id),
            }
        }
        (known, missing)
    }

    fn insert(&self, organization: OrganizationId, id: K, value: V) {
        self.0.insert((organization, id), (Instant::now() + NAME_MAX_AGE, value));
    }

    fn remove(&self, organization: OrganizationId, id: K) {
        self.0.remove(&(organization, id));
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_name_is_cached_for_a_while_and_for_its_organization() {
        let cache = NameCache::default();
        let organization = |n| OrganizationId(Uuid::from_u128(n));
        cache.insert(organization(1), 1, "Ann");
        let is_cached = |n| !cache.get_all(organization(n), [1].into()).0.is_empty();
        assert!(is_cached(1));
        assert!(!is_cached(2));
        tokio::time::advance(NAME_MAX_AGE + Duration::from_secs(1)).await;
        assert!(!is_cached(1));
    }

    #[tokio::test(start_paused = true)]
    async fn the_cache_is_bounded() {
        let cache = NameCache::default();
        for n in 0..=CACHE_CAPACITY * 2 {
            cache.insert(OrganizationId(Uuid::nil()), n, ());
        }
        assert!(cache.0.len() <= CACHE_CAPACITY);
    }
}
