-- Responses that are still being made: any worker can follow, resume or cancel them, and one whose
-- worker died is ended by another.

-- The walls around a tenant table, as 0001 raised them around all that it made.
CREATE FUNCTION raise_walls(tenant regclass) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    rule text := 'project_id = (SELECT app_project())';
BEGIN
    IF EXISTS (
        SELECT FROM pg_attribute
        WHERE attrelid = tenant AND attname = 'user_id' AND NOT attisdropped)
    THEN
        rule := rule || ' AND ((SELECT app_user()) IS NULL OR user_id = (SELECT app_user()))';
    END IF;
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', tenant);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', tenant);
    EXECUTE format(
        'CREATE POLICY tenant ON %s TO backstory_service USING (%s) WITH CHECK (%s)',
        tenant, rule, rule);
    EXECUTE format('CREATE POLICY owner ON %s TO backstory_owner USING (true)', tenant);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO backstory_service', tenant);
END $$;
REVOKE ALL ON FUNCTION raise_walls FROM PUBLIC;

-- A worker is alive while its lease lasts. No tenant's data.
CREATE TABLE workers (
    worker_id   uuid PRIMARY KEY,
    lease_until timestamptz NOT NULL
) WITH (fillfactor = 50);
GRANT SELECT, INSERT, UPDATE, DELETE ON workers TO backstory_service;

CREATE TABLE running_responses (
    project_id          uuid NOT NULL,
    response_id         uuid NOT NULL,
    user_id             uuid NOT NULL,
    worker_id           uuid NOT NULL,      -- who makes it; who finds it abandoned takes it over
    created_at          timestamptz NOT NULL,
    cancel_requested_at timestamptz,
    resource            json NOT NULL,      -- the response as it began
    plan                json NOT NULL,      -- what its turn is made of, should its worker die
    PRIMARY KEY (project_id, response_id)
) WITH (fillfactor = 80);
CREATE INDEX running_responses_by_worker ON running_responses (worker_id);

CREATE TABLE event_segments (
    project_id  uuid NOT NULL,
    response_id uuid NOT NULL,
    number      integer NOT NULL,
    user_id     uuid NOT NULL,
    events      bytea NOT NULL,             -- zstd, see app/responses/log.py
    PRIMARY KEY (project_id, response_id, number),
    FOREIGN KEY (project_id, response_id) REFERENCES running_responses ON DELETE CASCADE
);
ALTER TABLE event_segments ALTER COLUMN events SET STORAGE EXTERNAL;

SELECT raise_walls('running_responses'), raise_walls('event_segments');

-- Takes over responses whose worker died.
CREATE FUNCTION claim_abandoned_responses(new_worker uuid, most integer)
RETURNS TABLE (project_id uuid, response_id uuid)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public
BEGIN ATOMIC
    UPDATE running_responses r SET worker_id = new_worker
    WHERE (r.project_id, r.response_id) IN (
        SELECT a.project_id, a.response_id FROM running_responses a
        WHERE NOT EXISTS (
            SELECT FROM workers w
            WHERE w.worker_id = a.worker_id AND w.lease_until > clock_timestamp())
        LIMIT most
        FOR UPDATE SKIP LOCKED)
    RETURNING r.project_id, r.response_id;
END;
REVOKE ALL ON FUNCTION claim_abandoned_responses FROM PUBLIC;
GRANT EXECUTE ON FUNCTION claim_abandoned_responses TO backstory_service;

-- What more may wait, for the migrations that follow.
ALTER TABLE outbox DROP CONSTRAINT outbox_topic_check;
ALTER TABLE outbox ADD CHECK (topic IN (
    'remember_turn', 'embed_memories', 'title_conversation', 'delete_at_engine'));
