//! Moving read marks.

use onethread_core::{ConversationId, OrganizationId};
use onethread_errors::{Error, Result};

use super::App;
use crate::{
    domain::Side,
    live::{Change, Hint},
};

impl App {
    /// Moves a side's mark forward and tells the readers. Answers where it stands.
    pub(crate) async fn mark_read(
        &self,
        organization: OrganizationId,
        id: ConversationId,
        side: Side,
        seq: i64,
    ) -> Result<i64> {
        let marked = self.store.mark_read(organization, id, side, seq).await?;
        let marked = marked.ok_or_else(Error::not_found)?;
        if marked.moved {
            self.live.tell(Hint::new(organization, id, Change::Read { side, seq: marked.seq }));
        }
        Ok(marked.seq)
    }
}
