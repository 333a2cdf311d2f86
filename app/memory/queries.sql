-- name: insert_memories
-- Rows, their postings, sources and counts, in one statement; gives those that are new.
-- Rows go in by external id, so that two batches at once wait for each other in one order.
WITH given AS MATERIALIZED (
    SELECT
        memory_id, user_id, kind, content, language, speaker, conversation_id, episode,
        external_id, occurred_at, valid_from, valid_to, expires_at, confidence, trust, metadata,
        standing, said
    FROM unnest(
        :memory_ids::uuid[], :user_ids::uuid[], :kinds::text[], :contents::text[],
        :languages::text[], :speakers::text[], :conversation_ids::uuid[], :episodes::text[],
        :external_ids::text[], :occurred_ats::timestamptz[], :valid_froms::timestamptz[],
        :valid_tos::timestamptz[], :expires_ats::timestamptz[], :confidences::real[],
        :trusts::text[], :metadatas::jsonb[],
        :standings::text[], :saids::text[])
        AS given (
        memory_id, user_id, kind, content, language, speaker, conversation_id, episode,
        external_id, occurred_at, valid_from, valid_to, expires_at, confidence, trust, metadata,
        standing, said)
), terms AS MATERIALIZED (
    SELECT memory_id, term, frequency, t.words
    FROM given CROSS JOIN LATERAL memory_terms(language, speaker, content) t
), measured AS MATERIALIZED (
    SELECT memory_id, ceil(coalesce(sum(words), 0))::integer AS words
    FROM given LEFT JOIN terms USING (memory_id)
    GROUP BY memory_id
), stored AS (
    INSERT INTO memories (
        project_id, memory_id, user_id, kind, content, language, words, speaker,
        conversation_id, episode, external_id, occurred_at, valid_from, valid_to, expires_at,
        confidence, trust, metadata, standing, said)
    SELECT
        :project, memory_id, user_id, kind, content, language, words, speaker,
        conversation_id, episode, external_id, occurred_at, valid_from, valid_to, expires_at,
        confidence, trust, metadata, standing, said
    FROM given JOIN measured USING (memory_id)
    ORDER BY user_id, external_id, memory_id
    ON CONFLICT DO NOTHING
    RETURNING memory_id, user_id, language, words
), posted AS (
    INSERT INTO memory_postings (project_id, user_id, term, memory_id, frequency, words)
    SELECT :project, s.user_id, t.term, s.memory_id, least(t.frequency, 32767), s.words
    FROM stored s JOIN terms t USING (memory_id)
), counted AS (
    INSERT INTO memory_scopes (project_id, user_id, memories, words)
    SELECT :project, user_id, count(*), sum(words)
    FROM stored
    GROUP BY user_id
    ORDER BY user_id
    ON CONFLICT (project_id, user_id) DO UPDATE SET
        memories = memory_scopes.memories + excluded.memories,
        words = memory_scopes.words + excluded.words
    RETURNING user_id
), spoken AS (
    INSERT INTO memory_languages (project_id, user_id, language, memories)
    SELECT :project, user_id, language, count(*)
    FROM counted JOIN stored USING (user_id)
    GROUP BY user_id, language
    ORDER BY user_id, language
    ON CONFLICT (project_id, user_id, language) DO UPDATE SET
        memories = memory_languages.memories + excluded.memories
), sourced AS (
    INSERT INTO memory_sources (project_id, memory_id, source_type, source_id)
    SELECT DISTINCT :project::uuid, memory_id, source_type, source_id
    FROM unnest(:source_owners::uuid[], :source_types::text[], :source_ids::uuid[])
        AS source (memory_id, source_type, source_id)
    JOIN stored USING (memory_id)
)
SELECT memory_id FROM stored;

-- name: insert_facts!
-- What memories of kind fact say beside their texts.
INSERT INTO facts (
    project_id, memory_id, user_id, subject, about, attribute, value, entities, reason, seen,
    statement_key)
SELECT :project, memory_id, user_id, subject, about, attribute, value,
       ARRAY(SELECT json_array_elements_text(entities)), reason, seen, statement_key
FROM unnest(
    :memory_ids::uuid[], :user_ids::uuid[], :subjects::text[], :abouts::text[],
    :attributes::text[], :values::text[], :entities::json[], :reasons::text[], :seens::integer[],
    :statement_keys::bytea[])
    AS given (
    memory_id, user_id, subject, about, attribute, value, entities, reason, seen, statement_key);

