-- name: insert_requests!
-- Requests of one project, written in a batch; those of a batch that is tried again are there.
INSERT INTO requests (
    project_id, created_at, request_id, user_id, key_id, endpoint, purpose, response_id,
    model, engine, stream, status, error_code, cache_status, input_tokens, output_tokens,
    cached_tokens, saved_tokens, first_token_ms, total_ms)
SELECT
    project_id, created_at, request_id, user_id, key_id, endpoint, purpose, response_id,
    model, engine, stream, status, error_code, cache_status, input_tokens, output_tokens,
    cached_tokens, saved_tokens, first_token_ms, total_ms
FROM unnest(
    :project_id_list::uuid[], :created_at_list::timestamptz[], :request_id_list::uuid[],
    :user_id_list::uuid[], :key_id_list::uuid[], :endpoint_list::text[], :purpose_list::text[],
    :response_id_list::uuid[], :model_list::text[], :engine_list::text[],
    :stream_list::boolean[], :status_list::smallint[], :error_code_list::text[],
    :cache_status_list::text[], :input_tokens_list::integer[], :output_tokens_list::integer[],
    :cached_tokens_list::integer[], :saved_tokens_list::integer[], :first_token_ms_list::real[],
    :total_ms_list::real[])
    AS given (
    project_id, created_at, request_id, user_id, key_id, endpoint, purpose, response_id,
    model, engine, stream, status, error_code, cache_status, input_tokens, output_tokens,
    cached_tokens, saved_tokens, first_token_ms, total_ms)
ON CONFLICT DO NOTHING;

-- name: list_requests_newest_first
-- Requests of a whole project in a stretch of time, newest first, before a cursor.
SELECT
    project_id, created_at, request_id, user_id, key_id, endpoint, purpose, response_id,
    model, engine, stream, status, error_code, cache_status, input_tokens, output_tokens,
    cached_tokens, saved_tokens, first_token_ms, total_ms
FROM requests
WHERE project_id = :project
  AND (:model::text IS NULL OR model = :model)
  AND (:status::smallint IS NULL OR status = :status)
  AND (:endpoint::text IS NULL OR endpoint = :endpoint)
  AND (:cache_status::text IS NULL OR cache_status = :cache_status)
  AND created_at >= :since AND created_at < :until
  AND (:cursor_id::uuid IS NULL OR (created_at, request_id) < (:cursor_time, :cursor_id))
ORDER BY created_at DESC, request_id DESC
LIMIT :most;

-- name: list_user_requests_newest_first
-- Requests of one user in a stretch of time, newest first, before a cursor.
SELECT
    project_id, created_at, request_id, user_id, key_id, endpoint, purpose, response_id,
    model, engine, stream, status, error_code, cache_status, input_tokens, output_tokens,
    cached_tokens, saved_tokens, first_token_ms, total_ms
FROM requests
WHERE project_id = :project
  AND user_id = :user_id
  AND (:model::text IS NULL OR model = :model)
  AND (:status::smallint IS NULL OR status = :status)
  AND (:endpoint::text IS NULL OR endpoint = :endpoint)
  AND (:cache_status::text IS NULL OR cache_status = :cache_status)
  AND created_at >= :since AND created_at < :until
  AND (:cursor_id::uuid IS NULL OR (created_at, request_id) < (:cursor_time, :cursor_id))
ORDER BY created_at DESC, request_id DESC
LIMIT :most;

-- name: list_requests_oldest_first
-- Requests of a whole project in a stretch of time, oldest first, after a cursor.
SELECT
    project_id, created_at, request_id, user_id, key_id, endpoint, purpose, response_id,
    model, engine, stream, status, error_code, cache_status, input_tokens, output_tokens,
    cached_tokens, saved_tokens, first_token_ms, total_ms
FROM requests
WHERE project_id = :project
  AND (:model::text IS NULL OR model = :model)
  AND (:status::smallint IS NULL OR status = :status)
  AND (:endpoint::text IS NULL OR endpoint = :endpoint)
  AND (:cache_status::text IS NULL OR cache_status = :cache_status)
  AND created_at >= :since AND created_at < :until
  AND (:cursor_id::uuid IS NULL OR (created_at, request_id) > (:cursor_time, :cursor_id))
ORDER BY created_at ASC, request_id ASC
LIMIT :most;

-- name: list_user_requests_oldest_first
-- Requests of one user in a stretch of time, oldest first, after a cursor.
SELECT
    project_id, created_at, request_id, user_id, key_id, endpoint, purpose, response_id,
    model, engine, stream, status, error_code, cache_status, input_tokens, output_tokens,
    cached_tokens, saved_tokens, first_token_ms, total_ms
FROM requests
WHERE project_id = :project
  AND user_id = :user_id
  AND (:model::text IS NULL OR model = :model)
  AND (:status::smallint IS NULL OR status = :status)
  AND (:endpoint::text IS NULL OR endpoint = :endpoint)
  AND (:cache_status::text IS NULL OR cache_status = :cache_status)
  AND created_at >= :since AND created_at < :until
  AND (:cursor_id::uuid IS NULL OR (created_at, request_id) > (:cursor_time, :cursor_id))
ORDER BY created_at ASC, request_id ASC
LIMIT :most;

-- name: get_request^
-- One request; its time is in its id.
SELECT
    project_id, created_at, request_id, user_id, key_id, endpoint, purpose, response_id,
    model, engine, stream, status, error_code, cache_status, input_tokens, output_tokens,
    cached_tokens, saved_tokens, first_token_ms, total_ms
FROM requests
WHERE project_id = :project AND created_at = :created_at AND request_id = :request_id;

-- name: summarize_requests^
-- Totals and latency percentiles of a whole project in a stretch of time.
SELECT
    count(*) AS requests,
    count(*) FILTER (WHERE status >= 400 OR error_code IS NOT NULL) AS errors,
    coalesce(sum(input_tokens), 0) AS input_tokens,
    coalesce(sum(output_tokens), 0) AS output_tokens,
    coalesce(sum(saved_tokens), 0) AS saved_tokens,
    count(*) FILTER (WHERE cache_status IN ('HIT', 'COALESCED', 'SEMANTIC')) AS cache_hits,
    count(*) FILTER (WHERE cache_status = 'MISS') AS cache_misses,
    count(DISTINCT user_id) AS users,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY total_ms) AS total_ms_p50,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY total_ms) AS total_ms_p95,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY first_token_ms) AS first_token_ms_p50,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY first_token_ms) AS first_token_ms_p95
FROM requests
WHERE project_id = :project
  AND created_at >= :since AND created_at < :until;

-- name: summarize_user_requests^
-- Totals and latency percentiles of one user in a stretch of time.
SELECT
    count(*) AS requests,
    count(*) FILTER (WHERE status >= 400 OR error_code IS NOT NULL) AS errors,
    coalesce(sum(input_tokens), 0) AS input_tokens,
    coalesce(sum(output_tokens), 0) AS output_tokens,
    coalesce(sum(saved_tokens), 0) AS saved_tokens,
    count(*) FILTER (WHERE cache_status IN ('HIT', 'COALESCED', 'SEMANTIC')) AS cache_hits,
    count(*) FILTER (WHERE cache_status = 'MISS') AS cache_misses,
    count(DISTINCT user_id) AS users,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY total_ms) AS total_ms_p50,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY total_ms) AS total_ms_p95,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY first_token_ms) AS first_token_ms_p50,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY first_token_ms) AS first_token_ms_p95
FROM requests
WHERE project_id = :project
  AND user_id = :user_id
  AND created_at >= :since AND created_at < :until;
