-- With a key that ended long ago go its counters; those of users have no key.
CREATE OR REPLACE FUNCTION drop_ended_keys(days integer, most integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public
BEGIN ATOMIC
    WITH ended AS MATERIALIZED (
        SELECT project_id, key_id FROM api_keys
        WHERE (revoked_at IS NOT NULL OR expires_at IS NOT NULL)
          AND least(revoked_at, expires_at) < now() - make_interval(days => days)
        LIMIT most FOR UPDATE SKIP LOCKED
    ), uncounted AS (
        DELETE FROM limit_counters c USING ended
        WHERE c.project_id = ended.project_id AND c.key_id = ended.key_id
          AND c.user_id = '00000000-0000-0000-0000-000000000000'
    ), dropped AS (
        DELETE FROM api_keys k USING ended
        WHERE k.project_id = ended.project_id AND k.key_id = ended.key_id
        RETURNING 1
    )
    SELECT count(*) FROM dropped;
END;