-- name: lock_scopes!
-- Holds what others write for these users until we are done; always taken before memories are
-- locked, so that two who meet wait for each other in one order.
INSERT INTO memory_scopes (project_id, user_id, memories, words)
SELECT :project, user_id, 0, 0 FROM unnest(:users::uuid[]) AS given (user_id) ORDER BY user_id
ON CONFLICT (project_id, user_id) DO UPDATE SET memories = memory_scopes.memories;

-- name: list_languages
-- The languages of users' memories, in which they have most first.
SELECT user_id, language
FROM memory_languages
WHERE project_id = :project AND user_id = ANY(:users) AND memories > 0
ORDER BY memories DESC, language;

-- name: lock_scopes_of
-- The same for the owners of these memories.
SELECT s.user_id
FROM memory_scopes s
WHERE s.project_id = :project AND s.user_id IN (
    SELECT m.user_id FROM memories m
    WHERE m.project_id = :project AND m.memory_id = ANY(:memory_ids))
ORDER BY s.user_id
FOR UPDATE;

-- name: lock_memories_by_external_ids
-- The memories that users' external ids name, kept from changing until we are done.
SELECT
    memory_id, user_id, kind, content, speaker, conversation_id, episode, external_id,
    occurred_at, valid_from, valid_to, created_at, superseded_at, superseded_by, expires_at,
    confidence, trust, metadata, version, '[]'::json AS sources, 0::bigint AS uses,
    NULL::timestamptz AS used_at, NULL::json AS fact
FROM memories
WHERE project_id = :project AND memory_id = ANY(ARRAY(
    SELECT m.memory_id
    FROM unnest(:users::uuid[], :external_ids::text[]) AS given (user_id, external_id)
    CROSS JOIN LATERAL (
        SELECT memory_id FROM memories
        WHERE project_id = :project AND user_id = given.user_id
          AND external_id = given.external_id
        OFFSET 0) AS m))
ORDER BY memory_id
FOR UPDATE;

-- name: lock_memory^
-- One memory, kept from changing until we are done.
SELECT
    memory_id, user_id, kind, content, speaker, conversation_id, episode, external_id,
    occurred_at, valid_from, valid_to, created_at, superseded_at, superseded_by, expires_at,
    confidence, trust, metadata, version, '[]'::json AS sources, 0::bigint AS uses,
    NULL::timestamptz AS used_at, NULL::json AS fact
FROM memories
WHERE project_id = :project AND memory_id = :memory_id
FOR UPDATE;

-- name: keep_versions!
-- Keeps what these memories are, before they are changed; of each the newest so many are kept.
WITH kept AS (
    INSERT INTO memory_versions (
        project_id, memory_id, version, user_id, kind, content, speaker, conversation_id, episode,
        occurred_at, valid_from, valid_to, created_at, replaced_at, why, superseded_at,
        superseded_by, expires_at, confidence, trust, metadata)
    SELECT
        :project, m.memory_id, m.version, m.user_id, m.kind, m.content, m.speaker,
        m.conversation_id, m.episode, m.occurred_at, m.valid_from, m.valid_to,
        coalesce((SELECT max(v.replaced_at) FROM memory_versions v
                  WHERE v.project_id = :project AND v.memory_id = m.memory_id), m.created_at),
        clock_timestamp(), :why, m.superseded_at, m.superseded_by, m.expires_at, m.confidence,
        m.trust, m.metadata
    FROM memories m
    WHERE m.project_id = :project AND m.memory_id = ANY(:memory_ids)
    RETURNING memory_id, version
)
DELETE FROM memory_versions v
USING kept
WHERE v.project_id = :project AND v.memory_id = kept.memory_id
  AND v.version <= kept.version - :most::integer;

-- name: list_versions
-- A page of what a memory is and was, from one version to another; a memory has few.
SELECT
    memory_id, version, kind, content, speaker, conversation_id, episode, occurred_at, valid_from,
    valid_to, created_at, replaced_at, why, superseded_at, superseded_by, expires_at, confidence,
    trust, metadata
