-- name: find_current^
-- The summary of something that holds now.
SELECT s.memory_id, m.version, m.content, m.trust, m.occurred_at, s.method, s.model, s.messages,
       s.cited
FROM summaries s
JOIN memories m ON m.project_id = :project AND m.memory_id = s.memory_id
WHERE s.project_id = :project AND s.user_id = :user_id AND s.about = :about
  AND m.superseded_at IS NULL AND (m.expires_at IS NULL OR m.expires_at > now())
ORDER BY s.memory_id DESC
LIMIT 1;

-- name: list_covered
-- The memories that a summary was made of, and those that it continues.
WITH RECURSIVE chain AS (
    SELECT :memory_id::uuid AS memory_id
    UNION
    SELECT c.source_id
    FROM chain
    JOIN memory_sources c ON c.project_id = :project AND c.memory_id = chain.memory_id
        AND c.source_type = 'memory'
    JOIN summaries s ON s.project_id = :project AND s.memory_id = c.source_id
)
SELECT c.source_id
FROM chain
JOIN memory_sources c ON c.project_id = :project AND c.memory_id = chain.memory_id
    AND c.source_type = 'memory';

-- name: list_said
-- Of these memories in their order the first that were said and are not covered yet.
SELECT m.memory_id, m.version, m.speaker, m.content, m.trust, m.occurred_at
FROM unnest(:memory_ids::uuid[]) WITH ORDINALITY AS given (memory_id, place)
JOIN memories m ON m.project_id = :project AND m.memory_id = given.memory_id
WHERE m.user_id = :user_id AND m.kind IN ('message', 'note') AND m.superseded_at IS NULL
  AND (m.expires_at IS NULL OR m.expires_at > now())
  AND m.memory_id <> ALL(:covered::uuid[])
ORDER BY given.place
LIMIT :most;

-- name: list_said_within
-- Of a stretch of talk, in order of time, the first that were said and are not covered yet.
SELECT memory_id, version, speaker, content, trust, occurred_at
FROM memories
WHERE project_id = :project AND user_id = :user_id AND stretch = :stretch
  AND kind IN ('message', 'note') AND superseded_at IS NULL
  AND (expires_at IS NULL OR expires_at > now())
  AND memory_id <> ALL(:covered::uuid[])
ORDER BY occurred_at, memory_id
LIMIT :most;

-- name: list_vectors
-- The vectors of these memories, of the passage that they begin with.
SELECT v.memory_id, v.embedding
FROM memory_vectors v
WHERE v.project_id = :project AND v.memory_id = ANY(:memory_ids) AND v.part = 0
  AND v.model_id = (
      SELECT model_id FROM embedding_models WHERE name = :model AND dimensions = :dimensions);

-- name: hold_sources
-- Those that are still there, and their versions; they stay so until we are done.
SELECT memory_id, version
FROM memories
WHERE project_id = :project AND memory_id = ANY(:memory_ids) AND superseded_at IS NULL
ORDER BY memory_id
FOR SHARE;

-- name: insert_summary!
-- What a summary says beside its text.
INSERT INTO summaries (
    project_id, memory_id, user_id, about, method, model, messages, cited)
VALUES (:project, :memory_id, :user_id, :about, :method, :model, :messages, :cited);

-- name: supersede!
-- It held until what the next one tells; the caller has kept its version.
UPDATE memories SET
    superseded_at = now(), superseded_by = :superseded_by, version = version + 1,
    valid_to = greatest(:valid_to::timestamptz, occurred_at)
WHERE project_id = :project AND memory_id = :memory_id;

-- name: find_model
-- The model that answered last in a conversation.
SELECT r.model
FROM turns t
JOIN responses r ON r.project_id = :project AND r.response_id = t.turn_id
WHERE t.project_id = :project AND t.conversation_id = :conversation
ORDER BY t.turn_id DESC
LIMIT 1;

-- name: is_remembering
-- Whether what was said in a user's conversation is still about to be remembered.
SELECT EXISTS (
    SELECT FROM items i
    JOIN outbox o ON o.project_id = :project AND o.subject_id = i.turn_id
        AND o.topic = 'remember_turn' AND o.failed_at IS NULL
    WHERE i.project_id = :project AND i.item_id = ANY(:item_ids));
