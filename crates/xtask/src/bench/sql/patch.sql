-- The minimum of a change: a read within the scope of the user, and a write if the version is unchanged.
-- Two transactions rarely change the same ICP, because they choose among many.
\set team random(:others, :teams - 1)
\set icp :team * 5 + random(0, 4)
BEGIN;
SELECT icps.version, icps.document FROM icps
JOIN icp_members ON icp_members.icp_id = icps.id AND icp_members.created_at = icps.created_at
WHERE icps.id = bench_icp(:icp) AND icp_members.user_id = bench_user(:team * 1024) \gset old_
UPDATE icps SET version = version + 1, updated_at = now(), document = :document
WHERE id = bench_icp(:icp) AND version = :old_version;
COMMIT;
