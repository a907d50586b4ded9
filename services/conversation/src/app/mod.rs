//! The use cases, one file each.

mod aside;
mod ends;
mod facts;
mod first_message;
mod list_conversations;
mod list_messages;
mod mark_read;
mod measure;
mod queue;
mod send_message;
mod set_typing;
mod subscribe;
mod turns;
mod update_conversation;

use std::sync::Arc;

use onethread_core::{Clock, ConversationId, Entropy, OrganizationId};
use onethread_errors::{Error, Result};
use onethread_outbox::Wake;

use crate::{
    domain::{Side, Summary},
    live::{Live, Typing},
    store::Store,
};

pub(crate) use first_message::ToIdentity;
pub(crate) use list_conversations::{Listed, Wanted};
pub(crate) use send_message::{Accepted, Draft};
pub(crate) use update_conversation::Update;

/// What the use cases work with. Cheap to clone.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    /// Word to the readers.
    pub(crate) live: Live,
    /// Word to the outbox.
    pub(crate) wake: Wake,
    pub(crate) turns: turns::Turns,
    /// Who types.
    pub(crate) typing: Typing,
    /// Sends on their way to the store.
    pub(crate) queue: queue::Queue,
}

impl App {
    /// With nothing under way. Has to be called on a runtime.
    pub(crate) fn new(
        store: Store,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        live: Live,
    ) -> Self {
        let (turns, wake) = (turns::Turns::default(), Wake::default());
        let typing = Typing::new(live.clone());
        let queue = queue::Queue::start(store.clone(), live.clone(), wake.clone());
        Self { store, clock, entropy, live, wake, turns, typing, queue }
    }

    /// One conversation as a side sees it.
    pub(crate) async fn conversation(
        &self,
        organization: OrganizationId,
        id: ConversationId,
        side: Side,
    ) -> Result<Summary> {
        self.store.summary(organization, id, side).await?.ok_or_else(Error::not_found)
    }
}
