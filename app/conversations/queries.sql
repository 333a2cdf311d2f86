-- name: get_turn^
-- Where a turn lies.
SELECT turn_id, user_id, conversation_id, branch_id, start_position, output_position,
       end_position, history_hash, deleted_at
FROM turns
WHERE project_id = :project AND turn_id = :turn_id;

-- name: find_known_turn^
-- The turn up to which the most is known, by the histories that it may end, longest first. Of
-- turns with the same history: one that is not deleted, a conversation's head, the newest.
SELECT found.turn_id, found.conversation_id, found.branch_id, found.end_position,
       found.history_hash
FROM unnest(:histories::bytea[]) WITH ORDINALITY AS given (history_hash, place)
CROSS JOIN LATERAL (
    SELECT alike.*, c.conversation_id
    FROM (
        SELECT t.turn_id, t.conversation_id AS within, t.branch_id, t.end_position,
               t.history_hash, t.deleted_at
        FROM turns t
        WHERE t.project_id = :project AND t.user_id = :user_id AND t.key_id = :key_id
          AND t.history_hash = given.history_hash
        ORDER BY t.turn_id DESC
        LIMIT :most
    ) AS alike
    LEFT JOIN conversations c ON c.project_id = :project
        AND c.conversation_id = alike.within AND c.head_turn_id = alike.turn_id
    ORDER BY alike.deleted_at IS NOT NULL, c.conversation_id IS NULL, alike.turn_id DESC
    LIMIT 1
) AS found
ORDER BY given.place
LIMIT 1;

-- name: list_path_items
-- All items up to a position of a branch, through the branches that it forked from.
SELECT i.item_id, i.type, i.status, i.position, c.body
FROM item_path(:project, :branch_id, :until) AS path
JOIN items i ON i.project_id = :project AND i.branch_id = path.branch_id
    AND i.position >= path.fork_position AND i.position < path.until
JOIN contents c ON c.project_id = :project AND c.user_id = i.user_id AND c.hash = i.content_hash
ORDER BY i.position
LIMIT :most;

-- name: list_path_ids
-- The ids of the last messages up to a position of a branch, in their order.
SELECT item_id
FROM (
    SELECT i.item_id, i.position
    FROM item_path(:project, :branch_id, :until) AS path
    JOIN items i ON i.project_id = :project AND i.branch_id = path.branch_id
        AND i.position >= path.fork_position AND i.position < path.until
    WHERE i.type = 'message'
    ORDER BY i.position DESC
    LIMIT :most) AS last
ORDER BY position;

-- name: list_items_oldest_first
-- A page of a path: its first items between two positions. Of each branch no more is read.
WITH page AS (
    SELECT i.item_id, i.user_id, i.type, i.status, i.position, i.content_hash
    FROM item_path(:project, :branch_id, :until) AS path
    CROSS JOIN LATERAL (
        SELECT item_id, user_id, type, status, position, content_hash
        FROM items
        WHERE project_id = :project AND branch_id = path.branch_id
          AND position >= path.fork_position AND position < path.until
          AND position > :above AND position < :below
        ORDER BY position
        LIMIT :most) AS i
    ORDER BY i.position
    LIMIT :most
)
SELECT i.item_id, i.type, i.status, i.position, c.body
FROM page i
JOIN contents c ON c.project_id = :project AND c.user_id = i.user_id AND c.hash = i.content_hash
ORDER BY i.position;

-- name: list_items_newest_first
-- A page of a path: its last items between two positions. Of each branch no more is read.
WITH page AS (
    SELECT i.item_id, i.user_id, i.type, i.status, i.position, i.content_hash
    FROM item_path(:project, :branch_id, :until) AS path
    CROSS JOIN LATERAL (
        SELECT item_id, user_id, type, status, position, content_hash
        FROM items
        WHERE project_id = :project AND branch_id = path.branch_id
          AND position >= path.fork_position AND position < path.until
          AND position > :above AND position < :below
        ORDER BY position DESC
        LIMIT :most) AS i
    ORDER BY i.position DESC
    LIMIT :most
)
SELECT i.item_id, i.type, i.status, i.position, c.body
FROM page i
JOIN contents c ON c.project_id = :project AND c.user_id = i.user_id AND c.hash = i.content_hash
ORDER BY i.position DESC;

