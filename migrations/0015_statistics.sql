-- The planner's statistics of what many memories change at once, without waiting for autovacuum: it
-- comes once a minute, and until then a table that was small is read as if it still were.

-- Whether they were taken anew: where as much was changed as there had been.
CREATE FUNCTION refresh_memory_statistics() RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
    IF pg_stat_get_mod_since_analyze('memories'::regclass)
        < 1000 + (SELECT greatest(reltuples, 0) FROM pg_class WHERE oid = 'memories'::regclass)
    THEN
        RETURN false;
    END IF;
    ANALYZE (SKIP_LOCKED) memories, memory_postings, memory_vectors;
    RETURN true;
END $$;

REVOKE ALL ON FUNCTION refresh_memory_statistics FROM PUBLIC;
GRANT EXECUTE ON FUNCTION refresh_memory_statistics TO backstory_service;
