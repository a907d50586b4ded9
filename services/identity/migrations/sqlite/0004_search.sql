-- What a user agent says of the last visit, and the words that Contacts is searched by: lower-cased,
-- with one blank between them, as the service cuts them.
ALTER TABLE contacts ADD COLUMN words TEXT NOT NULL DEFAULT '';
ALTER TABLE contacts ADD COLUMN platform TEXT NOT NULL DEFAULT '';
ALTER TABLE contacts ADD COLUMN browser TEXT NOT NULL DEFAULT '';
ALTER TABLE contacts ADD COLUMN system TEXT NOT NULL DEFAULT '';
UPDATE contacts SET words = lower(concat_ws(' ', name, email, phone, company, user_id));
CREATE INDEX contacts_email ON contacts (organization_id, email_key) WHERE email_key IS NOT NULL;

-- The index of words, attributes and tags, by the contact's rowid. An attribute is one word made of
-- its key and the beginning of its value, a tag likewise. VACUUM may number rows anew: don't.
CREATE VIRTUAL TABLE contact_index USING fts5(
  words, traits, content='', contentless_delete=1, tokenize='unicode61 remove_diacritics 0');

CREATE VIEW contact_traits AS
  SELECT c.rowid AS contact, 'k' || hex(a.key || char(31) || substr(a.value, 1, 60)) AS trait
  FROM contacts c, json_each(c.custom) a
  UNION ALL
  SELECT c.rowid, 't' || hex(substr(t.value, 1, 60)) FROM contacts c, json_each(c.tags) t;

CREATE TRIGGER contacts_inserted AFTER INSERT ON contacts BEGIN
  INSERT INTO contact_index (rowid, words, traits) VALUES (new.rowid, new.words,
    (SELECT group_concat(trait, ' ') FROM contact_traits WHERE contact = new.rowid));
END;

CREATE TRIGGER contacts_updated AFTER UPDATE ON contacts
WHEN old.words <> new.words OR old.custom <> new.custom OR old.tags <> new.tags BEGIN
  DELETE FROM contact_index WHERE rowid = old.rowid;
  INSERT INTO contact_index (rowid, words, traits) VALUES (new.rowid, new.words,
    (SELECT group_concat(trait, ' ') FROM contact_traits WHERE contact = new.rowid));
END;

CREATE TRIGGER contacts_deleted AFTER DELETE ON contacts BEGIN
  DELETE FROM contact_index WHERE rowid = old.rowid;
END;

INSERT INTO contact_index (rowid, words, traits)
  SELECT rowid, words,
    (SELECT group_concat(trait, ' ') FROM contact_traits WHERE contact = contacts.rowid)
  FROM contacts;

-- What pages told of a person. The last ones only.
CREATE TABLE contact_events (
  organization_id BLOB NOT NULL REFERENCES organizations,
  -- Of version 7: the newest sorts last.
  id BLOB NOT NULL,
  contact_id BLOB NOT NULL,
  name TEXT NOT NULL,
  data TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (organization_id, id),
  FOREIGN KEY (organization_id, contact_id) REFERENCES contacts ON DELETE CASCADE
);
CREATE INDEX contact_events_by_contact ON contact_events (organization_id, contact_id, id);
CREATE INDEX contact_events_by_time ON contact_events (created_at);