-- name: find_path_item^
-- An item, if it lies on a path.
SELECT i.item_id, i.type, i.status, i.position, c.body, i.branch_id, i.turn_id
FROM items i
JOIN item_path(:project, :branch_id, :until) AS path
    ON path.branch_id = i.branch_id
    AND i.position >= path.fork_position AND i.position < path.until
JOIN contents c ON c.project_id = :project AND c.user_id = i.user_id AND c.hash = i.content_hash
WHERE i.project_id = :project AND i.item_id = :item_id;

-- name: list_context_items
-- All items up to a position that come after the latest compaction on their path.
WITH path AS MATERIALIZED (
    SELECT branch_id, fork_position, until FROM item_path(:project, :branch_id, :until)
)
SELECT i.item_id, i.type, i.status, i.position, c.body
FROM path
JOIN items i ON i.project_id = :project AND i.branch_id = path.branch_id
    AND i.position >= path.fork_position AND i.position < path.until
    AND i.position > (
        SELECT coalesce(max(m.position), -1)
        FROM path
        JOIN compactions m ON m.project_id = :project AND m.branch_id = path.branch_id
            AND m.position >= path.fork_position AND m.position < path.until)
JOIN contents c ON c.project_id = :project AND c.user_id = i.user_id AND c.hash = i.content_hash
ORDER BY i.position
LIMIT :most;

-- name: get_latest_compaction^
-- What the latest compaction on a path says, as the item that stands first in a context.
SELECT m.compaction_id AS item_id, 'compacted' AS type, 'completed' AS status, m.position, m.body
FROM item_path(:project, :branch_id, :until) AS path
JOIN compactions m ON m.project_id = :project AND m.branch_id = path.branch_id
    AND m.position >= path.fork_position AND m.position < path.until
ORDER BY m.position DESC
LIMIT 1;

-- name: list_compactions
-- What compactions say: those of a user, of which nothing that they were made from is forgotten.
SELECT compaction_id, body
FROM compactions
WHERE project_id = :project AND compaction_id = ANY(:compaction_ids) AND user_id = :user_id;

-- name: insert_compaction!
-- Stores one, unless something that it was made from was forgotten meanwhile. What is being
-- forgotten at this moment is waited for; what we read stays until we are done.
WITH items_there AS (
    SELECT item_id FROM items
    WHERE project_id = :project AND item_id = ANY(:read)
    FOR SHARE
), compactions_there AS (
    SELECT compaction_id FROM compactions
    WHERE project_id = :project AND compaction_id = ANY(:read)
    FOR SHARE
), kept AS (
    INSERT INTO compactions (project_id, compaction_id, user_id, branch_id, position, body)
    SELECT :project, :compaction_id, :user_id, :branch_id, :position, :body
    WHERE cardinality(:read::uuid[])
        = (SELECT count(*) FROM items_there) + (SELECT count(*) FROM compactions_there)
    RETURNING compaction_id
)
INSERT INTO compaction_sources (project_id, source_id, compaction_id, user_id)
SELECT :project, made_from.source_id, kept.compaction_id, :user_id
FROM kept, unnest(:read::uuid[] || :new::uuid[]) AS made_from (source_id)
ON CONFLICT DO NOTHING;

-- name: delete_compactions!
-- Those that were made from these items, and those that were made from them.
WITH RECURSIVE fallen AS (
    SELECT s.compaction_id
    FROM compaction_sources s
    WHERE s.project_id = :project AND s.source_id = ANY(:sources)
    UNION
    SELECT s.compaction_id
    FROM fallen f
    JOIN compaction_sources s ON s.project_id = :project AND s.source_id = f.compaction_id
)
DELETE FROM compactions
WHERE project_id = :project AND compaction_id = ANY(ARRAY(SELECT compaction_id FROM fallen));

-- name: list_range_items
-- The items of a branch from one position up to another.
SELECT i.item_id, i.type, i.status, i.position, c.body
FROM items i
JOIN contents c ON c.project_id = :project AND c.user_id = i.user_id AND c.hash = i.content_hash
WHERE i.project_id = :project AND i.branch_id = :branch_id
  AND i.position >= :from_position AND i.position < :until
ORDER BY i.position;

-- name: list_known_items
-- Items by their ids, of one user where one is said.
SELECT i.item_id, i.type, i.status, i.position, c.body
FROM items i
JOIN contents c ON c.project_id = :project AND c.user_id = i.user_id AND c.hash = i.content_hash
WHERE i.project_id = :project AND i.item_id = ANY (:item_ids::uuid[])
  AND (:user_id::uuid IS NULL OR i.user_id = :user_id);

