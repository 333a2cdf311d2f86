-- Memories that have run out, but for those of projects where dropping them has just failed: these
-- come first by their age, and would hold up all others.
DROP FUNCTION expired_memories(integer);

CREATE FUNCTION expired_memories(most integer, but uuid[])
RETURNS TABLE (project_id uuid, memory_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
BEGIN ATOMIC
    SELECT m.project_id, m.memory_id FROM memories m
    WHERE m.expires_at <= now() AND m.project_id <> ALL (but)
    ORDER BY m.expires_at
    LIMIT most;
END;

REVOKE ALL ON FUNCTION expired_memories FROM PUBLIC;
GRANT EXECUTE ON FUNCTION expired_memories TO backstory_service;
