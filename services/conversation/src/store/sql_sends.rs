//! The texts of batches of sends, for both databases. On PostgreSQL a batch comes as columns, on
//! SQLite as a JSON array of rows with ids in hex.

/// True for a thread `c` that plain sends go into; the sends say themselves what they are. Asked
/// row by row, so that these keep their order.
macro_rules! plain {
    () => {
        "c.status = 1 AND c.contact_wrote AND COALESCE((SELECT t.facts & 1 FROM interests t
            WHERE t.organization_id = c.organization_id), 0) = 0"
    };
}

/// Plain sends, by thread: organization, conversation, how many sends of other threads stand
/// before its own, how many are its own, how many of these from agents, the time; and by send: its
/// id, the client's, author's kind and id, text, time. Answers where each thread ended before that
/// has taken its own. Threads are looked up one by one and changed by the place they were found at,
/// or the planner would walk all there are when these are few. One that somebody else changes
/// meanwhile is left alone: whatever matters here changes its last number.
pub(super) const PLAIN_POSTGRES: &str = concat!(
    "WITH found AS MATERIALIZED (
        SELECT i.*, c.row, c.last_seq, c.last_public_seq
        FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[],
            $6::timestamptz[]) AS i (organization_id, id, before, added, by_agents, now)
        CROSS JOIN LATERAL (
            SELECT ctid AS row, organization_id, status, contact_wrote, last_seq, last_public_seq
            FROM conversations
            WHERE organization_id = i.organization_id AND id = i.id LIMIT 1
        ) AS c
        WHERE ",
    plain!(),
    "), moved AS (
        UPDATE conversations c SET last_seq = f.last_seq + f.added,
            last_public_seq = f.last_seq + f.added,
            contact_unread = c.contact_unread + f.by_agents,
            agent_unread = c.agent_unread + f.added - f.by_agents, updated_at = f.now
        FROM found f WHERE c.ctid = f.row AND c.last_seq = f.last_seq
        RETURNING f.*
    ), placed AS (
        SELECT organization_id, id, last_seq, last_public_seq, generate_series(1, added) AS nth,
            before + generate_series(1, added) AS at
        FROM moved
    ), stored AS (
        INSERT INTO messages (organization_id, conversation_id, seq, id, client_message_id,
            author_kind, author_id, kind, body, prev_public_seq, created_at)
        SELECT organization_id, id, last_seq + nth, ($7::uuid[])[at], ($8::uuid[])[at],
            ($9::bigint[])[at], ($10::uuid[])[at], 1, ($11::text[])[at],
            CASE nth WHEN 1 THEN last_public_seq ELSE last_seq + nth - 1 END,
            ($12::timestamptz[])[at]
        FROM placed
    )
    SELECT before, last_seq, last_public_seq FROM moved"
);
/// The same with two JSON arrays of rows; of the sends, each row names its thread and which of
/// the thread's it is. The answer is one text, because each row of one costs more.
pub(super) const PLAIN_SQLITE: &str = concat!(
    "BEGIN IMMEDIATE;
    SELECT json_group_array(json_object('before', i.value ->> 2, 'last_seq', c.last_seq,
        'last_public_seq', c.last_public_seq))
    FROM json_each($1) i CROSS JOIN conversations c
        ON c.organization_id = unhex(i.value ->> 0) AND c.id = unhex(i.value ->> 1)
    WHERE ",
    plain!(),
    ";
    INSERT INTO messages (organization_id, conversation_id, seq, id, client_message_id,
        author_kind, author_id, kind, body, prev_public_seq, created_at)
    SELECT c.organization_id, c.id, c.last_seq + (i.value ->> 2), unhex(i.value ->> 3),
        unhex(i.value ->> 4), i.value ->> 5, unhex(i.value ->> 6), 1, i.value ->> 7,
        CASE i.value ->> 2 WHEN 1 THEN c.last_public_seq
            ELSE c.last_seq + (i.value ->> 2) - 1 END, i.value ->> 8
    FROM json_each($2) i CROSS JOIN conversations c
        ON c.organization_id = unhex(i.value ->> 0) AND c.id = unhex(i.value ->> 1)
    WHERE ",
    plain!(),
    ";
    UPDATE conversations AS c SET last_seq = c.last_seq + (i.value ->> 3),
        last_public_seq = c.last_seq + (i.value ->> 3),
        contact_unread = c.contact_unread + (i.value ->> 4),
        agent_unread = c.agent_unread + (i.value ->> 3) - (i.value ->> 4),
        updated_at = i.value ->> 5
    FROM json_each($1) i
    WHERE c.organization_id = unhex(i.value ->> 0) AND c.id = unhex(i.value ->> 1) AND ",
    plain!(),
    ";
    COMMIT"
);

