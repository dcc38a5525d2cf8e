DROP TABLE deleted_icp_users;
DROP TABLE icp_revisions;
DROP TABLE idempotency_keys;
DROP TABLE icp_members;
DROP TABLE icps;