FROM (
    SELECT
        v.memory_id, v.version, v.kind, v.content, v.speaker, v.conversation_id, v.episode,
        v.occurred_at, v.valid_from, v.valid_to, v.created_at, v.replaced_at, v.why,
        v.superseded_at, v.superseded_by, v.expires_at, v.confidence, v.trust, v.metadata
    FROM memory_versions v
    WHERE v.project_id = :project AND v.memory_id = :memory_id
    UNION ALL
    SELECT
        m.memory_id, m.version, m.kind, m.content, m.speaker, m.conversation_id, m.episode,
        m.occurred_at, m.valid_from, m.valid_to,
        coalesce((SELECT max(v.replaced_at) FROM memory_versions v
                  WHERE v.project_id = :project AND v.memory_id = :memory_id), m.created_at),
        NULL, NULL, m.superseded_at, m.superseded_by, m.expires_at, m.confidence, m.trust,
        m.metadata
    FROM memories m
    WHERE m.project_id = :project AND m.memory_id = :memory_id) AS versions
WHERE version > :above::integer AND version < :below::integer
ORDER BY CASE WHEN :descending::boolean THEN -version ELSE version END
LIMIT :most;

-- name: update_memories!
-- New versions take the place of the old ones, under the same ids; they hold again, if they were
-- superseded, unless that is to stay.
UPDATE memories m SET
    kind = g.kind, content = g.content, language = g.language,
    words = (SELECT ceil(coalesce(sum(t.words), 0))
             FROM memory_terms(g.language, g.speaker, g.content) t),
    speaker = g.speaker, conversation_id = g.conversation_id, episode = g.episode,
    occurred_at = g.occurred_at, valid_from = g.valid_from, valid_to = g.valid_to,
    expires_at = g.expires_at, confidence = g.confidence, trust = g.trust, metadata = g.metadata,
    standing = g.standing, said = g.said,
    superseded_at = CASE WHEN :patched::boolean THEN m.superseded_at END,
    superseded_by = CASE WHEN :patched THEN m.superseded_by END, version = m.version + 1
FROM unnest(
    :memory_ids::uuid[], :kinds::text[], :contents::text[], :languages::text[], :speakers::text[],
    :conversation_ids::uuid[], :episodes::text[], :occurred_ats::timestamptz[],
    :valid_froms::timestamptz[], :valid_tos::timestamptz[], :expires_ats::timestamptz[],
    :confidences::real[], :trusts::text[], :metadatas::jsonb[], :standings::text[], :saids::text[])
    AS g (
    memory_id, kind, content, language, speaker, conversation_id, episode, occurred_at,
    valid_from, valid_to, expires_at, confidence, trust, metadata, standing, said)
WHERE m.project_id = :project AND m.memory_id = g.memory_id;

-- name: index_memories!
-- Postings and counts of memories that have none.
WITH measured AS MATERIALIZED (
    SELECT memory_id, user_id, words, language, speaker, content
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
    RETURNING user_id
), spoken AS (
    INSERT INTO memory_languages (project_id, user_id, language, memories)
    SELECT :project, user_id, language, count(*)
    FROM counted JOIN measured USING (user_id)
    GROUP BY user_id, language
    ORDER BY user_id, language
    ON CONFLICT (project_id, user_id, language) DO UPDATE SET
        memories = memory_languages.memories + excluded.memories
)
INSERT INTO memory_postings (project_id, user_id, term, memory_id, frequency, words)
SELECT :project, m.user_id, t.term, m.memory_id, least(t.frequency, 32767), m.words
FROM measured m CROSS JOIN LATERAL memory_terms(m.language, m.speaker, m.content) t;

