-- Deliveries of imports to one contact, which its next live event makes urgent. Without the index that
-- event reads all deliveries of the contact.
CREATE INDEX webhook_deliveries_bulk
  ON webhook_deliveries (organization_id, contact_id) WHERE bulk AND due_at IS NOT NULL;
