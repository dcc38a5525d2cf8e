DROP TABLE idempotency_keys;
DROP TABLE icp_members;
DROP TABLE icps;
