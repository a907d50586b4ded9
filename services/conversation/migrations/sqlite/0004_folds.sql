-- status 3: ended. Such a row has no messages and keeps any from coming. With folded_into, another
-- conversation goes on in its place, never one that ended by a fold itself; without, it is erased.
-- Beside 1 and 2, author_kind and kind may be 3: the system, an event.
ALTER TABLE conversations ADD COLUMN folded_into BLOB;
CREATE INDEX conversations_folded ON conversations (organization_id, folded_into)
    WHERE folded_into IS NOT NULL;
