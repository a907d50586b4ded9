-- Sessions that a policy has ended stay ended when a weaker one follows.
-- Number of changes of the enforced policy.
ALTER TABLE organizations ADD COLUMN policy_version BIGINT NOT NULL DEFAULT 0;
-- The last of these versions at which at least this proof was required; -1 for never.
ALTER TABLE organizations ADD COLUMN hash_required_at BIGINT NOT NULL DEFAULT -1;
ALTER TABLE organizations ADD COLUMN hmac_required_at BIGINT NOT NULL DEFAULT -1;
ALTER TABLE organizations ADD COLUMN jwt_required_at BIGINT NOT NULL DEFAULT -1;

-- Names that organizations had. Pages still name them, so no other organization gets one.
CREATE TABLE former_names (
  organization_id BLOB NOT NULL REFERENCES organizations,
  name TEXT NOT NULL UNIQUE,
  PRIMARY KEY (organization_id, name)
);