-- name: lock_items
-- Those of these items that are still there; they stay until we are done.
SELECT item_id
FROM items
WHERE project_id = :project AND item_id = ANY(:item_ids)
ORDER BY item_id
FOR SHARE;

-- name: get_history_before
-- The running hash of what a turn continues.
SELECT before.history_hash
FROM turns t
JOIN turns before ON before.project_id = t.project_id AND before.turn_id = t.parent_turn_id
WHERE t.project_id = :project AND t.turn_id = :turn_id;

-- name: append_turn^
-- A turn without a response, in one statement: on the branch that it continues, or on one that
-- forks off where another turn was there first. A conversation without a title asks for one.
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
    SELECT :project, :turn_id, :user_id, :key_id, :parent_turn_id, :conversation_id,
           branch_id, :start_position, :end_position, :end_position, :history_hash, :created_at
    FROM branch
), kept_items AS (
    INSERT INTO items (
        project_id, branch_id, position, item_id, turn_id, user_id, content_hash, type, status)
    SELECT :project, branch.branch_id, :start_position + given.place::integer - 1, given.item_id,
           :turn_id, :user_id, given.content_hash, given.type, given.status
    FROM branch, unnest(
        :item_ids::uuid[], :item_hashes::bytea[], :item_types::text[], :item_statuses::text[])
        WITH ORDINALITY AS given (item_id, content_hash, type, status, place)
), queued AS (
    INSERT INTO outbox (project_id, outbox_id, topic, user_id, subject_id, payload)
    SELECT :project, :outbox_id, 'remember_turn', :user_id, :turn_id, '{}'
    WHERE :outbox_id::uuid IS NOT NULL
), moved AS (
    UPDATE conversations SET head_turn_id = :turn_id, updated_at = :created_at
    WHERE project_id = :project AND conversation_id = :conversation_id
      AND head_turn_id IS NOT DISTINCT FROM :parent_turn_id
    RETURNING conversation_id, title
), untitled AS (
    INSERT INTO outbox (project_id, outbox_id, topic, user_id, subject_id, payload)
    SELECT :project, :title_job_id, 'title_conversation', :user_id, conversation_id, '{}'
    FROM moved
    WHERE title IS NULL AND :title_job_id::uuid IS NOT NULL
)
SELECT branch_id, EXISTS (SELECT FROM moved) AS moved FROM branch;

-- name: list_homes
-- The conversations that items were said in, where those are still there.
SELECT i.item_id, c.conversation_id
FROM items i
JOIN turns t ON t.project_id = :project AND t.turn_id = i.turn_id
JOIN conversations c ON c.project_id = :project AND c.conversation_id = t.conversation_id
WHERE i.project_id = :project AND i.item_id = ANY(:item_ids);

-- name: list_heirs
-- For each item the eldest conversation that leads over it, where there is one: of those that a
-- branch begins with, or that its last item was said in, from the item's branch on.
WITH RECURSIVE upward AS (
    SELECT i.item_id, i.branch_id, i.position
    FROM items i
    WHERE i.project_id = :project AND i.item_id = ANY(:item_ids)
    UNION ALL
    SELECT upward.item_id, b.branch_id, upward.position
    FROM upward
    JOIN branches b ON b.project_id = :project AND b.parent_branch_id = upward.branch_id
        AND b.fork_position > upward.position
), named AS (
    SELECT upward.item_id, fork.conversation_id
    FROM upward
    JOIN turns fork ON fork.project_id = :project AND fork.turn_id = upward.branch_id
    UNION ALL
    SELECT upward.item_id, last.conversation_id
    FROM upward
    CROSS JOIN LATERAL (
        SELECT t.conversation_id
        FROM items i
        JOIN turns t ON t.project_id = :project AND t.turn_id = i.turn_id
        WHERE i.project_id = :project AND i.branch_id = upward.branch_id
        ORDER BY i.position DESC
        LIMIT 1) AS last
)
SELECT DISTINCT ON (named.item_id) named.item_id, c.conversation_id
FROM named
JOIN conversations c ON c.project_id = :project AND c.conversation_id = named.conversation_id
ORDER BY named.item_id, c.conversation_id;

