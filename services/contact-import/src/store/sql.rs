//! The SQL, one text for both databases; two side by side where they truly differ.

use onethread_db::Sql;

/// Columns of [`ImportRow`](super::rows::ImportRow).
macro_rules! import_columns {
    () => {
        "id, file_name, state, row_count, created, updated, unchanged, rejected, encoding,
        delimiter, header, mapping, preview, error, created_at, started_at, finished_at, settled"
    };
}

pub(super) const INSERT_IMPORT: &str =
    "INSERT INTO imports (organization_id, id, file_name, file_hash,
        request_id, apply_at_once, traceparent, created_at, lease_until, header, mapping, preview,
        state, file_kept, row_count, created, updated, unchanged, rejected, encoding, delimiter,
        byte_offset, line, record, batch, lease, attempts, revision)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9, $10, $11, 'scanning', true, 0, 0, 0, 0, 0, '',
        '', 0, 1, 0, 0, 0, 0, 1)
    ON CONFLICT (organization_id, request_id) WHERE request_id IS NOT NULL DO NOTHING";
pub(super) const IMPORT_BY_REQUEST_ID: &str =
    "SELECT id, file_hash FROM imports WHERE organization_id = $1 AND request_id = $2";
/// An import by its id; the argument is what follows the condition.
macro_rules! import_by_id {
    ($suffix:literal) => {
        concat!(
            "SELECT ",
            import_columns!(),
            " FROM imports WHERE organization_id = $1 AND id = $2",
            $suffix
        )
    };
}
pub(super) const IMPORT_BY_ID: &str = import_by_id!("");
pub(super) const LOCKED_IMPORT_BY_ID: Sql =
    Sql::dialects(import_by_id!(""), import_by_id!(" FOR UPDATE"));
pub(super) const REVISION: &str =
    "SELECT revision FROM imports WHERE organization_id = $1 AND id = $2";
// Ids begin with their time.
pub(super) const LIST_IMPORTS: &str = concat!(
    "SELECT ",
    import_columns!(),
    " FROM imports WHERE organization_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3"
);
pub(super) const REJECTED_ROW_SIZES: &str =
    "SELECT record, CAST(OCTET_LENGTH(CAST(cells AS TEXT)) AS BIGINT)
    FROM rejected_rows WHERE organization_id = $1 AND import_id = $2 AND record > $3
    ORDER BY record LIMIT $4";
pub(super) const REJECTED_ROWS: &str = "SELECT record, line, column_name, reason, cells
    FROM rejected_rows
    WHERE organization_id = $1 AND import_id = $2 AND record > $3 AND record <= $4
    ORDER BY record";

pub(super) const START_IMPORT: &str = "UPDATE imports SET state = 'running', mapping = $3,
        traceparent = $4, started_at = $5, lease_until = $5, attempts = 0, revision = revision + 1
    WHERE organization_id = $1 AND id = $2";
pub(super) const CANCEL_IMPORT: &str = "UPDATE imports SET state = 'cancelled', finished_at = $4,
        settled = $3, error = NULL, revision = revision + 1
    WHERE organization_id = $1 AND id = $2";
pub(super) const SETTLE: &str = "UPDATE imports SET settled = true, revision = revision + 1
    WHERE organization_id = $1 AND id = $2 AND lease = $3 AND NOT settled";

/// Imports that a worker has to work on.
macro_rules! has_work {
    () => {
        "(state IN ('scanning', 'running') OR NOT settled)"
    };
}

pub(super) const IS_DUE: &str =
    concat!("SELECT 1 FROM imports WHERE ", has_work!(), " AND lease_until <= $1 LIMIT 1");
pub(super) const IS_DUE_FOR_OTHERS: &str = concat!(
    "SELECT 1 FROM imports WHERE ",
    has_work!(),
    " AND lease_until <= $2 AND organization_id <> $1 LIMIT 1"
);
// Claims run one after another, so that each sees the turns that the others took. The outer condition
// repeats "due" for the row once it is locked: a renewal of its lease may have come first.
pub(super) const LOCK_TURNS: &str =
    "SELECT pg_advisory_xact_lock(hashtextextended('turns of imports', 0))";
