-- name: find_account^
-- A user by the name that the application gave.
SELECT u.user_id, u.external_id, u.metadata, u.disabled_at, u.created_at, l.email,
       l.password_hash IS NOT NULL AS has_password
FROM users u
LEFT JOIN logins l ON l.project_id = :project AND l.user_id = u.user_id
WHERE u.project_id = :project AND u.external_id = :external_id;

-- name: find_account_by_email^
-- A user by the address that they log in with.
SELECT u.user_id, u.external_id, u.metadata, u.disabled_at, u.created_at, l.email,
       l.password_hash IS NOT NULL AS has_password
FROM logins l
JOIN users u ON u.project_id = :project AND u.user_id = l.user_id
WHERE l.project_id = :project AND l.email = :email;

-- name: list_accounts_up
-- Users from the oldest on.
SELECT u.user_id, u.external_id, u.metadata, u.disabled_at, u.created_at, l.email,
       l.password_hash IS NOT NULL AS has_password
FROM users u
LEFT JOIN logins l ON l.project_id = :project AND l.user_id = u.user_id
WHERE u.project_id = :project AND u.user_id > :after
ORDER BY u.user_id
LIMIT :most;

-- name: list_accounts_down
-- Users from the newest on.
SELECT u.user_id, u.external_id, u.metadata, u.disabled_at, u.created_at, l.email,
       l.password_hash IS NOT NULL AS has_password
FROM users u
LEFT JOIN logins l ON l.project_id = :project AND l.user_id = u.user_id
WHERE u.project_id = :project AND u.user_id < :before
ORDER BY u.user_id DESC
LIMIT :most;

-- name: insert_account!
-- A user whom the application makes, or who signs up.
INSERT INTO users (project_id, user_id, external_id, metadata)
VALUES (:project, :user_id, :external_id, :metadata)
ON CONFLICT (project_id, external_id) DO NOTHING;

-- name: update_account!
-- What the application says of a user; what is null stays as it is.
UPDATE users
SET metadata = coalesce(:metadata, metadata),
    disabled_at = CASE :disabled::boolean
        WHEN true THEN coalesce(disabled_at, now()) WHEN false THEN NULL ELSE disabled_at END
WHERE project_id = :project AND user_id = :user_id;

-- name: insert_login!
-- The address that a user logs in with; none where it is another's.
INSERT INTO logins (project_id, user_id, email, password_hash)
VALUES (:project, :user_id, :email, :password_hash)
ON CONFLICT DO NOTHING;

-- name: update_email!
-- Another address of a user who has one.
UPDATE logins SET email = :email WHERE project_id = :project AND user_id = :user_id;

-- name: delete_login!
-- A user who no longer logs in here.
DELETE FROM logins WHERE project_id = :project AND user_id = :user_id;

-- name: find_login^
-- Who logs in with an address, and what their password is compared with.
SELECT user_id, password_hash, password_set_at FROM logins
WHERE project_id = :project AND email = :email;

-- name: find_login_of^
-- What a user logs in with.
SELECT email, user_id, password_hash, password_set_at FROM logins
WHERE project_id = :project AND user_id = :user_id;

-- name: confirm_login^
-- The user whose password was found right, while it is still the same; it stays so until the end
-- of the transaction.
SELECT u.external_id, u.disabled_at
FROM logins l
JOIN users u ON u.project_id = :project AND u.user_id = l.user_id
WHERE l.project_id = :project AND l.user_id = :user_id AND l.password_set_at = :password_set_at
FOR SHARE;

-- name: hold_user^
-- A user who is to get a session; they stay as they are until the end of the transaction.
SELECT external_id, disabled_at FROM users
WHERE project_id = :project AND user_id = :user_id
FOR SHARE;

-- name: set_password!
-- A new password.
UPDATE logins SET password_hash = :password_hash, password_set_at = clock_timestamp()
WHERE project_id = :project AND user_id = :user_id;

-- name: replace_password!
-- A new password, where the one that was found right is still the same.
UPDATE logins SET password_hash = :password_hash, password_set_at = clock_timestamp()
WHERE project_id = :project AND user_id = :user_id AND password_set_at = :password_set_at;

-- name: rehash_password!
-- The same password under new parameters.
UPDATE logins SET password_hash = :password_hash
WHERE project_id = :project AND user_id = :user_id AND password_hash = :outdated;

-- name: count_guess
-- Counts a try, unless the subject is to wait; each beyond the free ones makes the next wait, twice
-- as long each time.
INSERT INTO guesses AS g (project_id, subject, tries, expires_at)
VALUES (:project, :subject, 1, now() + make_interval(secs => :memory_seconds))
ON CONFLICT (project_id, subject) DO UPDATE
SET tries = CASE WHEN g.expires_at < now() THEN 1 ELSE g.tries + 1 END,
    blocked_until = CASE
        WHEN g.expires_at >= now() AND g.tries >= :free::integer
        THEN clock_timestamp() + make_interval(secs => least(
            :wait_seconds_max::double precision,
            :wait_seconds::double precision * power(2, least(g.tries - :free::integer, 40))))
        END,
    expires_at = excluded.expires_at
