//! What a conversation is and how it changes. Pure: no I/O, no wire type, no SQL.

mod change;
mod conversation;
mod fact;
mod message;
mod text;

pub(crate) use change::{Change, Happening};
pub(crate) use conversation::{Appended, Conversation, Reader, Status, Summary};
pub(crate) use fact::Fact;
pub(crate) use message::{Author, AuthorKind, Kind, Message, Side};
pub(crate) use text::Text;
