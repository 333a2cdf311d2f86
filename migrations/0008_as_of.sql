-- Reading memory as it is now, or as it was; and room in the outbox for what is derived from it.

ALTER TABLE outbox DROP CONSTRAINT outbox_topic_check, ADD CONSTRAINT outbox_topic_check
    CHECK (topic IN ('remember_turn', 'embed_memories', 'title_conversation', 'delete_at_engine',
                     'extract_facts', 'summarize'));

DROP INDEX memories_passing;
CREATE INDEX memories_passing ON memories (project_id, user_id, memory_id)
    WHERE superseded_at IS NOT NULL OR expires_at IS NOT NULL OR valid_to IS NOT NULL;

-- What a recall may find where it is narrowed by more than its users; null means any.
-- Without `as_of` it is what holds now. With it, what held then: what was said later is not
-- there, what has been superseded since is, if it is known until when it was true.
DROP FUNCTION memories_within(
    uuid, uuid[], uuid, text[], text[], text[], timestamptz, timestamptz, jsonb);
CREATE FUNCTION memories_within(
    project uuid, users uuid[], conversation uuid, kinds text[], speakers text[],
    episodes text[], since timestamptz, until timestamptz, metadata jsonb, as_of timestamptz)
RETURNS SETOF uuid
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT m.memory_id
    FROM memories m
    WHERE m.project_id = memories_within.project
      AND m.user_id = ANY (memories_within.users)
      AND (m.superseded_at IS NULL
           OR (memories_within.as_of IS NOT NULL AND m.valid_to IS NOT NULL))
      AND (m.expires_at IS NULL OR m.expires_at > now())
      AND (m.valid_to IS NULL OR m.valid_to > coalesce(memories_within.as_of, now()))
      AND (memories_within.as_of IS NULL
           OR coalesce(m.valid_from, m.occurred_at) <= memories_within.as_of)
      AND (memories_within.conversation IS NULL
           OR m.conversation_id = memories_within.conversation)
      AND (memories_within.kinds IS NULL OR m.kind = ANY (memories_within.kinds))
      AND (memories_within.speakers IS NULL OR m.speaker = ANY (memories_within.speakers))
      AND (memories_within.episodes IS NULL OR m.episode = ANY (memories_within.episodes))
      AND (memories_within.since IS NULL OR m.occurred_at >= memories_within.since)
      AND (memories_within.until IS NULL OR m.occurred_at < memories_within.until)
      AND (memories_within.metadata IS NULL OR m.metadata @> memories_within.metadata);
END;

-- What a recall may not find where it is not narrowed: few, so that most rows are never read.
CREATE OR REPLACE FUNCTION memories_passed(project uuid, users uuid[]) RETURNS SETOF uuid
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT m.memory_id
    FROM memories m
    WHERE m.project_id = memories_passed.project
      AND m.user_id = ANY (memories_passed.users)
      AND (m.superseded_at IS NOT NULL OR m.expires_at IS NOT NULL OR m.valid_to IS NOT NULL)
      AND (m.superseded_at IS NOT NULL OR m.expires_at <= now() OR m.valid_to <= now());
END;
