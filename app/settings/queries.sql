-- name: list_overlaid
-- A document of the project and, after it, of the user.
SELECT value, version
FROM settings
WHERE project_id = :project AND user_id = ANY(:user_ids) AND key = :key
ORDER BY user_id;

-- name: list_values
-- One field of a document, of the project and of users who have it.
SELECT user_id, value ->> :field AS value
FROM settings
WHERE project_id = :project AND user_id = ANY(:user_ids) AND key = :key
  AND value ->> :field IS NOT NULL
ORDER BY user_id;

-- name: put_setting!
-- Keeps a document, one version further.
INSERT INTO settings (project_id, user_id, key, value)
VALUES (:project, :user_id, :key, :value)
ON CONFLICT (project_id, user_id, key) DO UPDATE
SET value = excluded.value, version = settings.version + 1, updated_at = now();
