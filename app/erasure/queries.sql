-- name: lock_tree!
-- Of two who forget conversations on one tree of branches, the later one waits.
SELECT b.branch_id
FROM turns t
CROSS JOIN LATERAL item_path(:project, t.branch_id, t.end_position) AS path
JOIN branches b ON b.project_id = :project AND b.branch_id = path.branch_id
    AND b.parent_branch_id IS NULL
WHERE t.project_id = :project AND t.turn_id = :turn_id
FOR UPDATE OF b;

-- name: delete_conversation^
-- Takes a conversation away, when the turn that is being added to it is there; gives its head.
DELETE FROM conversations
WHERE project_id = :project AND conversation_id = :conversation_id
RETURNING head_turn_id;

-- name: list_own_spans
-- What of the path to a turn is nobody else's: of turns that belong to no conversation (any more),
-- what lies behind all that others share. Others are branches that go on without us, branches
-- beside ours on which something is said or a conversation begins, and conversations that we
-- forked from.
WITH RECURSIVE chain AS (
    SELECT t.turn_id, t.parent_turn_id, t.conversation_id, t.branch_id, t.start_position,
           t.end_position
    FROM turns t
    WHERE t.project_id = :project AND t.turn_id = :head_turn_id
    UNION ALL
    SELECT t.turn_id, t.parent_turn_id, t.conversation_id, t.branch_id, t.start_position,
           t.end_position
    FROM chain
    JOIN turns t ON t.project_id = :project AND t.turn_id = chain.parent_turn_id
), path AS (
    SELECT p.branch_id, p.until
    FROM turns t
    CROSS JOIN LATERAL item_path(:project, t.branch_id, t.end_position) AS p
    WHERE t.project_id = :project AND t.turn_id = :head_turn_id
), beside AS (
    SELECT b.branch_id, least(b.fork_position, path.until) AS shared
    FROM path
    JOIN branches b ON b.project_id = :project AND b.parent_branch_id = path.branch_id
    WHERE b.branch_id NOT IN (SELECT branch_id FROM path)
    UNION ALL
    SELECT b.branch_id, beside.shared
    FROM beside
    JOIN branches b ON b.project_id = :project AND b.parent_branch_id = beside.branch_id
), placed AS (
    SELECT chain.turn_id, chain.branch_id, chain.start_position, path.until AS path_until,
           least(chain.end_position, path.until) AS until,
           c.conversation_id IS NOT NULL AS others
    FROM chain
    JOIN path USING (branch_id)
    LEFT JOIN conversations c ON c.project_id = :project
        AND c.conversation_id = chain.conversation_id
), shared AS (
    SELECT coalesce(max(held.position), 0) AS until
    FROM (
        SELECT path.until AS position
        FROM path
        WHERE EXISTS (
            SELECT FROM items i
            WHERE i.project_id = :project AND i.branch_id = path.branch_id
              AND i.position >= path.until)
        UNION ALL
        SELECT beside.shared
        FROM beside
        WHERE EXISTS (
            SELECT FROM items i WHERE i.project_id = :project AND i.branch_id = beside.branch_id)
           OR EXISTS (
            SELECT FROM turns fork
            JOIN conversations c ON c.project_id = :project
                AND c.conversation_id = fork.conversation_id
            WHERE fork.project_id = :project AND fork.turn_id = beside.branch_id)
        UNION ALL
        SELECT placed.until FROM placed WHERE placed.others) AS held
)
SELECT placed.turn_id, placed.branch_id,
       greatest(placed.start_position, shared.until) AS from_position, placed.until,
       placed.start_position < shared.until AS partly,
       EXISTS (
           SELECT FROM items i
           WHERE i.project_id = :project AND i.branch_id = placed.branch_id
             AND i.position >= placed.start_position AND i.position < placed.until)
       AND NOT EXISTS (
           SELECT FROM responses r
           WHERE r.project_id = :project AND r.response_id = placed.turn_id) AS orphaned
