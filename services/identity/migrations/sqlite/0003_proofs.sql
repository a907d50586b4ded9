-- What an organization asks for as proof of a user id, and whether it is only counted.
ALTER TABLE organizations ADD COLUMN policy TEXT NOT NULL DEFAULT 'optional';
ALTER TABLE organizations ADD COLUMN report_only BOOLEAN NOT NULL DEFAULT FALSE;

-- How the contact's user id was proven last.
ALTER TABLE contacts ADD COLUMN verified TEXT NOT NULL DEFAULT 'none';
UPDATE contacts SET verified = 'security_hash' WHERE claim_hash IS NOT NULL;

-- Keys that companies prove user ids with, sealed with a key of the server.
CREATE TABLE identity_keys (
  organization_id BLOB NOT NULL REFERENCES organizations,
  id BLOB NOT NULL,
  -- 1 or 2: no more of them live at once.
  slot BIGINT NOT NULL CHECK (slot IN (1, 2)),
  sealed BLOB NOT NULL,
  -- The server key it was sealed with.
  sealed_with TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (organization_id, id),
  UNIQUE (organization_id, slot)
);

-- How many logins an application was refused, or would have been, by the hour.
CREATE TABLE refusals (
  organization_id BLOB NOT NULL,
  application_id BLOB NOT NULL,
  hour BIGINT NOT NULL,
  count BIGINT NOT NULL,
  PRIMARY KEY (organization_id, application_id, hour)
);
CREATE INDEX refusals_by_time ON refusals (hour);
