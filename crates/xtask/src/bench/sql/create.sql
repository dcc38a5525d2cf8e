-- The rows that every create must write, and nothing else.
\set team random(:others, :teams - 1)
\set start random(0, 4294967295)
\set end random(0, 281474976710655)
BEGIN;
INSERT INTO icps (id, name, created_at, updated_at, active_until, document, name_folded, providers)
VALUES ((lpad(to_hex(:start::bigint), 8, '0') || '-0000-4000-8000-' || lpad(to_hex(:end::bigint), 12, '0'))::uuid,
    'Plant managers', now(), now(), NULL, :document, 'plant managers', ',');
INSERT INTO icp_members (user_id, created_at, icp_id)
SELECT bench_user(:team * 1024 + one), now(),
    (lpad(to_hex(:start::bigint), 8, '0') || '-0000-4000-8000-' || lpad(to_hex(:end::bigint), 12, '0'))::uuid
FROM generate_series(0, :users - 1) AS one;
COMMIT;
