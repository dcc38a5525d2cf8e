-- What a change has to do, and nothing else: read within what the user may see, write if nobody else has.
BEGIN;
SELECT icps.version, icps.document FROM icps
JOIN icp_members ON icp_members.icp_id = icps.id AND icp_members.created_at = icps.created_at
WHERE icps.id = (lpad(to_hex(:scattered::bigint), 8, '0') || '-0000-4000-8000-000000000000')::uuid
    AND icp_members.user_id = :user \gset old_
UPDATE icps SET version = version + 1, updated_at = now(), document = :document
WHERE id = (lpad(to_hex(:scattered::bigint), 8, '0') || '-0000-4000-8000-000000000000')::uuid
    AND version = :old_version;
COMMIT;
