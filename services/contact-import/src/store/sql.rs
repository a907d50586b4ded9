//! The SQL, one text for both databases; two side by side where they truly differ.

/// What an import's row shows of it.
macro_rules! shown {
    () => {
        "id, file_name, state, row_count, created, updated, unchanged, rejected, encoding,
        delimiter, header, mapping, preview, error, created_at, started_at, finished_at, settled"
    };
}

pub(super) const ADD: &str = "INSERT INTO imports (organization_id, id, file_name, file_hash,
        request_id, apply_at_once, traceparent, created_at, lease_until, header, mapping, preview,
        state, file_kept, row_count, created, updated, unchanged, rejected, encoding, delimiter,
        byte_offset, line, record, batch, lease, attempts, revision)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9, $10, $11, 'scanning', true, 0, 0, 0, 0, 0, '',
        '', 0, 1, 0, 0, 0, 0, 1)
    ON CONFLICT (organization_id, request_id) WHERE request_id IS NOT NULL DO NOTHING";
pub(super) const BY_REQUEST: &str =
    "SELECT id, file_hash FROM imports WHERE organization_id = $1 AND request_id = $2";
pub(super) const GET: &str =
    concat!("SELECT ", shown!(), " FROM imports WHERE organization_id = $1 AND id = $2");
pub(super) const REVISION: &str =
    "SELECT revision FROM imports WHERE organization_id = $1 AND id = $2";
// Ids begin with their time.
pub(super) const LIST: &str = concat!(
    "SELECT ",
    shown!(),
    " FROM imports WHERE organization_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3"
);
pub(super) const REJECTED: &str = "SELECT record, line, column_name, reason, cells
    FROM rejected_rows WHERE organization_id = $1 AND import_id = $2 AND record > $3
    ORDER BY record LIMIT $4";

pub(super) const START: &str = "UPDATE imports SET state = 'running', mapping = $3,
        traceparent = $4, started_at = $5, lease_until = $5, attempts = 0, revision = revision + 1
    WHERE organization_id = $1 AND id = $2 AND state = 'ready'";
// One whose rows are being applied may have batches under way.
pub(super) const CANCEL: &str = "UPDATE imports SET state = 'cancelled', finished_at = $4,
        settled = (state <> 'running'), error = NULL, revision = revision + 1
    WHERE organization_id = $1 AND id = $2 AND state = $3";
pub(super) const SETTLED: &str = "UPDATE imports SET settled = true, revision = revision + 1
    WHERE organization_id = $1 AND id = $2 AND lease = $3 AND NOT settled";

/// What somebody has to work on.
macro_rules! open {
    () => {
        "(state IN ('scanning', 'running') OR NOT settled)"
    };
}

pub(super) const DUE: &str =
    concat!("SELECT 1 FROM imports WHERE ", open!(), " AND lease_until <= $1 LIMIT 1");
pub(super) const OTHERS_DUE: &str = concat!(
    "SELECT 1 FROM imports WHERE ",
    open!(),
    " AND lease_until <= $2 AND organization_id <> $1 LIMIT 1"
);
// Whose turn is next has to be seen by one after the other. That it is due holds of the row as it is
// once it is locked, too: somebody may just have prolonged its lease.
pub(super) const LOCK_TURNS: &str =
    "SELECT pg_advisory_xact_lock(hashtextextended('turns of imports', 0))";
pub(super) const CLAIM: &str = concat!(
    "UPDATE imports SET lease = lease + 1, lease_until = $2, attempts = attempts + 1
    WHERE (organization_id, id) IN (SELECT i.organization_id, i.id
        FROM imports i LEFT JOIN turns t ON t.organization_id = i.organization_id
        WHERE ",
    open!(),
    " AND i.lease_until <= $1
        ORDER BY COALESCE(t.number, 0), i.lease_until, i.id LIMIT 1)
        AND lease_until <= $1 AND ",
    open!(),
    " RETURNING organization_id, id, lease, state, apply_at_once, encoding, delimiter, header,
        mapping, byte_offset, line, record, batch, attempts, traceparent"
);
pub(super) const TAKE_TURN: &str = "INSERT INTO turns (organization_id, number)
    SELECT $1, COALESCE(MAX(number), 0) + 1 FROM turns WHERE true
    ON CONFLICT (organization_id) DO UPDATE SET number = excluded.number";
