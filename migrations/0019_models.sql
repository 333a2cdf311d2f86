-- Changing the embedding model: which is in use, and which is filled in beside it.

ALTER TABLE embedding_models
    ADD COLUMN in_use_since timestamptz,    -- the latest is in use: recall asks in its vectors
    ADD COLUMN filling_since timestamptz;   -- its vectors are being made; then it is in use

UPDATE embedding_models SET in_use_since = now()
WHERE model_id = (SELECT max(model_id) FROM embedding_models);

ALTER TABLE outbox DROP CONSTRAINT outbox_topic_check, ADD CONSTRAINT outbox_topic_check
    CHECK (topic IN ('remember_turn', 'embed_memories', 'title_conversation', 'delete_at_engine',
                     'extract_facts', 'summarize', 'reembed'));

CREATE FUNCTION embedding_model_in_use() RETURNS smallint
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT model_id FROM embedding_models
    WHERE in_use_since IS NOT NULL
    ORDER BY in_use_since DESC, model_id DESC
    LIMIT 1;
END;

-- A service wants this model. The first of all is in use at once; another is filled in: a row of
-- the outbox for each project looks through its memories. Repeated, it looks through them again.
CREATE FUNCTION want_embedding_model(wanted text, wide integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public
AS $$
DECLARE
    in_use text;
BEGIN
    PERFORM pg_advisory_xact_lock(7234, 1);
    IF NOT EXISTS (SELECT FROM embedding_models WHERE name = wanted AND dimensions = wide) THEN
        INSERT INTO embedding_models (name, dimensions) VALUES (wanted, wide);
    END IF;
    in_use := (SELECT name FROM embedding_models WHERE model_id = embedding_model_in_use());
    UPDATE embedding_models SET filling_since = NULL
    WHERE filling_since IS NOT NULL AND name <> wanted;
    IF in_use IS NULL OR in_use = wanted THEN
        UPDATE embedding_models SET in_use_since = clock_timestamp(), filling_since = NULL
        WHERE name = wanted AND dimensions = wide
          AND model_id IS DISTINCT FROM embedding_model_in_use();
        RETURN;
    END IF;
    UPDATE embedding_models SET filling_since = coalesce(filling_since, clock_timestamp())
    WHERE name = wanted AND dimensions = wide;
    INSERT INTO outbox (project_id, outbox_id, topic, user_id, payload)
    SELECT s.project_id, gen_random_uuid(), 'reembed', '00000000-0000-0000-0000-000000000000',
           json_build_object('model', wanted, 'after', NULL)
    FROM (SELECT DISTINCT project_id FROM memory_scopes WHERE memories > 0) AS s
    WHERE NOT EXISTS (
        SELECT FROM outbox o
        WHERE o.project_id = s.project_id AND o.topic = 'reembed'
          AND o.payload ->> 'model' = wanted);
END $$;

-- Takes a model into use that has been filled in, if nothing of that is left to do.
CREATE FUNCTION switch_embedding_model(wanted text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public
AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(7234, 1);
    UPDATE embedding_models SET in_use_since = clock_timestamp(), filling_since = NULL
    WHERE name = wanted AND filling_since IS NOT NULL
      AND NOT EXISTS (
          SELECT FROM outbox o WHERE o.topic = 'reembed' AND o.payload ->> 'model' = wanted);
    RETURN FOUND;
END $$;

REVOKE ALL ON FUNCTION want_embedding_model, switch_embedding_model FROM PUBLIC;
GRANT EXECUTE ON FUNCTION want_embedding_model, switch_embedding_model TO backstory_service;