-- name: get_conversation^
-- A conversation and its head.
SELECT conversation_id, user_id, head_turn_id, title, metadata, created_at, updated_at
FROM conversations
WHERE project_id = :project AND conversation_id = :conversation_id;

-- name: hold_conversation^
-- A conversation that is not deleted until we are done.
SELECT conversation_id, user_id, head_turn_id, title, metadata, created_at, updated_at
FROM conversations
WHERE project_id = :project AND conversation_id = :conversation_id
FOR KEY SHARE;

-- name: get_conversations
-- These conversations, those that are there.
SELECT conversation_id, user_id, head_turn_id, title, metadata, created_at, updated_at
FROM conversations
WHERE project_id = :project AND conversation_id = ANY(:conversation_ids);

-- name: list_newest_first
-- A user's conversations, the newest first, before a cursor.
SELECT conversation_id, user_id, head_turn_id, title, metadata, created_at, updated_at
FROM conversations
WHERE project_id = :project AND user_id = :user_id
  AND conversation_id > :above AND conversation_id < :below
ORDER BY conversation_id DESC
LIMIT :most;

-- name: list_oldest_first
-- A user's conversations, the oldest first, after a cursor.
SELECT conversation_id, user_id, head_turn_id, title, metadata, created_at, updated_at
FROM conversations
WHERE project_id = :project AND user_id = :user_id
  AND conversation_id > :above AND conversation_id < :below
ORDER BY conversation_id
LIMIT :most;

-- name: list_everyones_newest_first
-- All conversations of a project, the newest first, before a cursor.
SELECT conversation_id, user_id, head_turn_id, title, metadata, created_at, updated_at
FROM conversations
WHERE project_id = :project AND conversation_id > :above AND conversation_id < :below
ORDER BY conversation_id DESC
LIMIT :most;

-- name: list_everyones_oldest_first
-- All conversations of a project, the oldest first, after a cursor.
SELECT conversation_id, user_id, head_turn_id, title, metadata, created_at, updated_at
FROM conversations
WHERE project_id = :project AND conversation_id > :above AND conversation_id < :below
ORDER BY conversation_id
LIMIT :most;

-- name: insert_conversation!
-- A conversation without turns.
INSERT INTO conversations (
    project_id, conversation_id, user_id, title, metadata, created_at, updated_at)
VALUES (:project, :conversation_id, :user_id, :title, :metadata, :created_at, :created_at);

-- name: insert_fork!
-- A conversation that begins after what another one says: a branch of its own, and on it a turn
-- that adds nothing; it has no key, so that no client that resends its history is led into it.
WITH branch AS (
    INSERT INTO branches (project_id, branch_id, user_id, parent_branch_id, fork_position, tip)
    VALUES (:project, :turn_id, :user_id, :branch_id, :position, :position)
), turn AS (
    INSERT INTO turns (
        project_id, turn_id, user_id, key_id, parent_turn_id, conversation_id, branch_id,
        start_position, output_position, end_position, history_hash, created_at)
    VALUES (
        :project, :turn_id, :user_id, NULL, :parent_turn_id, :conversation_id, :turn_id,
        :position, :position, :position, :history_hash, :created_at)
)
INSERT INTO conversations (
    project_id, conversation_id, user_id, head_turn_id, title, metadata, created_at, updated_at)
VALUES (
    :project, :conversation_id, :user_id, :turn_id, :title, :metadata, :created_at, :created_at);

-- name: update_metadata!
-- Other metadata in place of what there was.
UPDATE conversations SET metadata = :metadata, updated_at = now()
WHERE project_id = :project AND conversation_id = :conversation_id;

-- name: set_title!
-- A title by hand, or none; what an earlier one was made from is forgotten.
WITH unsourced AS (
    DELETE FROM title_sources WHERE project_id = :project AND conversation_id = :conversation_id
)
UPDATE conversations SET title = :title, updated_at = now()
WHERE project_id = :project AND conversation_id = :conversation_id;

-- name: keep_made_title!
-- A title that was made, with what it was made from; one that is there already stays.
WITH titled AS (
    UPDATE conversations SET title = :title
    WHERE project_id = :project AND conversation_id = :conversation_id AND title IS NULL
    RETURNING conversation_id, user_id
)
INSERT INTO title_sources (project_id, item_id, conversation_id, user_id)
SELECT :project, source.item_id, titled.conversation_id, titled.user_id
FROM titled, unnest(:item_ids::uuid[]) AS source (item_id);
