-- People who have become another one: what still comes for the one is meant for the other. Their own
-- rows are gone. From here on a visitor with a row has one in `devices` as well, under the visitor's
-- id and carrying nobody: whatever else stands there says that the visitor has ended.
CREATE TABLE contact_joins (
  organization_id BLOB NOT NULL REFERENCES organizations,
  -- Who ended.
  contact_id BLOB NOT NULL,
  -- Who they are: never somebody who ended that way.
  into_id BLOB NOT NULL,
  -- Of the joining, the same in the outbox and in conversation.
  join_id BLOB NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (organization_id, contact_id)
);
CREATE INDEX contact_joins_into ON contact_joins (organization_id, into_id);
