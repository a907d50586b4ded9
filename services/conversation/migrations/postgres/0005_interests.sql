-- Of what identity is told, by organization. No row stands for nothing.
-- facts: bits, 1 texts that are stored, 2 conversations that are closed. version: counts the
-- changes, so that what was said last holds, whatever comes last.
CREATE TABLE interests (
    organization_id UUID NOT NULL PRIMARY KEY,
    facts BIGINT NOT NULL,
    version BIGINT NOT NULL
);
