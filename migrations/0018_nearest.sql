-- The nearest vectors by an index, for scopes too large to be looked through.

-- Each embedding model has an index of its own, `memory_vectors_nearest_<model_id>`, made by its
-- owner when there is much to search (app/memory/index.py). This reads it: the best rows in order
-- of nearness, of passages and windows alike, until there are enough that are within reach.
-- Nothing where there is no such index, or where it gave fewer than were asked for before it gave
-- up: then everything has to be looked through.
CREATE FUNCTION nearest_memories(
    project uuid, users uuid[], model text, vector halfvec, narrowed boolean,
    conversation uuid, kinds text[], speakers text[], episodes text[], since timestamptz,
    until timestamptz, metadata jsonb, as_of timestamptz, most integer, effort integer)
RETURNS SETOF uuid
LANGUAGE plpgsql STABLE
SET enable_sort = off                   -- the index gives the order: no other plan is wanted
AS $$
DECLARE
    model_number smallint := (
        SELECT m.model_id FROM embedding_models m
        WHERE m.name = model AND m.dimensions = vector_dims(vector));
    found uuid[];
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_index
        WHERE indexrelid = to_regclass('memory_vectors_nearest_' || model_number) AND indisvalid)
    THEN
        RETURN;
    END IF;
    PERFORM set_config('hnsw.iterative_scan', 'relaxed_order', true),
            set_config('hnsw.ef_search', effort::text, true),
            set_config('hnsw.max_scan_tuples', '100000', true);
    EXECUTE format($q$
        SELECT array_agg(memory_id) FROM (
            SELECT v.memory_id
            FROM memory_vectors v
            WHERE v.model_id = %1$s AND v.project_id = $1 AND v.user_id = ANY ($2)
              AND CASE WHEN $3
                  THEN EXISTS (
                      SELECT FROM memories_within($1, $2, $4, $5, $6, $7, $8, $9, $10, $11) AS w
                      WHERE w = v.memory_id)
                  ELSE v.memory_id NOT IN (SELECT p FROM memories_passed($1, $2) AS p)
                  END
            ORDER BY v.embedding::halfvec(%2$s) <#> $12::halfvec(%2$s)
            LIMIT $13) AS near
        $q$, model_number, vector_dims(vector))
    INTO found
    USING project, users, narrowed, conversation, kinds, speakers, episodes, since, until,
        metadata, as_of, vector, most;
    IF cardinality(found) = most THEN
        RETURN QUERY SELECT DISTINCT unnest(found);
    END IF;
END $$;
