//! The checker of message histories. It compares the acknowledgements of senders and the messages
//! that readers saw with the guarantees for one conversation.

use std::collections::{HashMap, HashSet};

use serde_json::Value;
use uuid::Uuid;

/// A message that a sender sent.
#[derive(Debug, Clone)]
pub struct SentMessage {
    /// Name of the sender.
    pub sender: String,
    /// The sender's id of the message.
    pub client_message_id: Uuid,
    /// The text as sent.
    pub text: String,
    /// Id and number in the server's acknowledgement; `None` if there was none.
    pub acknowledged: Option<(String, i64)>,
}

/// A message as a reader saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredMessage {
    /// The server's id.
    pub id: String,
    /// Number in the conversation.
    pub seq: i64,
    /// The sender's id.
    pub client_message_id: Uuid,
    /// The text.
    pub text: String,
}

impl StoredMessage {
    /// Converts a message of the JSON API.
    pub fn from_json(message: &Value) -> Self {
        let text = |name: &str| message[name].as_str().unwrap_or_default();
        Self {
            id: text("id").to_owned(),
            seq: message["seq"].as_i64().unwrap_or_default(),
            client_message_id: text("clientMessageId").parse().unwrap_or_default(),
            text: text("text").to_owned(),
        }
    }
}

/// The messages that one reader saw, in the order of their arrival.
#[derive(Debug, Clone)]
pub struct View {
    /// Name of the reader.
    pub reader: String,
    /// The reader should have seen everything after this number: 0 for the complete history.
    pub after: i64,
    /// The messages.
    pub messages: Vec<StoredMessage>,
}

/// One conversation as its senders and readers saw it.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// All messages that were sent, for each sender in the order of sending.
    pub sent: Vec<SentMessage>,
    /// The messages that each reader saw. The first reader has the complete history.
    pub views: Vec<View>,
    /// Client ids of messages that a merge has moved from another conversation. Their numbers
    /// differ from those that were acknowledged.
    pub moved: HashSet<Uuid>,
    /// Number of merge events between the messages. They have no client id.
    pub merge_events: usize,
}

/// A violated guarantee.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Acknowledged, but not stored.
    Lost(Uuid),
    /// Stored more than once.
    Doubled(Uuid),
    /// Stored, but never sent.
    Phantom(Uuid),
    /// Stored with another text than sent.
    Altered(Uuid),
    /// Stored under another id or number than acknowledged.
    Renumbered(Uuid),
    /// A reader received the number `found` instead of `expected`.
    Gap {
        /// The reader.
        reader: String,
        /// Expected number.
        expected: i64,
        /// Received number.
        found: i64,
    },
    /// A sender's later message is before an earlier one.
    Reordered(Uuid),
    /// A reader saw other messages than the first reader.
    Differs(String),
    /// There is another number of merge events than expected.
    MergeEvents(usize),
}

impl History {
    /// Returns all violated guarantees.
    pub fn faults(&self) -> Vec<Fault> {
        let complete = self.views.first().expect("a history has a reader");
        assert_eq!(complete.after, 0, "the first reader has the complete history");
        let mut faults = Vec::new();
        for view in &self.views {
            check_gaps(view, &mut faults);
            let rest = complete.messages.iter().filter(|message| message.seq > view.after);
            if !rest.eq(&view.messages) {
                faults.push(Fault::Differs(view.reader.clone()));
            }
        }
        self.compare_with_sent(complete, &mut faults);
        self.check_order(complete, &mut faults);
        faults
    }

    fn compare_with_sent(&self, complete: &View, faults: &mut Vec<Fault>) {
        let sent: HashMap<_, _> =
            self.sent.iter().map(|one| (one.client_message_id, one)).collect();
        let mut seen = HashSet::new();
        let mut merge_events = 0;
        for stored in &complete.messages {
            let id = stored.client_message_id;
            if id.is_nil() && self.merge_events > 0 {
                merge_events += 1;
                continue;
            }
            if !seen.insert(id) {
                faults.push(Fault::Doubled(id));
            }
            match sent.get(&id) {
                None => faults.push(Fault::Phantom(id)),
                Some(one) if one.text != stored.text => faults.push(Fault::Altered(id)),
                Some(one) => {
                    let moved = self.moved.contains(&id);
                    let differs = |(id, seq): &(String, i64)| {
                        *id != stored.id || !moved && *seq != stored.seq
                    };
                    if one.acknowledged.as_ref().is_some_and(differs) {
                        faults.push(Fault::Renumbered(id));
                    }
                }
            }
        }
        if merge_events != self.merge_events {
            faults.push(Fault::MergeEvents(merge_events));
        }
        let acknowledged = self.sent.iter().filter(|one| one.acknowledged.is_some());
        let lost = acknowledged.filter(|one| !seen.contains(&one.client_message_id));
        faults.extend(lost.map(|one| Fault::Lost(one.client_message_id)));
    }

