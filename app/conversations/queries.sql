-- name: get_turn^
-- Where a turn lies.
SELECT turn_id, user_id, conversation_id, branch_id, start_position, output_position,
       end_position, history_hash, deleted_at
FROM turns
WHERE project_id = :project AND turn_id = :turn_id;

-- name: list_path_items
-- All items up to a position of a branch, through the branches that it forked from.
WITH RECURSIVE path AS (
    SELECT b.branch_id, b.parent_branch_id, b.fork_position, :until::integer AS until
    FROM branches b
    WHERE b.project_id = :project AND b.branch_id = :branch_id
    UNION ALL
    SELECT b.branch_id, b.parent_branch_id, b.fork_position, path.fork_position
    FROM path
    JOIN branches b ON b.project_id = :project AND b.branch_id = path.parent_branch_id
)
SELECT i.item_id, i.type, i.status, i.position, c.body
FROM path
JOIN items i ON i.project_id = :project AND i.branch_id = path.branch_id
    AND i.position >= path.fork_position AND i.position < path.until
JOIN contents c ON c.project_id = :project AND c.user_id = i.user_id AND c.hash = i.content_hash
ORDER BY i.position
LIMIT :most;

-- name: list_range_items
-- The items of a branch from one position up to another.
SELECT i.item_id, i.type, i.status, i.position, c.body
FROM items i
JOIN contents c ON c.project_id = :project AND c.user_id = i.user_id AND c.hash = i.content_hash
WHERE i.project_id = :project AND i.branch_id = :branch_id
  AND i.position >= :from_position AND i.position < :until
ORDER BY i.position;

-- name: get_item^
-- One item by its id.
SELECT i.item_id, i.type, i.status, i.position, c.body
FROM items i
JOIN contents c ON c.project_id = :project AND c.user_id = i.user_id AND c.hash = i.content_hash
WHERE i.project_id = :project AND i.item_id = :item_id
  AND (:user_id::uuid IS NULL OR i.user_id = :user_id);

-- name: get_conversation^
-- A conversation and its head.
SELECT conversation_id, user_id, head_turn_id, metadata, created_at
FROM conversations
WHERE project_id = :project AND conversation_id = :conversation_id;

-- name: insert_conversation!
-- A conversation without turns.
INSERT INTO conversations (project_id, conversation_id, user_id, metadata, created_at, updated_at)
VALUES (:project, :conversation_id, :user_id, :metadata, :created_at, :created_at);
