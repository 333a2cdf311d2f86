-- The nearest vectors by an index, as before, but more of it is searched where the scope is a large
-- part of all: the scan goes on until as many rows have passed as some 3,000 of the index give, and
-- the best of them are taken. What the first 1,000 candidates give is nine tenths of the exact
-- result in a million.
CREATE OR REPLACE FUNCTION nearest_memories(
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
    rows_max CONSTANT float8 := 3000;   -- rows that the index gives: it holds 1,000 at a time
    share float8 := (
        SELECT coalesce(sum(s.memories), 0) FROM memory_scopes s
        WHERE s.project_id = project AND s.user_id = ANY (users)
    ) / (SELECT greatest(c.reltuples, 1) FROM pg_class c WHERE c.oid = 'memories'::regclass);
    looked integer := greatest(most, CASE WHEN narrowed THEN 0 ELSE rows_max * least(share, 1) END);
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
            SELECT memory_id FROM (
                SELECT v.memory_id, v.embedding::halfvec(%2$s) <#> $12::halfvec(%2$s) AS distance
                FROM memory_vectors v
                WHERE v.model_id = %1$s AND v.project_id = $1 AND v.user_id = ANY ($2)
                  AND CASE WHEN $3
                      THEN EXISTS (
                          SELECT
                          FROM memories_within($1, $2, $4, $5, $6, $7, $8, $9, $10, $11) AS w
                          WHERE w = v.memory_id)
                      ELSE v.memory_id NOT IN (SELECT p FROM memories_passed($1, $2) AS p)
                      END
                ORDER BY v.embedding::halfvec(%2$s) <#> $12::halfvec(%2$s)
                LIMIT $14) AS looked_at
            ORDER BY distance + 0       -- the scan's order is relaxed: it must be sorted
            LIMIT $13) AS near
        $q$, model_number, vector_dims(vector))
    INTO found
    USING project, users, narrowed, conversation, kinds, speakers, episodes, since, until,
        metadata, as_of, vector, most, looked;
    IF cardinality(found) = most THEN
        RETURN QUERY SELECT DISTINCT unnest(found);
    END IF;
END $$;
