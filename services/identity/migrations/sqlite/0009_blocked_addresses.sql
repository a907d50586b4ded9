-- Addresses from which widgets are not served: single ones, or networks with their length.
CREATE TABLE blocked_addresses (
  organization_id BLOB NOT NULL,
  id BLOB NOT NULL,
  -- As its first address is written, with /length where it holds more than one.
  network TEXT NOT NULL,
  reason TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (organization_id, id),
  UNIQUE (organization_id, network),
  FOREIGN KEY (organization_id) REFERENCES organizations
);
