-- name: list_messages
-- Messages that users and documents said, as they are now, in order of time.
SELECT memory_id, version, content, language, speaker, trust, occurred_at
FROM memories
WHERE project_id = :project AND memory_id = ANY(:memory_ids) AND user_id = :user_id
  AND kind = 'message' AND trust <> 'assistant'
  AND coalesce(speaker, '') <> ALL(:unread_speakers::text[])
  AND (expires_at IS NULL OR expires_at > now())
ORDER BY occurred_at, memory_id;

-- name: read_terms
-- The terms of texts, as the search by words has them.
SELECT ARRAY(SELECT term FROM memory_terms(given.language, NULL, given.content))
FROM unnest(:texts::text[], :languages::text[])
    WITH ORDINALITY AS given (content, language, place)
ORDER BY given.place;

-- name: list_near
-- The facts about a subject that are nearest to a new one, and as many that have just come and have
-- no vector yet.
WITH known AS MATERIALIZED (
    SELECT f.memory_id, m.content, m.language, f.attribute, f.value,
           coalesce(m.valid_from, m.occurred_at) AS valid_from, m.valid_to, m.occurred_at AS said_at,
           m.superseded_at IS NOT NULL AS superseded, f.kept_at, v.distance
    FROM facts f
    JOIN memories m ON m.project_id = :project AND m.memory_id = f.memory_id
    LEFT JOIN LATERAL (
        SELECT v.embedding <#> :vector::halfvec AS distance
        FROM memory_vectors v
        WHERE v.project_id = :project AND v.memory_id = f.memory_id AND v.part = 0
          AND v.model_id = (
              SELECT model_id FROM embedding_models
              WHERE name = :model AND dimensions = vector_dims(:vector::halfvec))) v ON true
    WHERE f.project_id = :project AND f.user_id = :user_id AND f.about = :about
      AND (m.expires_at IS NULL OR m.expires_at > now())
)
(SELECT memory_id, content, language, attribute, value, valid_from, valid_to, said_at, superseded,
        kept_at
 FROM known WHERE distance IS NOT NULL ORDER BY distance, memory_id LIMIT :most)
UNION ALL
(SELECT memory_id, content, language, attribute, value, valid_from, valid_to, said_at, superseded,
        kept_at
 FROM known WHERE distance IS NULL ORDER BY memory_id DESC LIMIT :most);

-- name: find_statement^
-- The fact that holds a statement's key, and its text, which may have been corrected since.
SELECT f.memory_id, m.content
FROM facts f JOIN memories m ON m.project_id = :project AND m.memory_id = f.memory_id
WHERE f.project_id = :project AND f.user_id = :user_id AND f.statement_key = :statement_key;

-- name: add_sources
-- Sources of a fact that it did not have; gives those.
INSERT INTO memory_sources (project_id, memory_id, source_type, source_id)
SELECT :project, :memory_id, 'memory', source_id FROM unnest(:sources::uuid[]) AS given (source_id)
ON CONFLICT DO NOTHING
RETURNING source_id;

-- name: strengthen!
-- Seen once more.
WITH counted AS (
    UPDATE facts SET
        seen = seen + 1, reason = format('Said %s times; %s', seen + 1, :evidence::text)
    WHERE project_id = :project AND memory_id = :memory_id
    RETURNING seen
)
UPDATE memories SET
    confidence = 1 - (1 - coalesce(confidence, 0)) * (1 - :gained::real),
    occurred_at = greatest(occurred_at, :said_at), valid_from = least(valid_from, :valid_from),
    trust = (ARRAY['document', 'assistant', 'user', 'application'])[least(
        array_position(ARRAY['document', 'assistant', 'user', 'application'], trust),
        array_position(ARRAY['document', 'assistant', 'user', 'application'], :trust::text))]
FROM counted
WHERE project_id = :project AND memory_id = :memory_id;

-- name: supersede!
-- It held until another began to; the caller has kept its version.
WITH unkeyed AS (
    UPDATE facts SET statement_key = NULL WHERE project_id = :project AND memory_id = :memory_id
)
UPDATE memories SET
    superseded_at = now(), superseded_by = :superseded_by, version = version + 1,
    valid_to = least(valid_to, greatest(:valid_to::timestamptz, coalesce(valid_from, occurred_at)))
WHERE project_id = :project AND memory_id = :memory_id AND superseded_at IS NULL;

-- name: add_counts!
-- What became of facts, to be added up by day.
INSERT INTO fact_counts (project_id, user_id, day, outcome, facts)
SELECT :project, :user_id, (now() AT TIME ZONE 'UTC')::date, outcome, facts
FROM unnest(:outcomes::text[], :counts::bigint[]) AS given (outcome, facts)
ORDER BY outcome
ON CONFLICT (project_id, user_id, day, outcome) DO UPDATE
SET facts = fact_counts.facts + excluded.facts;

-- name: sum_counts
-- What became of a user's facts between two days.
SELECT outcome, sum(facts)::bigint AS facts
FROM fact_counts
WHERE project_id = :project AND user_id = :user_id AND day BETWEEN :first AND :last
GROUP BY outcome
ORDER BY outcome;

-- name: sum_everyones_counts
-- What became of all facts of a project between two days.
SELECT outcome, sum(facts)::bigint AS facts
FROM fact_counts
WHERE project_id = :project AND day BETWEEN :first AND :last
GROUP BY outcome
ORDER BY outcome;
