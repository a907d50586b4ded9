-- What a user agent says of the last visit, and the words that Contacts is searched by: lower-cased,
-- with one blank between them, as the service cuts them.
ALTER TABLE contacts
  ADD COLUMN words TEXT COLLATE "C" NOT NULL DEFAULT '',
  ADD COLUMN platform TEXT NOT NULL DEFAULT '',
  ADD COLUMN browser TEXT NOT NULL DEFAULT '',
  ADD COLUMN system TEXT NOT NULL DEFAULT '';
UPDATE contacts SET words = trim(regexp_replace(
  lower(concat_ws(' ', name, email, phone, company, user_id)), '[^[:alnum:]]+', ' ', 'g'));
CREATE INDEX contacts_words ON contacts USING gin (array_to_tsvector(string_to_array(words, ' ')));
CREATE INDEX contacts_custom ON contacts USING gin (custom jsonb_path_ops);
CREATE INDEX contacts_tags ON contacts USING gin (tags jsonb_path_ops);
CREATE INDEX contacts_email ON contacts (organization_id, email_key) WHERE email_key IS NOT NULL;

-- What pages told of a person. The last ones only.
CREATE TABLE contact_events (
  organization_id UUID NOT NULL REFERENCES organizations,
  -- Of version 7: the newest sorts last.
  id UUID NOT NULL,
  contact_id UUID NOT NULL,
  name TEXT NOT NULL,
  data JSONB NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (organization_id, id),
  FOREIGN KEY (organization_id, contact_id) REFERENCES contacts ON DELETE CASCADE
);
CREATE INDEX contact_events_by_contact ON contact_events (organization_id, contact_id, id);
CREATE INDEX contact_events_by_time ON contact_events (created_at);
