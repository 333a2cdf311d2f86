-- name: find_key!
-- A project's own key of the engine, encrypted.
SELECT sealed FROM engine_keys WHERE project_id = :project;

-- name: find_time!
-- When it was set.
SELECT updated_at FROM engine_keys WHERE project_id = :project;

-- name: put_key!
-- Keeps it in place of the one that was there.
INSERT INTO engine_keys (project_id, sealed) VALUES (:project, :sealed)
ON CONFLICT (project_id) DO UPDATE SET sealed = excluded.sealed, updated_at = now()
RETURNING updated_at;

-- name: delete_key!
-- The installation's is used again.
DELETE FROM engine_keys WHERE project_id = :project;