    fn check_order(&self, complete: &View, faults: &mut Vec<Fault>) {
        let position = |id: Uuid| complete.messages.iter().position(|m| m.client_message_id == id);
        let ids = self.sent.iter().map(|message| message.client_message_id);
        let positions: HashMap<_, _> = ids.map(|id| (id, position(id))).collect();
        let mut last: HashMap<&str, usize> = HashMap::new();
        for one in &self.sent {
            let Some(position) = positions[&one.client_message_id] else { continue };
            let before = last.insert(&one.sender, position);
            if before.is_some_and(|before| before > position) {
                faults.push(Fault::Reordered(one.client_message_id));
            }
        }
    }

    /// Panics when a guarantee is violated.
    #[track_caller]
    pub fn check(&self) {
        let faults = self.faults();
        let first = &faults[..faults.len().min(20)];
        assert!(faults.is_empty(), "{} faults: {first:#?}", faults.len());
    }
}

fn check_gaps(view: &View, faults: &mut Vec<Fault>) {
    for (expected, message) in (view.after + 1..).zip(&view.messages) {
        if message.seq != expected {
            let (reader, found) = (view.reader.clone(), message.seq);
            faults.push(Fault::Gap { reader, expected, found });
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SENDERS: [&str; 3] = ["phone", "laptop", "agent"];

    /// Creates a correct history from the sender of each message and whether it was acknowledged.
    fn correct(turns: &[(usize, bool)]) -> History {
        let mut history = History::default();
        let mut messages = Vec::new();
        for (seq, (sender, is_acknowledged)) in (1i64..).zip(turns) {
            let stored = StoredMessage {
                id: format!("m{seq}"),
                seq,
                client_message_id: Uuid::from_u128(seq.unsigned_abs().into()),
                text: format!("text {seq}"),
            };
            history.sent.push(SentMessage {
                sender: SENDERS[*sender].to_owned(),
                client_message_id: stored.client_message_id,
                text: stored.text.clone(),
                acknowledged: is_acknowledged.then(|| (stored.id.clone(), seq)),
            });
            messages.push(stored);
        }
        // Sent to a server that was killed: not stored and not acknowledged.
        history.sent.push(SentMessage {
            sender: SENDERS[0].to_owned(),
            client_message_id: Uuid::from_u128(u128::MAX),
            text: "not stored".to_owned(),
            acknowledged: None,
        });
        let tail = messages[1..].to_vec();
        for (reader, after, messages) in
            [("history", 0, messages.clone()), ("other device", 0, messages), ("stream", 1, tail)]
        {
            history.views.push(View { reader: reader.to_owned(), after, messages });
        }
        history
    }

    fn turns() -> impl Strategy<Value = (Vec<(usize, bool)>, prop::sample::Index)> {
        (
            prop::collection::vec((0..SENDERS.len(), any::<bool>()), 2..40),
            any::<prop::sample::Index>(),
        )
    }

    /// Applies a bug to the messages of every reader, like a bug of the store.
    fn apply_bug(history: &mut History, bug: impl Fn(&mut Vec<StoredMessage>)) {
        let mut complete = history.views[0].messages.clone();
        bug(&mut complete);
        for view in &mut history.views {
            view.messages = complete.iter().filter(|m| m.seq > view.after).cloned().collect();
        }
    }

    proptest! {
        #[test]
        fn a_correct_history_has_no_fault((turns, _) in turns()) {
            prop_assert_eq!(correct(&turns).faults(), []);
        }

        #[test]
        fn a_lost_message_is_detected((mut turns, at) in turns()) {
            let at = at.index(turns.len());
            turns[at].1 = true;
            let mut history = correct(&turns);
            let seq = i64::try_from(at).unwrap() + 1;
            // The messages after it are renumbered, so that there is no gap.
            apply_bug(&mut history, |messages| {
                messages.retain(|m| m.seq != seq);
                messages.iter_mut().filter(|m| m.seq > seq).for_each(|m| m.seq -= 1);
            });
            let id = Uuid::from_u128(seq.unsigned_abs().into());
            prop_assert!(history.faults().contains(&Fault::Lost(id)));
        }

        #[test]
        fn a_gap_is_detected((turns, at) in turns()) {
            let at = at.index(turns.len() - 1);
            let mut history = correct(&turns);
            let seq = i64::try_from(at).unwrap() + 1;
            apply_bug(&mut history, |messages| messages.retain(|m| m.seq != seq));
            let gap = |fault: &Fault| matches!(fault, Fault::Gap { expected, .. } if *expected == seq);
            prop_assert!(history.faults().iter().any(gap));
        }

        #[test]
        fn a_duplicate_message_is_detected((turns, at) in turns()) {
            let at = at.index(turns.len());
            let mut history = correct(&turns);
            let twice = history.views[0].messages[at].clone();
            let last = i64::try_from(turns.len()).unwrap();
            let again = StoredMessage { id: "again".to_owned(), seq: last + 1, ..twice.clone() };
            apply_bug(&mut history, |messages| messages.push(again.clone()));
            prop_assert!(history.faults().contains(&Fault::Doubled(twice.client_message_id)));
        }

        #[test]
        fn swapped_messages_are_detected((mut turns, at) in turns()) {
            let at = at.index(turns.len() - 1);
            // Two messages of one sender without acknowledgements: only their order is wrong.
            turns[at] = (0, false);
            turns[at + 1] = (0, false);
            let mut history = correct(&turns);
            let seq = i64::try_from(at).unwrap() + 1;
            apply_bug(&mut history, |messages| {
                for message in messages.iter_mut() {
                    message.seq = match message.seq {
                        s if s == seq => seq + 1,
                        s if s == seq + 1 => seq,
                        s => s,
                    };
                }
                messages.sort_by_key(|m| m.seq);
            });
            let second = Uuid::from_u128((seq + 1).unsigned_abs().into());
            prop_assert!(history.faults().contains(&Fault::Reordered(second)));
        }

        #[test]
        fn a_phantom_is_detected((turns, _) in turns()) {
            let mut history = correct(&turns);
            let id = Uuid::from_u128(0xfa11);
            let seq = i64::try_from(turns.len()).unwrap() + 1;
            let phantom =
                StoredMessage { id: "?".to_owned(), seq, client_message_id: id, text: "boo".to_owned() };
            apply_bug(&mut history, |messages| messages.push(phantom.clone()));
            prop_assert!(history.faults().contains(&Fault::Phantom(id)));
        }

        #[test]
        fn an_altered_text_is_detected((turns, at) in turns()) {
            let seq = i64::try_from(at.index(turns.len())).unwrap() + 1;
            let mut history = correct(&turns);
            apply_bug(&mut history, |messages| {
                messages.iter_mut().filter(|m| m.seq == seq).for_each(|m| m.text.push('!'));
            });
            let id = Uuid::from_u128(seq.unsigned_abs().into());
            prop_assert!(history.faults().contains(&Fault::Altered(id)));
        }

        #[test]
        fn a_renumbered_message_is_detected((mut turns, at) in turns()) {
            let at = at.index(turns.len() - 1);
            // Two messages of different senders: their order isn't guaranteed, but their numbers are.
            turns[at] = (0, true);
            turns[at + 1] = (1, true);
            let mut history = correct(&turns);
            let seq = i64::try_from(at).unwrap() + 1;
            apply_bug(&mut history, |messages| {
                for message in messages.iter_mut() {
                    message.seq = match message.seq {
                        s if s == seq => seq + 1,
                        s if s == seq + 1 => seq,
                        s => s,
                    };
                }
                messages.sort_by_key(|m| m.seq);
            });
            let id = Uuid::from_u128(seq.unsigned_abs().into());
            prop_assert!(history.faults().contains(&Fault::Renumbered(id)));
        }

        #[test]
        fn a_moved_message_has_another_number_and_the_same_id((mut turns, at) in turns()) {
            let at = at.index(turns.len());
            turns[at].1 = true;
            let mut history = correct(&turns);
            let id = history.sent[at].client_message_id;
            let (acknowledged, _) = history.sent[at].acknowledged.clone().unwrap();
            history.sent[at].acknowledged = Some((acknowledged, 1_000_000));
            prop_assert!(history.faults().contains(&Fault::Renumbered(id)));
            history.moved.insert(id);
            prop_assert_eq!(history.faults(), []);
            history.sent[at].acknowledged = Some(("another".to_owned(), 1_000_000));
            prop_assert!(history.faults().contains(&Fault::Renumbered(id)));
        }

        #[test]
        fn merge_events_are_counted((turns, _) in turns(), more in 0usize..3) {
            let mut history = correct(&turns);
            let last = i64::try_from(turns.len()).unwrap();
            apply_bug(&mut history, |messages| {
                for n in 1..=more {
                    let seq = last + i64::try_from(n).unwrap();
                    let (id, text) = (format!("event {n}"), "an event".to_owned());
                    messages.push(StoredMessage { id, seq, client_message_id: Uuid::nil(), text });
                }
            });
            prop_assert_eq!(history.faults().is_empty(), more == 0);
            history.merge_events = 1;
            let faults = history.faults();
            prop_assert_eq!(faults.is_empty(), more == 1);
            prop_assert!(more == 1 || faults == [Fault::MergeEvents(more)]);
        }

        #[test]
        fn a_reader_who_sees_other_messages_is_detected((turns, at) in turns(), reader in 1usize..3) {
            let mut history = correct(&turns);
            let view = &mut history.views[reader];
            let at = at.index(view.messages.len());
            view.messages.remove(at);
            let name = view.reader.clone();
            prop_assert!(history.faults().contains(&Fault::Differs(name)));
        }

        #[test]
        fn a_stream_that_repeats_a_message_is_detected((turns, at) in turns()) {
            let mut history = correct(&turns);
            let view = &mut history.views[2];
            let at = at.index(view.messages.len());
            view.messages.insert(at, view.messages[at].clone());
            prop_assert!(history.faults().contains(&Fault::Differs("stream".to_owned())));
        }
    }
}