-- name: unindex_memories^
-- Takes postings, counts and vectors away; gives how many, and the memories whose terms were not
-- all found (another version of Postgres may stem otherwise than the one that wrote them).
WITH measured AS MATERIALIZED (
    SELECT memory_id, user_id, words, language, speaker, content
    FROM memories
    WHERE project_id = :project AND memory_id = ANY(:memory_ids)
    ORDER BY memory_id
    FOR UPDATE
), terms AS MATERIALIZED (
    SELECT m.user_id, m.memory_id, t.term, t.words
    FROM measured m CROSS JOIN LATERAL memory_terms(m.language, m.speaker, m.content) t
), unposted AS (
    DELETE FROM memory_postings p
    USING terms t
    WHERE p.project_id = :project AND p.user_id = t.user_id AND p.term = t.term
      AND p.memory_id = t.memory_id
    RETURNING p.memory_id, t.words
), counted AS (
    UPDATE memory_scopes s SET memories = s.memories - m.memories, words = s.words - m.words
    FROM (SELECT user_id, count(*) AS memories, sum(words) AS words
          FROM measured GROUP BY user_id) m
    WHERE s.project_id = :project AND s.user_id = m.user_id
    RETURNING s.user_id
), spoken AS (
    UPDATE memory_languages l SET memories = l.memories - m.memories
    FROM (SELECT user_id, language, count(*) AS memories
          FROM measured GROUP BY user_id, language) m
    WHERE l.project_id = :project AND l.user_id = m.user_id AND l.language = m.language
      AND l.user_id = ANY(ARRAY(SELECT user_id FROM counted))
), unvectored AS (
    DELETE FROM memory_vectors v USING measured m
    WHERE v.project_id = :project AND v.memory_id = m.memory_id
    RETURNING v.memory_id
)
SELECT
    (SELECT count(*) FROM unposted) AS postings,
    (SELECT count(*) FROM unvectored) AS vectors,
    ARRAY(
        SELECT m.memory_id
        FROM measured m
        LEFT JOIN (SELECT memory_id, ceil(sum(words)) AS words FROM unposted GROUP BY memory_id) u
            USING (memory_id)
        WHERE m.words <> coalesce(u.words, 0)) AS stray;

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

-- name: delete_windows_beside
-- Takes away the windows that hold these memories; gives the others whose windows these were.
WITH beside AS MATERIALIZED (
    SELECT m.memory_id, m.user_id
    FROM memories m
    WHERE m.project_id = :project AND m.memory_id <> ALL(:memory_ids)
      AND m.memory_id IN (
          SELECT unnest(ARRAY[w.before_id, w.after_id])
          FROM memory_windows(:project, :memory_ids) w)
), gone AS (
    DELETE FROM memory_vectors v USING beside
    WHERE v.project_id = :project AND v.memory_id = beside.memory_id AND v.part = -1
)
SELECT memory_id, user_id, 1 AS passages FROM beside ORDER BY memory_id;

-- name: get_memories
-- These memories, those that are there.
SELECT
    m.memory_id, m.user_id, kind, content, speaker, conversation_id, episode, external_id,
    occurred_at, valid_from, valid_to, created_at, superseded_at, superseded_by, expires_at,
    confidence, trust, metadata, version,
    (SELECT coalesce(json_agg(json_build_object('type', s.source_type, 'id', s.source_id)), '[]')
     FROM memory_sources s
     WHERE s.project_id = m.project_id AND s.memory_id = m.memory_id) AS sources,
    coalesce(u.uses, 0) AS uses, u.used_at,
    (SELECT json_build_object('subject', f.subject, 'attribute', f.attribute,
                              'entities', f.entities, 'confidence_reason', f.reason)
     FROM facts f
     WHERE f.project_id = m.project_id AND f.memory_id = m.memory_id) AS fact
FROM memories m
LEFT JOIN memory_uses u ON u.project_id = :project AND u.memory_id = m.memory_id
WHERE m.project_id = :project AND m.memory_id = ANY(:memory_ids);

-- name: list_standing
-- What a user's memories of one class state that goes on holding, those remembered last first.
-- Not what a fact was made from that has fallen since.
SELECT m.memory_id, m.kind, m.standing, m.said, m.speaker, m.occurred_at
FROM memories m
WHERE m.project_id = :project AND m.user_id = :user_id AND m.standing = :standing
  AND m.superseded_at IS NULL
  AND (m.expires_at IS NULL OR m.expires_at > now())
  AND (m.valid_to IS NULL OR m.valid_to > now())
  AND NOT EXISTS (
      SELECT FROM memory_sources c
      JOIN memories f ON f.project_id = :project AND f.memory_id = c.memory_id
      WHERE c.project_id = :project AND c.source_type = 'memory' AND c.source_id = m.memory_id
        AND f.superseded_at IS NOT NULL)
ORDER BY m.memory_id DESC
LIMIT :most;

-- name: list_current
-- Ids of a user's memories of a derived kind that hold now, those remembered last first.
SELECT memory_id
FROM memories
WHERE project_id = :project AND user_id = :user_id AND kind = :kind
  AND kind IN ('fact', 'summary') AND superseded_at IS NULL
  AND (expires_at IS NULL OR expires_at > now()) AND (valid_to IS NULL OR valid_to > now())
ORDER BY memory_id DESC
LIMIT :most;