FROM placed
CROSS JOIN shared
WHERE NOT placed.others
  AND (placed.until > shared.until OR placed.start_position >= shared.until)
ORDER BY placed.turn_id DESC;

-- name: delete_items
-- Takes items away; gives what they said.
DELETE FROM items i
USING unnest(:branch_ids::uuid[], :from_positions::integer[], :untils::integer[])
    AS span (branch_id, from_position, until)
WHERE i.project_id = :project AND i.branch_id = span.branch_id
  AND i.position >= span.from_position AND i.position < span.until
RETURNING i.item_id, i.content_hash;

-- name: list_messages
-- What was said by users and assistants under these hashes.
SELECT body
FROM contents
WHERE project_id = :project AND user_id = :user_id AND hash = ANY(:hashes)
  AND body ->> 'type' = 'message' AND body ->> 'role' IN ('user', 'assistant');

-- name: clear_titles
-- Takes titles away that were made from any of these items.
WITH unsourced AS (
    DELETE FROM title_sources
    WHERE project_id = :project AND item_id = ANY(:item_ids)
    RETURNING conversation_id
), others AS (
    DELETE FROM title_sources s
    USING unsourced
    WHERE s.project_id = :project AND s.conversation_id = unsourced.conversation_id
      AND s.item_id <> ALL(:item_ids)
)
UPDATE conversations c SET title = NULL
FROM (SELECT DISTINCT conversation_id FROM unsourced) AS named
WHERE c.project_id = :project AND c.conversation_id = named.conversation_id
RETURNING c.conversation_id, c.user_id;

-- name: delete_responses
-- Takes responses away; gives what they shared with others.
DELETE FROM responses
WHERE project_id = :project AND response_id = ANY(:response_ids)
RETURNING log_id, instructions_hash, tools_hash;

-- name: bury_turns!
-- Leaves tombstones: descendants can be continued without them.
UPDATE turns SET deleted_at = now(), output_position = start_position
WHERE project_id = :project AND turn_id = ANY(:turn_ids);

-- name: delete_cache_entries!
-- Entries that were filled by any of these responses.
DELETE FROM cache_entries WHERE project_id = :project AND response_id = ANY(:response_ids);

-- name: replace_log!
-- Gives a response another log, of its own.
WITH kept AS (
    INSERT INTO event_logs (project_id, log_id, user_id, events)
    SELECT :project, :log_id, user_id, :events
    FROM responses
    WHERE project_id = :project AND response_id = :response_id
)
UPDATE responses SET log_id = :log_id
WHERE project_id = :project AND response_id = :response_id;

-- name: get_log^
-- The log of a response.
SELECT l.log_id, l.events
FROM responses r
JOIN event_logs l ON l.project_id = :project AND l.log_id = r.log_id
WHERE r.project_id = :project AND r.response_id = :response_id;

-- name: delete_logs!
-- Logs that no response and no cache entry has any more.
DELETE FROM event_logs l
WHERE l.project_id = :project AND l.log_id = ANY(:log_ids)
  AND NOT EXISTS (
      SELECT FROM responses r WHERE r.project_id = :project AND r.log_id = l.log_id)
  AND NOT EXISTS (
      SELECT FROM cache_entries e WHERE e.project_id = :project AND e.log_id = l.log_id);

-- name: hold_contents!
-- Waits for who begins or ceases to say these: of two that cease at once, the later one deletes.
SELECT FROM contents
WHERE project_id = :project AND user_id = :user_id AND hash = ANY(:hashes)
ORDER BY hash
FOR UPDATE;

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
-- Idempotency keys that were answered with any of these responses.
DELETE FROM idempotency_keys WHERE project_id = :project AND response_id = ANY(:response_ids);

-- name: keep_erased!
-- A user is being erased: what is on its way for them is erased again, later.
INSERT INTO erased_users (project_id, user_id, sweep_at)
VALUES (:project, :user_id, now() + make_interval(secs => :seconds))
ON CONFLICT (project_id, user_id) DO UPDATE SET sweep_at = excluded.sweep_at;

