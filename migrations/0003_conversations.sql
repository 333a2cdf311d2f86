-- Conversations: what a title was made from, and what hangs on a branch.
--
-- A conversation's head is a turn that was made in it. A fork begins with a turn that adds nothing,
-- on a branch of its own that has the same UUID.

-- A title that was made falls with the items that it was made from; one set by hand has no sources.
CREATE TABLE title_sources (
    project_id      uuid NOT NULL,
    item_id         uuid NOT NULL,
    conversation_id uuid NOT NULL,
    user_id         uuid NOT NULL,
    PRIMARY KEY (project_id, item_id, conversation_id),
    FOREIGN KEY (project_id, conversation_id) REFERENCES conversations ON DELETE CASCADE
);
CREATE INDEX title_sources_by_conversation ON title_sources (project_id, conversation_id);
SELECT raise_walls('title_sources');

CREATE INDEX branches_by_parent ON branches (project_id, parent_branch_id, fork_position)
    WHERE parent_branch_id IS NOT NULL;

ALTER TABLE conversations ADD CHECK (length(title) BETWEEN 1 AND 200);

-- The branches that a path of items runs through, and where on each: from where it forked off its
-- parent up to where the next one forks off it.
CREATE FUNCTION item_path(project uuid, branch uuid, until integer)
RETURNS TABLE (branch_id uuid, fork_position integer, until integer)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    WITH RECURSIVE path AS (
        SELECT b.branch_id, b.parent_branch_id, b.fork_position, item_path.until AS until
        FROM branches b
        WHERE b.project_id = item_path.project AND b.branch_id = item_path.branch
        UNION ALL
        SELECT b.branch_id, b.parent_branch_id, b.fork_position, path.fork_position
        FROM path
        JOIN branches b ON b.project_id = item_path.project
            AND b.branch_id = path.parent_branch_id
    )
    SELECT path.branch_id, path.fork_position, path.until FROM path;
END;
