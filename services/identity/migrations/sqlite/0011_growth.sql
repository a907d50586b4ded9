-- Words and traits of a contact begin with their organization, so that a search meets none of
-- others; every kind of people can be walked along in every order; a delivery of a webhook is gone
-- with the person it tells of.

DROP TRIGGER contacts_inserted;
DROP TRIGGER contacts_updated;
DROP TRIGGER contacts_deleted;
DROP VIEW contact_traits;
DROP TABLE contact_index;

-- What the index of words knows a contact by: unlike a rowid it stays whatever becomes of the file.
ALTER TABLE contacts ADD COLUMN search_key INTEGER;
CREATE UNIQUE INDEX contacts_search_key ON contacts (search_key);

-- The index of words, attributes and tags. Each word has the end of the organization's id in
-- front; an attribute is one word made of its key and the beginning of its value, a tag likewise.
CREATE VIRTUAL TABLE contact_index USING fts5(
  words, traits, content='', contentless_delete=1, tokenize='unicode61 remove_diacritics 0');

CREATE TRIGGER contacts_inserted AFTER INSERT ON contacts BEGIN
  UPDATE contacts SET search_key = (SELECT coalesce(max(search_key), 0) + 1 FROM contacts)
  WHERE rowid = new.rowid;
END;

CREATE TRIGGER contacts_updated AFTER UPDATE OF search_key, words, custom, tags ON contacts
WHEN old.search_key IS NOT new.search_key
  OR old.words <> new.words OR old.custom <> new.custom OR old.tags <> new.tags BEGIN
  DELETE FROM contact_index WHERE rowid = old.search_key;
  INSERT INTO contact_index (rowid, words, traits)
  SELECT new.search_key,
    tenant || replace(new.words, ' ', ' ' || tenant),
    (SELECT group_concat(trait, ' ') FROM (
      SELECT 'k' || tenant || hex(a.key || char(31) || substr(a.value, 1, 60)) AS trait
      FROM json_each(new.custom) a
      UNION ALL
      SELECT 't' || tenant || hex(substr(t.value, 1, 60)) FROM json_each(new.tags) t))
  FROM (SELECT lower(hex(substr(new.organization_id, 11))) AS tenant);
END;

CREATE TRIGGER contacts_deleted AFTER DELETE ON contacts BEGIN
  DELETE FROM contact_index WHERE rowid = old.search_key;
END;

UPDATE contacts SET search_key = rowid;

CREATE INDEX visitors_by_created ON contacts (organization_id, created_at, id) WHERE NOT listed;
CREATE INDEX visitors_by_seen ON contacts (organization_id, last_seen_at, id) WHERE NOT listed;
CREATE INDEX visitors_by_name ON contacts (organization_id, sort_name, id) WHERE NOT listed;

ALTER TABLE webhook_deliveries ADD COLUMN contact_id BLOB;
CREATE INDEX webhook_deliveries_by_contact ON webhook_deliveries (organization_id, contact_id);
