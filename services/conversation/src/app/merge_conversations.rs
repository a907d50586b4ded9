//! Merging a conversation into another one.

use onethread_core::{ConversationId, OrganizationId, Timestamp};
use onethread_db::{Connection, Error, Result as DbResult, transaction};
use onethread_errors::Result;
use uuid::Uuid;

use super::App;
use crate::{
    domain::{Conversation, ConversationState, Merge, MergeOutcome, plan_merge},
    store::{conversations, effects, merges, messages},
};

impl App {
    /// Merges a conversation into another one, once for a source. Returns the one that has the
    /// messages, unless that one was erased.
    pub(crate) async fn merge_conversations(
        &self,
        organization: OrganizationId,
        source: ConversationId,
        target: ConversationId,
        id: Uuid,
    ) -> Result<Option<ConversationId>> {
        let merge = Merge { source, target, id, now: self.clock.now() };
        let outcome = self.merge(organization, merge).await?;
        Ok(outcome.target)
    }

    pub(super) async fn merge(
        &self,
        organization: OrganizationId,
        merge: Merge,
    ) -> Result<MergeOutcome> {
        let outcome = transaction!(self.db, "conversation.fold", |tx| {
            Ok(resolve_and_merge(tx, organization, merge).await?)
        })?;
        if outcome.is_source_removed && outcome.target.is_none() {
            // It was erased, because its target is.
            self.histories.remove(organization, merge.source);
            self.db.truncate_log();
        }
        self.publish(organization, outcome.effects(merge.source));
        Ok(outcome)
    }
}

/// Merges into the conversation that the target was merged into itself, if it was.
async fn resolve_and_merge(
    tx: &mut Connection,
    organization: OrganizationId,
    merge: Merge,
) -> DbResult<MergeOutcome> {
    // A removed conversation stays removed, so this is true without a lock.
    let (target, is_erased) = match conversations::state(tx, organization, merge.target).await? {
        ConversationState::MergedInto(target) => {
            let state = conversations::state(tx, organization, target).await?;
            (target, state == ConversationState::Erased)
        }
        ConversationState::Erased => (merge.target, true),
        ConversationState::Active | ConversationState::Missing => (merge.target, false),
    };
    let merge = Merge { target, ..merge };
    if target == merge.source {
        return Ok(MergeOutcome::unchanged((!is_erased).then_some(target)));
    }
    if is_erased {
        return erase_source(tx, organization, merge).await;
    }
    merge_active(tx, organization, merge).await
}

/// A conversation that is merged into an erased one is erased.
async fn erase_source(
    tx: &mut Connection,
    organization: OrganizationId,
    merge: Merge,
) -> DbResult<MergeOutcome> {
    let Merge { source, target, now, .. } = merge;
    // Late sends to the source must find that it was merged, so it gets a row even now.
    if lock_or_insert(tx, organization, source, now).await?.is_none() {
        return Ok(MergeOutcome::unchanged(None));
    }
    messages::delete_all(tx, organization, source).await?;
    effects::delete(tx, organization, source).await?;
    conversations::remove(tx, organization, source, Some(target), now).await?;
    Ok(MergeOutcome { target: None, is_source_removed: true, last_seq: None })
}

async fn merge_active(
    tx: &mut Connection,
    organization: OrganizationId,
    merge: Merge,
) -> DbResult<MergeOutcome> {
    let Merge { source: source_id, target: target_id, now, .. } = merge;
    let (source, target) = lock_both(tx, organization, source_id, target_id).await?;
    if source.is_none() && is_removed(tx, organization, source_id).await? {
        return removed_before(tx, organization, source_id).await;
    }
    if target.is_none() && is_removed(tx, organization, target_id).await? {
        // Removed since it was resolved.
        return Err(Error::Conflict);
    }
    let is_target_new = target.is_none();
    let found = [(source_id, source), (target_id, target)];
    let [source, target] = insert_missing(tx, organization, found, now).await?;
    let mut last_seq = None;
    if source.last_seq > 0 {
        merges::delete_duplicates(tx, organization, source_id, target_id).await?;
        let counts = merges::count(tx, organization, &source).await?;
        if let Some(plan) = plan_merge(&source, target, &counts, &merge) {
            merges::move_messages(tx, organization, source_id, &plan).await?;
            conversations::update(tx, organization, &plan.target).await?;
            last_seq = Some(plan.target.last_seq);
        }
    }
    conversations::remove(tx, organization, source_id, Some(target_id), now).await?;
    if is_target_new && last_seq.is_none() {
        // It was inserted only so that no other transaction could remove it meanwhile.
        conversations::delete_empty(tx, organization, target_id).await?;
    }
    Ok(MergeOutcome { target: Some(target_id), is_source_removed: true, last_seq })
}

/// The outcome for a source that was removed before.
async fn removed_before(
    tx: &mut Connection,
    organization: OrganizationId,
    source: ConversationId,
) -> DbResult<MergeOutcome> {
    let ConversationState::MergedInto(target) =
        conversations::state(tx, organization, source).await?
    else {
        return Ok(MergeOutcome::unchanged(None));
    };
    let state = conversations::state(tx, organization, target).await?;
    let target = (state != ConversationState::Erased).then_some(target);
    Ok(MergeOutcome::unchanged(target))
}

/// True when a conversation that could not be locked was removed, false when it never began.
async fn is_removed(
    tx: &mut Connection,
    organization: OrganizationId,
    id: ConversationId,
) -> DbResult<bool> {
    match conversations::state(tx, organization, id).await? {
        ConversationState::Missing => Ok(false),
        ConversationState::MergedInto(_) | ConversationState::Erased => Ok(true),
        // It began between the two statements.
        ConversationState::Active => Err(Error::Conflict),
    }
}

/// Locks a conversation, or begins it where there is none. `None` when it was removed.
pub(super) async fn lock_or_insert(
    tx: &mut Connection,
    organization: OrganizationId,
    id: ConversationId,
    now: Timestamp,
) -> DbResult<Option<Conversation>> {
    let found = conversations::locked_by_id(tx, organization, id).await?;
    if found.is_some() || is_removed(tx, organization, id).await? {
        return Ok(found);
    }
    conversations::insert(tx, organization, id, now).await.map(Some)
}

/// Locks those of the two that exist, in the order in which batches of sends lock theirs. Missing
/// ones are inserted only after that, as batches do.
async fn lock_both(
    tx: &mut Connection,
    organization: OrganizationId,
    source: ConversationId,
    target: ConversationId,
) -> DbResult<(Option<Conversation>, Option<Conversation>)> {
    if source < target {
        let found = conversations::locked_by_id(tx, organization, source).await?;
        Ok((found, conversations::locked_by_id(tx, organization, target).await?))
    } else {
        let found = conversations::locked_by_id(tx, organization, target).await?;
        Ok((conversations::locked_by_id(tx, organization, source).await?, found))
    }
}

/// Inserts those of the two that don't exist, in the same order.
async fn insert_missing(
    tx: &mut Connection,
    organization: OrganizationId,
    mut found: [(ConversationId, Option<Conversation>); 2],
    now: Timestamp,
) -> DbResult<[Conversation; 2]> {
    let is_in_order = found[0].0 < found[1].0;
    let order = if is_in_order { [0, 1] } else { [1, 0] };
    for index in order {
        let (id, conversation) = &mut found[index];
        if conversation.is_none() {
            *conversation = Some(conversations::insert(tx, organization, *id, now).await?);
        }
    }
    let [source, target] = found.map(|(_, conversation)| conversation);
    source.zip(target).map(|(source, target)| [source, target]).ok_or(Error::Conflict)
}