-- name: list_newest_first
-- Ids of a user's memories, those remembered last first, before a cursor.
SELECT memory_id
FROM memories
WHERE project_id = :project AND user_id = :user_id
  AND memory_id > :above AND memory_id < :below
  AND (:conversation::uuid IS NULL OR conversation_id = :conversation)
  AND (:kind::text IS NULL OR kind = :kind)
  AND (:episode::text IS NULL OR episode = :episode)
  AND (:expired::boolean OR expires_at IS NULL OR expires_at > now())
  AND (:going_before::timestamptz IS NULL OR expires_at < :going_before
       OR memory_id < :outdated)
ORDER BY memory_id DESC
LIMIT :most;

-- name: list_oldest_first
-- Ids of a user's memories, those remembered first first, after a cursor.
SELECT memory_id
FROM memories
WHERE project_id = :project AND user_id = :user_id
  AND memory_id > :above AND memory_id < :below
  AND (:conversation::uuid IS NULL OR conversation_id = :conversation)
  AND (:kind::text IS NULL OR kind = :kind)
  AND (:episode::text IS NULL OR episode = :episode)
  AND (:expired::boolean OR expires_at IS NULL OR expires_at > now())
  AND (:going_before::timestamptz IS NULL OR expires_at < :going_before
       OR memory_id < :outdated)
ORDER BY memory_id
LIMIT :most;

-- name: list_everyones_newest_first
-- Ids of all memories of a project, those remembered last first, before a cursor.
SELECT memory_id
FROM memories
WHERE project_id = :project AND memory_id > :above AND memory_id < :below
  AND (:conversation::uuid IS NULL OR conversation_id = :conversation)
  AND (:kind::text IS NULL OR kind = :kind)
  AND (:episode::text IS NULL OR episode = :episode)
  AND (:expired::boolean OR expires_at IS NULL OR expires_at > now())
  AND (:going_before::timestamptz IS NULL OR expires_at < :going_before
       OR memory_id < :outdated)
ORDER BY memory_id DESC
LIMIT :most;

-- name: list_everyones_oldest_first
-- Ids of all memories of a project, those remembered first first, after a cursor.
SELECT memory_id
FROM memories
WHERE project_id = :project AND memory_id > :above AND memory_id < :below
  AND (:conversation::uuid IS NULL OR conversation_id = :conversation)
  AND (:kind::text IS NULL OR kind = :kind)
  AND (:episode::text IS NULL OR episode = :episode)
  AND (:expired::boolean OR expires_at IS NULL OR expires_at > now())
  AND (:going_before::timestamptz IS NULL OR expires_at < :going_before
       OR memory_id < :outdated)
ORDER BY memory_id
LIMIT :most;

-- name: list_said
-- What these memories say and said, of those that were said.
SELECT content FROM memories
WHERE project_id = :project AND memory_id = ANY(:memory_ids) AND kind = 'message'
UNION
SELECT content FROM memory_versions
WHERE project_id = :project AND memory_id = ANY(:memory_ids) AND kind = 'message';

-- name: list_told
-- What these facts say and said, and the memories that they were read from.
SELECT s.source_id, m.content
FROM memories m
JOIN memory_sources s ON s.project_id = :project AND s.memory_id = m.memory_id
WHERE m.project_id = :project AND m.memory_id = ANY(:memory_ids) AND m.kind = 'fact'
  AND s.source_type = 'memory'
UNION
SELECT s.source_id, v.content
FROM memory_versions v
JOIN memory_sources s ON s.project_id = :project AND s.memory_id = v.memory_id
WHERE v.project_id = :project AND v.memory_id = ANY(:memory_ids) AND v.kind = 'fact'
  AND s.source_type = 'memory';

-- name: insert_marks!
-- Marks of what was forgotten.
INSERT INTO forgotten_texts (project_id, mark)
SELECT :project, mark FROM unnest(:marks::bytea[]) AS given (mark)
ON CONFLICT DO NOTHING;

-- name: find_marks
-- Those of these marks that are there.
SELECT mark FROM forgotten_texts WHERE project_id = :project AND mark = ANY(:marks);

-- name: list_by_sources
-- Ids of memories that came from any of these.
SELECT DISTINCT memory_id
FROM memory_sources
WHERE project_id = :project AND source_type = :source_type AND source_id = ANY(:source_ids);

