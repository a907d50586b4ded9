-- Two of them for each call that was carried out.
CREATE TABLE parts (
  number BIGINT NOT NULL,
  part BIGINT NOT NULL,
  PRIMARY KEY (number, part)
);
