//! The checker of message histories: holds what senders were told and what readers saw against
//! what may be true of one conversation. Knows nothing of how the messages travelled.

use std::collections::{HashMap, HashSet};

use serde_json::Value;
use uuid::Uuid;

/// What one sender sent, in the order of sending.
#[derive(Debug, Clone)]
pub struct Sent {
    /// Who sent it: any name, the same for all of one sender's messages.
    pub sender: String,
    /// The sender's own id of the message.
    pub client_message_id: Uuid,
    /// The text as sent.
    pub text: String,
    /// Id and number the server answered; absent while it never did.
    pub acknowledged: Option<(String, i64)>,
}

/// A message as a reader saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The server's id.
    pub id: String,
    /// Number in the conversation.
    pub seq: i64,
    /// The sender's id.
    pub client_message_id: Uuid,
    /// The text.
    pub text: String,
}

impl Stored {
    /// From a *message* of the JSON API.
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

/// What one reader saw, in the order it came.
#[derive(Debug, Clone)]
pub struct View {
    /// Name of the reader.
    pub reader: String,
    /// The reader was to see everything after this number: 0 for a whole history.
    pub after: i64,
    /// What it saw.
    pub messages: Vec<Stored>,
}

/// One conversation as its senders and readers know it.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// Everything that was sent.
    pub sent: Vec<Sent>,
    /// What each reader saw; the first one is a whole history.
    pub views: Vec<View>,
    /// Client ids of messages that moved here from another thread: their numbers are others than
    /// their senders were told.
    pub moved: HashSet<Uuid>,
    /// How many marks stand between the messages, each without a sender's id.
    pub marks: usize,
}

/// What can be wrong with a history.
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
    /// A reader was given `found` where `expected` had to come.
    Gap {
        /// The reader.
        reader: String,
        /// Number that had to come.
        expected: i64,
        /// Number that came.
        found: i64,
    },
    /// A sender's later message stands before its earlier one.
    Reordered(Uuid),
    /// A reader saw other messages than the first one.
    Differs(String),
    /// So many marks stand there.
    Marks(usize),
}

impl History {
    /// Everything that is wrong; empty for a history that keeps its promises.
    pub fn faults(&self) -> Vec<Fault> {
        let whole = self.views.first().expect("a history has a reader");
        assert_eq!(whole.after, 0, "the first reader sees the whole");
        let mut faults = Vec::new();
        for view in &self.views {
            gaps(view, &mut faults);
            let rest = whole.messages.iter().filter(|message| message.seq > view.after);
            if !rest.eq(&view.messages) {
                faults.push(Fault::Differs(view.reader.clone()));
            }
        }
        self.against_sent(whole, &mut faults);
        self.orders(whole, &mut faults);
        faults
    }

