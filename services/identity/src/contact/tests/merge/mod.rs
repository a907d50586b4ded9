//! Merges of two contacts.

mod at_login;
mod by_request;

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use onethread_core::{SystemClock, SystemEntropy};
use onethread_errors::Error;
use onethread_lifecycle::Lifecycle;
use onethread_outbox::{Deliver, Entry, Relay};
use onethread_proto::identity as wire;
use onethread_testing::ScratchDatabase;
use tonic::Code;

use crate::{
    store::effects::{MERGED, MergePayload},
    testing::{Identity, identity, server, text},
};

/// A conversation service that records the merges it receives.
#[derive(Clone, Default)]
struct Conversation(Arc<ConversationState>);

#[derive(Default)]
struct ConversationState {
    merges: Mutex<Vec<(String, String)>>,
    unavailable: AtomicBool,
}

impl Deliver for Conversation {
    async fn deliver(&self, entry: &Entry) -> onethread_errors::Result<()> {
        if self.0.unavailable.load(Ordering::SeqCst) {
            return Err(Error::unavailable("unavailable"));
        }
        assert_eq!(entry.topic, MERGED);
        let merge: MergePayload = serde_json::from_str(&entry.payload).unwrap();
        let merge = (merge.source_id.to_string(), merge.target_id.to_string());
        self.0.merges.lock().unwrap().push(merge);
        Ok(())
    }
}

impl Conversation {
    fn merges(&self) -> Vec<(String, String)> {
        self.0.merges.lock().unwrap().clone()
    }
}

/// Identity whose outbox is delivered until the lifecycle is dropped.
struct Fixture {
    identity: Identity,
    conversation: Conversation,
    life: Lifecycle,
}

impl Drop for Fixture {
    fn drop(&mut self) {
        self.life.stop();
    }
}

async fn fixture(scratch: ScratchDatabase) -> Fixture {
    let db = scratch.db.clone();
    let identity = identity(scratch).await;
    let (conversation, life) = (Conversation::default(), Lifecycle::new());
    let relay = Relay {
        db,
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
        wake: identity.service.app.wake.clone(),
        deliver: conversation.clone(),
    };
    tokio::spawn(relay.run(life.clone()));
    Fixture { identity, conversation, life }
}

impl Identity {
    /// A visitor who submitted the pre-chat form.
    async fn visitor(&self, name: &str, email: &str) -> wire::Session {
        let opened = self.start_session(None, None, "").await;
        let fields = [("name", name), ("email", email)];
        let form = wire::SubmitPreChatRequest {
            token: opened.token,
            fields: fields.map(|(k, v)| (k.to_owned(), text(v).unwrap())).into(),
            ..Default::default()
        };
        self.visitors().submit_pre_chat(form).await.unwrap().into_inner().session.unwrap()
    }

    async fn merge(
        &self,
        organization: &str,
        (source, target): (&str, &str),
        validate_only: bool,
    ) -> Result<wire::Contact, tonic::Status> {
        let request = wire::MergeContactsRequest {
            organization_id: organization.to_owned(),
            source_contact_id: source.to_owned(),
            target_contact_id: target.to_owned(),
            validate_only,
            actor: server(),
        };
        Ok(self.contacts().merge_contacts(request).await?.into_inner().contact.unwrap())
    }

    async fn is_missing(&self, organization: &str, id: &str) -> bool {
        self.get(organization, id).await.is_err_and(|status| status.code() == Code::NotFound)
    }
}
