//! Reading the messages of a conversation: what the calls of widgets and of agents share.

use deserr::{Deserr, ValuePointerRef};
use onethread_core::{ConversationId, OrganizationId};
use onethread_errors::{Error, Reason, Result};
use onethread_proto::conversation::{
    ListMessagesRequest, ListMessagesResponse, Side, list_messages_request,
};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use crate::{
    app::App,
    extract::{Faults, PageLimit, SequenceNumber, SequenceText},
    json::Message,
};

pub(crate) use list_messages_request::Position;

/// A page of messages, ascending.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct MessagePage {
    pub(super) items: Vec<Message>,
    /// The last number that this reader can see.
    #[schema(minimum = 0)]
    pub(super) last_seq: i64,
}

/// Which messages: after or before a number, or the newest.
#[derive(Debug, Deserr, IntoParams)]
#[deserr(error = Faults, rename_all = camelCase, validate = one_position -> Faults)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub(super) struct MessageRange {
    /// Those after this number.
    #[deserr(default)]
    #[param(schema_with = SequenceText::schema, required = false)]
    after_seq: Option<SequenceText>,
    /// Those before it, instead.
    #[deserr(default)]
    #[param(schema_with = SequenceText::schema, required = false)]
    before_seq: Option<SequenceText>,
    /// Rows of the page; more than 200 is cut to 200.
    #[deserr(default)]
    #[param(schema_with = PageLimit::schema, required = false)]
    pub(super) limit: PageLimit,
}

fn one_position(
    range: MessageRange,
    location: ValuePointerRef<'_>,
) -> Result<MessageRange, Faults> {
    if range.after_seq.is_some() && range.before_seq.is_some() {
        return Err(Faults::one(location.push_key("beforeSeq"), "stands beside afterSeq"));
    }
    Ok(range)
}

impl MessageRange {
    /// `None` for the newest messages.
    pub(super) fn position(&self) -> Option<Position> {
        let after = self.after_seq.map(|seq| Position::AfterSeq(seq.0));
        after.or_else(|| self.before_seq.map(|seq| Position::BeforeSeq(seq.0)))
    }
}

/// A page of the messages of any conversation; empty while none was ever written.
///
/// # Errors
///
/// `NotFound` for a conversation that was erased or merged, and other failures of the service.
pub(super) async fn page(
    app: &App,
    (organization, conversation): (OrganizationId, ConversationId),
    side: Side,
    position: Option<Position>,
    page_size: i32,
) -> Result<ListMessagesResponse> {
    let request = ListMessagesRequest {
        organization_id: organization.to_string(),
        conversation_id: conversation.to_string(),
        side: side.into(),
        position,
        page_size,
    };
    let answer = app.clients.conversations().list_messages(request).await;
    Ok(answer.map_err(Error::from)?.into_inner())
}

/// A page of a contact's own messages. A conversation that was erased or merged is an empty one until
/// the contact's session ends, which is within a second.
pub(crate) async fn of_contact(
    app: &App,
    conversation: (OrganizationId, ConversationId),
    position: Option<Position>,
    page_size: i32,
) -> Result<ListMessagesResponse> {
    empty_if_missing(page(app, conversation, Side::Contact, position, page_size).await)
}

/// A conversation that was erased is empty and can't change.
pub(crate) fn empty_if_missing<T: Default>(found: Result<T>) -> Result<T> {
    match found {
        Err(error) if error.reason == Reason::NotFound => Ok(T::default()),
        found => found,
    }
}

/// Messages up to this number are read.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults)]
pub(super) struct ReadMark {
    #[schema(value_type = i64, minimum = 0, maximum = 9007199254740991i64)]
    pub(super) seq: SequenceNumber,
}

/// Whether the caller is typing. Send it again every few seconds: it expires after 6.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults)]
pub(super) struct TypingState {
    pub(super) typing: bool,
}
