-- What a memory states that goes on holding, found by rules when it is remembered or changed, and
-- the sentences that state it, a line each.

ALTER TABLE memories
    ADD COLUMN standing text CHECK (standing IN ('instruction', 'preference', 'identity')),
    ADD COLUMN said text;

CREATE INDEX memories_standing ON memories (project_id, user_id, standing, memory_id)
    WHERE standing IS NOT NULL;

-- What is derived: few beside the messages.
CREATE INDEX memories_derived ON memories (project_id, user_id, kind, memory_id)
    WHERE kind IN ('fact', 'summary');