/// The input with its targets, and the organizations' interest in texts. A target that was never
/// begun has no row, one that is erased has a mark for ever.
macro_rules! placed {
    ($look:literal, $on:literal) => {
        concat!(
            "placed AS MATERIALIZED (
                SELECT i.at, i.organization_id, i.author_kind, i.client_message_id,
                    COALESCE(f.folded_into, i.conversation_id) AS target,
                    CASE WHEN i.author_kind = 1 THEN COALESCE(f.folded_into, i.author_id)
                        ELSE i.author_id END AS author_id
                FROM input i LEFT JOIN ",
            $look,
            " AS f ON ",
            $on,
            ")"
        )
    };
}

/// Two kinds of rows: for each send its place from 1, the conversation it goes to and what the
/// sender stored there under the client's id before, read as the contact's own of the conversation
/// that goes on, where one was folded; and for each of these conversations, without a place, its row.
/// `told` says whether identity wants to know of texts, `begun` whether there is a row that may be
/// missing because somebody else keeps it.
macro_rules! meet {
    ($begun:literal) => {
        concat!(
            "SELECT p.at, p.organization_id, p.target AS conversation_id,
            COALESCE((SELECT (t.facts & 1) <> 0 FROM interests t
                WHERE t.organization_id = p.organization_id), false) AS told, ",
            $begun,
            " AS begun,
            m.seq, m.id, m.client_message_id, m.author_kind, m.author_id, m.kind, m.body,
            m.prev_public_seq, m.created_at,
            NULL AS folded_into, NULL AS status, NULL AS assignee_id, NULL AS last_seq,
            NULL AS last_public_seq, NULL AS contact_read_seq, NULL AS contact_unread,
            NULL AS agent_read_seq, NULL AS agent_unread, NULL AS contact_wrote, NULL AS updated_at
        FROM placed p
        LEFT JOIN messages m ON m.organization_id = p.organization_id
            AND m.conversation_id = p.target AND m.author_kind = p.author_kind
            AND m.author_id = p.author_id AND m.client_message_id = p.client_message_id
        UNION ALL
        SELECT NULL, c.organization_id, c.id, false, true,
            NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
            c.folded_into, c.status, c.assignee_id, c.last_seq, c.last_public_seq,
            c.contact_read_seq, c.contact_unread, c.agent_read_seq, c.agent_unread,
            c.contact_wrote, c.updated_at
        FROM locked c"
        )
    };
}

macro_rules! meet_postgres {
    ($wait:literal, $begun:literal) => {
        concat!(
            "WITH input AS MATERIALIZED (
                SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::uuid[], $5::uuid[])
                    WITH ORDINALITY AS i (organization_id, conversation_id, author_kind, author_id,
                        client_message_id, at)
            ), ",
            placed!(
                "LATERAL (SELECT folded_into FROM conversations
                    WHERE organization_id = i.organization_id AND id = i.conversation_id LIMIT 1)",
                "true"
            ),
            ", locked AS MATERIALIZED (
                SELECT c.* FROM (
                    SELECT DISTINCT organization_id, target FROM placed
                    ORDER BY organization_id, target
                ) AS p
                CROSS JOIN LATERAL (
                    SELECT * FROM conversations
                    WHERE organization_id = p.organization_id AND id = p.target LIMIT 1
                    FOR NO KEY UPDATE",
            $wait,
            ") AS c
            ) ",
            meet!($begun)
        )
    };
}

/// A batch of sends: organization, conversation, author's kind and id, the client's id. See `meet`.
/// The conversations are kept from other writers until the transaction ends. They are locked in one
/// order everywhere, so that two batches never wait for each other. What a batch that it waited for
/// has stored is not seen here but refused on writing; that a fold it waited for has ended the
/// conversation is seen in the row.
pub(super) const MEET_POSTGRES: &str = meet_postgres!("", "false");
/// The same without those conversations that somebody else keeps.
pub(super) const MEET_FREE_POSTGRES: &str = meet_postgres!(
    " SKIP LOCKED",
    "EXISTS (SELECT 1 FROM conversations e
        WHERE e.organization_id = p.organization_id AND e.id = p.target)"
);
/// The same with a JSON array of rows. The transaction keeps everybody else out.
pub(super) const MEET_SQLITE: &str = concat!(
    "WITH input AS MATERIALIZED (
        SELECT key + 1 AS at, unhex(value ->> 0) AS organization_id,
            unhex(value ->> 1) AS conversation_id, value ->> 2 AS author_kind,
            unhex(value ->> 3) AS author_id, unhex(value ->> 4) AS client_message_id
        FROM json_each($1)
    ), ",
    placed!("conversations", "f.organization_id = i.organization_id AND f.id = i.conversation_id"),
    ", locked AS (
        SELECT c.* FROM (SELECT DISTINCT organization_id, target FROM placed) AS p
        CROSS JOIN conversations c ON c.organization_id = p.organization_id AND c.id = p.target
    ) ",
    meet!("false")
);

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
