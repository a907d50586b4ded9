//! Fake services over one world in memory. Calls that no test makes are unimplemented.

mod agents;
mod audit;
mod contact_import;
mod contacts;
mod conversation;
mod identity_keys;
mod organizations;
mod sessions;
mod visitors;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
};

use onethread_errors::Error;
use onethread_proto::{contactimport::*, conversation::*, identity::*};
use tokio::sync::broadcast;
use tonic::{Response, Status};

use super::support::at;

type Answer<T> = Result<Response<T>, Status>;

/// The state behind the fake services.
pub(crate) struct World {
    pub(crate) callers: Mutex<HashMap<String, AuthenticateResponse>>,
    /// Calls of `Authenticate`.
    pub(crate) authenticated: AtomicI64,
    pub(crate) identity_unavailable: AtomicBool,
    pub(crate) feed_silent: AtomicBool,
    pub(crate) keys_full: AtomicBool,
    pub(crate) revoked: broadcast::Sender<Revocation>,
    pub(crate) init: Mutex<Option<IdentifyResponse>>,
    pub(crate) identify_requests: Mutex<Vec<IdentifyRequest>>,
    pub(crate) admitted: AtomicI64,
    pub(crate) conversations: Mutex<HashMap<String, Vec<Message>>>,
    pub(crate) live: broadcast::Sender<Message>,
    /// Breaks every stream of subscriptions.
    pub(crate) broken: broadcast::Sender<()>,
    /// Complete uploads.
    pub(crate) uploads: Mutex<Vec<(UploadHeader, usize)>>,
    pub(crate) rejected: Mutex<Vec<RejectedRow>>,
    /// Makes the import progress with each call that lists it.
    pub(crate) importing: AtomicBool,
    pub(crate) processed: AtomicI64,
}

impl Default for World {
    fn default() -> Self {
        Self {
            callers: Mutex::default(),
            authenticated: AtomicI64::default(),
            identity_unavailable: AtomicBool::default(),
            feed_silent: AtomicBool::default(),
            keys_full: AtomicBool::default(),
            revoked: broadcast::channel(16).0,
            init: Mutex::default(),
            identify_requests: Mutex::default(),
            admitted: AtomicI64::default(),
            conversations: Mutex::default(),
            live: broadcast::channel(1024).0,
            broken: broadcast::channel(1).0,
            uploads: Mutex::default(),
            rejected: Mutex::default(),
            importing: AtomicBool::default(),
            processed: AtomicI64::default(),
        }
    }
}

impl World {
    /// Stores a message and publishes it.
    pub(crate) fn write(
        &self,
        conversation: &str,
        author: Author,
        text: &str,
        id: &str,
    ) -> Message {
        let mut conversations = self.conversations.lock().unwrap();
        let messages = conversations.entry(conversation.to_owned()).or_default();
        let seq = i64::try_from(messages.len()).unwrap() + 1;
        let message = Message {
            id: super::support::id(seq),
            conversation_id: conversation.to_owned(),
            seq,
            prev_seq: seq - 1,
            author: Some(author),
            body: Some(message::Body::Text(text.to_owned())),
            created_at: at(),
            client_message_id: Some(id.to_owned()),
        };
        messages.push(message.clone());
        // An error means that nobody is listening.
        let _ = self.live.send(message.clone());
        message
    }

    fn check_identity(&self) -> Result<(), Status> {
        if self.identity_unavailable.load(Ordering::SeqCst) {
            return Err(Error::unavailable("identity is unavailable").into());
        }
        Ok(())
    }
}

/// All services over one world.
#[derive(Clone)]
pub(crate) struct Fake(pub(crate) Arc<World>);