-- name: lock_memories!
-- Memories that are about to go, in the order in which everyone locks them.
SELECT FROM memories
WHERE project_id = :project AND memory_id = ANY(:memory_ids)
ORDER BY memory_id
FOR UPDATE;

-- name: list_support
-- What derived memories came from beside what goes with them.
SELECT DISTINCT d.kind AS derived_kind, s.user_id, s.conversation_id, s.episode, s.memory_id,
       s.kind
FROM memories d
JOIN memory_sources c ON c.project_id = :project AND c.memory_id = d.memory_id
    AND c.source_type = 'memory'
JOIN memories s ON s.project_id = :project AND s.memory_id = c.source_id
WHERE d.project_id = :project AND d.memory_id = ANY(:derived)
  AND s.memory_id <> ALL(:gone::uuid[])
ORDER BY s.memory_id;

-- name: list_summarised
-- What these summaries are about, and how the last about each was made.
SELECT DISTINCT ON (s.user_id, s.about)
    s.user_id, m.conversation_id, s.about, s.method, s.model
FROM summaries s
JOIN memories m ON m.project_id = :project AND m.memory_id = s.memory_id
WHERE s.project_id = :project AND s.memory_id = ANY(:memory_ids)
ORDER BY s.user_id, s.about, s.memory_id DESC;

-- name: restore_superseded
-- They hold again, until when they did before they were superseded.
UPDATE memories m SET superseded_at = NULL, superseded_by = NULL, version = version + 1,
    valid_to = (
        SELECT v.valid_to FROM memory_versions v
        WHERE v.project_id = :project AND v.memory_id = m.memory_id AND v.why = 'superseded'
        ORDER BY v.version DESC
        LIMIT 1)
WHERE m.project_id = :project AND m.memory_id = ANY(:memory_ids)
RETURNING m.memory_id, m.user_id, 1 AS passages;

-- name: keep_restored!
-- What was said before somebody restored a fact does not supersede it again.
UPDATE facts SET kept_at = now() WHERE project_id = :project AND memory_id = :memory_id;

-- name: pass_on_superseded!
-- What fell for one of these, which fell for another that stays, has fallen for that one.
UPDATE memories m SET superseded_by = gone.superseded_by
FROM memories gone
WHERE m.project_id = :project AND m.superseded_by = ANY(:memory_ids)
  AND gone.project_id = :project AND gone.memory_id = m.superseded_by
  AND gone.superseded_by <> ALL(:memory_ids);

-- name: list_superseded
-- What fell for these, and does not go with them.
SELECT memory_id FROM memories
WHERE project_id = :project AND superseded_by = ANY(:memory_ids)
  AND memory_id <> ALL(:memory_ids)
ORDER BY memory_id
FOR UPDATE;

-- name: delete_memories^
-- Their versions, vectors, sources and uses go with them.
WITH versions AS (
    SELECT count(*) AS versions FROM memory_versions
    WHERE project_id = :project AND memory_id = ANY(:memory_ids)
), gone AS (
    DELETE FROM memories WHERE project_id = :project AND memory_id = ANY(:memory_ids)
    RETURNING kind
)
SELECT
    count(*) AS memories, count(*) FILTER (WHERE kind = 'fact') AS facts,
    count(*) FILTER (WHERE kind = 'summary') AS summaries,
    (SELECT versions FROM versions) AS versions
FROM gone;

-- name: delete_scope!
-- The counts of a user without memories.
WITH spoken AS (
    DELETE FROM memory_languages
    WHERE project_id = :project AND user_id = :user_id AND memories <= 0
)
DELETE FROM memory_scopes WHERE project_id = :project AND user_id = :user_id AND memories <= 0;

-- name: count_uses!
-- Adds what was recalled, of memories that are still there. They are held first, by id, as by those
-- who delete them.
WITH held AS MATERIALIZED (
    SELECT memory_id, user_id
    FROM memories
    WHERE project_id = :project AND memory_id = ANY(:memory_ids)
    ORDER BY memory_id
    FOR KEY SHARE
)
INSERT INTO memory_uses (project_id, memory_id, user_id, uses, used_at)
SELECT :project, memory_id, held.user_id, given.uses, now()
FROM unnest(:memory_ids::uuid[], :counts::bigint[]) AS given (memory_id, uses)
JOIN held USING (memory_id)
ORDER BY memory_id
ON CONFLICT (project_id, memory_id) DO UPDATE SET
    uses = memory_uses.uses + excluded.uses, used_at = excluded.used_at;

