//! The stream of an agent or a server: all conversations of the organization. It begins with a
//! reload, and so does each part of it after something may have been missed.

use std::{collections::HashMap, sync::Arc};

use async_stream::stream;
use axum::response::{Response, sse};
use onethread_errors::Result;
use onethread_proto::conversation::Message;
use tokio::sync::broadcast::error::RecvError;

use super::{
    guard::{Cut, Guard},
    hub::{Event, Wanted},
    imports,
    sse::{event, numbered, reload, respond, session_ended},
};
use crate::{app::App, auth::Staff, json};

/// Events whose names are asked for together.
const BATCH: usize = 64;

/// Answers with the organization's events.
pub(crate) async fn follow(app: Arc<App>, staff: Staff) -> Result<Response> {
    let mut guard = Guard::of_staff(&app, &staff);
    let organization = staff.organization;
    let wanted = Wanted::All { organization: organization.clone() };
    let mut live = app.hub.subscribe(wanted, &app.life).await?;
    let mut imports = imports::subscribe(&app, &organization);
    let life = app.life.clone();
    let events = stream! {
        loop {
            let batch = tokio::select! {
                biased;
                () = guard.doubted() => {
                    match guard.confirm().await {
                        None => continue,
                        Some(Cut::Ended) => yield session_ended(),
                        Some(Cut::Unknown) => {}
                    }
                    return;
                }
                import = imports.recv() => {
                    match import {
                        Ok(import) => {
                            yield event("import", &json::Import::from((*import).clone()));
                        }
                        // Each state tells all: an older one is not missed.
                        Err(RecvError::Lagged(_)) => {}
                        // The process stops.
                        Err(RecvError::Closed) => return,
                    }
                    continue;
                }
                batch = live.next_many(BATCH) => batch,
            };
            if batch.is_empty() {
                return;
            }
            // Without names nothing can be shown; the client comes again and fetches anew.
            let Ok(written) = write(&app, &organization, batch).await else {
                return;
            };
            for event in written {
                yield event;
            }
        }
    };
    Ok(respond(events, &life))
}

async fn write(app: &App, organization: &str, batch: Vec<Event>) -> Result<Vec<sse::Event>> {
    let ids = batch.iter().filter_map(|event| match event {
        Event::Message(message) => Some(message.conversation_id.clone()),
        Event::Conversation(conversation) => Some(conversation.id.clone()),
        Event::Read(_) | Event::Typing(_) | Event::Reload => None,
    });
    let people = app.names.people(app, organization, ids).await?;
    let messages = batch.iter().filter_map(message);
    let authors = app.names.of_threads(app, organization, &people, messages).await?;
    let write = |next| match next {
        Event::Message(message) => {
            let conversation_id = message.conversation_id.clone();
            let seq = message.seq;
            let message = json::Message::new(*message, &authors);
            numbered("message", seq, &json::MessageOfConversation { conversation_id, message })
        }
        Event::Conversation(conversation) => {
            let contact = line(&people, &conversation.id);
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

fn line(people: &HashMap<String, json::ContactLine>, id: &str) -> json::ContactLine {
    people.get(id).cloned().unwrap_or_else(|| json::ContactLine::unknown(id))
}
