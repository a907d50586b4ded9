//! The stream of one person: their thread, live, and whatever they missed before.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use async_stream::stream;
use axum::response::{Response, sse};
use futures::FutureExt;
use onethread_errors::{Error, Result};
use onethread_proto::{
    conversation::{ListMessagesResponse, Message},
    identity::GetContactRequest,
};

use super::{
    guard::{Cut, Guard},
    hub::{Event, Subscription, Wanted},
    sse::{event, numbered, reload, respond, session_ended},
};
use crate::{app::App, auth::Person, json, problem::from_service, routes::thread};

/// Messages in one page of what was missed.
const PAGE: i32 = 200;

/// Answers with the person's events: everything after the number, or from now.
pub(crate) async fn follow(
    app: Arc<App>,
    mut person: Person,
    after: Option<i64>,
) -> Result<Response> {
    let guard = Guard::of_person(&app, &mut person);
    let last = after.unwrap_or(0);
    let mut reader = Reader { person, app: app.clone(), last, profile: None };
    // Of whatever changes from here on the guard hears.
    if reader.person.stored {
        reader.changed_profile().await?;
    }
    let missed = reader.begin(after).await?;
    if missed.last_seq < reader.last {
        // A number that this thread never had: the reader remembers another one.
        return Ok(respond(futures::stream::iter([reload()]), &app.life));
    }
    let live = reader.subscribe_behind(&missed).await?;
    Ok(respond(events(reader, guard, missed.messages, live), &app.life))
}

fn events(
    mut reader: Reader,
    mut guard: Guard,
    mut missed: Vec<Message>,
    mut live: Option<Subscription>,
) -> impl futures::Stream<Item = sse::Event> {
    // Calls are boxed: while it waits, which is nearly always, a stream holds room for none.
    stream! {
        // What was missed is read page by page, as fast as the reader takes it.
        let mut live = loop {
            for message in std::mem::take(&mut missed) {
                // A slow reader takes long, and its session may end meanwhile.
                if guard.doubted().now_or_never().is_some()
                    && let Some(cut) = Box::pin(guard.confirm()).await
                {
                    if cut == Cut::Ended {
                        yield session_ended();
                    }
                    return;
                }
                match Box::pin(reader.event(Event::Message(Box::new(message)))).await {
                    Ok(Some(event)) => yield event,
                    Ok(None) => {}
                    Err(_) => return,
                }
            }
            if let Some(live) = live.take() {
                break live;
            }
            let Ok(page) = Box::pin(reader.page()).await else { return };
            let Ok(behind) = Box::pin(reader.subscribe_behind(&page)).await else { return };
            live = behind;
            missed = page.messages;
        };
        loop {
            let next = tokio::select! {
                biased;
                () = guard.doubted() => {
                    match Box::pin(guard.confirm()).await {
                        None => {
                            // It may have been the profile that changed. What can't be told now
                            // is at the next doubt, or with the next session.
                            if let Ok(Some(profile)) = Box::pin(reader.changed_profile()).await {
                                yield profile;
                            }
                            continue;
                        }
                        Some(Cut::Ended) => yield session_ended(),
                        Some(Cut::Unknown) => {}
                    }
                    return;
                }
                next = live.next() => next,
            };
            // The end of the queue: too slow, the client comes again and goes on where it was.
            let Some(next) = next else { return };
            let over = matches!(next, Event::Reload);
            match Box::pin(reader.event(next)).await {
                Ok(Some(event)) => yield event,
                Ok(None) => {}
                Err(_) => return,
            }
            if over {
                return;
            }
        }
    }
}

struct Reader {
    app: Arc<App>,
    person: Person,
    /// The last number that is delivered or in the page being delivered.
    last: i64,
    /// A hash of the profile that the reader knows.
    profile: Option<u64>,
}

impl Reader {
    /// The profile, when the reader knows another one.
    async fn changed_profile(&mut self) -> Result<Option<sse::Event>> {
        let (organization, contact) = (&self.person.organization, &self.person.contact);
        let request = GetContactRequest {
            organization_id: organization.clone(),
            contact_id: contact.clone(),
        };
        let found = self.app.contacts().get_contact(request).await.map_err(from_service);
        let found = thread::or_nothing(found.map(tonic::Response::into_inner))?;
        let Some(person) = found.contact.and_then(|contact| contact.person) else {
            return Ok(None);
        };
        let person = json::Person::from(person);
        let mut hash = DefaultHasher::new();
        serde_json::to_string(&person).map_err(Error::internal)?.hash(&mut hash);
        let known = self.profile.replace(hash.finish());
        if known.is_none() || known == self.profile {
            return Ok(None);
        }
        self.app.names.forget(organization, contact);
        Ok(Some(event("contact", &person)))
    }

    /// The first page of what was missed. Without a number nothing was, and "now" is settled.
    async fn begin(&mut self, after: Option<i64>) -> Result<ListMessagesResponse> {
        if !self.person.stored {
            return Ok(ListMessagesResponse::default());
        }
        if after.is_some() {
            return self.page().await;
        }
        let newest = thread::of_contact(&self.app, &self.person, None, 1).await?;
        self.last = newest.last_seq;
        Ok(ListMessagesResponse { messages: Vec::new(), ..newest })
    }

    async fn page(&self) -> Result<ListMessagesResponse> {
        let after = Some(thread::Position::AfterSeq(self.last));
        thread::of_contact(&self.app, &self.person, after, PAGE).await
    }

    /// Goes on behind a page: live if it was the last one.
    async fn subscribe_behind(
        &mut self,
        page: &ListMessagesResponse,
    ) -> Result<Option<Subscription>> {
        self.last = page.messages.last().map_or(self.last, |message| message.seq);
        if page.messages.last().is_some_and(|message| message.seq < page.last_seq) {
            return Ok(None);
        }
        let wanted = Wanted::Thread {
            organization: self.person.organization.clone(),
            conversation: self.person.contact.clone(),
            after_seq: self.last,
        };
        Ok(Some(self.app.hub.subscribe(wanted, &self.app.life).await?))
    }

    async fn event(&self, next: Event) -> Result<Option<sse::Event>, Error> {
        let app = &self.app;
        let (organization, contact) = (&self.person.organization, &self.person.contact);
        Ok(match next {
            Event::Message(message) => {
                // Asked for anew: a form may have given the person a name meanwhile.
                let name = app.names.person(app, organization, contact).await?.name;
                let by = (contact.as_str(), name.as_str());
                let authors = app.names.of_thread(app, organization, by, [&*message]).await?;
                let seq = message.seq;
                Some(numbered("message", seq, &json::Message::new(*message, &authors)))
            }
            Event::Read(mark) => Some(event("read", &json::Read::of_one(&mark))),
            Event::Typing(typing) => Some(event("typing", &json::Typing::of_one(&typing))),
            Event::Reload => Some(reload()),
            // Of interest to agents alone.
            Event::Conversation(_) => None,
        })
    }
}
