-- name: list_after
-- Ids of a project's memories in order, after one of them.
SELECT memory_id FROM memories
WHERE project_id = :project AND memory_id > :after
ORDER BY memory_id
LIMIT :most;

-- name: list_texts
-- What is to be embedded of these memories: of those that have no vectors of this model. A new
-- version of a memory has none.
SELECT m.memory_id, m.version, searched_text(m.speaker, '') AS name, m.content
FROM memories m
WHERE m.project_id = :project AND m.memory_id = ANY(:memory_ids)
  AND NOT EXISTS (
      SELECT FROM memory_vectors v JOIN embedding_models e USING (model_id)
      WHERE v.project_id = :project AND v.memory_id = m.memory_id AND v.part = 0
        AND e.name = :model)
ORDER BY m.memory_id;

-- name: list_windows
-- The windows of these memories that are to be embedded, and of those beside them: of a neighbour
-- that waits for its own vectors not, since then it is its own turn to see us. Only of texts, and
-- only so much of neighbours, as fits into a window.
WITH given AS MATERIALIZED (
    SELECT memory_id, before_id, after_id
    FROM memory_windows(:project, :memory_ids)
), middle AS MATERIALIZED (
    SELECT memory_id FROM given
    UNION
    SELECT beside.memory_id
    FROM given CROSS JOIN LATERAL (VALUES (before_id), (after_id)) AS beside (memory_id)
    WHERE EXISTS (
        SELECT FROM memory_vectors v JOIN embedding_models e USING (model_id)
        WHERE v.project_id = :project AND v.memory_id = beside.memory_id AND v.part = 0
          AND e.name = :model)
)
SELECT
    w.memory_id, w.before_id, w.after_id, w.made_of,
    searched_text(m.speaker, '') AS name, m.content,
    searched_text(before.speaker, '') AS before_name,
    right(before.content, :chars_max) AS before_content,
    searched_text(after.speaker, '') AS after_name,
    left(after.content, :chars_max) AS after_content
FROM middle
CROSS JOIN LATERAL memory_windows(:project, ARRAY[middle.memory_id]) w
CROSS JOIN LATERAL (
    SELECT speaker, content FROM memories
    WHERE project_id = :project AND memory_id = w.memory_id
    OFFSET 0) AS m
LEFT JOIN LATERAL (
    SELECT speaker, content FROM memories
    WHERE project_id = :project AND memory_id = w.before_id
    OFFSET 0) AS before ON true
LEFT JOIN LATERAL (
    SELECT speaker, content FROM memories
    WHERE project_id = :project AND memory_id = w.after_id
    OFFSET 0) AS after ON true
WHERE length(m.content) <= :chars_max
  AND NOT EXISTS (
      SELECT FROM memory_vectors v JOIN embedding_models e USING (model_id)
      WHERE v.project_id = :project AND v.memory_id = w.memory_id AND v.part = -1
        AND v.made_of = w.made_of AND e.name = :model)
ORDER BY w.memory_id;

-- name: find_model
-- An embedding model that has been used here.
SELECT model_id FROM embedding_models WHERE name = :name AND dimensions = :dimensions;

-- name: insert_model!
-- An embedding model used for the first time; of two at once, one wins.
INSERT INTO embedding_models (name, dimensions) VALUES (:name, :dimensions)
ON CONFLICT (name, dimensions) DO NOTHING;

-- name: hold_memories!
-- Keeps these memories from changing until we are done. What comes after it in the transaction
-- sees what others have changed before.
SELECT FROM memories
WHERE project_id = :project AND memory_id = ANY(:memory_ids)
ORDER BY memory_id
FOR NO KEY UPDATE;

-- name: insert_passages!
-- Vectors of memories that are still there and still say what was embedded.
INSERT INTO memory_vectors (project_id, user_id, model_id, memory_id, part, embedding)
SELECT :project, m.user_id, :model_id, memory_id, g.part, g.embedding
FROM unnest(
    :memory_ids::uuid[], :versions::integer[], :parts::smallint[], :embeddings::halfvec[])
    AS g (memory_id, version, part, embedding)
JOIN memories m USING (memory_id, version)
WHERE m.project_id = :project AND m.memory_id = ANY(:memory_ids)
ON CONFLICT DO NOTHING;

-- name: insert_windows!
-- Vectors of windows that still are what was embedded, in place of what they were before.
INSERT INTO memory_vectors (project_id, user_id, model_id, memory_id, part, made_of, embedding)
SELECT :project, w.user_id, :model_id, memory_id, -1, made_of, g.embedding
FROM unnest(:memory_ids::uuid[], :made_ofs::uuid[], :embeddings::halfvec[])
    AS g (memory_id, made_of, embedding)
JOIN memory_windows(:project, :memory_ids) w USING (memory_id, made_of)
ON CONFLICT (project_id, user_id, model_id, memory_id, part)
DO UPDATE SET made_of = excluded.made_of, embedding = excluded.embedding;
