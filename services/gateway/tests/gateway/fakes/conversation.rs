//! The conversation service.

use std::collections::HashMap;

use onethread_errors::{Error, Reason};
use onethread_proto::conversation::{
    conversation_service_server::ConversationService, stream_service_server::StreamService, *,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::{Answer, Fake, World};
use crate::support::at;

#[tonic::async_trait]
impl ConversationService for Fake {
    async fn send_message(
        &self,
        request: Request<SendMessageRequest>,
    ) -> Answer<SendMessageResponse> {
        let sent = request.into_inner();
        let text = match sent.body {
            Some(
                send_message_request::Body::Text(text) | send_message_request::Body::Note(text),
            ) => text,
            None => String::new(),
        };
        if text.is_empty() {
            return Err(Error::invalid("text", "is empty").into());
        }
        let found = {
            let conversations = self.0.conversations.lock().unwrap();
            let messages = conversations.get(&sent.conversation_id).into_iter().flatten();
            let same = |m: &&Message| m.client_message_id.as_ref() == Some(&sent.client_message_id);
            messages.cloned().collect::<Vec<_>>().iter().find(same).cloned()
        };
        let already_stored = found.is_some();
        if found
            .as_ref()
            .is_some_and(|message| message.body != Some(message::Body::Text(text.clone())))
        {
            return Err(Error::new(Reason::MessageIdReused).into());
        }
        let message = found.unwrap_or_else(|| {
            let author = sent.author.unwrap();
            self.0.write(&sent.conversation_id, author, &text, &sent.client_message_id)
        });
        Ok(Response::new(SendMessageResponse { message: Some(message), already_stored }))
    }

    async fn list_messages(
        &self,
        request: Request<ListMessagesRequest>,
    ) -> Answer<ListMessagesResponse> {
        let request = request.into_inner();
        let conversations = self.0.conversations.lock().unwrap();
        let Some(messages) = conversations.get(&request.conversation_id) else {
            return Ok(Response::new(ListMessagesResponse::default()));
        };
        let limit = usize::try_from(request.page_size).unwrap();
        let page = match request.position {
            Some(list_messages_request::Position::AfterSeq(after)) => {
                messages.iter().filter(|m| m.seq > after).take(limit).cloned().collect()
            }
            _ => messages[messages.len().saturating_sub(limit)..].to_vec(),
        };
        let last_seq = messages.last().map_or(0, |message| message.seq);
        Ok(Response::new(ListMessagesResponse { messages: page, last_seq, unread_count: 0 }))
    }

    async fn list_conversations(
        &self,
        _: Request<ListConversationsRequest>,
    ) -> Answer<ListConversationsResponse> {
        let conversations = self.0.conversations.lock().unwrap();
        let conversations = conversations.iter().map(conversation).collect();
        Ok(Response::new(ListConversationsResponse { conversations, ..Default::default() }))
    }

    async fn get_conversation(
        &self,
        request: Request<GetConversationRequest>,
    ) -> Answer<GetConversationResponse> {
        let conversations = self.0.conversations.lock().unwrap();
        let found = conversations.get_key_value(&request.into_inner().conversation_id);
        let found = found.ok_or_else(|| Status::from(Error::not_found()))?;
        Ok(Response::new(GetConversationResponse { conversation: Some(conversation(found)) }))
    }

    async fn update_conversation(
        &self,
        request: Request<UpdateConversationRequest>,
    ) -> Answer<UpdateConversationResponse> {
        let request = request.into_inner();
        let conversations = self.0.conversations.lock().unwrap();
        let new = request.conversation.unwrap_or_default();
        let found = conversations.get_key_value(&new.id);
        let found = found.ok_or_else(|| Status::from(Error::not_found()))?;
        let (status, assignee_id) = (new.status, new.assignee_id);
        let changed = Conversation { status, assignee_id, ..conversation(found) };
        Ok(Response::new(UpdateConversationResponse { conversation: Some(changed) }))
    }

    async fn set_typing(&self, request: Request<SetTypingRequest>) -> Answer<SetTypingResponse> {
        if !self.0.conversations.lock().unwrap().contains_key(&request.into_inner().conversation_id)
        {
            return Err(Error::not_found().into());
        }
        Ok(Response::new(SetTypingResponse {}))
    }

    async fn mark_read(&self, request: Request<MarkReadRequest>) -> Answer<MarkReadResponse> {
        Ok(Response::new(MarkReadResponse { seq: request.into_inner().seq }))
    }
}

#[tonic::async_trait]
impl StreamService for Fake {
    type SubscribeStream = ReceiverStream<Result<SubscribeResponse, Status>>;

    async fn subscribe(
        &self,
        request: Request<Streaming<SubscribeRequest>>,
    ) -> Answer<Self::SubscribeStream> {
        let (answers, receiver) = tokio::sync::mpsc::channel(64);
        let world = self.0.clone();
        let mut live = world.live.subscribe();
        let mut broken = world.broken.subscribe();
        let mut requests = request.into_inner();
        tokio::spawn(async move {
            let mut open = HashMap::new();
            loop {
                let events = tokio::select! {
                    request = requests.message() => match request {
                        Ok(Some(request)) => subscribed(&world, &mut open, request),
                        _ => return,
                    },
                    Ok(message) = live.recv() => matching(&open, &message),
                    _ = broken.recv() => {
                        let _ = answers.send(Err(Status::unavailable("broken"))).await;
                        return;
                    }
                };
                for (subscription_id, event) in events {
                    let answer = SubscribeResponse {
                        subscription_id,
                        event: Some(event),
                        ..SubscribeResponse::default()
                    };
                    if answers.send(Ok(answer)).await.is_err() {
                        return;
                    }
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}

type Events = Vec<(u64, subscribe_response::Event)>;

fn subscribed(
    world: &World,
    open: &mut HashMap<u64, OpenSubscription>,
    request: SubscribeRequest,
) -> Events {
    let id = request.subscription_id;
    let Some(subscribe_request::Action::Open(subscription)) = request.action else {
        let reason = SubscriptionEndReason::Closed.into();
        let ended = SubscriptionEnded { reason, message: String::new() };
        let ended = (id, subscribe_response::Event::Ended(ended));
        return open.remove(&id).map(|_| ended).into_iter().collect();
    };
    let opened = subscribe_response::Event::Opened(SubscriptionOpened {});
    let conversations = world.conversations.lock().unwrap();
    let messages = conversations.get(&subscription.conversation_id).into_iter().flatten();
    let after = subscription.after_seq.unwrap_or(i64::MAX);
    let missed = messages.filter(|message| message.seq > after).cloned();
    let missed = missed.map(|message| (id, subscribe_response::Event::Message(message)));
    let events = std::iter::once((id, opened)).chain(missed).collect();
    open.insert(id, subscription);
    events
}

fn matching(open: &HashMap<u64, OpenSubscription>, message: &Message) -> Events {
    let matches = |subscription: &OpenSubscription| {
        subscription.conversation_id.is_empty()
            || subscription.conversation_id == message.conversation_id
    };
    let ids = open.iter().filter(|(_, subscription)| matches(subscription)).map(|(id, _)| *id);
    ids.map(|id| (id, subscribe_response::Event::Message(message.clone()))).collect()
}

fn conversation((id, messages): (&String, &Vec<Message>)) -> Conversation {
    Conversation {
        id: id.clone(),
        status: ConversationStatus::Open.into(),
        last_message: messages.last().cloned(),
        updated_at: at(),
        ..Conversation::default()
    }
}
