//! The stream of an agent or a server: all conversations of the organization. It begins with a
//! reload, which is repeated whenever events may have been missed.

use std::{collections::HashMap, sync::Arc};

use async_stream::stream;
use axum::response::{Response, sse};
use onethread_core::{ContactId, OrganizationId};
use onethread_errors::Result;
use onethread_proto::conversation::Message;
use tokio::sync::broadcast::error::RecvError;
use tracing::Instrument;

use super::{
    event::{Event, QueuedEvent},
    guard::{Confirmation, Guard},
    hub::Topic,
    import_progress,
    place::StreamPlace,
    sse::{event, numbered, reload, respond, session_ended},
};
use crate::{app::App, authentication::ApiCaller, json};

/// Events whose names are read together.
const BATCH_SIZE: usize = 64;

/// Answers with the organization's events.
///
/// # Errors
///
/// `Unavailable` if the subscription doesn't open.
pub(crate) async fn follow(
    app: Arc<App>,
    caller: ApiCaller,
    place: StreamPlace,
) -> Result<Response> {
    let mut guard = Guard::for_api(&app, &caller, place);
    let organization = caller.organization;
    let mut live = app.hub.subscribe(Topic::Organization { organization }, &app.life).await?;
    let mut imports = import_progress::subscribe(&app, organization);
    let life = app.life.clone();
    let events = stream! {
        loop {
            let batch = tokio::select! {
                biased;
                () = guard.in_doubt() => {
                    match guard.confirm().await {
                        Confirmation::Valid => continue,
                        Confirmation::Ended => yield session_ended(),
                        Confirmation::Unknown => {}
                    }
                    return;
                }
                import = imports.recv() => {
                    match import {
                        Ok(import) => {
                            yield event("import", &json::Import::from((*import).clone()));
                        }
                        // Each state is complete, so an older one isn't missed.
                        Err(RecvError::Lagged(_)) => {}
                        // The process stops.
                        Err(RecvError::Closed) => return,
                    }
                    continue;
                }
                batch = live.next_many(BATCH_SIZE) => batch,
            };
            if batch.is_empty() {
                return;
            }
            // Without names nothing can be shown: the client reconnects and fetches again.
            let span = QueuedEvent::span(&batch, "staff", organization);
            let batch = batch.into_iter().map(|queued| queued.event).collect();
            let Ok(written) = write(&app, organization, batch).instrument(span).await else {
                return;
            };
            for event in written {
                yield event;
            }
        }
    };
    Ok(respond(events, &life))
}

async fn write(
    app: &App,
    organization: OrganizationId,
    batch: Vec<Event>,
) -> Result<Vec<sse::Event>> {
    let ids = batch.iter().filter_map(|event| match event {
        Event::Message(message) => message.conversation_id.parse().ok(),
        Event::Conversation(conversation) => conversation.id.parse().ok(),
        Event::Read(_) | Event::Typing(_) | Event::Reload => None,
    });
    let contacts = app.names.contacts(app, organization, ids).await?;
    let messages = batch.iter().filter_map(message);
    let authors =
        app.names.authors_of_conversations(app, organization, &contacts, messages).await?;
    let write = |next| match next {
        Event::Message(message) => {
            let conversation_id = message.conversation_id.clone();
            let seq = message.seq;
            let message = json::Message::new(*message, &authors);
            numbered("message", seq, &json::MessageOfConversation { conversation_id, message })
        }
        Event::Conversation(conversation) => {
            let contact = contact_line(&contacts, &conversation.id);
            event("conversation", &json::Conversation::new(*conversation, contact, &authors))
        }
        Event::Read(mark) => event("read", &json::Read::of_many(mark)),
        Event::Typing(typing) => event("typing", &json::Typing::of_many(typing)),
        Event::Reload => reload(),
    };
    Ok(batch.into_iter().map(write).collect())
}

fn message(event: &Event) -> Option<&Message> {
    match event {
        Event::Message(message) => Some(message),
        Event::Conversation(conversation) => conversation.last_message.as_ref(),
        Event::Read(_) | Event::Typing(_) | Event::Reload => None,
    }
}

fn contact_line(
    contacts: &HashMap<ContactId, json::ContactLine>,
    conversation: &str,
) -> json::ContactLine {
    let id = json::contact_of(conversation);
    contacts.get(&id).cloned().unwrap_or_else(|| json::ContactLine::unknown(id))
}
