-- name: commit_turn^
-- The whole turn in one statement: what a client saw completed is all here or not at all.
-- It appends to the branch it continues, or forks it where another turn was there first.
WITH advanced AS (
    UPDATE branches SET tip = :end_position
    WHERE project_id = :project AND branch_id = :branch_id AND tip = :start_position
    RETURNING branch_id
), forked AS (
    INSERT INTO branches (project_id, branch_id, user_id, parent_branch_id, fork_position, tip)
    SELECT :project, :new_branch_id, :user_id, :branch_id, :start_position, :end_position
    WHERE NOT EXISTS (SELECT FROM advanced)
    RETURNING branch_id
), branch AS (
    SELECT branch_id FROM advanced UNION ALL SELECT branch_id FROM forked
), kept_contents AS (
    INSERT INTO contents (project_id, user_id, hash, body)
    SELECT :project, :user_id, given.hash, given.body
    FROM unnest(:content_hashes::bytea[], :content_bodies::json[]) AS given (hash, body)
    ON CONFLICT DO NOTHING
), turn AS (
    INSERT INTO turns (
        project_id, turn_id, user_id, key_id, parent_turn_id, conversation_id, branch_id,
        start_position, output_position, end_position, history_hash, created_at)
    SELECT :project, :response_id, :user_id, coalesce(:key_id, :user_id), :parent_turn_id,
           :conversation_id, branch_id, :start_position, :output_position, :end_position,
           :history_hash, :created_at
    FROM branch
), kept_items AS (
    INSERT INTO items (
        project_id, branch_id, position, item_id, turn_id, user_id, content_hash, type, status)
    SELECT :project, branch.branch_id, :start_position + given.place::integer - 1, given.item_id,
           :response_id, :user_id, given.content_hash, given.type, given.status
    FROM branch, unnest(
        :item_ids::uuid[], :item_hashes::bytea[], :item_types::text[], :item_statuses::text[])
        WITH ORDINALITY AS given (item_id, content_hash, type, status, place)
), kept_log AS (
    INSERT INTO event_logs (project_id, log_id, user_id, events)
    SELECT :project, :log_id, :user_id, :events
    WHERE :events::bytea IS NOT NULL
), response AS (
    INSERT INTO responses (
        project_id, response_id, user_id, key_id, conversation_id, previous_response_id, status,
        model, created_at, completed_at, instructions_hash, tools_hash, fields, usage, error,
        log_id, recalled, resent)
    VALUES (
        :project, :response_id, :user_id, :key_id, :conversation_id, :previous_response_id,
        :status, :model, :created_at, :completed_at, :instructions_hash, :tools_hash, :fields,
        :usage, :error, :log_id, :recalled, :resent)
), logged AS (
    INSERT INTO requests (
        project_id, created_at, request_id, user_id, key_id, endpoint, purpose, response_id,
        model, engine, stream, status, error_code, cache_status, input_tokens, output_tokens,
        cached_tokens, saved_tokens, first_token_ms, total_ms)
    VALUES (
        :project, :request_created_at, :request_id, :user_id, :key_id, :endpoint, :purpose,
        :response_id, :request_model, :engine, :stream, :http_status, :error_code, :cache_status,
        :input_tokens, :output_tokens, :cached_tokens, :saved_tokens, :first_token_ms, :total_ms)
    ON CONFLICT (project_id, created_at, request_id) DO UPDATE  -- logged by one that lost its lease
    SET response_id = excluded.response_id, status = excluded.status,
        error_code = excluded.error_code
), queued AS (
    INSERT INTO outbox (project_id, outbox_id, topic, user_id, subject_id, payload)
    SELECT :project, :outbox_id, 'remember_turn', :user_id, :response_id,
           json_build_object('model', :asked_model::text)
    WHERE :outbox_id::uuid IS NOT NULL
), moved AS (
    UPDATE conversations SET head_turn_id = :response_id, updated_at = :created_at
    WHERE project_id = :project AND conversation_id = :conversation_id
      AND head_turn_id IS NOT DISTINCT FROM :parent_turn_id
    RETURNING conversation_id, title
), begun AS (
    INSERT INTO conversations (
        project_id, conversation_id, user_id, head_turn_id, created_at, updated_at)
    SELECT :project, :conversation_id, :user_id, :response_id, :created_at, :created_at
    WHERE :begins_conversation
    RETURNING conversation_id, title
), untitled AS (
    INSERT INTO outbox (project_id, outbox_id, topic, user_id, subject_id, payload)
    SELECT :project, :title_job_id, 'title_conversation', :user_id, named.conversation_id,
           json_build_object('model', :asked_model::text)
    FROM (SELECT conversation_id, title FROM moved
          UNION ALL SELECT conversation_id, title FROM begun) AS named
    WHERE named.title IS NULL AND :title_job_id::uuid IS NOT NULL
), cached AS (
    INSERT INTO cache_entries (
        project_id, user_id, namespace, key, response_id, log_id, model, usage, tags,
        created_at, expires_at)
    SELECT :project, :cache_user_id, :cache_namespace, :cache_key, :response_id, :log_id,
           :model, :usage, :cache_tags, :cache_created_at, :cache_expires_at
    WHERE :cache_key::bytea IS NOT NULL
      AND NOT EXISTS (      -- a memory that was used may have been forgotten meanwhile
          SELECT FROM unnest(:recalled::uuid[]) AS used (memory_id)
          WHERE NOT EXISTS (
              SELECT FROM memories m
              WHERE m.project_id = :project AND m.memory_id = used.memory_id))
    ON CONFLICT (project_id, user_id, namespace, key) DO UPDATE
    SET response_id = excluded.response_id, log_id = excluded.log_id, model = excluded.model,
        usage = excluded.usage, tags = excluded.tags, created_at = excluded.created_at,
        expires_at = excluded.expires_at
    RETURNING key
), cached_memories AS (
    INSERT INTO cache_entry_memories (project_id, memory_id, user_id, namespace, key)
    SELECT :project, used.memory_id, :cache_user_id, :cache_namespace, cached.key
    FROM cached, unnest(:recalled::uuid[]) AS used (memory_id)
    ON CONFLICT DO NOTHING
), answered AS (
    UPDATE idempotency_keys SET response_id = :response_id
    WHERE project_id = :project AND principal_id = :principal_id AND key_hash = :key_hash
      AND claim_id = :claim_id
)
SELECT branch_id, EXISTS (SELECT FROM moved UNION ALL SELECT FROM begun) AS moved FROM branch;

