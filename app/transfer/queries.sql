-- name: find_last_of_user$
-- The last memory of a user by id, above an id.
SELECT memory_id FROM memories
WHERE project_id = :project AND user_id = :user_id AND memory_id > :above
ORDER BY memory_id DESC
LIMIT 1;

-- name: find_last_of_everyone$
-- The last memory of a project by id, above an id.
SELECT memory_id FROM memories
WHERE project_id = :project AND memory_id > :above
ORDER BY memory_id DESC
LIMIT 1;

-- name: list_of_user
-- Ids of a page of a user's memories, by id.
SELECT memory_id FROM memories
WHERE project_id = :project AND user_id = :user_id
  AND memory_id > :above AND memory_id <= :last
ORDER BY memory_id
LIMIT :most;

-- name: list_of_everyone
-- Ids of a page of all memories of a project, by id.
SELECT memory_id FROM memories
WHERE project_id = :project AND memory_id > :above AND memory_id <= :last
ORDER BY memory_id
LIMIT :most;

-- name: list_vectors
-- All vectors of these memories, whichever model made them.
SELECT v.memory_id, e.name AS model, v.part, v.made_of, v.embedding
FROM memory_vectors v JOIN embedding_models e USING (model_id)
WHERE v.project_id = :project AND v.memory_id = ANY(:memory_ids)
ORDER BY v.memory_id, e.model_id, v.part;

-- name: list_versions
-- What these memories were, the oldest first.
SELECT
    memory_id, version, kind, content, speaker, conversation_id, episode, occurred_at, valid_from,
    valid_to, created_at, replaced_at, why, superseded_at, superseded_by, expires_at, confidence,
    trust, metadata
FROM memory_versions
WHERE project_id = :project AND memory_id = ANY(:memory_ids)
ORDER BY memory_id, version;

-- name: list_facts
-- What is kept of facts beside what is shown.
SELECT memory_id, about, value, seen, kept_at FROM facts
WHERE project_id = :project AND memory_id = ANY(:memory_ids);

-- name: list_readings
-- Which version of these memories was read for facts.
SELECT memory_id, version FROM fact_readings
WHERE project_id = :project AND memory_id = ANY(:memory_ids);

-- name: list_by_external_ids
-- The memories that users' external ids name: one look into the index each, never a walk through
-- all of a user's (hence OFFSET).
SELECT m.memory_id
FROM unnest(:users::uuid[], :external_ids::text[]) AS given (user_id, external_id)
CROSS JOIN LATERAL (
    SELECT memory_id FROM memories
    WHERE project_id = :project AND user_id = given.user_id AND external_id = given.external_id
    OFFSET 0) AS m;

-- name: stamp_memories!
-- What just came is as old as it was where it came from.
UPDATE memories m SET
    created_at = coalesce(g.created_at, m.created_at), version = g.version,
    superseded_at = g.superseded_at, superseded_by = g.superseded_by
FROM unnest(
    :memory_ids::uuid[], :users::uuid[], :created_ats::timestamptz[], :versions::integer[],
    :superseded_ats::timestamptz[], :superseded_bys::uuid[])
    AS g (memory_id, user_id, created_at, version, superseded_at, superseded_by)
WHERE m.project_id = :project AND m.memory_id = g.memory_id AND m.user_id = g.user_id;

-- name: insert_notes!
-- How often they were used, what was read of them, and which of their facts somebody kept.
WITH given AS (
    SELECT memory_id, user_id, uses, used_at, kept_at, read_version
    FROM unnest(
        :memory_ids::uuid[], :users::uuid[], :uses::bigint[], :used_ats::timestamptz[],
        :kept_ats::timestamptz[], :read_versions::integer[])
        AS given (memory_id, user_id, uses, used_at, kept_at, read_version)
), used AS (
    INSERT INTO memory_uses (project_id, memory_id, user_id, uses, used_at)
    SELECT :project, memory_id, user_id, uses, used_at FROM given WHERE used_at IS NOT NULL
    ON CONFLICT DO NOTHING
), kept AS (
    UPDATE facts f SET kept_at = given.kept_at
    FROM given
    WHERE f.project_id = :project AND f.memory_id = given.memory_id AND given.kept_at IS NOT NULL
)
INSERT INTO fact_readings (project_id, memory_id, user_id, version)
SELECT :project, memory_id, user_id, read_version FROM given WHERE read_version IS NOT NULL
ON CONFLICT DO NOTHING;

-- name: insert_versions!
-- What they were there.
INSERT INTO memory_versions (
    project_id, memory_id, version, user_id, kind, content, speaker, conversation_id, episode,
    occurred_at, valid_from, valid_to, created_at, replaced_at, why, superseded_at, superseded_by,
    expires_at, confidence, trust, metadata)
SELECT
    :project, memory_id, version, user_id, kind, content, speaker, conversation_id, episode,
    occurred_at, valid_from, valid_to, created_at, replaced_at, why, superseded_at, superseded_by,
    expires_at, confidence, trust, metadata
FROM json_populate_recordset(NULL::memory_versions, :rows::json)
ON CONFLICT DO NOTHING;

-- name: insert_vectors!
-- Vectors that came along.
INSERT INTO memory_vectors (project_id, user_id, model_id, memory_id, part, made_of, embedding)
SELECT :project, user_id, :model_id, memory_id, part, made_of, embedding
FROM unnest(
    :users::uuid[], :memory_ids::uuid[], :parts::smallint[], :made_ofs::uuid[],
    :embeddings::halfvec[])
    AS given (user_id, memory_id, part, made_of, embedding)
ON CONFLICT DO NOTHING;

-- name: refresh_statistics
-- A reviewed function takes the planner's statistics anew, where much has changed since it did.
SELECT refresh_memory_statistics();
