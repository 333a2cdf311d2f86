-- name: find_key^
-- The key that a secret's first letters name.
SELECT key_id, secret_hash, scopes, expires_at, revoked_at
FROM api_keys
WHERE project_id = :project AND prefix = :prefix;

-- name: insert_key!
-- Keeps a new key; only its hash is kept.
INSERT INTO api_keys (project_id, key_id, name, prefix, secret_hash, scopes)
VALUES (:project, :key_id, :name, :prefix, :secret_hash, :scopes);

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
