//! Texts that several modules share, valid on SQLite and PostgreSQL alike.

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

/// Of the rows of a query in their order, those that fit into a page of 1 MiB, and the one after
/// them. `rows::cut_page` drops that one; here it keeps long texts from being read for nothing.
macro_rules! fitting {
    ($order:literal, $($rows:tt)*) => {
        concat!(
            "SELECT * FROM (
                SELECT r.*, SUM(octet_length(r.body) + 128) OVER (ORDER BY ",
            $order,
            " ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS bytes_before
                FROM (",
            $($rows)*,
            ") AS r) AS r
            WHERE COALESCE(bytes_before, 0) <= 1048576 ORDER BY ",
            $order
        )
    };
}

pub(super) use {conversation_columns, fitting, message_columns};
