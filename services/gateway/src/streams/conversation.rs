//! The stream of a visitor or contact: what the client missed, then live events.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use async_stream::stream;
use axum::response::{Response, sse};
use futures::FutureExt;
use onethread_core::{ConversationId, OrganizationId};
use onethread_errors::{Error, Result};
use onethread_proto::{
    conversation::{ListMessagesResponse, Message},
    identity::GetContactRequest,
};
use tracing::Instrument;

use super::{
    event::{Event, QueuedEvent},
    guard::{Confirmation, Guard},
    hub::{Subscription, Topic},
    place::StreamPlace,
    sse::{event, numbered, reload, respond, session_ended},
};
use crate::{app::App, authentication::WidgetCaller, json, routes::messages};

/// Messages in one page of what the client missed.
const PAGE_SIZE: i32 = 200;

/// Answers with the caller's events: everything after the sequence number, or from now.
///
/// # Errors
///
/// `Unavailable` if the subscription doesn't open, and failures of the services.
pub(crate) async fn follow(
    app: Arc<App>,
    mut caller: WidgetCaller,
    place: StreamPlace,
    after: Option<i64>,
) -> Result<Response> {
    let guard = Guard::for_widget(&app, &mut caller, place);
    let last_seq = after.unwrap_or(0);
    let mut reader = Reader { caller, app: app.clone(), last_seq, profile_hash: None };
    // Of later changes the guard learns.
    if reader.caller.is_stored {
        reader.changed_profile().await?;
    }
    let missed = reader.first_page(after).await?;
    if missed.last_seq < reader.last_seq {
        // This conversation never had such a number: the client remembers another one.
        return Ok(respond(futures::stream::iter([reload()]), &app.life));
    }
    let live = reader.subscribe_after(&missed).await?;
    Ok(respond(events(reader, guard, missed.messages, live), &app.life))
}

fn events(
    mut reader: Reader,
    mut guard: Guard,
    mut missed: Vec<Message>,
    mut live: Option<Subscription>,
) -> impl futures::Stream<Item = sse::Event> {
    // Futures of calls are boxed: a stream waits most of the time, and then has no memory for them.
    stream! {
        // Missed messages are read page by page, as fast as the client takes them.
        let mut live = loop {
            for message in std::mem::take(&mut missed) {
                // A slow client takes long, and its session may end meanwhile.
                if guard.in_doubt().now_or_never().is_some() {
                    match Box::pin(guard.confirm()).await {
                        Confirmation::Valid => {}
                        Confirmation::Ended => {
                            yield session_ended();
                            return;
                        }
                        Confirmation::Unknown => return,
                    }
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
            let Ok(subscription) = Box::pin(reader.subscribe_after(&page)).await else { return };
            live = subscription;
            missed = page.messages;
        };
        loop {
            let next = tokio::select! {
                biased;
                () = guard.in_doubt() => {
                    match Box::pin(guard.confirm()).await {
                        Confirmation::Valid => {
                            // The profile may have changed. If it can't be read now, the client
                            // gets it at the next doubt or with the next session.
                            if let Ok(Some(profile)) = Box::pin(reader.changed_profile()).await {
                                yield profile;
                            }
                            continue;
                        }
                        Confirmation::Ended => yield session_ended(),
                        Confirmation::Unknown => {}
                    }
                    return;
                }
                next = live.next() => next,
            };
            // A client that was too slow reconnects and continues after its last message.
            let Some(next) = next else { return };
            let is_last = matches!(next.event, Event::Reload);
            let span = QueuedEvent::span([&next], "widget", reader.caller.organization);
            match Box::pin(reader.event(next.event).instrument(span)).await {
                Ok(Some(event)) => yield event,
                Ok(None) => {}
                Err(_) => return,
            }
            if is_last {
                return;
            }
        }
    }
}

struct Reader {
    app: Arc<App>,
    caller: WidgetCaller,
    /// The last number that is delivered or in the page being delivered.
    last_seq: i64,
    /// Hash of the profile that the client has.
    profile_hash: Option<u64>,
}

impl Reader {
    /// The profile, if the client has another one.
    async fn changed_profile(&mut self) -> Result<Option<sse::Event>> {
        let (organization, contact) = (self.caller.organization, self.caller.contact);
        let request = GetContactRequest {
            organization_id: organization.to_string(),
            contact_id: contact.to_string(),
        };
        let answer = self.app.clients.contacts().get_contact(request).await.map_err(Error::from);
        let answer = messages::empty_if_missing(answer.map(tonic::Response::into_inner))?;
        let Some(person) = answer.contact.and_then(|contact| contact.person) else {
            return Ok(None);
        };
        let person = json::Person::from(person);
        let mut hash = DefaultHasher::new();
        serde_json::to_string(&person).map_err(Error::internal)?.hash(&mut hash);
        let earlier = self.profile_hash.replace(hash.finish());
        if earlier.is_none() || earlier == self.profile_hash {
            return Ok(None);
        }
        self.app.names.contact_changed(organization, contact);
        Ok(Some(event("contact", &person)))
    }

    /// The first page of what was missed. Without a number that is nothing, and only the end of
    /// the conversation is read.
    async fn first_page(&mut self, after: Option<i64>) -> Result<ListMessagesResponse> {
        if !self.caller.is_stored {
            return Ok(ListMessagesResponse::default());
        }
        if after.is_some() {
            return self.page().await;
        }
        let newest = messages::of_contact(&self.app, self.conversation(), None, 1).await?;
        self.last_seq = newest.last_seq;
        Ok(ListMessagesResponse { messages: Vec::new(), ..newest })
    }

    fn conversation(&self) -> (OrganizationId, ConversationId) {
        (self.caller.organization, self.caller.conversation())
    }

    async fn page(&self) -> Result<ListMessagesResponse> {
        let after = Some(messages::Position::AfterSeq(self.last_seq));
        messages::of_contact(&self.app, self.conversation(), after, PAGE_SIZE).await
    }

    /// Subscribes to what follows a page, if it was the last one.
    async fn subscribe_after(
        &mut self,
        page: &ListMessagesResponse,
    ) -> Result<Option<Subscription>> {
        self.last_seq = page.messages.last().map_or(self.last_seq, |message| message.seq);
        if page.messages.last().is_some_and(|message| message.seq < page.last_seq) {
            return Ok(None);
        }
        let topic = Topic::Conversation {
            organization: self.caller.organization,
            conversation: self.caller.conversation(),
            after_seq: self.last_seq,
        };
        Ok(Some(self.app.hub.subscribe(topic, &self.app.life).await?))
    }

    async fn event(&self, next: Event) -> Result<Option<sse::Event>> {
        let app = &self.app;
        let (organization, contact) = (self.caller.organization, self.caller.contact);
        Ok(match next {
            Event::Message(message) => {
                // A form may have given the caller a name since the stream began.
                let name = app.names.contact(app, organization, contact).await?.name;
                let named = (contact, name.as_str());
                let names = &app.names;
                let authors =
                    names.authors_of_conversation(app, organization, named, [&*message]).await?;
                let seq = message.seq;
                Some(numbered("message", seq, &json::Message::new(*message, &authors)))
            }
            Event::Read(mark) => Some(event("read", &json::Read::of_one(&mark))),
            Event::Typing(typing) => Some(event("typing", &json::Typing::of_one(&typing))),
            Event::Reload => Some(reload()),
            // Only agents see these.
            Event::Conversation(_) => None,
        })
    }
}
