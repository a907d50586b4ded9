//! Names of authors. Messages carry ids alone, identity has the names; those asked for a moment
//! ago are kept for a moment.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Mutex,
    time::Duration,
};

use onethread_errors::Result;
use onethread_proto::{
    conversation::{AuthorKind, Message},
    identity::{BatchGetAgentsRequest, BatchGetContactsRequest},
};
use tokio::time::Instant;

use crate::{app::App, json::ContactLine, problem::from_service};

/// What events are signed with.
const SYSTEM: &str = "Onethread";

/// What a message is signed with that came by an API key, or from an agent who is gone.
const TEAM: &str = "Team";

/// Ids in one call to identity.
const BATCH: usize = 200;

/// Names kept from earlier calls.
#[derive(Debug)]
pub(crate) struct Names {
    agents: Kept<Option<String>>,
    contacts: Kept<ContactLine>,
}

impl Default for Names {
    fn default() -> Self {
        Self {
            // Both may be renamed while somebody looks on.
            agents: Kept::new(Duration::from_secs(5)),
            contacts: Kept::new(Duration::from_secs(5)),
        }
    }
}

/// The names of the authors of some messages.
#[derive(Debug, Default)]
pub(crate) struct Authors {
    contacts: HashMap<String, String>,
    agents: HashMap<String, Option<String>>,
}

impl Authors {
    /// Who wrote it.
    pub(crate) fn name(&self, message: &Message) -> String {
        let (kind, id) = author(message);
        let name = match kind {
            AuthorKind::System | AuthorKind::Unspecified => {
                return self.agents.get(id).cloned().flatten().unwrap_or_else(|| SYSTEM.to_owned());
            }
            // By conversation: a message may come from a visitor who became this person.
            AuthorKind::Contact => self.contacts.get(&message.conversation_id).cloned(),
            AuthorKind::Agent => return self.agent(id),
        };
        name.unwrap_or_else(|| ContactLine::unknown(&message.conversation_id).name)
    }

    fn agent(&self, id: &str) -> String {
        self.agents.get(id).cloned().flatten().unwrap_or_else(|| TEAM.to_owned())
    }
}

fn author(message: &Message) -> (AuthorKind, &str) {
    message.author.as_ref().map_or((AuthorKind::System, ""), |by| (by.kind(), by.id.as_str()))
}

