//! The texts. Valid on SQLite and PostgreSQL alike; where they differ, both stand here side by
//! side. Codes of states and kinds: see `rows`.

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

/// Of a message that may not be there. Its conversation is the one beside it.
macro_rules! met_columns {
    () => {
        ", m.seq, m.id, m.client_message_id, m.author_kind, m.author_id, m.kind, m.body,
        m.prev_public_seq, m.created_at"
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

/// The conversation of each send, and what the sender stored under the client's id before. One that
/// was folded is read under the name of the one that goes on, and so is its contact. `told` says
/// whether identity wants to know of texts.
macro_rules! meet {
    () => {
        concat!(
            "SELECT p.at, p.target, c.folded_into,
            COALESCE((SELECT (t.facts & 1) <> 0 FROM interests t
                WHERE t.organization_id = p.organization_id), false) AS told, ",
            conversation_columns!(),
            met_columns!(),
            " FROM placed p
            LEFT JOIN locked c ON c.organization_id = p.organization_id AND c.id = p.target
            LEFT JOIN messages m ON m.organization_id = p.organization_id
                AND m.conversation_id = p.target AND m.author_kind = p.author_kind
                AND m.author_id = p.author_id AND m.client_message_id = p.client_message_id"
        )
    };
}

/// The input with its targets. A target that was never begun has no row, one that is erased has
/// a mark for ever.
macro_rules! placed {
    () => {
        "placed AS MATERIALIZED (
            SELECT i.at, i.organization_id, i.author_kind, i.client_message_id,
                COALESCE(f.folded_into, i.conversation_id) AS target,
                CASE WHEN i.author_kind = 1 THEN COALESCE(f.folded_into, i.author_id)
                    ELSE i.author_id END AS author_id
            FROM input i LEFT JOIN conversations f
                ON f.organization_id = i.organization_id AND f.id = i.conversation_id
        )"
    };
}

/// A batch of sends as columns: organization, conversation, author's kind and id, the client's id.
/// Answers for each send: its place from 1, the conversation it goes to, that conversation's row,
/// kept from other writers until the transaction ends, and the message. Rows are locked in one
/// order everywhere, so that two batches never wait for each other. What a batch that it waited
/// for has stored is not seen here but refused on writing; that a fold it waited for has ended the
/// conversation is seen in the row.
pub(super) const MEET_POSTGRES: &str = concat!(
    "WITH input AS MATERIALIZED (
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::uuid[], $5::uuid[])
            WITH ORDINALITY
            AS i (organization_id, conversation_id, author_kind, author_id, client_message_id, at)
    ), ",
    placed!(),
    ", locked AS MATERIALIZED (
        SELECT c.* FROM conversations c
        JOIN (SELECT DISTINCT organization_id, target FROM placed) AS p
            ON c.organization_id = p.organization_id AND c.id = p.target
        ORDER BY c.organization_id, c.id FOR NO KEY UPDATE OF c
    ) ",
    meet!()
);
/// The same with a JSON array of rows. The transaction keeps everybody else out.
pub(super) const MEET_SQLITE: &str = concat!(
    "WITH input AS MATERIALIZED (
        SELECT key + 1 AS at, unhex(value ->> 0) AS organization_id,
            unhex(value ->> 1) AS conversation_id, value ->> 2 AS author_kind,
            unhex(value ->> 3) AS author_id, unhex(value ->> 4) AS client_message_id
        FROM json_each($1)
    ), ",
    placed!(),
    ", locked AS NOT MATERIALIZED (SELECT * FROM conversations) ",
    meet!()
);

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

/// Conversations that begin, with all that their first messages made of them.
pub(super) const BEGIN_POSTGRES: &str =
    "INSERT INTO conversations (organization_id, id, status, last_seq, last_public_seq,
        contact_unread, agent_unread, contact_wrote, updated_at, created_at, contact_read_seq,
        agent_read_seq)
    SELECT *, i.updated_at, 0, 0
    FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],
        $7::bigint[], $8::boolean[], $9::timestamptz[])
        AS i (organization_id, id, status, last_seq, last_public_seq, contact_unread, agent_unread,
            contact_wrote, updated_at)";
pub(super) const BEGIN_SQLITE: &str =
    "INSERT INTO conversations (organization_id, id, status, last_seq, last_public_seq,
        contact_unread, agent_unread, contact_wrote, updated_at, created_at, contact_read_seq,
        agent_read_seq)
    SELECT unhex(value ->> 0), unhex(value ->> 1), value ->> 2, value ->> 3, value ->> 4,
        value ->> 5, value ->> 6, value ->> 7, value ->> 8, value ->> 8, 0, 0
    FROM json_each($1)";

/// What new messages change in conversations that were there, and the messages themselves.
pub(super) const APPEND_POSTGRES: &str = "WITH stored AS (
        INSERT INTO messages (organization_id, conversation_id, seq, id, client_message_id,
            author_kind, author_id, kind, body, prev_public_seq, created_at)
        SELECT * FROM unnest($9::uuid[], $10::uuid[], $11::bigint[], $12::uuid[], $13::uuid[],
            $14::bigint[], $15::uuid[], $16::bigint[], $17::text[], $18::bigint[],
            $19::timestamptz[])
    )
    UPDATE conversations c SET status = i.status, last_seq = i.last_seq,
        last_public_seq = i.last_public_seq, contact_unread = i.contact_unread,
        agent_unread = i.agent_unread, contact_wrote = i.contact_wrote, updated_at = i.updated_at
    FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],
        $7::bigint[], $8::boolean[], $20::timestamptz[])
        AS i (organization_id, id, status, last_seq, last_public_seq, contact_unread, agent_unread,
            contact_wrote, updated_at)
    WHERE c.organization_id = i.organization_id AND c.id = i.id";
pub(super) const MOVE_SQLITE: &str = "UPDATE conversations SET status = value ->> 2,
        last_seq = value ->> 3, last_public_seq = value ->> 4, contact_unread = value ->> 5,
        agent_unread = value ->> 6, contact_wrote = value ->> 7, updated_at = value ->> 8
    FROM json_each($1)
    WHERE organization_id = unhex(value ->> 0) AND conversations.id = unhex(value ->> 1)";
pub(super) const INSERT_SQLITE: &str =
    "INSERT INTO messages (organization_id, conversation_id, seq, id, client_message_id,
        author_kind, author_id, kind, body, prev_public_seq, created_at)
    SELECT unhex(value ->> 0), unhex(value ->> 1), value ->> 2, unhex(value ->> 3),
        unhex(value ->> 4), value ->> 5, unhex(value ->> 6), value ->> 7, value ->> 8, value ->> 9,
        value ->> 10
    FROM json_each($1)";

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
