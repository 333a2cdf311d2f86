-- Life and death of memories: what they were before, whether they are used, and what may not come
-- back once it is forgotten.

-- What a memory was, before it was changed under its id. It goes with the memory.
CREATE TABLE memory_versions (
    project_id      uuid NOT NULL,
    memory_id       uuid NOT NULL,
    version         integer NOT NULL,
    user_id         uuid NOT NULL,
    kind            text NOT NULL,
    content         text NOT NULL,
    speaker         text,
    conversation_id uuid,
    episode         text,
    occurred_at     timestamptz NOT NULL,
    valid_from      timestamptz,
    valid_to        timestamptz,
    created_at      timestamptz NOT NULL,   -- when it became so
    replaced_at     timestamptz NOT NULL,
    why             text NOT NULL CHECK (why IN ('patched', 'replaced', 'superseded', 'restored')),
    superseded_at   timestamptz,
    superseded_by   uuid,
    expires_at      timestamptz,
    confidence      real,
    trust           text NOT NULL,
    metadata        jsonb NOT NULL,
    PRIMARY KEY (project_id, memory_id, version),
    FOREIGN KEY (project_id, memory_id) REFERENCES memories ON DELETE CASCADE
);

-- How often a memory was recalled. Apart from it, so that counting writes no wide row anew.
CREATE TABLE memory_uses (
    project_id uuid NOT NULL,
    memory_id  uuid NOT NULL,
    user_id    uuid NOT NULL,
    uses       bigint NOT NULL,
    used_at    timestamptz NOT NULL,
    PRIMARY KEY (project_id, memory_id),
    FOREIGN KEY (project_id, memory_id) REFERENCES memories ON DELETE CASCADE
) WITH (fillfactor = 70);

-- What was forgotten, as keyed hashes of whose and what it was: who sends it again does not bring
-- it back. Without a user_id, since it outlives its user.
CREATE TABLE forgotten_texts (
    project_id   uuid NOT NULL,
    mark         bytea NOT NULL CHECK (length(mark) = 32),
    forgotten_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (project_id, mark)
);

SELECT raise_walls('memory_versions'), raise_walls('memory_uses'), raise_walls('forgotten_texts');

-- What fell for a newer fact stands again when that is forgotten.
CREATE INDEX memories_by_superseder ON memories (project_id, superseded_by)
    WHERE superseded_by IS NOT NULL;
CREATE INDEX memories_by_expiry ON memories (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX idempotency_keys_by_user ON idempotency_keys (project_id, user_id);

-- Memories that have run out, of all projects, for the service to drop with what came from them.
CREATE FUNCTION expired_memories(most integer)
RETURNS TABLE (project_id uuid, memory_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
BEGIN ATOMIC
    SELECT m.project_id, m.memory_id FROM memories m
    WHERE m.expires_at <= now()
    ORDER BY m.expires_at
    LIMIT most;
END;

CREATE INDEX settings_of_retention ON settings (project_id, user_id)
    WHERE key = 'backstory' AND value -> 'memory_retention_days' IS NOT NULL;

-- How long projects, and users who have a rule of their own, keep memories.
CREATE FUNCTION memory_retentions()
RETURNS TABLE (project_id uuid, user_id uuid, retention json)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
BEGIN ATOMIC
    SELECT s.project_id, s.user_id, s.value -> 'memory_retention_days' FROM settings s
    WHERE s.key = 'backstory' AND s.value -> 'memory_retention_days' IS NOT NULL;
END;

-- Users who were erased: what was on its way for them meanwhile is erased once more, later.
CREATE TABLE erased_users (
    project_id uuid NOT NULL,
    user_id    uuid NOT NULL,
    erased_at  timestamptz NOT NULL DEFAULT now(),
    sweep_at   timestamptz NOT NULL,
    PRIMARY KEY (project_id, user_id)
);
CREATE INDEX erased_users_by_sweep ON erased_users (sweep_at);
SELECT raise_walls('erased_users');

CREATE FUNCTION users_to_sweep(most integer)
RETURNS TABLE (project_id uuid, user_id uuid, erased_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
BEGIN ATOMIC
    SELECT e.project_id, e.user_id, e.erased_at FROM erased_users e
    WHERE e.sweep_at <= now()
    ORDER BY e.sweep_at
    LIMIT most;
END;

REVOKE ALL ON FUNCTION expired_memories, memory_retentions, users_to_sweep FROM PUBLIC;
GRANT EXECUTE ON FUNCTION expired_memories, memory_retentions, users_to_sweep
    TO backstory_service;
