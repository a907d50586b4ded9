-- What conversation must be told.
CREATE TABLE outbox (
  organization_id BLOB NOT NULL,
  id BLOB NOT NULL,
  topic TEXT NOT NULL,
  payload TEXT NOT NULL,
  traceparent TEXT NOT NULL,
  attempts BIGINT NOT NULL,
  due_at BIGINT NOT NULL,
  PRIMARY KEY (organization_id, id)
);
CREATE INDEX outbox_due ON outbox (due_at);

-- Who changed what that matters for safety. Holds ids and words of ours, never a secret.
CREATE TABLE audit (
  organization_id BLOB NOT NULL REFERENCES organizations,
  -- Of version 7: the newest sorts last.
  id BLOB NOT NULL,
  actor_kind TEXT NOT NULL,
  actor_id BLOB,
  action TEXT NOT NULL,
  -- What was changed: the id of a contact, an agent, a key …
  subject TEXT NOT NULL,
  detail TEXT NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (organization_id, id)
);