-- name: delete_erased!
-- Nothing of this user can come any more.
DELETE FROM erased_users WHERE project_id = :project AND user_id = :user_id;

-- name: list_users_to_sweep
-- Users who were erased a while ago, of all projects.
SELECT project_id, user_id, erased_at FROM users_to_sweep(:most);

-- name: list_spans_of
-- Some turns of a user, whole.
SELECT turn_id, branch_id, start_position AS from_position, end_position AS until,
       false AS partly, false AS orphaned
FROM turns
WHERE project_id = :project AND user_id = :user_id
LIMIT :most;

-- name: delete_turns
-- Turns on which nothing lies any more; gives their branches.
DELETE FROM turns WHERE project_id = :project AND turn_id = ANY(:turn_ids)
RETURNING branch_id;

-- name: delete_branches!
-- Branches on which no turn lies any more.
DELETE FROM branches b
WHERE b.project_id = :project AND b.branch_id = ANY(:branch_ids)
  AND NOT EXISTS (
      SELECT FROM turns t WHERE t.project_id = :project AND t.branch_id = b.branch_id);

-- name: lend_logs!
-- Logs of a user that others' responses were replayed from are theirs from now on.
UPDATE event_logs l SET user_id = r.user_id
FROM responses r
WHERE l.project_id = :project AND l.log_id = ANY(:log_ids)
  AND r.project_id = :project AND r.log_id = l.log_id AND r.user_id <> l.user_id;

-- name: delete_conversations_of!
-- Some conversations of a user, whose turns are forgotten apart from them.
DELETE FROM conversations WHERE project_id = :project AND conversation_id IN (
    SELECT conversation_id FROM conversations
    WHERE project_id = :project AND user_id = :user_id
    LIMIT :most);

-- name: delete_files_of!
-- Some files of a user.
DELETE FROM files WHERE project_id = :project AND file_id IN (
    SELECT file_id FROM files WHERE project_id = :project AND user_id = :user_id LIMIT :most);

-- name: delete_contents_of!
-- What a user said, as far as nothing says it any more.
DELETE FROM contents c
WHERE c.project_id = :project AND c.user_id = :user_id AND c.hash IN (
    SELECT o.hash FROM contents o
    WHERE o.project_id = :project AND o.user_id = :user_id
      AND NOT EXISTS (
          SELECT FROM items i
          WHERE i.project_id = :project AND i.user_id = :user_id AND i.content_hash = o.hash)
      AND NOT EXISTS (
          SELECT FROM responses r
          WHERE r.project_id = :project AND r.user_id = :user_id AND r.instructions_hash = o.hash)
      AND NOT EXISTS (
          SELECT FROM responses r
          WHERE r.project_id = :project AND r.user_id = :user_id AND r.tools_hash = o.hash)
    LIMIT :most);

-- name: delete_blobs_of!
-- Some bytes of a user, as far as nothing has them any more.
DELETE FROM blobs b
WHERE b.project_id = :project AND b.user_id = :user_id AND b.sha256 IN (
    SELECT o.sha256 FROM blobs o
    WHERE o.project_id = :project AND o.user_id = :user_id
      AND NOT EXISTS (
          SELECT FROM content_blobs c
          WHERE c.project_id = :project AND c.user_id = :user_id AND c.sha256 = o.sha256)
      AND NOT EXISTS (
          SELECT FROM files f
          WHERE f.project_id = :project AND f.user_id = :user_id AND f.sha256 = o.sha256)
    LIMIT :most);

-- name: delete_entries_of!
-- Some cached answers of a user.
DELETE FROM cache_entries
WHERE project_id = :project AND user_id = :user_id AND (namespace, key) IN (
    SELECT namespace, key FROM cache_entries
    WHERE project_id = :project AND user_id = :user_id
    LIMIT :most);

-- name: delete_replies_of!
-- Some idempotency keys of a user.
DELETE FROM idempotency_keys
WHERE project_id = :project AND (principal_id, key_hash) IN (
    SELECT principal_id, key_hash FROM idempotency_keys
    WHERE project_id = :project AND user_id = :user_id
    LIMIT :most);

