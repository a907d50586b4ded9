-- The list of what one agent has. Most conversations are nobody's and cost nothing here.
-- Codes that have come since: author_kind 3 system (author_id: who caused it, nil for nobody),
-- kind 3 event.
CREATE INDEX conversations_assigned
    ON conversations (organization_id, assignee_id, status, updated_at, id)
    WHERE assignee_id IS NOT NULL;
