-- name: find_key^
-- The key that a secret's first letters name; none of a project that was deleted.
SELECT k.key_id, k.secret_hash, k.scopes, k.expires_at, k.revoked_at, p.root
FROM api_keys k
JOIN projects p ON p.project_id = k.project_id AND p.deleted_at IS NULL
WHERE k.project_id = :project AND k.prefix = :prefix;

-- name: find_session^
-- The session that a token's first letters name, while the token is good.
SELECT s.session_id, s.user_id, u.external_id, s.token_hash, s.token_expires_at
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
INSERT INTO api_keys (project_id, key_id, name, prefix, secret_hash, scopes)
VALUES (:project, :key_id, :name, :prefix, :secret_hash, :scopes);

-- name: get_project^
-- A project, unless it was deleted.
SELECT project_id, name, created_at, root
FROM projects
WHERE project_id = :project AND deleted_at IS NULL;

-- name: find_user^
-- The user that the application calls by this name.
SELECT user_id FROM users WHERE project_id = :project AND external_id = :external_id;

-- name: insert_user!
-- A user named for the first time; of two at once, one wins.
INSERT INTO users (project_id, user_id, external_id)
VALUES (:project, :user_id, :external_id)
ON CONFLICT (project_id, external_id) DO NOTHING;

-- name: list_user_names
-- What the application calls these users.
SELECT user_id, external_id FROM users WHERE project_id = :project AND user_id = ANY(:user_ids);
