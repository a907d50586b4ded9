//! The texts. Valid on SQLite and PostgreSQL alike; where they differ, both stand here side by
//! side. Those of batches of sends: see `sql_sends`. Codes of states and kinds: see `rows`.

macro_rules! conversation_columns {
    () => {
        "c.id AS conversation_id, c.status, c.assignee_id, c.last_seq, c.last_public_seq,
        c.contact_read_seq, c.contact_unread, c.agent_read_seq, c.agent_unread, c.contact_wrote,
        c.updated_at"
    };
}

macro_rules! message_columns {
    () => {
        "m.conversation_id, m.seq, m.id, m.client_message_id, m.author_kind, m.author_id, m.kind,
        m.body, m.prev_public_seq, m.created_at"
    };
}

macro_rules! get {
    () => {
        concat!(
            "SELECT ",
            conversation_columns!(),
            " FROM conversations c WHERE c.organization_id = $1 AND c.id = $2 AND c.status <> 3"
        )
    };
}

macro_rules! page {
    ($beyond:literal, $order:literal) => {
        concat!(
            "SELECT ",
            message_columns!(),
            " FROM messages m WHERE m.organization_id = $1 AND m.conversation_id = $2 AND m.seq ",
            $beyond,
            " $3 AND m.kind BETWEEN $4 AND $5 ORDER BY m.seq ",
            $order,
            " LIMIT $6"
        )
    };
}

/// Organization, conversation. One that ended is as none.
pub(super) const GET: &str = get!();

/// The same, keeping other writers out of the conversation until the transaction ends. On SQLite
/// the transaction itself does.
pub(super) const LOCK_SQLITE: &str = get!();
pub(super) const LOCK_POSTGRES: &str = concat!(get!(), " FOR NO KEY UPDATE");

/// One message.
pub(super) const INSERT: &str =
    "INSERT INTO messages (organization_id, conversation_id, seq, id, client_message_id,
        author_kind, author_id, kind, body, prev_public_seq, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";

/// Organization, conversation, status, now. Does nothing where the row exists.
pub(super) const BEGIN: &str =
    "INSERT INTO conversations (organization_id, id, status, last_seq, last_public_seq,
        contact_read_seq, contact_unread, agent_read_seq, agent_unread, contact_wrote,
        created_at, updated_at)
    VALUES ($1, $2, $3, 0, 0, 0, 0, 0, 0, false, $4, $4)
    ON CONFLICT (organization_id, id) DO NOTHING";

/// Organization, conversation, number, first and last code of the kinds wanted, rows.
pub(super) const AFTER: &str = page!(">", "ASC");
pub(super) const BEFORE: &str = page!("<", "DESC");

/// Organization, conversation, number.
pub(super) const ONE: &str = concat!(
    "SELECT ",
    message_columns!(),
    " FROM messages m WHERE m.organization_id = $1 AND m.conversation_id = $2 AND m.seq = $3"
);

/// Organization, conversation, mark before, mark after, kind of the other side's author, kind that
/// counts. Each message is counted once in its life, because marks go forward only.
pub(super) const PASSED: &str = "SELECT count(*) FROM messages m
    WHERE m.organization_id = $1 AND m.conversation_id = $2 AND m.seq > $3 AND m.seq <= $4
        AND m.author_kind = $5 AND m.kind = $6";

/// What a read mark changes. The time stays: reading is no activity, and the index stays as it is.
pub(super) const MARKED: &str =
    "UPDATE conversations SET contact_read_seq = $3, contact_unread = $4, agent_read_seq = $5,
        agent_unread = $6
    WHERE organization_id = $1 AND id = $2";

/// What a change by an agent changes.
pub(super) const CHANGED: &str =
    "UPDATE conversations SET status = $3, assignee_id = $4, last_seq = $5, updated_at = $6
    WHERE organization_id = $1 AND id = $2";

macro_rules! stretch {
    ($status:literal, $assigned:literal, $name:literal) => {
        concat!(
            "SELECT * FROM (SELECT o.*, o.updated_at AS stood_at FROM conversations o
                WHERE o.organization_id = $1 AND o.status = ",
            $status,
            $assigned,
            " AND (o.updated_at, o.id) < ($2, $3)
                ORDER BY o.updated_at DESC, o.id DESC LIMIT $4) AS ",
            $name
        )
    };
}

macro_rules! list {
    ($assigned:literal) => {
        concat!(
            "SELECT ",
            conversation_columns!(),
            ", c.stood_at, m.seq, m.id, m.client_message_id, m.author_kind, m.author_id, m.kind,
                m.body, m.prev_public_seq, m.created_at
            FROM (",
            stretch!("$5", $assigned, "one"),
            " UNION ALL ",
            stretch!("$6", $assigned, "other"),
            " UNION ALL
            SELECT * FROM (SELECT o.*, (SELECT p.created_at FROM messages p
                    WHERE p.organization_id = o.organization_id AND p.conversation_id = o.id
                        AND p.created_at <= $7
                    ORDER BY p.seq DESC LIMIT 1) AS stood_at
                FROM conversations o
                WHERE o.organization_id = $1 AND o.status IN ($5, $6)",
            $assigned,
            " AND o.updated_at > $7) AS moved
            WHERE (stood_at, id) < ($2, $3)
            ) AS c
            JOIN messages m ON m.organization_id = c.organization_id
                AND m.conversation_id = c.id AND m.seq = c.last_seq
            ORDER BY c.stood_at DESC, c.id DESC LIMIT $4"
        )
    };
}

/// Organization, the key before the page (time, id), rows, status, another status, the time the
/// walk began. Each status is a stretch of one index; its best rows are merged. Conversations that
/// got newer since then stand where they stood.
pub(super) const LIST: &str = list!("");

/// The same, of those that nobody has.
pub(super) const LIST_UNASSIGNED: &str = list!(" AND o.assignee_id IS NULL");

/// The same, of those that this agent has.
pub(super) const LIST_ASSIGNED: &str = list!(" AND o.assignee_id = $8");

/// Organization, a JSON array of ids in hex.
pub(super) const HEADS_SQLITE: &str =
    "SELECT id, last_seq, contact_read_seq, agent_read_seq, status
    FROM conversations
    WHERE organization_id = $1 AND id IN (SELECT unhex(value) FROM json_each($2))";
pub(super) const HEADS_POSTGRES: &str =
    "SELECT id, last_seq, contact_read_seq, agent_read_seq, status
    FROM conversations
    WHERE organization_id = $1
        AND id IN (SELECT value::uuid FROM json_array_elements_text($2::json))";
