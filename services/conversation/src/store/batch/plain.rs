//! Plain sends: texts that were not sent before, into open conversations in which the contact has
//! written, while identity wants to hear of no texts. Only the last number of the conversation is
//! needed to store them, so one statement does it, by the same rules as the domain. Sends that
//! turn out not to be plain are left for `snapshot`. Pure.

use std::collections::HashSet;

use onethread_core::{ConversationId, OrganizationId, Timestamp};

use crate::domain::{AuthorKind, MessageKind, NewMessage, SendOutcome};

/// Sends that may be plain, by conversation.
#[derive(Debug, Default)]
pub(crate) struct PlainBatch<'a> {
    /// In the order in which rows are locked everywhere.
    pub(super) groups: Vec<PlainGroup>,
    /// Those of one conversation together, in their order, each with its index in the batch.
    pub(super) sends: Vec<(usize, &'a NewMessage)>,
}

/// The plain sends of a conversation.
#[derive(Debug)]
pub(super) struct PlainGroup {
    pub(super) organization: OrganizationId,
    pub(super) conversation: ConversationId,
    /// Index of its first send in `PlainBatch::sends`.
    pub(super) start: usize,
    pub(super) count: usize,
    /// How many of them are from agents.
    pub(super) agent_count: usize,
    /// When the last one was sent.
    pub(super) now: Timestamp,
}

/// The numbers of a conversation before its sends were stored.
#[derive(Debug, onethread_db::FromRow, serde::Deserialize)]
pub(super) struct LastNumbers {
    /// [`PlainGroup::start`].
    pub(super) start: i64,
    pub(super) last_seq: i64,
    pub(super) last_public_seq: i64,
}

impl<'a> PlainBatch<'a> {
    pub(crate) fn new(batch: &'a [NewMessage]) -> Self {
        let mut order: Vec<_> = batch.iter().enumerate().collect();
        order.sort_by_key(|(index, new)| (new.key(), *index));
        let mut plain = Self { groups: Vec::new(), sends: Vec::with_capacity(batch.len()) };
        for sends in order.chunk_by(|(_, one), (_, other)| one.key() == other.key()) {
            if let Some(group) = PlainGroup::new(sends, plain.sends.len()) {
                plain.groups.push(group);
                plain.sends.extend(sends);
            }
        }
        plain
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// The sends of a group.
    pub(super) fn sends_of(&self, group: &PlainGroup) -> &[(usize, &'a NewMessage)] {
        &self.sends[group.start..group.start + group.count]
    }

    /// The outcomes of what was stored, each with its index in the batch.
    pub(super) fn outcomes(&self, appended: &[LastNumbers]) -> Vec<(usize, SendOutcome)> {
        let mut outcomes = Vec::with_capacity(self.sends.len());
        for row in appended {
            let start = usize::try_from(row.start).unwrap_or(usize::MAX);
            let Ok(at) = self.groups.binary_search_by_key(&start, |group| group.start) else {
                continue;
            };
            let (mut seq, mut prev_public_seq) = (row.last_seq, row.last_public_seq);
            for (index, new) in self.sends_of(&self.groups[at]) {
                seq += 1;
                let message = new.message(seq, prev_public_seq);
                let stored =
                    SendOutcome::Stored { message, has_delivery: false, reopened_seq: None };
                outcomes.push((*index, stored));
                prev_public_seq = seq;
            }
        }
        outcomes
    }
}

impl PlainGroup {
    /// `None` when some of the sends are known not to be plain.
    fn new(sends: &[(usize, &NewMessage)], start: usize) -> Option<Self> {
        let (_, last) = sends.last()?;
        let mut ids = HashSet::new();
        let are_plain = sends.iter().all(|(_, new)| {
            let is_first = sends.len() == 1 || ids.insert((new.author, new.client_message_id));
            new.kind == MessageKind::Text && is_first
        });
        let from_agents = sends.iter().filter(|(_, new)| new.author.kind == AuthorKind::Agent);
        are_plain.then(|| Self {
            organization: last.organization,
            conversation: last.conversation,
            start,
            count: sends.len(),
            agent_count: from_agents.count(),
            now: last.now,
        })
    }
}