WHERE g.blocked_until IS NULL OR g.blocked_until <= clock_timestamp()
RETURNING tries;

-- name: seconds_to_wait
-- How long a subject has to wait yet.
SELECT extract(epoch FROM blocked_until - clock_timestamp())::double precision FROM guesses
WHERE project_id = :project AND subject = :subject;

-- name: forget_guesses!
-- The right password: who knows it may begin anew.
DELETE FROM guesses WHERE project_id = :project AND subject = :subject;

-- name: uncount_guess!
-- A try that was none.
UPDATE guesses SET tries = greatest(1, tries - 1), blocked_until = NULL
WHERE project_id = :project AND subject = :subject;

-- name: end_oldest_sessions
-- Of a user's sessions the newest stay.
DELETE FROM sessions
WHERE project_id = :project AND session_id IN (
    SELECT session_id FROM sessions WHERE project_id = :project AND user_id = :user_id
    ORDER BY session_id DESC OFFSET :most)
RETURNING session_id;

-- name: end_session
-- One session of a user.
DELETE FROM sessions
WHERE project_id = :project AND session_id = :session_id AND user_id = :user_id
RETURNING session_id;

-- name: end_sessions
-- All sessions of a user, but for one.
DELETE FROM sessions
WHERE project_id = :project AND user_id = :user_id
  AND session_id IS DISTINCT FROM :but
RETURNING session_id;

-- name: list_sessions
-- A user's sessions that are good, the newest first.
SELECT session_id, created_at, refreshed_at, expires_at, user_agent, address
FROM sessions
WHERE project_id = :project AND user_id = :user_id AND expires_at > now()
ORDER BY session_id DESC;

-- name: rotate_session^
-- A session gets the tokens that follow on the one that was shown; of two at once, one does it.
UPDATE sessions s
SET prefix = :prefix, token_hash = :token_hash, refresh_hash = :next_hash, refreshed_at = now(),
    token_expires_at = least(now() + make_interval(secs => :token_seconds), s.expires_at)
FROM users u
WHERE s.project_id = :project AND s.refresh_hash = :refresh_hash AND s.expires_at > now()
  AND u.project_id = :project AND u.user_id = s.user_id
RETURNING s.session_id, s.user_id, u.external_id, s.token_expires_at, s.expires_at;

-- name: keep_used_token!
-- A refresh token that was used.
INSERT INTO used_refresh_tokens (project_id, token_hash, session_id, user_id)
VALUES (:project, :token_hash, :session_id, :user_id);

-- name: drop_used_tokens!
-- Of a session's used refresh tokens the newest stay.
DELETE FROM used_refresh_tokens
WHERE project_id = :project AND session_id = :session_id AND used_at < (
    SELECT used_at FROM used_refresh_tokens
    WHERE project_id = :project AND session_id = :session_id
    ORDER BY used_at DESC OFFSET :most LIMIT 1);

-- name: find_used_token^
-- The session that a used refresh token belonged to, and whether it was the last before this one.
SELECT s.session_id, s.user_id, u.external_id, s.token_expires_at, s.expires_at,
       s.refresh_hash = :next_hash AS is_last,
       extract(epoch FROM clock_timestamp() - t.used_at)::double precision AS age_seconds
FROM used_refresh_tokens t
JOIN sessions s ON s.project_id = :project AND s.session_id = t.session_id
JOIN users u ON u.project_id = :project AND u.user_id = s.user_id
WHERE t.project_id = :project AND t.token_hash = :token_hash AND s.expires_at > now();

-- name: put_reset!
-- A token that sets a user's password once.
INSERT INTO password_resets (project_id, user_id, token_hash, expires_at)
VALUES (:project, :user_id, :token_hash, :expires_at)
ON CONFLICT (project_id, user_id) DO UPDATE
SET token_hash = excluded.token_hash, expires_at = excluded.expires_at;

-- name: find_reset^
-- Whose password a token may set.
SELECT user_id FROM password_resets
WHERE project_id = :project AND token_hash = :token_hash AND expires_at > now();

-- name: take_reset!
-- The token is used up.
DELETE FROM password_resets
WHERE project_id = :project AND user_id = :user_id AND token_hash = :token_hash
  AND expires_at > now();

-- name: delete_reset!
-- A token that was made for another address, or another password.
DELETE FROM password_resets WHERE project_id = :project AND user_id = :user_id;