impl Names {
    /// Authors of one person's thread, the person's name being known.
    pub(crate) async fn of_thread<'a>(
        &self,
        app: &App,
        organization: &str,
        (contact, name): (&str, &str),
        messages: impl IntoIterator<Item = &'a Message>,
    ) -> Result<Authors> {
        Ok(Authors {
            contacts: HashMap::from([(contact.to_owned(), name.to_owned())]),
            agents: self.agents(app, organization, messages).await?,
        })
    }

    /// Authors of messages of several threads, the people being known.
    pub(crate) async fn of_threads<'a>(
        &self,
        app: &App,
        organization: &str,
        people: &HashMap<String, ContactLine>,
        messages: impl IntoIterator<Item = &'a Message>,
    ) -> Result<Authors> {
        let names = people.iter().map(|(id, line)| (id.clone(), line.name.clone()));
        let contacts = names.collect();
        Ok(Authors { contacts, agents: self.agents(app, organization, messages).await? })
    }

    async fn agents<'a>(
        &self,
        app: &App,
        organization: &str,
        messages: impl IntoIterator<Item = &'a Message>,
    ) -> Result<HashMap<String, Option<String>>> {
        // Events name whom they happened through.
        let by_agents = messages.into_iter().map(author).filter(|(kind, id)| {
            matches!(kind, AuthorKind::Agent | AuthorKind::System) && !id.is_empty()
        });
        let wanted: BTreeSet<_> = by_agents.map(|(_, id)| id.to_owned()).collect();
        let (mut known, missing) = self.agents.look_up(organization, wanted);
        for ids in missing.chunks(BATCH) {
            let request = BatchGetAgentsRequest {
                organization_id: organization.to_owned(),
                agent_ids: ids.to_vec(),
            };
            let answer = app.organizations().batch_get_agents(request).await;
            let agents = answer.map_err(from_service)?.into_inner().agents.into_iter();
            let mut named: HashMap<_, _> = agents.map(|agent| (agent.id, agent.name)).collect();
            for id in ids {
                // That there is no such agent is worth knowing, too.
                let name = named.remove(id);
                self.agents.keep(organization, id, name.clone());
                known.insert(id.clone(), name);
            }
        }
        Ok(known)
    }

    /// People by their ids; whom identity doesn't know has a generated name.
    pub(crate) async fn people(
        &self,
        app: &App,
        organization: &str,
        ids: impl IntoIterator<Item = String>,
    ) -> Result<HashMap<String, ContactLine>> {
        let (mut known, missing) = self.contacts.look_up(organization, ids.into_iter().collect());
        for ids in missing.chunks(BATCH) {
            let request = BatchGetContactsRequest {
                organization_id: organization.to_owned(),
                contact_ids: ids.to_vec(),
            };
            let answer = app.contacts().batch_get_contacts(request).await.map_err(from_service)?;
            for line in answer.into_inner().contacts.into_iter().map(ContactLine::from) {
                self.contacts.keep(organization, &line.id, line.clone());
                known.insert(line.id.clone(), line);
            }
            for id in ids {
                known.entry(id.clone()).or_insert_with(|| ContactLine::unknown(id));
            }
        }
        Ok(known)
    }

    /// One person.
    pub(crate) async fn person(
        &self,
        app: &App,
        organization: &str,
        id: &str,
    ) -> Result<ContactLine> {
        let mut people = self.people(app, organization, [id.to_owned()]).await?;
        Ok(people.remove(id).unwrap_or_else(|| ContactLine::unknown(id)))
    }

    /// The agent changed.
    pub(crate) fn forget_agent(&self, organization: &str, agent: &str) {
        self.agents.forget(organization, agent);
    }

    /// The person changed.
    pub(crate) fn forget(&self, organization: &str, contact: &str) {
        self.contacts.forget(organization, contact);
    }
}

/// Values by organization and id, for a while; bounded.
#[derive(Debug)]
struct Kept<T> {
    life: Duration,
    values: Mutex<HashMap<(String, String), (Instant, T)>>,
}

/// Values at most.
const ROOM: usize = 10_000;

impl<T: Clone> Kept<T> {
    fn new(life: Duration) -> Self {
        Self { life, values: Mutex::default() }
    }

    /// Those that are known, and the ids of the others.
    fn look_up(
        &self,
        organization: &str,
        ids: BTreeSet<String>,
    ) -> (HashMap<String, T>, Vec<String>) {
        let mut known = HashMap::new();
        let mut missing = Vec::new();
        let values = self.values.lock().expect("no holder panics");
        let now = Instant::now();
        for id in ids {
            let key = (organization.to_owned(), id);
            match values.get(&key) {
                Some((until, value)) if *until > now => {
                    known.insert(key.1, value.clone());
                }
                _ => missing.push(key.1),
            }
        }
        (known, missing)
    }

    fn keep(&self, organization: &str, id: &str, value: T) {
        let mut values = self.values.lock().expect("no holder panics");
        let now = Instant::now();
        if values.len() >= ROOM {
            values.retain(|_, (until, _)| *until > now);
        }
        if values.len() >= ROOM {
            values.clear();
        }
        values.insert((organization.to_owned(), id.to_owned()), (now + self.life, value));
    }

    fn forget(&self, organization: &str, id: &str) {
        let key = (organization.to_owned(), id.to_owned());
        self.values.lock().expect("no holder panics").remove(&key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_value_is_kept_for_a_while_and_for_its_organization() {
        let kept = Kept::new(Duration::from_secs(5));
        kept.keep("a", "1", "Ann");
        let known =
            |organization| !kept.look_up(organization, ["1".to_owned()].into()).0.is_empty();
        assert!(known("a"));
        assert!(!known("b"));
        tokio::time::advance(Duration::from_secs(6)).await;
        assert!(!known("a"));
    }

    #[tokio::test(start_paused = true)]
    async fn room_is_bounded() {
        let kept = Kept::new(Duration::from_secs(5));
        for n in 0..=ROOM {
            kept.keep("a", &n.to_string(), ());
        }
        assert!(kept.values.lock().unwrap().len() <= ROOM);
    }
}
