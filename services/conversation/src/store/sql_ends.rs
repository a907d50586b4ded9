//! The texts of folds and erasures, for both databases.

/// Organization, conversation.
pub(super) const PLACE: &str =
    "SELECT status, folded_into FROM conversations WHERE organization_id = $1 AND id = $2";

/// True for a message `t` of the target ($3) that the same person called the same as `s`.
macro_rules! same_sender_and_id {
    () => {
        "t.organization_id = s.organization_id AND t.conversation_id = $3
            AND t.author_kind = s.author_kind
            AND t.author_id = CASE WHEN s.author_kind = 1 THEN $3 ELSE s.author_id END
            AND t.client_message_id = s.client_message_id"
    };
}

/// Organization, source, target. A send whose answer was lost and that was made again after the
/// login stands in both: it is one message.
pub(super) const DROP_REPEATS: &str = concat!(
    "DELETE FROM messages AS s WHERE s.organization_id = $1 AND s.conversation_id = $2
        AND EXISTS (SELECT 1 FROM messages t WHERE ",
    same_sender_and_id!(),
    " AND t.kind = s.kind AND t.body = s.body)"
);

/// Organization, source, target. The same id for something else: the message stays, and the id is
/// the target's.
pub(super) const DROP_TAKEN_IDS: &str = concat!(
    "UPDATE messages AS s SET client_message_id = NULL
    WHERE s.organization_id = $1 AND s.conversation_id = $2
        AND EXISTS (SELECT 1 FROM messages t WHERE ",
    same_sender_and_id!(),
    ")"
);

/// Organization, source, mark. How many of the messages lie up to a mark.
pub(super) const COUNT_TO: &str = "SELECT count(*) FROM messages
    WHERE organization_id = $1 AND conversation_id = $2 AND seq <= $3";

/// Organization, source, target, the number before the first of them, the last number before it
/// that the contact can see. Copied rather than changed: one walk, whatever the planner thinks.
pub(super) const COPY: &str = "INSERT INTO messages (organization_id, conversation_id, seq, id,
        client_message_id, author_kind, author_id, kind, body, prev_public_seq, created_at)
    SELECT organization_id, $3, seq, id, client_message_id, author_kind,
        CASE WHEN author_kind = 1 THEN $3 ELSE author_id END, kind, body,
        COALESCE(MAX(CASE WHEN kind = 1 THEN seq END)
            OVER (ORDER BY seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), $5),
        created_at
    FROM (
        SELECT s.organization_id, $4 + row_number() OVER (ORDER BY s.seq) AS seq, s.id,
            s.client_message_id, s.author_kind, s.author_id, s.kind, s.body, s.created_at
        FROM messages s WHERE s.organization_id = $1 AND s.conversation_id = $2
    ) AS numbered";

/// Organization, conversation, a number, what to answer where there is none: the last message
/// behind the number that the contact can see.
pub(super) const LAST_PUBLIC: &str = "SELECT COALESCE(MAX(seq), $4) FROM messages
    WHERE organization_id = $1 AND conversation_id = $2 AND seq > $3 AND kind = 1";

/// All that a fold changes in its target.
pub(super) const TOOK_IN: &str =
    "UPDATE conversations SET status = $3, assignee_id = $4, last_seq = $5, last_public_seq = $6,
        contact_read_seq = $7, contact_unread = $8, agent_read_seq = $9, agent_unread = $10,
        contact_wrote = $11, updated_at = $12
    WHERE organization_id = $1 AND id = $2";

/// Organization, conversation, where it goes on, now.
pub(super) const END: &str =
    "UPDATE conversations SET status = 3, folded_into = $3, assignee_id = NULL, last_seq = 0,
        last_public_seq = 0, contact_read_seq = 0, contact_unread = 0, agent_read_seq = 0,
        agent_unread = 0, updated_at = $4
    WHERE organization_id = $1 AND id = $2";

/// Organization, conversation, another. Those folded into the one go on in the other, so that a
/// send never follows more than once.
pub(super) const FOLLOW_ON: &str =
    "UPDATE conversations SET folded_into = $3 WHERE organization_id = $1 AND folded_into = $2";

/// Organization, conversation. Only where nothing was ever said.
pub(super) const LEAVE: &str =
    "DELETE FROM conversations WHERE organization_id = $1 AND id = $2 AND last_seq = 0";

/// Organization, conversation.
pub(super) const FORGET: &str =
    "DELETE FROM messages WHERE organization_id = $1 AND conversation_id = $2";

/// Organization, topic, payload.
pub(super) const UNTELL: &str =
    "DELETE FROM outbox WHERE organization_id = $1 AND topic = $2 AND payload = $3";

/// Organization, topic, what the payloads begin with.
pub(super) const UNTELL_FACTS: &str = "DELETE FROM outbox
    WHERE organization_id = $1 AND topic = $2 AND substr(payload, 1, length($3)) = $3";
