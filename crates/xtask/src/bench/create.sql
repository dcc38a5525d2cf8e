-- What a create has to write, and nothing else.
\set start random(0, 4294967295)
\set end random(0, 281474976710655)
BEGIN;
INSERT INTO icps (id, name, created_at, updated_at, active_until, document, name_folded, providers)
VALUES ((lpad(to_hex(:start::bigint), 8, '0') || '-0000-4000-8000-' || lpad(to_hex(:end::bigint), 12, '0'))::uuid,
    'Machinery Plant Manager', now(), now(), NULL, :document, 'machinery plant manager', ',');
INSERT INTO icp_members (user_id, created_at, icp_id)
VALUES (:user, now(),
    (lpad(to_hex(:start::bigint), 8, '0') || '-0000-4000-8000-' || lpad(to_hex(:end::bigint), 12, '0'))::uuid);
COMMIT;
