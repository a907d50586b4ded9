//! The texts, for both databases. On PostgreSQL a batch comes as columns, on SQLite as a JSON array
//! of rows with ids in hex. Numbers of statuses and kinds: see `domain` and `rows`.

/// True for a conversation `c` that plain sends go into. It is evaluated row by row, so that the
/// rows keep their order.
macro_rules! plain {
    () => {
        "c.status = 1 AND c.contact_wrote AND COALESCE((SELECT t.facts & 1 FROM interests t
            WHERE t.organization_id = c.organization_id), 0) = 0"
    };
}

/// Plain sends, by conversation: organization, conversation, index of the first send, number of
/// sends, number of those by agents, time; and by send: id, client id, kind and id of the author,
/// text, time. Returns the numbers of each conversation before its sends. Conversations are looked
/// up one by one and updated by the place where they were found, or the planner would scan all of
/// them when there are few. One that another process updates meanwhile is left alone: whatever
/// matters here changes its last number.
pub(super) const APPEND_PLAIN_POSTGRES: &str = concat!(
    "WITH found AS MATERIALIZED (
        SELECT i.*, c.row, c.last_seq, c.last_public_seq
        FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[],
            $6::timestamptz[]) AS i (organization_id, id, start, count, agent_count, now)
        CROSS JOIN LATERAL (
            SELECT ctid AS row, organization_id, status, contact_wrote, last_seq, last_public_seq
            FROM conversations
            WHERE organization_id = i.organization_id AND id = i.id LIMIT 1
        ) AS c
        WHERE ",
    plain!(),
    "), updated AS (
        UPDATE conversations c SET last_seq = f.last_seq + f.count,
            last_public_seq = f.last_seq + f.count,
            contact_unread = c.contact_unread + f.agent_count,
            agent_unread = c.agent_unread + f.count - f.agent_count, updated_at = f.now
        FROM found f WHERE c.ctid = f.row AND c.last_seq = f.last_seq
        RETURNING f.*
    ), numbered AS (
        SELECT organization_id, id, last_seq, last_public_seq, generate_series(1, count) AS nth,
            start + generate_series(1, count) AS index
        FROM updated
    ), stored AS (
        INSERT INTO messages (organization_id, conversation_id, seq, id, client_message_id,
            author_kind, author_id, kind, body, prev_public_seq, created_at)
        SELECT organization_id, id, last_seq + nth, ($7::uuid[])[index], ($8::uuid[])[index],
            ($9::bigint[])[index], ($10::uuid[])[index], 1, ($11::text[])[index],
            CASE nth WHEN 1 THEN last_public_seq ELSE last_seq + nth - 1 END,
            ($12::timestamptz[])[index]
        FROM numbered
    )
    SELECT start, last_seq, last_public_seq FROM updated"
);
/// The same with two JSON arrays of rows. Each send has its conversation and its place among that
/// one's sends. Returns one text, because a row costs more.
pub(super) const APPEND_PLAIN_SQLITE: &str = concat!(
    "BEGIN IMMEDIATE;
    SELECT json_group_array(json_object('start', i.value ->> 2, 'last_seq', c.last_seq,
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

/// The sends with the conversations that they go to. One that was merged has the target of its
/// merge, one that was erased keeps its row, one without a message has no row.
macro_rules! redirected {
    ($merged:literal, $on:literal) => {
        concat!(
            "redirected AS MATERIALIZED (
                SELECT i.position, i.organization_id, i.author_kind, i.client_message_id,
                    COALESCE(f.folded_into, i.conversation_id) AS target,
                    CASE WHEN i.author_kind = 1 THEN COALESCE(f.folded_into, i.author_id)
                        ELSE i.author_id END AS author_id
                FROM input i LEFT JOIN ",
            $merged,
            " AS f ON ",
            $on,
            ")"
        )
    };
}

/// Two kinds of rows. For each send: its position from 1, the conversation that it goes to, and what
/// the author sent there before under the client id (for a merged conversation, as the contact of
/// the target). For each of these conversations, without a position: its row. `is_wanted` is true
/// where identity wants to hear of texts, `conversation_exists` where a row may be missing because
/// another transaction holds it.
macro_rules! snapshot {
    ($exists:literal) => {
        concat!(
            "SELECT p.position, p.organization_id, p.target AS conversation_id,
            COALESCE((SELECT (t.facts & 1) <> 0 FROM interests t
                WHERE t.organization_id = p.organization_id), false) AS is_wanted, ",
            $exists,
            " AS conversation_exists,
            m.seq, m.id, m.client_message_id, m.author_kind, m.author_id, m.kind, m.body,
            m.prev_public_seq, m.created_at,
            NULL AS folded_into, NULL AS status, NULL AS assignee_id, NULL AS last_seq,
            NULL AS last_public_seq, NULL AS contact_read_seq, NULL AS contact_unread,
            NULL AS agent_read_seq, NULL AS agent_unread, NULL AS contact_wrote, NULL AS updated_at
        FROM redirected p
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

macro_rules! snapshot_postgres {
    ($wait:literal, $exists:literal) => {
        concat!(
            "WITH input AS MATERIALIZED (
                SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::uuid[], $5::uuid[])
                    WITH ORDINALITY AS i (organization_id, conversation_id, author_kind, author_id,
                        client_message_id, position)
            ), ",
            redirected!(
                "LATERAL (SELECT folded_into FROM conversations
                    WHERE organization_id = i.organization_id AND id = i.conversation_id LIMIT 1)",
                "true"
            ),
            ", locked AS MATERIALIZED (
                SELECT c.* FROM (
                    SELECT DISTINCT organization_id, target FROM redirected
                    ORDER BY organization_id, target
                ) AS p
                CROSS JOIN LATERAL (
                    SELECT * FROM conversations
                    WHERE organization_id = p.organization_id AND id = p.target LIMIT 1
                    FOR NO KEY UPDATE",
            $wait,
            ") AS c
            ) ",
            snapshot!($exists)
        )
    };
}

/// A batch of sends: organization, conversation, kind and id of the author, client id. See
/// `snapshot`. The conversations are locked until the transaction ends, in the same order
/// everywhere, so that two batches never wait for each other. What a batch that it waited for has
/// stored isn't seen here, but rejected by a unique key on writing; a merge or erasure that it
/// waited for is seen in the row.
pub(super) const SNAPSHOT_POSTGRES: &str = snapshot_postgres!("", "false");
/// The same without the conversations that another transaction holds.
pub(super) const SNAPSHOT_UNLOCKED_POSTGRES: &str = snapshot_postgres!(
    " SKIP LOCKED",
    "EXISTS (SELECT 1 FROM conversations e
        WHERE e.organization_id = p.organization_id AND e.id = p.target)"
);
/// The same with a JSON array of rows. The transaction keeps all other writers out.
pub(super) const SNAPSHOT_SQLITE: &str = concat!(
    "WITH input AS MATERIALIZED (
        SELECT key + 1 AS position, unhex(value ->> 0) AS organization_id,
            unhex(value ->> 1) AS conversation_id, value ->> 2 AS author_kind,
            unhex(value ->> 3) AS author_id, unhex(value ->> 4) AS client_message_id
        FROM json_each($1)
    ), ",
    redirected!(
        "conversations",
        "f.organization_id = i.organization_id AND f.id = i.conversation_id"
    ),
    ", locked AS (
        SELECT c.* FROM (SELECT DISTINCT organization_id, target FROM redirected) AS p
        CROSS JOIN conversations c ON c.organization_id = p.organization_id AND c.id = p.target
    ) ",
    snapshot!("false")
);

/// Conversations that begin, as they are after their first messages.
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

/// Updates of conversations, and new messages.
pub(super) const APPEND_POSTGRES: &str = "WITH stored AS (
        INSERT INTO messages (organization_id, conversation_id, seq, id, client_message_id,
            author_kind, author_id, kind, body, prev_public_seq, created_at)
        SELECT * FROM unnest($10::uuid[], $11::uuid[], $12::bigint[], $13::uuid[], $14::uuid[],
            $15::bigint[], $16::uuid[], $17::bigint[], $18::text[], $19::bigint[],
            $20::timestamptz[])
    )
    UPDATE conversations c SET status = i.status, last_seq = i.last_seq,
        last_public_seq = i.last_public_seq, contact_unread = i.contact_unread,
        agent_unread = i.agent_unread, contact_wrote = i.contact_wrote, updated_at = i.updated_at
    FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],
        $7::bigint[], $8::boolean[], $9::timestamptz[])
        AS i (organization_id, id, status, last_seq, last_public_seq, contact_unread, agent_unread,
            contact_wrote, updated_at)
    WHERE c.organization_id = i.organization_id AND c.id = i.id";
pub(super) const UPDATE_SQLITE: &str = "UPDATE conversations SET status = value ->> 2,
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
