-- Origins whose pages may start the application, none for all; how its widget looks.
ALTER TABLE applications ADD COLUMN origins JSONB NOT NULL DEFAULT '[]';
ALTER TABLE applications ADD COLUMN look JSONB NOT NULL DEFAULT '{}';

ALTER TABLE api_keys ADD COLUMN name TEXT NOT NULL DEFAULT '';

-- Invitations to set a password, by the SHA-256 of their token; at most one an agent. An agent
-- who has one and no password has not come yet, or was sent a new one.
CREATE TABLE invitations (
  organization_id UUID NOT NULL,
  agent_id UUID NOT NULL,
  token_hash BYTEA NOT NULL,
  expires_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (organization_id, agent_id),
  UNIQUE (organization_id, token_hash),
  FOREIGN KEY (organization_id, agent_id) REFERENCES agents ON DELETE CASCADE
);
