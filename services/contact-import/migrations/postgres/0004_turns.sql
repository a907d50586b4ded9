-- Organizations take turns: whose number is lowest, or who has none, is next, and gets the highest.
CREATE TABLE turns (
    organization_id UUID PRIMARY KEY,
    number BIGINT NOT NULL
);
-- False for an import that was stopped while a batch may have been under way: somebody has yet to
-- find out what became of that.
ALTER TABLE imports ADD COLUMN settled BOOLEAN NOT NULL DEFAULT true;
DROP INDEX imports_due;
CREATE INDEX imports_due ON imports (lease_until)
    WHERE state IN ('scanning', 'running') OR NOT settled;
