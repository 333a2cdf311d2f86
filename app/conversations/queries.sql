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

-- name: list_known_items
-- Items by their ids, of one user where one is said.
SELECT i.item_id, i.type, i.status, i.position, c.body
FROM items i
JOIN contents c ON c.project_id = :project AND c.user_id = i.user_id AND c.hash = i.content_hash
WHERE i.project_id = :project AND i.item_id = ANY (:item_ids::uuid[])
  AND (:user_id::uuid IS NULL OR i.user_id = :user_id);

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
