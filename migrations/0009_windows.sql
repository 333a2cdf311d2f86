-- Vectors of passages, and of a text within its window.

-- Part 0 to n-1 are the passages of a text, a short one has only 0. Part -1 is a short text
-- together with what was said right before and after it.
ALTER TABLE memory_vectors
    ADD COLUMN made_of uuid,                -- of a window: which versions of which memories
    ADD CHECK (part >= -1),
    ADD CHECK ((part = -1) = (made_of IS NOT NULL));

-- What was said right before and after these memories, and they themselves, each as the middle of
-- a window. Facts and summaries are about what was said, and stand in no window.
CREATE FUNCTION memory_windows(project uuid, memory_ids uuid[])
RETURNS TABLE (memory_id uuid, user_id uuid, before_id uuid, after_id uuid, made_of uuid)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT m.memory_id, m.user_id, before.memory_id, after.memory_id,
           md5(concat_ws(' ', before.memory_id, before.version, m.version,
                         after.memory_id, after.version))::uuid
    FROM memories m
    LEFT JOIN LATERAL (
        SELECT b.memory_id, b.version
        FROM memories b
        WHERE b.project_id = memory_windows.project AND b.user_id = m.user_id
          AND b.stretch = m.stretch AND b.kind IN ('message', 'note')
          AND (b.occurred_at, b.memory_id) < (m.occurred_at, m.memory_id)
        ORDER BY b.occurred_at DESC, b.memory_id DESC
        LIMIT 1) AS before ON true
    LEFT JOIN LATERAL (
        SELECT a.memory_id, a.version
        FROM memories a
        WHERE a.project_id = memory_windows.project AND a.user_id = m.user_id
          AND a.stretch = m.stretch AND a.kind IN ('message', 'note')
          AND (a.occurred_at, a.memory_id) > (m.occurred_at, m.memory_id)
        ORDER BY a.occurred_at, a.memory_id
        LIMIT 1) AS after ON true
    WHERE m.project_id = memory_windows.project
      AND m.memory_id = ANY (memory_windows.memory_ids)
      AND m.stretch IS NOT NULL AND m.kind IN ('message', 'note')
      AND (before.memory_id IS NOT NULL OR after.memory_id IS NOT NULL);
END;
