-- name: delete_items
-- Takes a turn's items away; gives the hashes of what they said.
DELETE FROM items
WHERE project_id = :project AND branch_id = :branch_id
  AND position >= :start_position AND position < :end_position
RETURNING content_hash;

-- name: delete_response^
-- Takes a response away; gives what it shared with others.
DELETE FROM responses
WHERE project_id = :project AND response_id = :response_id
RETURNING log_id, instructions_hash, tools_hash;

-- name: bury_turn!
-- Leaves the tombstone: descendants can be continued without it.
UPDATE turns SET deleted_at = now(), output_position = start_position
WHERE project_id = :project AND turn_id = :turn_id;

-- name: delete_cache_entries!
-- Entries that were filled by a response.
DELETE FROM cache_entries WHERE project_id = :project AND response_id = :response_id;

-- name: delete_log!
-- A log that no response and no cache entry has any more.
DELETE FROM event_logs l
WHERE l.project_id = :project AND l.log_id = :log_id
  AND NOT EXISTS (
      SELECT FROM responses r WHERE r.project_id = :project AND r.log_id = :log_id)
  AND NOT EXISTS (
      SELECT FROM cache_entries e WHERE e.project_id = :project AND e.log_id = :log_id);

-- name: delete_contents!
-- Contents that no item and no response has any more.
DELETE FROM contents c
WHERE c.project_id = :project AND c.user_id = :user_id AND c.hash = ANY(:hashes)
  AND NOT EXISTS (
      SELECT FROM items i
      WHERE i.project_id = :project AND i.user_id = :user_id AND i.content_hash = c.hash)
  AND NOT EXISTS (
      SELECT FROM responses r
      WHERE r.project_id = :project AND r.user_id = :user_id AND r.instructions_hash = c.hash)
  AND NOT EXISTS (
      SELECT FROM responses r
      WHERE r.project_id = :project AND r.user_id = :user_id AND r.tools_hash = c.hash);

-- name: delete_replies!
-- Idempotency keys that were answered with a response.
DELETE FROM idempotency_keys WHERE project_id = :project AND response_id = :response_id;

-- name: delete_engine_responses
-- What engines keep of a response, and of all others that begin with the same item.
DELETE FROM engine_responses
WHERE project_id = :project AND (response_id = :response_id OR first_item_id = :first_item_id)
RETURNING response_id, user_id, engine, engine_response_id;
