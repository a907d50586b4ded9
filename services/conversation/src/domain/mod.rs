//! What a conversation is and how it changes. Pure: no I/O, no wire type, no SQL.

mod conversation;
mod effects;
mod event;
mod merge;
mod message;
mod send;
mod send_plan;
mod text;
mod update;
mod webhook_event;

pub(crate) use conversation::{
    Conversation, ConversationKey, ConversationState, MessageNumbers, ReadState, Status, Summary,
};
pub(crate) use effects::{Delivery, Effects, HintKind};
pub(crate) use event::ConversationEvent;
pub(crate) use merge::{Merge, MergeOutcome, MergePlan, SourceCounts, plan_merge};
pub(crate) use message::{Author, AuthorKind, Message, MessageKind, Side};
pub(crate) use send::{NewMessage, SendOutcome};
pub(crate) use send_plan::{BatchSnapshot, SendPlan, SendSnapshot};
pub(crate) use text::Text;
pub(crate) use update::{ConversationUpdate, EventIds};
pub(crate) use webhook_event::WebhookEvent;
