-- The users whose requests are measured. A row has the kind and the ID of a user, and the ID and the text of each ICP in
-- the order of the list.
SELECT teams.kind, icp_members.user_id,
    string_agg(icps.id || E'\t' || icps.document, E'\t' ORDER BY icps.created_at, icps.id)
FROM (
    SELECT 'reader' AS kind, generate_series(0, :readers - 1) AS team
    UNION ALL SELECT 'writer', generate_series(:writer, :writer + :writers - 1)
    UNION ALL SELECT 'big', :teams
) AS teams
JOIN icp_members ON icp_members.user_id = bench_user(teams.team::bigint * 1024)
JOIN icps ON icps.id = icp_members.icp_id
GROUP BY teams.kind, teams.team, icp_members.user_id
ORDER BY teams.kind, teams.team;