-- name: list_expired
-- Memories that have run out, of all projects but these.
SELECT project_id, memory_id FROM expired_memories(:most, :but);

-- name: list_retentions
-- How long projects and users keep memories.
SELECT project_id, user_id, retention AS days FROM memory_retentions();

-- name: list_still_expired
-- Those of these that have run out, kept from changing until we are done.
SELECT memory_id
FROM memories
WHERE project_id = :project AND memory_id = ANY(:memory_ids) AND expires_at <= now()
ORDER BY memory_id
FOR UPDATE;

-- name: list_outdated
-- The oldest memories of a project below an id, but for users who have a rule of their own.
SELECT memory_id
FROM memories
WHERE project_id = :project AND memory_id < :below AND user_id <> ALL(:but::uuid[])
ORDER BY memory_id
LIMIT :most;

-- name: list_outdated_of
-- The oldest memories of a user below an id.
SELECT memory_id
FROM memories
WHERE project_id = :project AND user_id = :user_id AND memory_id < :below
ORDER BY memory_id
LIMIT :most;

-- name: list_owners
-- Who has memories.
SELECT user_id FROM memory_scopes WHERE project_id = :project AND memories > 0;

-- name: count_quality
-- What users' memories are like, by kind and trust: of so many, user by user the newest first.
SELECT
    m.kind, m.trust, count(*) AS memories,
    count(*) FILTER (WHERE m.superseded_at IS NOT NULL) AS superseded,
    count(*) FILTER (WHERE m.expires_at <= now()) AS expired,
    count(*) FILTER (
        WHERE (m.expires_at > now() AND m.expires_at < :going_before) OR m.memory_id < :outdated)
        AS expiring,
    count(*) FILTER (WHERE NOT EXISTS (
        SELECT FROM memory_uses u
        WHERE u.project_id = :project AND u.memory_id = m.memory_id)) AS never_used,
    count(*) FILTER (WHERE NOT EXISTS (
        SELECT FROM memory_vectors v JOIN embedding_models e USING (model_id)
        WHERE v.project_id = :project AND v.memory_id = m.memory_id AND v.part = 0
          AND e.name = :model)) AS awaiting_vectors
FROM (
    SELECT newest.*
    FROM unnest(:users::uuid[]) AS given (user_id)
    CROSS JOIN LATERAL (
        SELECT memory_id, kind, trust, superseded_at, expires_at
        FROM memories
        WHERE project_id = :project AND user_id = given.user_id
        ORDER BY memory_id DESC
        LIMIT :most) AS newest
    LIMIT :most) AS m
GROUP BY m.kind, m.trust
ORDER BY m.kind, m.trust;

-- name: mark_for_reading
-- Messages that users and documents said and that were not given out to be read for facts yet, not
-- as they are now: marks them, and gives them.
WITH given AS (
    SELECT memory_id, user_id, conversation_id, occurred_at, version
    FROM memories
    WHERE project_id = :project AND memory_id = ANY(:memory_ids) AND kind = 'message'
      AND trust <> 'assistant' AND coalesce(speaker, '') <> ALL(:unread_speakers::text[])
), marked AS (
    INSERT INTO fact_readings (project_id, memory_id, user_id, version)
    SELECT :project, memory_id, user_id, version FROM given ORDER BY memory_id
    ON CONFLICT (project_id, memory_id) DO UPDATE SET version = excluded.version
    WHERE fact_readings.version <> excluded.version
    RETURNING memory_id
)
SELECT memory_id, user_id, conversation_id
FROM given JOIN marked USING (memory_id)
ORDER BY user_id, conversation_id, occurred_at, memory_id;

-- name: list_unread
-- A user's messages that were not given out to be read for facts yet, oldest first.
SELECT m.memory_id
FROM memories m
WHERE m.project_id = :project AND m.user_id = :user_id AND m.kind = 'message'
  AND m.trust <> 'assistant' AND coalesce(m.speaker, '') <> ALL(:unread_speakers::text[])
  AND (:conversation::uuid IS NULL OR m.conversation_id = :conversation)
  AND NOT EXISTS (
      SELECT FROM fact_readings r
      WHERE r.project_id = :project AND r.memory_id = m.memory_id AND r.version = m.version)
ORDER BY m.memory_id
LIMIT :most;
