//! Moving read marks.

use onethread_core::{ConversationId, OrganizationId};
use onethread_db::transaction;
use onethread_errors::{Error, Result};

use super::App;
use crate::{
    domain::{Effects, Side},
    store::{conversations, messages},
};

impl App {
    /// Moves a side's read mark forward, at most to the last message that it sees. Returns the
    /// mark.
    pub(crate) async fn mark_read(
        &self,
        organization: OrganizationId,
        id: ConversationId,
        side: Side,
        seq: i64,
    ) -> Result<i64> {
        let (seq, effects) = transaction!(self.db, "conversation.mark_read", |tx| {
            let found = conversations::locked_by_id(tx, organization, id).await?;
            let mut conversation = found.ok_or_else(Error::not_found)?;
            let before = conversation.read_state(side).read_seq;
            let Some(seq) = conversation.next_read_seq(side, seq) else {
                return Ok((before, Effects::default()));
            };
            let texts = messages::count_texts(tx, organization, id, side, before, seq).await?;
            let effects = conversation.mark_read(side, seq, texts);
            conversations::update_read_states(tx, organization, &conversation).await?;
            Ok((seq, effects))
        })?;
        self.publish(organization, effects);
        Ok(seq)
    }
}
