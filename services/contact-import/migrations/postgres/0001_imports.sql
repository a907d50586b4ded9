-- Imports: what was uploaded, what the scan found, how far applying has come, and who works on it.
CREATE TABLE imports (
    organization_id UUID NOT NULL,
    id UUID NOT NULL,
    file_name TEXT NOT NULL,
    file_hash BYTEA NOT NULL,
    file_kept BOOLEAN NOT NULL,
    request_id TEXT,
    apply_at_once BOOLEAN NOT NULL,
    state TEXT NOT NULL,
    row_count BIGINT NOT NULL,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    unchanged BIGINT NOT NULL,
    rejected BIGINT NOT NULL,
    encoding TEXT NOT NULL,
    delimiter TEXT NOT NULL,
    header JSONB NOT NULL,
    mapping JSONB NOT NULL,
    preview JSONB NOT NULL,
    error TEXT,
    -- Where the next batch begins, and how many batches there were.
    byte_offset BIGINT NOT NULL,
    line BIGINT NOT NULL,
    record BIGINT NOT NULL,
    batch BIGINT NOT NULL,
    -- The number of the lease: whoever holds an older one writes nothing more.
    lease BIGINT NOT NULL,
    lease_until TIMESTAMPTZ NOT NULL,
    attempts BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    traceparent TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    started_at TIMESTAMPTZ,
    finished_at TIMESTAMPTZ,
    PRIMARY KEY (organization_id, id)
);
CREATE UNIQUE INDEX imports_request ON imports (organization_id, request_id)
    WHERE request_id IS NOT NULL;
CREATE INDEX imports_due ON imports (lease_until) WHERE state IN ('scanning', 'running');
CREATE INDEX imports_kept ON imports (finished_at) WHERE file_kept;

-- Records that were set aside.
CREATE TABLE rejected_rows (
    organization_id UUID NOT NULL,
    import_id UUID NOT NULL,
    record BIGINT NOT NULL,
    line BIGINT NOT NULL,
    column_name TEXT NOT NULL,
    reason TEXT NOT NULL,
    cells JSONB NOT NULL,
    PRIMARY KEY (organization_id, import_id, record)
);