-- name: get_response^
-- A response that is stored, with where its items lie.
SELECT r.response_id, r.user_id, r.conversation_id, r.previous_response_id, r.status, r.model,
       r.created_at, r.completed_at, r.fields, r.usage, r.error,
       i.body AS instructions, t.body AS tools, r.recalled,
       u.branch_id, u.start_position, u.output_position, u.end_position, r.resent
FROM responses r
JOIN turns u ON u.project_id = r.project_id AND u.turn_id = r.response_id
LEFT JOIN contents i ON i.project_id = r.project_id AND i.user_id = r.user_id
    AND i.hash = r.instructions_hash
LEFT JOIN contents t ON t.project_id = r.project_id AND t.user_id = r.user_id
    AND t.hash = r.tools_hash
WHERE r.project_id = :project AND r.response_id = :response_id;

-- name: get_log^
-- The packed events of a response.
SELECT l.events
FROM responses r
JOIN event_logs l ON l.project_id = r.project_id AND l.log_id = r.log_id
WHERE r.project_id = :project AND r.response_id = :response_id;

-- name: insert_engine_response!
-- What the engine keeps of a response.
INSERT INTO engine_responses (
    project_id, response_id, user_id, first_item_id, engine, engine_response_id, items,
    continuable)
VALUES (
    :project, :response_id, :user_id, :first_item_id, :engine, :engine_response_id, :items,
    :continuable);

-- name: find_engine_head^
-- What the engine keeps of the turn that is continued, where none has continued it before.
SELECT e.engine, e.engine_response_id, e.items
FROM engine_responses e
JOIN branches b ON b.project_id = :project AND b.branch_id = :branch_id AND b.tip = :position
WHERE e.project_id = :project AND e.response_id = :response_id AND e.continuable;

-- name: insert_running!
-- Makes responses known to all workers that are still being made; those that are known stay.
INSERT INTO running_responses (
    project_id, response_id, user_id, worker_id, created_at, resource, plan)
