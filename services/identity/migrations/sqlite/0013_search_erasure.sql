-- The index of words removes a contact's words when the contact is deleted. Before, it marked them as
-- deleted and kept them until it was rearranged.

DROP TRIGGER contacts_updated;
DROP TRIGGER contacts_deleted;
DROP TABLE contact_index;

CREATE VIRTUAL TABLE contact_index USING fts5(
  words, traits, content='', tokenize='unicode61 remove_diacritics 0');
INSERT INTO contact_index (contact_index, rank) VALUES ('secure-delete', 1);

-- To remove what the index has of a contact, exactly that has to be given again.
CREATE TRIGGER contacts_deleted AFTER DELETE ON contacts WHEN old.search_key IS NOT NULL BEGIN
  INSERT INTO contact_index (contact_index, rowid, words, traits)
  SELECT 'delete', old.search_key,
    tenant || replace(old.words, ' ', ' ' || tenant),
    (SELECT group_concat(trait, ' ') FROM (
      SELECT 'k' || tenant || hex(a.key || char(31) || substr(a.value, 1, 60)) AS trait
      FROM json_each(old.custom) a
      UNION ALL
      SELECT 't' || tenant || hex(substr(t.value, 1, 60)) FROM json_each(old.tags) t))
  FROM (SELECT lower(hex(substr(old.organization_id, 11))) AS tenant);
END;

CREATE TRIGGER contacts_updated AFTER UPDATE OF search_key, words, custom, tags ON contacts
WHEN old.search_key IS NOT new.search_key
  OR old.words <> new.words OR old.custom <> new.custom OR old.tags <> new.tags BEGIN
  INSERT INTO contact_index (contact_index, rowid, words, traits)
  SELECT 'delete', old.search_key,
    tenant || replace(old.words, ' ', ' ' || tenant),
    (SELECT group_concat(trait, ' ') FROM (
      SELECT 'k' || tenant || hex(a.key || char(31) || substr(a.value, 1, 60)) AS trait
      FROM json_each(old.custom) a
      UNION ALL
      SELECT 't' || tenant || hex(substr(t.value, 1, 60)) FROM json_each(old.tags) t))
  FROM (SELECT lower(hex(substr(old.organization_id, 11))) AS tenant)
  WHERE old.search_key IS NOT NULL;
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

INSERT INTO contact_index (rowid, words, traits)
  SELECT contacts.search_key,
    tenant || replace(contacts.words, ' ', ' ' || tenant),
    (SELECT group_concat(trait, ' ') FROM (
      SELECT 'k' || tenant || hex(a.key || char(31) || substr(a.value, 1, 60)) AS trait
      FROM json_each(contacts.custom) a
      UNION ALL
      SELECT 't' || tenant || hex(substr(t.value, 1, 60)) FROM json_each(contacts.tags) t))
  FROM (SELECT *, lower(hex(substr(organization_id, 11))) AS tenant FROM contacts) AS contacts
  WHERE contacts.search_key IS NOT NULL;
