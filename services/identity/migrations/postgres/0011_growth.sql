-- Words and traits of a contact begin with their organization, so that a search meets none of
-- others; every kind of people can be walked along in every order; a delivery of a webhook is gone
-- with the person it tells of.

DROP INDEX contacts_words;
DROP INDEX contacts_custom;
DROP INDEX contacts_tags;
CREATE INDEX contacts_words ON contacts USING gin (array_to_tsvector(string_to_array(
  right(organization_id::text, 12)
  || replace(words, ' ', ' ' || right(organization_id::text, 12)), ' ')));
CREATE INDEX contacts_traits ON contacts USING gin (jsonb_set(jsonb_set('{}',
  ARRAY['c' || right(organization_id::text, 12)], custom),
  ARRAY['t' || right(organization_id::text, 12)], tags) jsonb_path_ops);

CREATE INDEX visitors_by_created ON contacts (organization_id, created_at, id) WHERE NOT listed;
CREATE INDEX visitors_by_seen ON contacts (organization_id, last_seen_at, id) WHERE NOT listed;
CREATE INDEX visitors_by_name ON contacts (organization_id, sort_name, id) WHERE NOT listed;

ALTER TABLE webhook_deliveries ADD COLUMN contact_id UUID;
CREATE INDEX webhook_deliveries_by_contact ON webhook_deliveries (organization_id, contact_id);