SELECT :project, given.response_id, given.user_id, :worker_id, now(), given.resource, given.plan
FROM unnest(:response_ids::uuid[], :user_ids::uuid[], :resources::json[], :plans::json[])
    AS given (response_id, user_id, resource, plan)
ON CONFLICT DO NOTHING;

-- name: insert_segments!
-- The next events of running responses that are still this worker's; they may be there already,
-- where the answer to the first try was lost.
INSERT INTO event_segments (project_id, response_id, number, user_id, events)
SELECT :project, given.response_id, given.number, r.user_id, given.events
FROM unnest(:response_ids::uuid[], :numbers::integer[], :segments::bytea[])
    AS given (response_id, number, events)
JOIN running_responses r ON r.project_id = :project AND r.response_id = given.response_id
WHERE r.worker_id = :worker_id
ON CONFLICT (project_id, response_id, number) DO NOTHING;

-- name: list_leases
-- Which of these responses this worker still has, and whether their end is asked for.
SELECT response_id, cancel_requested_at IS NOT NULL AS cancelled
FROM running_responses
WHERE project_id = :project AND response_id = ANY(:response_ids) AND worker_id = :worker_id;

-- name: get_running^
-- A response that is still being made.
SELECT response_id, user_id, worker_id, resource, plan,
       cancel_requested_at IS NOT NULL AS cancelled
FROM running_responses
WHERE project_id = :project AND response_id = :response_id;

-- name: list_running_in
-- Responses that are still being made in a conversation, known by how the response shows it.
SELECT response_id
FROM running_responses
WHERE project_id = :project AND position(:shown::text IN resource::text) > 0;

-- name: list_running_of
-- Responses that are still being made for a user.
SELECT response_id
FROM running_responses
WHERE project_id = :project AND user_id = :user_id;

-- name: list_running
-- Responses that are still being made in a project.
SELECT response_id FROM running_responses WHERE project_id = :project;

-- name: list_segments
-- The events of a running response from a segment on.
SELECT number, events
FROM event_segments
WHERE project_id = :project AND response_id = :response_id AND number >= :from_number
ORDER BY number;

-- name: request_cancel!
-- Asks whoever makes a response to end it; once asked is asked.
UPDATE running_responses SET cancel_requested_at = coalesce(cancel_requested_at, now())
WHERE project_id = :project AND response_id = :response_id;

-- name: delete_running!
-- The response ends here, if it is still this worker's.
DELETE FROM running_responses
WHERE project_id = :project AND response_id = :response_id AND worker_id = :worker_id;

-- name: abandon_running!
-- Nobody makes this response any more: whoever comes first ends it.
UPDATE running_responses SET worker_id = '00000000-0000-0000-0000-000000000000'
WHERE project_id = :project AND response_id = :response_id AND worker_id = :worker_id;

-- name: answer_claim!
-- A response that runs on is the answer to its idempotency key at once.
UPDATE idempotency_keys SET response_id = :response_id
WHERE project_id = :project AND principal_id = :principal_id AND key_hash = :key_hash
  AND claim_id = :claim_id;

-- name: renew_worker!
-- This worker lives.
INSERT INTO workers (worker_id, lease_until)
VALUES (:worker_id, clock_timestamp() + :lease)
ON CONFLICT (worker_id) DO UPDATE SET lease_until = excluded.lease_until;

-- name: delete_worker!
-- This worker has ended: what it left may be taken over at once.
DELETE FROM workers WHERE worker_id = :worker_id;

-- name: delete_dead_workers!
-- Workers that died long ago.
DELETE FROM workers WHERE lease_until < clock_timestamp() - interval '1 hour';

-- name: claim_abandoned
-- Takes over responses of all projects whose workers died.
SELECT project_id, response_id FROM claim_abandoned_responses(:worker_id, :most);

-- name: get_counted^
-- The usage that an engine gave of a response.
SELECT (usage ->> 'input_tokens')::integer AS input_tokens,
       (usage ->> 'output_tokens')::integer AS output_tokens,
       fields ->> 'truncation' AS truncation
FROM responses
WHERE project_id = :project AND response_id = :response_id;
