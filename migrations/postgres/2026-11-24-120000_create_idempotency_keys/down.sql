DROP TABLE idempotency_keys;
ALTER TABLE icps ALTER COLUMN version SET DEFAULT 1;
