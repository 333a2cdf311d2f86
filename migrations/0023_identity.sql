-- Who may speak: the project that administers the others, publishable keys, sessions of users.

-- The admin keys of the root project administer the installation; there is one, made by the first
-- start under a lock.
ALTER TABLE projects
    ADD COLUMN root boolean NOT NULL DEFAULT false,
    ADD COLUMN deleted_at timestamptz;          -- nobody may speak for it any more
UPDATE projects SET root = true
WHERE project_id = (SELECT project_id FROM projects ORDER BY created_at, project_id LIMIT 1);

-- The walls let a project be made only by a transaction that has set it.
GRANT INSERT (project_id, name), UPDATE (name, deleted_at), DELETE ON projects TO backstory_service;

ALTER TABLE api_keys
    ADD COLUMN kind text NOT NULL DEFAULT 'secret' CHECK (kind IN ('secret', 'publishable')),
    ADD CHECK (length(name) BETWEEN 1 AND 200),
    ADD CHECK (kind = 'secret' OR scopes = '{}');

CREATE TABLE sessions (
    project_id         uuid NOT NULL,
    session_id         uuid NOT NULL,
    user_id            uuid NOT NULL,
    prefix             text NOT NULL,       -- the token's first letters: what a look-up goes by
    token_hash         bytea NOT NULL,      -- SHA-256 of the whole token
    token_expires_at   timestamptz NOT NULL,
    refresh_hash       bytea NOT NULL,      -- of the refresh token that is good now
    expires_at         timestamptz NOT NULL,    -- with all its tokens
    created_at         timestamptz NOT NULL DEFAULT now(),
    refreshed_at       timestamptz NOT NULL DEFAULT now(),
    ended_at           timestamptz,
    user_agent         text CHECK (length(user_agent) <= 300),
    address            text CHECK (length(address) <= 45),
    PRIMARY KEY (project_id, session_id),
    UNIQUE (project_id, prefix),
    FOREIGN KEY (project_id, user_id) REFERENCES users ON DELETE CASCADE
) WITH (fillfactor = 80);
CREATE INDEX sessions_by_user ON sessions (project_id, user_id);
SELECT raise_walls('sessions');

COMMENT ON COLUMN turns.key_id IS 'the principal: a key, or the user whose session it was';
