-- Users who log in: e-mail addresses, passwords, and what keeps strangers from guessing them.

ALTER TABLE users
    ADD COLUMN metadata json NOT NULL DEFAULT '{}',
    ADD COLUMN disabled_at timestamptz;         -- no session of theirs is let in

-- A session that ended is gone, so that rows stay few.
ALTER TABLE sessions DROP COLUMN ended_at;
ALTER TABLE sessions ADD UNIQUE (project_id, refresh_hash);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

CREATE TABLE logins (
    project_id      uuid NOT NULL,
    user_id         uuid NOT NULL,
    email           text NOT NULL CHECK (length(email) BETWEEN 3 AND 254),  -- in one form
    password_hash   text,                       -- argon2id; none until one is set
    password_set_at timestamptz NOT NULL DEFAULT clock_timestamp(),     -- not when hashed anew
    PRIMARY KEY (project_id, user_id),
    UNIQUE (project_id, email),
    FOREIGN KEY (project_id, user_id) REFERENCES users ON DELETE CASCADE
);

-- Refresh tokens that were used: one that comes again was stolen, or its answer got lost.
CREATE TABLE used_refresh_tokens (
    project_id uuid NOT NULL,
    token_hash bytea NOT NULL,
    session_id uuid NOT NULL,
    user_id    uuid NOT NULL,
    used_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (project_id, token_hash),
    FOREIGN KEY (project_id, session_id) REFERENCES sessions ON DELETE CASCADE
);
CREATE INDEX used_refresh_tokens_by_session
    ON used_refresh_tokens (project_id, session_id, used_at);

-- The token that sets a user's password once; the newest alone is good.
CREATE TABLE password_resets (
    project_id uuid NOT NULL,
    user_id    uuid NOT NULL,
    token_hash bytea NOT NULL,              -- SHA-256 of the whole token
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (project_id, user_id),
    UNIQUE (project_id, token_hash),
    FOREIGN KEY (project_id, user_id) REFERENCES logins ON DELETE CASCADE
);
CREATE INDEX password_resets_by_expiry ON password_resets (expires_at);

-- How often an account was tried, or an address tried accounts: keyed hashes, forgotten in time.
CREATE TABLE guesses (
    project_id    uuid NOT NULL,
    subject       bytea NOT NULL CHECK (length(subject) = 32),
    tries         integer NOT NULL CHECK (tries > 0),
    blocked_until timestamptz,
    expires_at    timestamptz NOT NULL,
    PRIMARY KEY (project_id, subject)
) WITH (fillfactor = 70);
CREATE INDEX guesses_by_expiry ON guesses (expires_at);

SELECT raise_walls('logins'), raise_walls('used_refresh_tokens'), raise_walls('password_resets'),
    raise_walls('guesses');

-- Drops what has run out, as drop_expired does.
CREATE FUNCTION drop_expired_sessions(most integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public
BEGIN ATOMIC
    WITH ended AS (
        DELETE FROM sessions WHERE (project_id, session_id) IN (
            SELECT project_id, session_id FROM sessions
            WHERE expires_at < now() LIMIT most FOR UPDATE SKIP LOCKED)
        RETURNING 1
    ), resets AS (
        DELETE FROM password_resets WHERE (project_id, user_id) IN (
            SELECT project_id, user_id FROM password_resets
            WHERE expires_at < now() LIMIT most FOR UPDATE SKIP LOCKED)
        RETURNING 1
    ), forgotten AS (
        DELETE FROM guesses WHERE (project_id, subject) IN (
            SELECT project_id, subject FROM guesses
            WHERE expires_at < now() LIMIT most FOR UPDATE SKIP LOCKED)
        RETURNING 1
    )
    SELECT greatest(
        (SELECT count(*) FROM ended), (SELECT count(*) FROM resets),
        (SELECT count(*) FROM forgotten));
END;

CREATE INDEX settings_of_origins ON settings (project_id)
    WHERE key = 'backstory' AND value -> 'cors_origins' IS NOT NULL;

-- Every origin from which some project lets browsers call: what a browser asks before it calls
-- says no project.
CREATE FUNCTION browser_origins() RETURNS SETOF text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
BEGIN ATOMIC
    SELECT DISTINCT o.origin
    FROM settings s, json_array_elements_text(
        CASE json_typeof(s.value -> 'cors_origins')
            WHEN 'array' THEN s.value -> 'cors_origins' ELSE '[]' END) AS o (origin)
    WHERE s.key = 'backstory' AND s.value -> 'cors_origins' IS NOT NULL
      AND s.user_id = '00000000-0000-0000-0000-000000000000';
END;

REVOKE ALL ON FUNCTION drop_expired_sessions, browser_origins FROM PUBLIC;
GRANT EXECUTE ON FUNCTION drop_expired_sessions, browser_origins TO backstory_service;