    fn against_sent(&self, whole: &View, faults: &mut Vec<Fault>) {
        let sent: HashMap<_, _> =
            self.sent.iter().map(|one| (one.client_message_id, one)).collect();
        let mut seen = HashSet::new();
        let mut marks = 0;
        for stored in &whole.messages {
            let id = stored.client_message_id;
            if id.is_nil() && self.marks > 0 {
                marks += 1;
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
        if marks != self.marks {
            faults.push(Fault::Marks(marks));
        }
        let acknowledged = self.sent.iter().filter(|one| one.acknowledged.is_some());
        let lost = acknowledged.filter(|one| !seen.contains(&one.client_message_id));
        faults.extend(lost.map(|one| Fault::Lost(one.client_message_id)));
    }

    fn orders(&self, whole: &View, faults: &mut Vec<Fault>) {
        let place = |id: Uuid| whole.messages.iter().position(|m| m.client_message_id == id);
        let places: HashMap<_, _> =
            self.sent.iter().map(|one| one.client_message_id).map(|id| (id, place(id))).collect();
        let mut last: HashMap<&str, usize> = HashMap::new();
        for one in &self.sent {
            let Some(place) = places[&one.client_message_id] else { continue };
            let before = last.insert(&one.sender, place);
            if before.is_some_and(|before| before > place) {
                faults.push(Fault::Reordered(one.client_message_id));
            }
        }
    }

    /// Fails with the faults, where there are some.
    #[track_caller]
    pub fn check(&self) {
        let faults = self.faults();
        let some = &faults[..faults.len().min(20)];
        assert!(faults.is_empty(), "{} faults: {some:#?}", faults.len());
    }
}

fn gaps(view: &View, faults: &mut Vec<Fault>) {
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

    /// A history that is as it should be: who wrote each message in turn, and whether the sender
    /// was told.
    fn sound(turns: &[(usize, bool)]) -> History {
        let mut history = History::default();
        let mut messages = Vec::new();
        for (seq, (sender, told)) in (1i64..).zip(turns) {
            let stored = Stored {
                id: format!("m{seq}"),
                seq,
                client_message_id: Uuid::from_u128(seq.unsigned_abs().into()),
                text: format!("text {seq}"),
            };
            history.sent.push(Sent {
                sender: SENDERS[*sender].to_owned(),
                client_message_id: stored.client_message_id,
                text: stored.text.clone(),
                acknowledged: told.then(|| (stored.id.clone(), seq)),
            });
            messages.push(stored);
        }
        // Sent to a server that died: never stored, never acknowledged.
        history.sent.push(Sent {
            sender: SENDERS[0].to_owned(),
            client_message_id: Uuid::from_u128(u128::MAX),
            text: "into the void".to_owned(),
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

    /// Applies a bug to what every reader sees, as a fault of the store would show.
    fn everywhere(history: &mut History, bug: impl Fn(&mut Vec<Stored>)) {
        let mut whole = history.views[0].messages.clone();
        bug(&mut whole);
        for view in &mut history.views {
            view.messages = whole.iter().filter(|m| m.seq > view.after).cloned().collect();
        }
    }

    proptest! {
        #[test]
        fn a_sound_history_has_no_fault((turns, _) in turns()) {
            prop_assert_eq!(sound(&turns).faults(), []);
        }

        #[test]
        fn a_dropped_message_is_caught((mut turns, at) in turns()) {
            let at = at.index(turns.len());
            turns[at].1 = true;
            let mut history = sound(&turns);
            let seq = i64::try_from(at).unwrap() + 1;
            // Dropped and the rest renumbered, so that no gap gives it away.
            everywhere(&mut history, |messages| {
                messages.retain(|m| m.seq != seq);
                messages.iter_mut().filter(|m| m.seq > seq).for_each(|m| m.seq -= 1);
            });
            let id = Uuid::from_u128(seq.unsigned_abs().into());
            prop_assert!(history.faults().contains(&Fault::Lost(id)));
        }

        #[test]
        fn a_gap_is_caught((turns, at) in turns()) {
            let at = at.index(turns.len() - 1);
            let mut history = sound(&turns);
            let seq = i64::try_from(at).unwrap() + 1;
            everywhere(&mut history, |messages| messages.retain(|m| m.seq != seq));
            let gap = |fault: &Fault| matches!(fault, Fault::Gap { expected, .. } if *expected == seq);
            prop_assert!(history.faults().iter().any(gap));
        }

        #[test]
        fn a_doubled_message_is_caught((turns, at) in turns()) {
            let at = at.index(turns.len());
            let mut history = sound(&turns);
            let twice = history.views[0].messages[at].clone();
            let last = i64::try_from(turns.len()).unwrap();
            let again = Stored { id: "again".to_owned(), seq: last + 1, ..twice.clone() };
            everywhere(&mut history, |messages| messages.push(again.clone()));
            prop_assert!(history.faults().contains(&Fault::Doubled(twice.client_message_id)));
        }

        #[test]
        fn swapped_messages_are_caught((mut turns, at) in turns()) {
            let at = at.index(turns.len() - 1);
            // Two neighbours of one sender, neither acknowledged: only their order tells.
            turns[at] = (0, false);
            turns[at + 1] = (0, false);
            let mut history = sound(&turns);
            let seq = i64::try_from(at).unwrap() + 1;
            everywhere(&mut history, |messages| {
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
        fn a_phantom_is_caught((turns, _) in turns()) {
            let mut history = sound(&turns);
            let id = Uuid::from_u128(0xfa11);
            let seq = i64::try_from(turns.len()).unwrap() + 1;
            let phantom =
                Stored { id: "?".to_owned(), seq, client_message_id: id, text: "boo".to_owned() };
            everywhere(&mut history, |messages| messages.push(phantom.clone()));
            prop_assert!(history.faults().contains(&Fault::Phantom(id)));
        }

        #[test]
        fn an_altered_text_is_caught((turns, at) in turns()) {
            let seq = i64::try_from(at.index(turns.len())).unwrap() + 1;
            let mut history = sound(&turns);
            everywhere(&mut history, |messages| {
                messages.iter_mut().filter(|m| m.seq == seq).for_each(|m| m.text.push('!'));
            });
            let id = Uuid::from_u128(seq.unsigned_abs().into());
            prop_assert!(history.faults().contains(&Fault::Altered(id)));
        }

        #[test]
        fn a_renumbered_message_is_caught((mut turns, at) in turns()) {
            let at = at.index(turns.len() - 1);
            // Two neighbours of different senders: their order is nobody's promise, their numbers are.
            turns[at] = (0, true);
            turns[at + 1] = (1, true);
            let mut history = sound(&turns);
            let seq = i64::try_from(at).unwrap() + 1;
            everywhere(&mut history, |messages| {
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
        fn what_moved_has_another_number_and_the_same_id((mut turns, at) in turns()) {
            let at = at.index(turns.len());
            turns[at].1 = true;
            let mut history = sound(&turns);
            let id = history.sent[at].client_message_id;
            let (told, _) = history.sent[at].acknowledged.clone().unwrap();
            history.sent[at].acknowledged = Some((told, 1_000_000));
            prop_assert!(history.faults().contains(&Fault::Renumbered(id)));
            history.moved.insert(id);
            prop_assert_eq!(history.faults(), []);
            history.sent[at].acknowledged = Some(("another".to_owned(), 1_000_000));
            prop_assert!(history.faults().contains(&Fault::Renumbered(id)));
        }

        #[test]
        fn a_mark_is_counted((turns, _) in turns(), more in 0usize..3) {
            let mut history = sound(&turns);
            let last = i64::try_from(turns.len()).unwrap();
            everywhere(&mut history, |messages| {
                for n in 1..=more {
                    let seq = last + i64::try_from(n).unwrap();
                    let (id, text) = (format!("mark {n}"), "a mark".to_owned());
                    messages.push(Stored { id, seq, client_message_id: Uuid::nil(), text });
                }
            });
            prop_assert_eq!(history.faults().is_empty(), more == 0);
            history.marks = 1;
            let faults = history.faults();
            prop_assert_eq!(faults.is_empty(), more == 1);
            prop_assert!(more == 1 || faults == [Fault::Marks(more)]);
        }

        #[test]
        fn a_reader_who_sees_something_else_is_caught((turns, at) in turns(), reader in 1usize..3) {
            let mut history = sound(&turns);
            let view = &mut history.views[reader];
            let at = at.index(view.messages.len());
            view.messages.remove(at);
            let name = view.reader.clone();
            prop_assert!(history.faults().contains(&Fault::Differs(name)));
        }

        #[test]
        fn a_stream_that_repeats_is_caught((turns, at) in turns()) {
            let mut history = sound(&turns);
            let view = &mut history.views[2];
            let at = at.index(view.messages.len());
            view.messages.insert(at, view.messages[at].clone());
            prop_assert!(history.faults().contains(&Fault::Differs("stream".to_owned())));
        }
    }
}
