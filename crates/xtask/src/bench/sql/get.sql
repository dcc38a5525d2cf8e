\set team random(0, :readers - 1)
\set icp :team * 5 + random(0, 4)
SELECT icps.document, icps.version FROM icps
JOIN icp_members ON icp_members.icp_id = icps.id AND icp_members.created_at = icps.created_at
WHERE icps.id = bench_icp(:icp) AND icp_members.user_id = bench_user(:team * 1024);
