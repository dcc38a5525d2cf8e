-- Writes :icps ICPs of about 1 kB as JSON Lines to :file, the same in every run. A team of :users users shares the ICPs
-- of one list: the last team has :big ICPs, and every other team has 5. The order is random, so that ICPs of one list
-- are far apart on disk.

-- An odd factor spreads numbers below 2^32 without collisions. Real IDs are in no order either.
CREATE FUNCTION bench_user(number bigint) RETURNS text IMMUTABLE LANGUAGE sql
AS $$ SELECT 'user_2' || lpad((number * 2654435761 % 4294967296)::text, 26, '0') $$;

CREATE FUNCTION bench_icp(number bigint) RETURNS uuid IMMUTABLE LANGUAGE sql
AS $$ SELECT (lpad(to_hex(number * 2654435761 % 4294967296), 8, '0') || '-0000-4000-8000-000000000000')::uuid $$;

COPY (
    SELECT format(
        '{"id":"%1$s","name":"%2$s %3$s","description":"%2$s and peers in %3$s, without staffing agencies and holdings",'
        '"createdAt":"%4$s","updatedAt":"%4$s","leadProviderCriteria":[{"provider":"baseProvider","type":"person","filters":'
        '{"job_title":["%2$s","Managing Director","Member of the Board"],"location":{"country":["%3$s","Liechtenstein"]},'
        '"profile":{"employee_size":{"min":%5$s,"max":10000},"industry":["Machinery"]}}}],"customFilterCriteria":[{"type":"ai",'
        '"entityType":"person","prompt":"Does the factory make what it sells itself, in %3$s or a country that borders it, '
        'in a place of its own? Suppliers of others do not count."},{"type":"maxPeoplePerCompany","value":3},'
        '{"type":"matchFieldWithRegex","field":"profile.headcount","regex":"^[0-9]{3,4}$"}],"crmFilters":'
        '{"provider":"bullhorn","textSearch":"Head OR Leit* OR Direktor","filters":[{"path":"status","mode":"equals",'
        '"value":"Active","exclude":false}]},"userIds":["%6$s"],"leadsPerList":10,"activeUntil":null}',
        bench_icp(number),
        (ARRAY['CTO', 'VP Engineering', 'Head of Sales', 'Plant Manager', 'Procurement Lead'])[1 + number % 5],
        (ARRAY['Germany', 'Austria', 'Switzerland', 'France', 'Netherlands', 'Poland'])[1 + number % 6],
        to_char(timestamp '2024-01-01' + number::bigint * 48271 % 31536000 * interval '1 second', 'YYYY-MM-DD"T"HH24:MI:SS".000Z"'),
        50 + number % 900,
        (SELECT string_agg(bench_user(least(number / 5, :teams) * 1024 + one), '","') FROM generate_series(0, :users - 1) AS one)
    )
    FROM generate_series(0, :icps - 1) AS number
    ORDER BY md5(number::text)
) TO :'file';
