-- name: find_key^
-- The key that a secret's first letters name, or named before it was rotated; none of a project
-- that was deleted.
SELECT k.key_id, k.secret_hash, k.scopes, k.expires_at, k.revoked_at, p.root,
       k.limits
FROM api_keys k
JOIN projects p ON p.project_id = k.project_id AND p.deleted_at IS NULL
WHERE k.project_id = :project AND k.prefix = :prefix
UNION ALL
SELECT k.key_id, s.secret_hash, k.scopes, least(k.expires_at, s.expires_at), k.revoked_at, p.root,
       k.limits
FROM rotated_secrets s
JOIN api_keys k ON k.project_id = s.project_id AND k.key_id = s.key_id
JOIN projects p ON p.project_id = s.project_id AND p.deleted_at IS NULL
WHERE s.project_id = :project AND s.prefix = :prefix
LIMIT 1;

-- name: find_session^
-- The session that a token's first letters name, while the token is good.
SELECT s.session_id, s.user_id, u.external_id, s.token_hash, s.token_expires_at, u.limits
FROM sessions s
JOIN projects p ON p.project_id = s.project_id AND p.deleted_at IS NULL
JOIN users u ON u.project_id = s.project_id AND u.user_id = s.user_id
WHERE s.project_id = :project AND s.prefix = :prefix
  AND s.token_expires_at > now() AND s.expires_at > now() AND u.disabled_at IS NULL;

-- name: insert_session!
-- A session that begins.
INSERT INTO sessions (
    project_id, session_id, user_id, prefix, token_hash, token_expires_at, refresh_hash,
    expires_at, user_agent, address)
VALUES (
    :project, :session_id, :user_id, :prefix, :token_hash, :token_expires_at, :refresh_hash,
    :expires_at, :user_agent, :address);

-- name: insert_key!
-- Keeps a new key; only its hash is kept.
INSERT INTO api_keys (
    project_id, key_id, name, kind, prefix, secret_hash, scopes, expires_at)
VALUES (:project, :key_id, :name, :kind, :prefix, :secret_hash, :scopes, :expires_at);

-- name: get_key^
-- A key, whatever became of it.
SELECT key_id, name, kind, prefix, scopes, created_at, expires_at, last_used_at, rotated_at,
       revoked_at
FROM api_keys
WHERE project_id = :project AND key_id = :key_id;

-- name: list_keys_newest_first
-- Keys of a project between two ids.
SELECT key_id, name, kind, prefix, scopes, created_at, expires_at, last_used_at, rotated_at,
       revoked_at
FROM api_keys
WHERE project_id = :project AND key_id > :above AND key_id < :below
ORDER BY key_id DESC
LIMIT :most;

-- name: list_keys_oldest_first
-- Keys of a project between two ids.
SELECT key_id, name, kind, prefix, scopes, created_at, expires_at, last_used_at, rotated_at,
       revoked_at
FROM api_keys
WHERE project_id = :project AND key_id > :above AND key_id < :below
ORDER BY key_id
LIMIT :most;

-- name: count_live_keys
-- Keys that open something still.
SELECT count(*) FROM api_keys
WHERE project_id = :project AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now());

-- name: update_key!
-- A key under another name, with other scopes, or another end.
UPDATE api_keys SET name = :name, scopes = :scopes, expires_at = :expires_at
WHERE project_id = :project AND key_id = :key_id;

-- name: revoke_key!
-- It opens nothing any more, nor do its older secrets.
WITH forgotten AS (
    DELETE FROM rotated_secrets WHERE project_id = :project AND key_id = :key_id
)
UPDATE api_keys SET revoked_at = now()
WHERE project_id = :project AND key_id = :key_id AND revoked_at IS NULL;

-- name: is_last_root_admin
-- Whether this is a key of the root project, and no other of it may administer.
SELECT EXISTS (SELECT FROM projects WHERE project_id = :project AND root)
   AND NOT EXISTS (
       SELECT FROM api_keys
       WHERE project_id = :project AND key_id <> :key_id AND 'admin' = ANY(scopes)
         AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now()));

-- name: keep_secret!
-- The secret of a key is good until then, beside the one that replaces it.
INSERT INTO rotated_secrets (project_id, prefix, key_id, secret_hash, expires_at)
SELECT project_id, prefix, key_id, secret_hash, :until
FROM api_keys
WHERE project_id = :project AND key_id = :key_id;

-- name: shorten_secrets!
-- No older secret of a key outlives this.
UPDATE rotated_secrets SET expires_at = :until
WHERE project_id = :project AND key_id = :key_id AND expires_at > :until;

-- name: delete_ended_secrets!
-- Older secrets of a key that are good no more.
DELETE FROM rotated_secrets
WHERE project_id = :project AND key_id = :key_id AND expires_at <= clock_timestamp();

-- name: count_secrets
-- Older secrets of a key.
SELECT count(*) FROM rotated_secrets WHERE project_id = :project AND key_id = :key_id;

-- name: replace_secret!
-- A key's next secret.
UPDATE api_keys SET prefix = :prefix, secret_hash = :secret_hash, rotated_at = now()
WHERE project_id = :project AND key_id = :key_id;

-- name: note_uses!
-- When keys were used last. Held in one order, so that workers do not wait for each other.
WITH held AS (
    SELECT key_id FROM api_keys
    WHERE project_id = :project AND key_id = ANY(:key_ids)
    ORDER BY key_id
    FOR NO KEY UPDATE
)
UPDATE api_keys k SET last_used_at = greatest(k.last_used_at, used.at)
FROM unnest(:key_ids::uuid[], :times::timestamptz[]) AS used (key_id, at)
JOIN held USING (key_id)
WHERE k.project_id = :project AND k.key_id = used.key_id;

-- name: drop_ended_keys
-- Deletes some keys that ended long ago, of all projects; gives how many.
SELECT drop_ended_keys(:days, :most);

-- name: lock_project
-- Waits for who changes a project or its keys; none where it was deleted.
SELECT project_id FROM projects WHERE project_id = :project AND deleted_at IS NULL FOR UPDATE;

-- name: list_projects
-- All projects there are, for the root project alone.
SELECT project_id, name, created_at, root FROM projects_seen_by_root(:cursor, :descending, :most);

-- name: count_projects
-- How many there are, up to a number; for the root project alone.
SELECT count(*) FROM projects_seen_by_root(NULL, false, :most);

-- name: insert_project!
-- A new project, which the transaction has to have turned to.
INSERT INTO projects (project_id, name) VALUES (:project, :name);

-- name: rename_project!
-- Another name for a project.
UPDATE projects SET name = :name WHERE project_id = :project AND deleted_at IS NULL;

-- name: mark_project_deleted!
-- Nobody may speak for it any more.
UPDATE projects SET deleted_at = now()
WHERE project_id = :project AND deleted_at IS NULL AND NOT root;

-- name: get_project^
-- A project, unless it was deleted.
SELECT project_id, name, created_at, root
FROM projects
WHERE project_id = :project AND deleted_at IS NULL;

-- name: find_user^
-- The user that the application calls by this name.
SELECT user_id, limits FROM users WHERE project_id = :project AND external_id = :external_id;

-- name: insert_user!
-- A user named for the first time; of two at once, one wins.
INSERT INTO users (project_id, user_id, external_id)
VALUES (:project, :user_id, :external_id)
ON CONFLICT (project_id, external_id) DO NOTHING;

-- name: list_user_names
-- What the application calls these users.
SELECT user_id, external_id FROM users WHERE project_id = :project AND user_id = ANY(:user_ids);
