-- A merge asks when sessions of its target were revoked last. Without the index that reads all
-- revocations of the organization in the last ten minutes.
CREATE INDEX revocations_by_subject ON revocations (organization_id, subject_id, created_at);