pub(super) const KEEP: &str = concat!(
    "UPDATE imports SET lease_until = $4
    WHERE organization_id = $1 AND id = $2 AND lease = $3 AND ",
    open!()
);
pub(super) const GIVE_BACK: &str = concat!(
    "UPDATE imports SET lease_until = $4, attempts = $5,
        error = CASE WHEN state = 'cancelled' THEN NULL ELSE $6 END,
        revision = revision + CASE WHEN error IS NOT DISTINCT FROM $6 THEN 0 ELSE 1 END
    WHERE organization_id = $1 AND id = $2 AND lease = $3 AND ",
    open!()
);
pub(super) const UNDER_WAY: &str = "SELECT state, count(*) FROM imports
    WHERE state IN ('scanning', 'running') GROUP BY state";
pub(super) const FREE_ALL: &str =
    concat!("UPDATE imports SET lease_until = $1 WHERE ", open!(), " AND lease_until > $1");
pub(super) const SCANNED: &str = "UPDATE imports SET state = $4, header = $5, mapping = $6,
        preview = $7, row_count = $8, byte_offset = $9, line = $10, record = $11,
        encoding = $14, delimiter = $15, started_at = $12, attempts = 0,
        lease_until = CASE WHEN $4 = 'running' THEN lease_until ELSE $13 END,
        error = NULL, revision = revision + 1
    WHERE organization_id = $1 AND id = $2 AND lease = $3 AND state = 'scanning'";
pub(super) const FAIL: &str = "UPDATE imports SET state = 'failed', error = $4, finished_at = $5,
        revision = revision + 1
    WHERE organization_id = $1 AND id = $2 AND lease = $3 AND state IN ('scanning', 'running')";
pub(super) const ADVANCE: &str = "UPDATE imports SET batch = $4, byte_offset = $5, line = $6,
        record = $7, created = created + $8, updated = updated + $9, unchanged = unchanged + $10,
        rejected = rejected + $11, attempts = 0, error = NULL, revision = revision + 1
    WHERE organization_id = $1 AND id = $2 AND lease = $3 AND batch = $4 - 1
        AND state IN ('running', 'cancelled')
    RETURNING state";
pub(super) const FINISH: &str = "UPDATE imports SET batch = $4, created = created + $5,
        updated = updated + $6, unchanged = unchanged + $7, rejected = rejected + $8,
        state = CASE state WHEN 'running' THEN 'done' ELSE state END,
        finished_at = COALESCE(finished_at, $9), error = NULL, revision = revision + 1
    WHERE organization_id = $1 AND id = $2 AND lease = $3 AND batch = $4 - 1
        AND state IN ('running', 'cancelled')
    RETURNING state";
pub(super) const REJECT_SQLITE: &str = "INSERT INTO rejected_rows (organization_id, import_id,
        record, line, column_name, reason, cells)
    SELECT $1, $2, value->>'record', value->>'line', value->>'column', value->>'reason',
        value->'cells'
    FROM json_each($3) WHERE true";
pub(super) const REJECT_POSTGRES: &str = "INSERT INTO rejected_rows (organization_id, import_id,
        record, line, column_name, reason, cells)
    SELECT $1, $2, r.record, r.line, r.\"column\", r.reason, r.cells
    FROM jsonb_to_recordset($3)
        AS r(record BIGINT, line BIGINT, \"column\" TEXT, reason TEXT, cells JSONB)";

pub(super) const OUTDATED: &str = "SELECT organization_id, id FROM imports
    WHERE file_kept AND finished_at < $1 ORDER BY finished_at LIMIT 100";
pub(super) const FILE_GONE: &str =
    "UPDATE imports SET file_kept = false WHERE organization_id = $1 AND id = $2";
