\set team random(0, :readers - 1)
SELECT icps.id, icps.version FROM icp_members JOIN icps ON icps.id = icp_members.icp_id
WHERE icp_members.user_id = bench_user(:team * 1024)
ORDER BY icp_members.created_at, icp_members.icp_id;
