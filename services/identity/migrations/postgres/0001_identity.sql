-- The epoch stands for "never" where a time sorts.

CREATE TABLE organizations (
  organization_id UUID PRIMARY KEY,
  -- The domain that names the organization to the world.
  name TEXT NOT NULL UNIQUE,
  created_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE applications (
  organization_id UUID NOT NULL REFERENCES organizations,
  id UUID NOT NULL,
  -- The number and the secret of the classic snippet. Both stand in every page that shows the
  -- widget, so the secret is stored as it is.
  number BIGINT NOT NULL,
  secret TEXT NOT NULL,
  name TEXT NOT NULL,
  pre_chat JSONB NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (organization_id, id),
  UNIQUE (organization_id, number)
);

CREATE TABLE agents (
  organization_id UUID NOT NULL REFERENCES organizations,
  id UUID NOT NULL,
  -- Lower-cased.
  email TEXT NOT NULL,
  name TEXT NOT NULL,
  role TEXT NOT NULL,
  password_hash TEXT NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (organization_id, id),
  UNIQUE (organization_id, email)
);

-- Agents' logins, by the SHA-256 of their token.
CREATE TABLE logins (
  organization_id UUID NOT NULL,
  token_hash BYTEA NOT NULL,
  agent_id UUID NOT NULL,
  expires_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (organization_id, token_hash),
  FOREIGN KEY (organization_id, agent_id) REFERENCES agents ON DELETE CASCADE
);
CREATE INDEX logins_expiry ON logins (expires_at);
CREATE INDEX logins_agent ON logins (organization_id, agent_id);

-- Keys of companies' servers, by the SHA-256 of the key.
CREATE TABLE api_keys (
  organization_id UUID NOT NULL REFERENCES organizations,
  id UUID NOT NULL,
  key_hash BYTEA NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (organization_id, id),
  UNIQUE (organization_id, key_hash)
);

-- Everybody with a row: contacts and visitors.
CREATE TABLE contacts (
  organization_id UUID NOT NULL REFERENCES organizations,
  id UUID NOT NULL,
  -- The company's id of the person, compared byte for byte.
  user_id TEXT,
  -- Stands in Contacts.
  listed BOOLEAN NOT NULL,
  source TEXT NOT NULL,
  name TEXT,
  -- The name shown, generated ones included, lower-cased.
  sort_name TEXT COLLATE "C" NOT NULL,
  email TEXT,
  -- Lower-cased.
  email_key TEXT,
  -- The e-mail came from an import, an agent or the API rather than from a page.
  email_vouched BOOLEAN NOT NULL,
  phone TEXT,
  company TEXT,
  custom JSONB NOT NULL,
  tags JSONB NOT NULL,
  -- HMAC of the security_hash, the server key it was made with, and the number of claims so far.
  claim_hash BYTEA,
  claim_key TEXT,
  claim_version BIGINT NOT NULL,
  -- When the pre-chat form and the first message of their own were stored.
  form_at TIMESTAMPTZ,
  wrote_at TIMESTAMPTZ,
  blocked BOOLEAN NOT NULL,
  first_seen_at TIMESTAMPTZ,
  last_seen_at TIMESTAMPTZ NOT NULL,
  sessions BIGINT NOT NULL,
  page JSONB,
  locale TEXT NOT NULL,
  time_zone TEXT NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (organization_id, id)
);
CREATE UNIQUE INDEX contacts_user_id ON contacts (organization_id, user_id) WHERE user_id IS NOT NULL;
CREATE INDEX contacts_vouched_email ON contacts (organization_id, email_key)
  WHERE user_id IS NULL AND email_vouched;
CREATE INDEX contacts_by_created ON contacts (organization_id, created_at, id) WHERE listed;
CREATE INDEX contacts_by_seen ON contacts (organization_id, last_seen_at, id) WHERE listed;
CREATE INDEX contacts_by_name ON contacts (organization_id, sort_name, id) WHERE listed;

-- Devices that carried an identity, or that logged out. A visitor's device has no row.
CREATE TABLE devices (
  organization_id UUID NOT NULL,
  id UUID NOT NULL,
  -- Who is logged in on it.
  contact_id UUID,
  -- Counts logouts and changes of person: a session of another number is over.
  epoch BIGINT NOT NULL,
  platform TEXT NOT NULL,
  last_seen_at TIMESTAMPTZ NOT NULL,
  -- Logged out: nothing begins on it any more.
  retired BOOLEAN NOT NULL,
  PRIMARY KEY (organization_id, id)
);
CREATE INDEX devices_contact ON devices (organization_id, contact_id, last_seen_at);

-- Sessions that ended or may have, for the gateways that hold their streams. Kept for minutes.
CREATE TABLE revocations (
  organization_id UUID NOT NULL,
  id UUID NOT NULL,
  -- A contact, a device or an agent.
  subject_id UUID NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (organization_id, id)
);
CREATE INDEX revocations_by_time ON revocations (created_at);

-- Batches of imports that are committed, with the answer they got.
CREATE TABLE import_batches (
  organization_id UUID NOT NULL,
  import_id UUID NOT NULL,
  number BIGINT NOT NULL,
  results JSONB NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (organization_id, import_id, number)
);
CREATE INDEX import_batches_by_time ON import_batches (created_at);
