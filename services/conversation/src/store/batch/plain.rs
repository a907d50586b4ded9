//! Plain sends: texts, none sent before, for open threads that the contact has written in. Nearly
//! all are, and nothing has to be looked at to store them but where their thread ends, so one
//! statement does it, by what `domain` says of such texts. Whatever turns out not to be plain it
//! leaves alone. Pure.

use std::collections::HashSet;

use onethread_core::{ConversationId, OrganizationId, Timestamp};

use super::{NewMessage, Sent};
use crate::domain::{AuthorKind, Kind};

/// Sends that may be plain, by thread.
#[derive(Debug, Default)]
pub(super) struct Plain<'a> {
    /// In the order in which rows are locked everywhere.
    pub(super) threads: Vec<PlainThread>,
    /// Those of one thread together, in their order, each with its place in the batch.
    pub(super) sends: Vec<(usize, &'a NewMessage)>,
}

/// What a thread gets.
#[derive(Debug)]
pub(super) struct PlainThread {
    pub(super) organization: OrganizationId,
    pub(super) id: ConversationId,
    /// How many of the sends stand before its own.
    pub(super) before: usize,
    /// How many are its own.
    pub(super) added: usize,
    /// How many of these are from agents.
    pub(super) by_agents: usize,
    /// When the last one was sent.
    pub(super) now: Timestamp,
}

/// Where a thread ended whose sends were stored.
#[derive(Debug, sqlx::FromRow, serde::Deserialize)]
pub(super) struct Stored {
    /// [`PlainThread::before`].
    pub(super) before: i64,
    pub(super) last_seq: i64,
    pub(super) last_public_seq: i64,
}

impl<'a> Plain<'a> {
    pub(super) fn of(batch: &'a [NewMessage]) -> Self {
        let key = |new: &NewMessage| (new.organization, new.conversation);
        let mut order: Vec<_> = batch.iter().enumerate().collect();
        order.sort_by_key(|(at, new)| (key(new), *at));
        let mut plain = Self { threads: Vec::new(), sends: Vec::with_capacity(batch.len()) };
        for sends in order.chunk_by(|(_, one), (_, other)| key(one) == key(other)) {
            plain.threads.extend(PlainThread::of(sends, plain.sends.len()));
            if plain.threads.last().is_some_and(|thread| thread.before == plain.sends.len()) {
                plain.sends.extend(sends);
            }
        }
        plain
    }

    /// The answers to what was stored, each with its place in the batch.
    pub(super) fn answers(&self, stored: &[Stored]) -> Vec<(usize, Sent)> {
        let mut answers = Vec::with_capacity(self.sends.len());
        for end in stored {
            let before = usize::try_from(end.before).unwrap_or(usize::MAX);
            let thread = self.threads.binary_search_by_key(&before, |thread| thread.before);
            let Ok(thread) = thread.map(|at| &self.threads[at]) else { continue };
            let own = &self.sends[thread.before..thread.before + thread.added];
            let (mut seq, mut public) = (end.last_seq, end.last_public_seq);
            for (at, new) in own {
                seq += 1;
                let message = new.message(seq, public);
                answers.push((*at, Sent::Stored { message, told: false, reopened: None }));
                public = seq;
            }
        }
        answers
    }
}

impl PlainThread {
    /// `None` when some of the sends are known not to be plain.
    fn of(sends: &[(usize, &NewMessage)], before: usize) -> Option<Self> {
        let (_, last) = sends.last()?;
        let mut ids = HashSet::new();
        let plain = sends.iter().all(|(_, new)| {
            let once = sends.len() == 1 || ids.insert((new.author, new.client_message_id));
            new.kind == Kind::Text && once
        });
        plain.then(|| Self {
            organization: last.organization,
            id: last.conversation,
            before,
            added: sends.len(),
            by_agents: sends.iter().filter(|(_, new)| new.author.kind == AuthorKind::Agent).count(),
            now: last.now,
        })
    }
}
