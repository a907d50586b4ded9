-- Live events are delivered before those of imports, and the events of one contact in their order.

-- True while all changes since the last delivery were an import's.
ALTER TABLE webhook_facts ADD COLUMN bulk BOOLEAN NOT NULL DEFAULT false;
CREATE INDEX webhook_facts_live ON webhook_facts (organization_id) WHERE NOT bulk;

ALTER TABLE webhook_deliveries ADD COLUMN bulk BOOLEAN NOT NULL DEFAULT false;
DROP INDEX webhook_deliveries_due;
CREATE INDEX webhook_deliveries_due
  ON webhook_deliveries (organization_id, webhook_id, bulk, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX webhook_deliveries_in_order
  ON webhook_deliveries (organization_id, webhook_id, contact_id, created_at, event, id)
  WHERE due_at IS NOT NULL;

-- Since when every attempt has failed. NULL after a success.
ALTER TABLE webhooks ADD COLUMN failing_since TIMESTAMPTZ;
