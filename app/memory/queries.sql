-- name: insert_memories
-- Rows, their postings, sources and counts, in one statement; gives those that are new.
-- Rows go in by external id, so that two batches at once wait for each other in one order.
WITH given AS MATERIALIZED (
    SELECT
        memory_id, user_id, kind, content, language, speaker, conversation_id, episode,
        external_id, occurred_at, valid_from, valid_to, expires_at, confidence, trust, metadata,
        memory_terms(language, content) AS terms
    FROM unnest(
        :memory_ids::uuid[], :user_ids::uuid[], :kinds::text[], :contents::text[],
        :languages::text[], :speakers::text[], :conversation_ids::uuid[], :episodes::text[],
        :external_ids::text[], :occurred_ats::timestamptz[], :valid_froms::timestamptz[],
        :valid_tos::timestamptz[], :expires_ats::timestamptz[], :confidences::real[],
        :trusts::text[], :metadatas::jsonb[])
        AS given (
        memory_id, user_id, kind, content, language, speaker, conversation_id, episode,
        external_id, occurred_at, valid_from, valid_to, expires_at, confidence, trust, metadata)
), measured AS MATERIALIZED (
    SELECT memory_id, user_id, terms, words_in(terms) AS words FROM given
), stored AS (
    INSERT INTO memories (
        project_id, memory_id, user_id, kind, content, language, words, speaker,
        conversation_id, episode, external_id, occurred_at, valid_from, valid_to, expires_at,
        confidence, trust, metadata)
    SELECT
        :project, memory_id, user_id, kind, content, language, words, speaker,
        conversation_id, episode, external_id, occurred_at, valid_from, valid_to, expires_at,
        confidence, trust, metadata
    FROM given JOIN measured USING (memory_id, user_id)
    ORDER BY user_id, external_id, memory_id
    ON CONFLICT DO NOTHING
    RETURNING memory_id
), posted AS (
    INSERT INTO memory_postings (project_id, user_id, term, memory_id, frequency, words)
    SELECT :project, user_id, lexeme, memory_id, cardinality(positions), words
    FROM stored JOIN measured USING (memory_id) CROSS JOIN LATERAL unnest(terms)
), counted AS (
    INSERT INTO memory_scopes (project_id, user_id, memories, words)
    SELECT :project, user_id, count(*), sum(words)
    FROM stored JOIN measured USING (memory_id)
    GROUP BY user_id
    ORDER BY user_id
    ON CONFLICT (project_id, user_id) DO UPDATE SET
        memories = memory_scopes.memories + excluded.memories,
        words = memory_scopes.words + excluded.words
), sourced AS (
    INSERT INTO memory_sources (project_id, memory_id, source_type, source_id)
    SELECT DISTINCT :project::uuid, memory_id, source_type, source_id
    FROM unnest(:source_owners::uuid[], :source_types::text[], :source_ids::uuid[])
        AS source (memory_id, source_type, source_id)
    JOIN stored USING (memory_id)
)
SELECT memory_id FROM stored;

-- name: lock_memory_by_external_id^
-- The one memory that a user's external id names, kept from changing until we are done.
SELECT
    memory_id, user_id, kind, content, speaker, conversation_id, episode, external_id,
    occurred_at, valid_from, valid_to, created_at, superseded_at, superseded_by, expires_at,
    confidence, trust, metadata, version,
    (SELECT coalesce(json_agg(json_build_object('type', s.source_type, 'id', s.source_id)), '[]')
     FROM memory_sources s
     WHERE s.project_id = m.project_id AND s.memory_id = m.memory_id) AS sources
FROM memories m
WHERE project_id = :project AND user_id = :user_id AND external_id = :external_id
FOR UPDATE;

-- name: update_memory!
-- A new version takes the place of the old one, under the same id.
UPDATE memories SET
    kind = :kind, content = :content, language = :language,
    words = words_in(memory_terms(:language, :content)),
    speaker = :speaker, conversation_id = :conversation_id, episode = :episode,
    occurred_at = :occurred_at, valid_from = :valid_from, valid_to = :valid_to,
    expires_at = :expires_at, confidence = :confidence, trust = :trust, metadata = :metadata,
    superseded_at = NULL, superseded_by = NULL, version = version + 1
WHERE project_id = :project AND memory_id = :memory_id;

-- name: index_memories!
-- Postings and counts of memories that have none.
WITH measured AS MATERIALIZED (
    SELECT memory_id, user_id, words, memory_terms(language, content) AS terms
    FROM memories
    WHERE project_id = :project AND memory_id = ANY(:memory_ids)
), counted AS (
    INSERT INTO memory_scopes (project_id, user_id, memories, words)
    SELECT :project, user_id, count(*), sum(words)
    FROM measured
    GROUP BY user_id
    ORDER BY user_id
    ON CONFLICT (project_id, user_id) DO UPDATE SET
        memories = memory_scopes.memories + excluded.memories,
        words = memory_scopes.words + excluded.words
)
INSERT INTO memory_postings (project_id, user_id, term, memory_id, frequency, words)
SELECT :project, user_id, lexeme, memory_id, cardinality(positions), words
FROM measured CROSS JOIN LATERAL unnest(terms);

-- name: unindex_memories
-- Takes postings, counts and vectors away; gives the memories whose terms were not all found
-- (another version of Postgres may stem otherwise than the one that wrote them).
WITH measured AS MATERIALIZED (
    SELECT memory_id, user_id, words, memory_terms(language, content) AS terms
    FROM memories
    WHERE project_id = :project AND memory_id = ANY(:memory_ids)
    ORDER BY memory_id
    FOR UPDATE
), unposted AS (
    DELETE FROM memory_postings p
    USING measured m CROSS JOIN LATERAL unnest(m.terms) t
    WHERE p.project_id = :project AND p.user_id = m.user_id AND p.term = t.lexeme
      AND p.memory_id = m.memory_id
    RETURNING p.memory_id, p.frequency
), counted AS (
    UPDATE memory_scopes s SET memories = s.memories - m.memories, words = s.words - m.words
    FROM (SELECT user_id, count(*) AS memories, sum(words) AS words
          FROM measured GROUP BY user_id) m
    WHERE s.project_id = :project AND s.user_id = m.user_id
), unvectored AS (
    DELETE FROM memory_vectors v USING measured m
    WHERE v.project_id = :project AND v.memory_id = m.memory_id
)
SELECT m.memory_id
FROM measured m
LEFT JOIN (SELECT memory_id, sum(frequency) AS words FROM unposted GROUP BY memory_id) u
    USING (memory_id)
WHERE m.words <> coalesce(u.words, 0);

-- name: delete_postings_by_search!
-- Slow: walks all postings of the owners of these memories.
DELETE FROM memory_postings p USING memories m
WHERE m.project_id = :project AND m.memory_id = ANY(:memory_ids)
  AND p.project_id = m.project_id AND p.user_id = m.user_id AND p.memory_id = m.memory_id;

-- name: delete_cache_entries_of!
-- Cached answers whose prompts held these memories.
DELETE FROM cache_entries e USING cache_entry_memories u
WHERE u.project_id = :project AND u.memory_id = ANY(:memory_ids)
  AND e.project_id = u.project_id AND e.user_id = u.user_id AND e.namespace = u.namespace
  AND e.key = u.key;
