-- Keys that change their secrets, projects that go, and a record of who did what.

CREATE TABLE audit_events (
    project_id   uuid NOT NULL,
    event_id     uuid NOT NULL,             -- a UUIDv7: it tells when
    created_at   timestamptz NOT NULL DEFAULT now(),
    event        text NOT NULL CHECK (event ~ '^[a-z_]+\.[a-z_]+$'),
    actor_type   text NOT NULL
        CHECK (actor_type IN ('api_key', 'root_key', 'user', 'owner', 'service', 'unknown')),
    actor_id     uuid,
    subject_type text CHECK (subject_type ~ '^[a-z_]+$'),
    subject_id   uuid,
    address      text CHECK (length(address) <= 45),
    times        integer NOT NULL DEFAULT 1,    -- failures of one minute are one row
    detail       json NOT NULL DEFAULT '{}',    -- no secrets, and of users nothing but ids
    PRIMARY KEY (project_id, event_id)
);
CREATE INDEX audit_events_by_time ON audit_events (created_at);
-- Where a user was goes with them; what they did stays.
CREATE INDEX audit_events_of_actor ON audit_events (project_id, actor_id)
    WHERE actor_type = 'user' AND address IS NOT NULL;
CREATE INDEX audit_events_about_user ON audit_events (project_id, subject_id)
    WHERE subject_type = 'user' AND address IS NOT NULL;

-- What a key was before it was rotated, as long as that is good still.
CREATE TABLE rotated_secrets (
    project_id  uuid NOT NULL,
    prefix      text NOT NULL,
    key_id      uuid NOT NULL,
    secret_hash bytea NOT NULL,
    expires_at  timestamptz NOT NULL,
    PRIMARY KEY (project_id, prefix),
    FOREIGN KEY (project_id, key_id) REFERENCES api_keys ON DELETE CASCADE
);
CREATE INDEX rotated_secrets_by_key ON rotated_secrets (project_id, key_id);

SELECT raise_walls('audit_events'), raise_walls('rotated_secrets');

ALTER TABLE api_keys ADD COLUMN rotated_at timestamptz;
ALTER TABLE api_keys SET (fillfactor = 80);     -- for last_used_at
CREATE INDEX api_keys_by_end ON api_keys (least(revoked_at, expires_at))
    WHERE revoked_at IS NOT NULL OR expires_at IS NOT NULL;

ALTER TABLE outbox DROP CONSTRAINT outbox_topic_check, ADD CONSTRAINT outbox_topic_check
    CHECK (topic IN ('remember_turn', 'embed_memories', 'title_conversation', 'delete_at_engine',
                     'extract_facts', 'summarize', 'reembed', 'forget_project'));

-- The projects that there are, told to a transaction of the root project alone.
CREATE FUNCTION projects_seen_by_root(beyond uuid, descending boolean, most integer)
RETURNS TABLE (project_id uuid, name text, created_at timestamptz, root boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
BEGIN ATOMIC
    SELECT p.project_id, p.name, p.created_at, p.root FROM projects p
    WHERE p.deleted_at IS NULL AND app_user() IS NULL
      AND EXISTS (SELECT FROM projects r WHERE r.project_id = app_project() AND r.root)
      AND (beyond IS NULL
           OR CASE WHEN descending THEN p.project_id < beyond ELSE p.project_id > beyond END)
    ORDER BY CASE WHEN descending THEN p.project_id END DESC, p.project_id
    LIMIT most;
END;

-- Drops events that are kept no longer, of all projects; gives how many.
CREATE FUNCTION drop_old_audit_events(days integer, most integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public
BEGIN ATOMIC
    WITH dropped AS (
        DELETE FROM audit_events WHERE (project_id, event_id) IN (
            SELECT project_id, event_id FROM audit_events
            WHERE created_at < now() - make_interval(days => days)
            ORDER BY created_at LIMIT most FOR UPDATE SKIP LOCKED)
        RETURNING 1)
    SELECT count(*) FROM dropped;
END;

-- Drops keys that ended so long ago, of all projects; gives how many.
CREATE FUNCTION drop_ended_keys(days integer, most integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public
BEGIN ATOMIC
    WITH dropped AS (
        DELETE FROM api_keys WHERE (project_id, key_id) IN (
            SELECT project_id, key_id FROM api_keys
            WHERE (revoked_at IS NOT NULL OR expires_at IS NOT NULL)
              AND least(revoked_at, expires_at) < now() - make_interval(days => days)
            LIMIT most FOR UPDATE SKIP LOCKED)
        RETURNING 1)
    SELECT count(*) FROM dropped;
END;

-- Deletes some rows of a project from one of its tables, by where they lie: whatever their key is,
-- none is looked for twice. Row security holds: it runs as who calls it.
CREATE FUNCTION delete_some(tenant regclass, project uuid, most integer) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    deleted bigint;
BEGIN
    EXECUTE format(
        'DELETE FROM %1$s WHERE project_id = $1 AND ctid = ANY (ARRAY('
        '    SELECT ctid FROM %1$s WHERE project_id = $1 LIMIT $2))', tenant)
    USING project, most;
    GET DIAGNOSTICS deleted = ROW_COUNT;
    RETURN deleted;
END $$;

REVOKE ALL ON FUNCTION projects_seen_by_root, drop_old_audit_events, drop_ended_keys, delete_some
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION projects_seen_by_root, drop_old_audit_events, drop_ended_keys, delete_some
    TO backstory_service;
