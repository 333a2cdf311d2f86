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

-- name: begin_change!
-- The number of the change that begins; the others of the project wait for its end.
INSERT INTO setting_counts (project_id, changes) VALUES (:project, 1)
ON CONFLICT (project_id) DO UPDATE SET changes = setting_counts.changes + 1
RETURNING changes;

-- name: find_version^
-- The newest version of a setting; its value is gone where it was deleted.
SELECT version, value::text AS value, changed_at
FROM setting_changes
WHERE project_id = :project AND user_id = :user_id AND key = :key
ORDER BY version DESC
LIMIT 1;

-- name: put_setting!
-- Keeps a document.
INSERT INTO settings (project_id, user_id, key, value, version)
VALUES (:project, :user_id, :key, :value, :version)
ON CONFLICT (project_id, user_id, key) DO UPDATE
SET value = excluded.value, version = excluded.version, updated_at = now();

-- name: delete_setting!
-- Takes a document away; its versions stay.
DELETE FROM settings WHERE project_id = :project AND user_id = :user_id AND key = :key;

-- name: keep_change^
-- One more version of a setting.
INSERT INTO setting_changes (project_id, change, user_id, key, version, value, changed_by)
VALUES (:project, :change, :user_id, :key, :version, :value, :changed_by)
RETURNING version, value::text AS value, changed_at;

-- name: drop_versions!
-- Versions that are older than are kept.
DELETE FROM setting_changes
WHERE project_id = :project AND user_id = :user_id AND key = :key AND version <= :version;

-- name: drop_deleted!
-- Some settings that were deleted before the last so many, with all their versions.
WITH oldest AS (
    SELECT change FROM setting_changes
    WHERE project_id = :project AND user_id = :user_id AND value IS NULL
    ORDER BY change DESC
    OFFSET :most LIMIT 1
), gone AS (
    SELECT d.key FROM setting_changes d, oldest
    WHERE d.project_id = :project AND d.user_id = :user_id AND d.value IS NULL
      AND d.change <= oldest.change
      AND NOT EXISTS (
        SELECT FROM setting_changes n
        WHERE n.project_id = :project AND n.user_id = :user_id AND n.key = d.key
          AND n.version > d.version)
    ORDER BY d.change
    LIMIT 10
)
DELETE FROM setting_changes c
WHERE c.project_id = :project AND c.user_id = :user_id AND c.key IN (SELECT key FROM gone);

-- name: count_settings
-- How many settings there are of a project itself, or of a user; no more are counted than asked.
SELECT count(*) FROM (
    SELECT FROM settings WHERE project_id = :project AND user_id = :user_id LIMIT :most) AS found;

-- name: find_settings
-- A setting of the project and, after it, of the user, as they came.
SELECT key, user_id, value::text AS value, version, updated_at
FROM settings
WHERE project_id = :project AND user_id = ANY(:user_ids) AND key = :key
ORDER BY user_id;

-- name: list_settings_upwards
-- Settings of a project itself, or of a user, by their keys.
SELECT key, user_id, value::text AS value, version, updated_at
FROM settings
WHERE project_id = :project AND user_id = :user_id AND (:cursor::text IS NULL OR key > :cursor)
ORDER BY key
LIMIT :most;

-- name: list_settings_downwards
-- The same from the last key to the first.
SELECT key, user_id, value::text AS value, version, updated_at
FROM settings
WHERE project_id = :project AND user_id = :user_id AND (:cursor::text IS NULL OR key < :cursor)
ORDER BY key DESC
LIMIT :most;

-- name: list_versions_upwards
-- Versions of a setting, the oldest first.
SELECT change, user_id, key, version, value::text AS value, changed_at, changed_by
FROM setting_changes
WHERE project_id = :project AND user_id = :user_id AND key = :key
  AND (:cursor::bigint IS NULL OR version > :cursor)
ORDER BY version
LIMIT :most;

-- name: list_versions_downwards
-- Versions of a setting, the newest first.
SELECT change, user_id, key, version, value::text AS value, changed_at, changed_by
FROM setting_changes
WHERE project_id = :project AND user_id = :user_id AND key = :key
  AND (:cursor::bigint IS NULL OR version < :cursor)
ORDER BY version DESC
LIMIT :most;

-- name: list_changes_of_user
-- What was changed of a project's own settings, or of a user's, after a change, in their order.
SELECT change, user_id, key, version, value::text AS value, changed_at, changed_by
FROM setting_changes
WHERE project_id = :project AND user_id = :user_id AND change > :after
ORDER BY change
LIMIT :most;

-- name: list_changes_of_everyone
-- The same of all users of a project, and of itself.
SELECT change, user_id, key, version, value::text AS value, changed_at, changed_by
FROM setting_changes
WHERE project_id = :project AND change > :after
ORDER BY change
LIMIT :most;

-- name: list_origins
-- Every origin from which some project lets browsers call.
SELECT browser_origins();