pub(super) const CLAIM: &str = concat!(
    "UPDATE imports SET lease = lease + 1, lease_until = $2, attempts = attempts + 1
    WHERE (organization_id, id) IN (SELECT i.organization_id, i.id
        FROM imports i LEFT JOIN turns t ON t.organization_id = i.organization_id
        WHERE ",
    has_work!(),
    " AND i.lease_until <= $1
        ORDER BY COALESCE(t.number, 0), i.lease_until, i.id LIMIT 1)
        AND lease_until <= $1 AND ",
    has_work!(),
    " RETURNING organization_id, id, lease, state, apply_at_once, encoding, delimiter, header,
        mapping, byte_offset, line, record, batch, attempts, traceparent"
);
pub(super) const TAKE_TURN: &str = "INSERT INTO turns (organization_id, number)
    SELECT $1, COALESCE(MAX(number), 0) + 1 FROM turns WHERE true
    ON CONFLICT (organization_id) DO UPDATE SET number = excluded.number";
pub(super) const RENEW_LEASE: &str = concat!(
    "UPDATE imports SET lease_until = $4
    WHERE organization_id = $1 AND id = $2 AND lease = $3 AND ",
    has_work!()
);
pub(super) const RELEASE_LEASE: &str = concat!(
    "UPDATE imports SET lease_until = $4, attempts = $5,
        error = CASE WHEN state = 'cancelled' THEN NULL ELSE $6 END,
        revision = revision + CASE WHEN error IS NOT DISTINCT FROM $6 THEN 0 ELSE 1 END
    WHERE organization_id = $1 AND id = $2 AND lease = $3 AND ",
    has_work!()
);
pub(super) const COUNT_BY_STATE: &str = "SELECT state, count(*) FROM imports
    WHERE state IN ('scanning', 'running') GROUP BY state";
pub(super) const RELEASE_ALL: &str =
    concat!("UPDATE imports SET lease_until = $1 WHERE ", has_work!(), " AND lease_until > $1");
pub(super) const SAVE_SCAN: &str = "UPDATE imports SET state = $4, header = $5, mapping = $6,
        preview = $7, row_count = $8, byte_offset = $9, line = $10, record = $11,
        encoding = $14, delimiter = $15, started_at = $12, attempts = 0,
        lease_until = COALESCE($13, lease_until),
        error = NULL, revision = revision + 1
    WHERE organization_id = $1 AND id = $2 AND lease = $3 AND state = 'scanning'";
pub(super) const FAIL: &str = "UPDATE imports SET state = 'failed', error = $4, finished_at = $5,
        revision = revision + 1
    WHERE organization_id = $1 AND id = $2 AND lease = $3 AND state IN ('scanning', 'running')";
pub(super) const LOCKED_PROGRESS: Sql = Sql::dialects(
    "SELECT state, batch FROM imports WHERE organization_id = $1 AND id = $2 AND lease = $3",
    "SELECT state, batch FROM imports WHERE organization_id = $1 AND id = $2 AND lease = $3
    FOR UPDATE",
);
pub(super) const SAVE_BATCH: &str = "UPDATE imports SET batch = $3,
        byte_offset = COALESCE($4, byte_offset), line = COALESCE($5, line),
        record = COALESCE($6, record), created = created + $7, updated = updated + $8,
        unchanged = unchanged + $9, rejected = rejected + $10, state = $11,
        finished_at = COALESCE($12, finished_at), attempts = 0, error = NULL,
        revision = revision + 1
    WHERE organization_id = $1 AND id = $2";
pub(super) const INSERT_REJECTED_ROWS: Sql = Sql::dialects(
    "INSERT INTO rejected_rows (organization_id, import_id,
        record, line, column_name, reason, cells)
    SELECT $1, $2, value->>'record', value->>'line', value->>'column', value->>'reason',
        value->'cells'
    FROM json_each($3) WHERE true",
    "INSERT INTO rejected_rows (organization_id, import_id,
        record, line, column_name, reason, cells)
    SELECT $1, $2, r.record, r.line, r.\"column\", r.reason, r.cells
    FROM jsonb_to_recordset($3)
        AS r(record BIGINT, line BIGINT, \"column\" TEXT, reason TEXT, cells JSONB)",
);

pub(super) const EXPIRED_FILES: &str = "SELECT organization_id, id FROM imports
    WHERE file_kept AND finished_at < $1 ORDER BY finished_at LIMIT 100";
pub(super) const MARK_FILE_DELETED: &str =
    "UPDATE imports SET file_kept = false WHERE organization_id = $1 AND id = $2";
