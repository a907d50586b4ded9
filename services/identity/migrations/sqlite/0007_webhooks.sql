-- Where organizations want to be told of what happens.
CREATE TABLE webhooks (
  organization_id BLOB NOT NULL REFERENCES organizations,
  id BLOB NOT NULL,
  url TEXT NOT NULL,
  -- Bits of the events.
  events BIGINT NOT NULL,
  -- What signs the deliveries, and the server key it is sealed with.
  sealed BLOB NOT NULL,
  sealed_with TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (organization_id, id)
);

-- What at least one webhook of an organization wants: looked at where something happens.
CREATE TABLE webhook_interests (
  organization_id BLOB NOT NULL PRIMARY KEY,
  -- Bits of the events.
  events BIGINT NOT NULL,
  -- Counts the changes: what was said last holds, whatever comes last.
  version BIGINT NOT NULL
);

-- Contacts of whom webhooks are still to be told. One that changes again meanwhile is told of once.
CREATE TABLE webhook_facts (
  organization_id BLOB NOT NULL,
  contact_id BLOB NOT NULL,
  event BIGINT NOT NULL,
  changes BIGINT NOT NULL,
  PRIMARY KEY (organization_id, contact_id, event)
);

-- Each event for each webhook that wants it: to be delivered while it is due, a log afterwards.
CREATE TABLE webhook_deliveries (
  organization_id BLOB NOT NULL,
  webhook_id BLOB NOT NULL,
  -- Of the event, version 7.
  id BLOB NOT NULL,
  event BIGINT NOT NULL,
  body TEXT NOT NULL,
  attempts BIGINT NOT NULL,
  -- Of the last try: the HTTP status, and what went wrong.
  status BIGINT,
  failure TEXT,
  tried_at BIGINT,
  due_at BIGINT,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (organization_id, webhook_id, id),
  FOREIGN KEY (organization_id, webhook_id) REFERENCES webhooks ON DELETE CASCADE
);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (organization_id, webhook_id, due_at)
  WHERE due_at IS NOT NULL;
CREATE INDEX webhook_deliveries_by_time ON webhook_deliveries (created_at);
