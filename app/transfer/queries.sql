-- name: list_of_user
-- Ids of a page of a user's memories, by id.
SELECT memory_id FROM memories
WHERE project_id = :project AND user_id = :user_id
  AND memory_id > :above AND memory_id < :below
ORDER BY memory_id
LIMIT :most;

-- name: list_of_everyone
-- Ids of a page of all memories of a project, by id.
SELECT memory_id FROM memories
WHERE project_id = :project AND memory_id > :above AND memory_id < :below
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

-- name: list_by_external_ids
-- The memories that users' external ids name.
SELECT memory_id FROM memories
WHERE project_id = :project AND (user_id, external_id) IN (
    SELECT user_id, external_id
    FROM unnest(:users::uuid[], :external_ids::text[]) AS given (user_id, external_id));

-- name: list_owned
-- Which of these memories are theirs whom we stored them for.
SELECT m.memory_id FROM memories m
JOIN unnest(:memory_ids::uuid[], :users::uuid[]) AS given (memory_id, user_id)
    ON given.memory_id = m.memory_id AND given.user_id = m.user_id
WHERE m.project_id = :project AND m.memory_id = ANY(:memory_ids);

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
