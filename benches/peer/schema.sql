-- Creates the peer's table from the ICPs in the service's table `icps`.
CREATE TABLE peer_icps AS
SELECT id, name, created_at, updated_at, active_until,
    fields ->> 'description' AS description,
    fields -> 'leadProviderCriteria' AS lead_provider_criteria,
    fields -> 'customFilterCriteria' AS custom_filter_criteria,
    nullif(fields -> 'crmFilters', 'null') AS crm_filters,
    ARRAY(SELECT jsonb_array_elements_text(fields -> 'userIds')) AS user_ids,
    (fields ->> 'leadsPerList')::int AS leads_per_list
FROM (SELECT *, document::jsonb AS fields FROM icps) AS icps;
ALTER TABLE peer_icps ADD PRIMARY KEY (id);
CREATE INDEX ON peer_icps USING gin (user_ids);
VACUUM ANALYZE peer_icps;