-- name: delete_fact_counts_of!
-- What became of facts of theirs.
DELETE FROM fact_counts WHERE project_id = :project AND user_id = :user_id;

-- name: delete_settings_of!
-- A user's settings.
DELETE FROM settings WHERE project_id = :project AND user_id = :user_id;

-- name: delete_setting_changes_of!
-- What they were before.
DELETE FROM setting_changes WHERE project_id = :project AND user_id = :user_id;

-- name: delete_running_of!
-- What nobody makes for a user any more.
DELETE FROM running_responses WHERE project_id = :project AND user_id = :user_id;

-- name: delete_jobs_of!
-- What waits for a user, but for what is to be deleted at an engine.
DELETE FROM outbox
WHERE project_id = :project AND user_id = :user_id AND topic <> 'delete_at_engine';

-- name: unname_jobs!
-- What is to be deleted at an engine is the project's own from now on.
UPDATE outbox SET user_id = '00000000-0000-0000-0000-000000000000'
WHERE project_id = :project AND user_id = :user_id AND topic = 'delete_at_engine';

-- name: unname_requests!
-- Some of a user's requests lose their user: the numbers stay.
WITH chosen AS MATERIALIZED (
    SELECT created_at, request_id
    FROM requests
    WHERE project_id = :project AND user_id = :user_id
    LIMIT :most
)
UPDATE requests
SET user_id = '00000000-0000-0000-0000-000000000000', response_id = NULL
WHERE project_id = :project AND user_id = :user_id
  AND created_at = ANY(ARRAY(SELECT created_at FROM chosen))
  AND request_id = ANY(ARRAY(SELECT request_id FROM chosen));

-- name: delete_limit_counters_of!
-- What they spent.
DELETE FROM limit_counters WHERE project_id = :project AND user_id = :user_id;

-- name: unplace_acts_of!
-- Where a user was when they did something; what they did stays, under an id that is nobody's.
UPDATE audit_events SET address = NULL
WHERE project_id = :project AND actor_type = 'user' AND actor_id = :user_id
  AND address IS NOT NULL;

-- name: unplace_events_about!
-- From where something was done to a user.
UPDATE audit_events SET address = NULL
WHERE project_id = :project AND subject_type = 'user' AND subject_id = :user_id
  AND address IS NOT NULL;

-- name: delete_user!
-- Their name.
DELETE FROM users WHERE project_id = :project AND user_id = :user_id;

-- name: delete_engine_responses
-- What engines keep of responses, and of all others that begin with the same item.
DELETE FROM engine_responses
WHERE project_id = :project
  AND (response_id = ANY(:response_ids) OR first_item_id = :first_item_id)
RETURNING response_id, user_id, engine, engine_response_id;

-- name: get_deleted_at
-- When a project was deleted; null while it stands, and when nothing is left of it.
SELECT deleted_at FROM projects WHERE project_id = :project;

-- name: list_kept_at_engine
-- Some responses of a project that engines keep.
SELECT response_id FROM engine_responses WHERE project_id = :project LIMIT :most;

-- name: delete_some
-- Some rows of a table, of a project that was deleted; gives how many.
SELECT delete_some(:table::text::regclass, :project, :most);

-- name: delete_some_jobs!
-- The same of what waits, but for what is to be deleted at an engine.
DELETE FROM outbox WHERE project_id = :project AND outbox_id IN (
    SELECT outbox_id FROM outbox
    WHERE project_id = :project AND topic <> 'delete_at_engine'
    LIMIT :most);

-- name: has_work_at_engine
-- Whether something of a project is to be deleted at an engine yet.
SELECT EXISTS (
    SELECT FROM outbox
    WHERE project_id = :project AND topic = 'delete_at_engine' AND failed_at IS NULL);

-- name: delete_project!
-- Nothing of it is left.
DELETE FROM projects WHERE project_id = :project AND deleted_at IS NOT NULL;
