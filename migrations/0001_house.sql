-- The house: who speaks, what was said, what is remembered, what is waiting, what was asked.
--
-- Every tenant table begins its keys with project_id, so that it could be distributed by it, and
-- has forced row security. user_id is the nil UUID for rows that belong to the project itself.
-- Columns of type json hold text as it came: jsonb would refuse \u0000 and reorder keys.

-- Who is asking. Set by SET LOCAL in the transaction that uses it (app/db/database.py).

CREATE FUNCTION app_project() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('app.project', true), '')::uuid;

CREATE FUNCTION app_user() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('app.user', true), '')::uuid;

-- Identity

CREATE TABLE projects (
    project_id uuid PRIMARY KEY,
    name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE users (
    project_id  uuid NOT NULL,
    user_id     uuid NOT NULL,
    external_id text NOT NULL CHECK (length(external_id) BETWEEN 1 AND 512),
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (project_id, user_id),
    UNIQUE (project_id, external_id)
);

CREATE TABLE api_keys (
    project_id   uuid NOT NULL,
    key_id       uuid NOT NULL,
    name         text NOT NULL,
    prefix       text NOT NULL,             -- the secret's first letters: what a look-up goes by
    secret_hash  bytea NOT NULL,            -- SHA-256 of the whole key
    scopes       text[] NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz,
    last_used_at timestamptz,
    revoked_at   timestamptz,
    PRIMARY KEY (project_id, key_id),
    UNIQUE (project_id, prefix)
);

CREATE TABLE settings (
    project_id uuid NOT NULL,
    user_id    uuid NOT NULL,
    key        text NOT NULL CHECK (key ~ '^[A-Za-z0-9._-]{1,200}$'),
    value      json NOT NULL,
    version    bigint NOT NULL DEFAULT 1,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (project_id, user_id, key)
);

-- What was said. A path of items is a branch up to a position, then its parent up to where it
-- forked, and so on: a context of any length is read by one range scan a branch.

CREATE TABLE contents (
    project_id uuid NOT NULL,
    user_id    uuid NOT NULL,
    hash       bytea NOT NULL CHECK (length(hash) = 32),   -- keyed, over the canonical form
    body       json NOT NULL,
    PRIMARY KEY (project_id, user_id, hash)
);

CREATE TABLE branches (
    project_id       uuid NOT NULL,
    branch_id        uuid NOT NULL,
    user_id          uuid NOT NULL,
    parent_branch_id uuid,
    fork_position    integer NOT NULL,      -- items before this position are the parent's
    tip              integer NOT NULL,      -- the position after the last item
    PRIMARY KEY (project_id, branch_id),
    CHECK (tip >= fork_position),
    CHECK (parent_branch_id IS NOT NULL OR fork_position = 0)
) WITH (fillfactor = 80);

CREATE TABLE conversations (
    project_id      uuid NOT NULL,
    conversation_id uuid NOT NULL,
    user_id         uuid NOT NULL,
    head_turn_id    uuid,
    title           text,
    metadata        json NOT NULL DEFAULT '{}',
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (project_id, conversation_id)
) WITH (fillfactor = 80);
CREATE INDEX conversations_by_user ON conversations (project_id, user_id, conversation_id);

CREATE TABLE turns (
    project_id      uuid NOT NULL,
    turn_id         uuid NOT NULL,          -- the same UUID as its response, where it has one
    user_id         uuid NOT NULL,
    key_id          uuid,
    parent_turn_id  uuid,
    conversation_id uuid,
    branch_id       uuid NOT NULL,
    start_position  integer NOT NULL,
    output_position integer NOT NULL,       -- the first output item
    end_position    integer NOT NULL,
    history_hash    bytea NOT NULL,         -- running hash of all contents up to this turn's end
    created_at      timestamptz NOT NULL,
    deleted_at      timestamptz,            -- a tombstone: its items are gone
    PRIMARY KEY (project_id, turn_id),
    FOREIGN KEY (project_id, branch_id) REFERENCES branches,
    CHECK (start_position <= output_position AND output_position <= end_position)
);
CREATE INDEX turns_by_history ON turns (project_id, user_id, history_hash);
CREATE INDEX turns_by_conversation ON turns (project_id, conversation_id, turn_id)
    WHERE conversation_id IS NOT NULL;

CREATE TABLE items (
    project_id   uuid NOT NULL,
    branch_id    uuid NOT NULL,
    position     integer NOT NULL,
    item_id      uuid NOT NULL,
    turn_id      uuid NOT NULL,
    user_id      uuid NOT NULL,
    content_hash bytea NOT NULL,
    type         text NOT NULL,             -- of the item: message, function_call, …
    status       text NOT NULL CHECK (status IN ('in_progress', 'completed', 'incomplete')),
    PRIMARY KEY (project_id, branch_id, position),
    UNIQUE (project_id, item_id),
    FOREIGN KEY (project_id, turn_id) REFERENCES turns,
    FOREIGN KEY (project_id, user_id, content_hash) REFERENCES contents
);
CREATE INDEX items_by_content ON items (project_id, user_id, content_hash);

-- Responses and their events

CREATE TABLE event_logs (
    project_id uuid NOT NULL,
    log_id     uuid NOT NULL,
    user_id    uuid NOT NULL,
    events     bytea NOT NULL,              -- zstd, see app/responses/log.py
    PRIMARY KEY (project_id, log_id)
);
ALTER TABLE event_logs ALTER COLUMN events SET STORAGE EXTERNAL;    -- compressed already

CREATE TABLE responses (
    project_id           uuid NOT NULL,
    response_id          uuid NOT NULL,
    user_id              uuid NOT NULL,
    key_id               uuid,
    conversation_id      uuid,
    previous_response_id uuid,
    status               text NOT NULL
        CHECK (status IN ('completed', 'incomplete', 'failed', 'cancelled')),
    model                text NOT NULL,
    created_at           timestamptz NOT NULL,
    completed_at         timestamptz,
    instructions_hash    bytea,
    tools_hash           bytea,
    fields               json NOT NULL,     -- the response but for what has a column or an item
    usage                json,
    error                json,
    log_id               uuid NOT NULL,     -- shared with the response it was replayed from
    recalled             uuid[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (project_id, response_id),
    FOREIGN KEY (project_id, response_id) REFERENCES turns,
    FOREIGN KEY (project_id, log_id) REFERENCES event_logs,
    FOREIGN KEY (project_id, user_id, instructions_hash) REFERENCES contents,
    FOREIGN KEY (project_id, user_id, tools_hash) REFERENCES contents
);
CREATE INDEX responses_by_log ON responses (project_id, log_id);
CREATE INDEX responses_by_instructions ON responses (project_id, user_id, instructions_hash)
    WHERE instructions_hash IS NOT NULL;
CREATE INDEX responses_by_tools ON responses (project_id, user_id, tools_hash)
    WHERE tools_hash IS NOT NULL;

CREATE TABLE idempotency_keys (
    project_id   uuid NOT NULL,
    principal_id uuid NOT NULL,             -- the key (or session) that sent it
    key_hash     bytea NOT NULL,
    body_hash    bytea NOT NULL,
    user_id      uuid NOT NULL,
    response_id  uuid,                      -- the answer, where it is a response
    status       smallint,                  -- the answer, where it is anything else
    reply        json,
    claim_id     uuid NOT NULL,             -- whose attempt holds the lease
    lease_until  timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    PRIMARY KEY (project_id, principal_id, key_hash)
);
CREATE INDEX idempotency_keys_by_response ON idempotency_keys (project_id, response_id)
    WHERE response_id IS NOT NULL;
CREATE INDEX idempotency_keys_by_expiry ON idempotency_keys (expires_at);

-- The cache: an entry points at the log of the response that filled it.

CREATE TABLE cache_entries (
    project_id  uuid NOT NULL,
    user_id     uuid NOT NULL,              -- nil with a namespace: shared on purpose
    namespace   text NOT NULL DEFAULT '',
    key         bytea NOT NULL CHECK (length(key) = 32),
    response_id uuid NOT NULL,
    log_id      uuid NOT NULL,
    model       text NOT NULL,
    usage       json,
    tags        text[] NOT NULL DEFAULT '{}',
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    PRIMARY KEY (project_id, user_id, namespace, key),
    FOREIGN KEY (project_id, log_id) REFERENCES event_logs
);
CREATE INDEX cache_entries_by_log ON cache_entries (project_id, log_id);
CREATE INDEX cache_entries_by_response ON cache_entries (project_id, response_id);
CREATE INDEX cache_entries_by_expiry ON cache_entries (expires_at);

CREATE TABLE cache_entry_memories (
    project_id uuid NOT NULL,
    memory_id  uuid NOT NULL,               -- an entry falls with the memories that it used
    user_id    uuid NOT NULL,
    namespace  text NOT NULL,
    key        bytea NOT NULL,
    PRIMARY KEY (project_id, memory_id, user_id, namespace, key),
    FOREIGN KEY (project_id, user_id, namespace, key) REFERENCES cache_entries ON DELETE CASCADE
);
CREATE INDEX cache_entry_memories_by_entry
    ON cache_entry_memories (project_id, user_id, namespace, key);

-- Memory

CREATE TABLE memories (
    project_id      uuid NOT NULL,
    memory_id       uuid NOT NULL,
    user_id         uuid NOT NULL,
    kind            text NOT NULL CHECK (kind IN ('message', 'fact', 'summary', 'note')),
    content         text NOT NULL,
    language        text NOT NULL,          -- the text search configuration of its postings
    words           integer NOT NULL,       -- how many terms it has, for BM25's length
    speaker         text,
    conversation_id uuid,
    episode         text,
    external_id     text,
    occurred_at     timestamptz NOT NULL,
    valid_from      timestamptz,
    valid_to        timestamptz,
    created_at      timestamptz NOT NULL DEFAULT now(),
    superseded_at   timestamptz,
    superseded_by   uuid,
    expires_at      timestamptz,
    confidence      real CHECK (confidence BETWEEN 0 AND 1),
    trust           text NOT NULL CHECK (trust IN ('user', 'assistant', 'document', 'application')),
    metadata        jsonb NOT NULL DEFAULT '{}',
    version         integer NOT NULL DEFAULT 1,
    stretch         text                    -- within it, what was said before and after
        GENERATED ALWAYS AS (nullif(coalesce(conversation_id::text, '') || '/' || coalesce(episode, ''), '/')) STORED,
    PRIMARY KEY (project_id, memory_id)
);
CREATE UNIQUE INDEX memories_by_external_id ON memories (project_id, user_id, external_id)
    WHERE external_id IS NOT NULL;
CREATE INDEX memories_by_user ON memories (project_id, user_id, memory_id);
CREATE INDEX memories_by_conversation ON memories (project_id, conversation_id, memory_id)
    WHERE conversation_id IS NOT NULL;
CREATE INDEX memories_by_stretch ON memories (project_id, user_id, stretch, occurred_at, memory_id)
    WHERE stretch IS NOT NULL;
CREATE INDEX memories_passing ON memories (project_id, user_id, memory_id)
    WHERE superseded_at IS NOT NULL OR expires_at IS NOT NULL;

-- What a recall may find where it is narrowed by more than its users; null means any.
CREATE FUNCTION memories_within(
    project uuid, users uuid[], conversation uuid, kinds text[], speakers text[],
    episodes text[], since timestamptz, until timestamptz, metadata jsonb)
RETURNS SETOF uuid
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT m.memory_id
    FROM memories m
    WHERE m.project_id = memories_within.project
      AND m.user_id = ANY (memories_within.users)
      AND m.superseded_at IS NULL
      AND (m.expires_at IS NULL OR m.expires_at > now())
      AND (memories_within.conversation IS NULL
           OR m.conversation_id = memories_within.conversation)
      AND (memories_within.kinds IS NULL OR m.kind = ANY (memories_within.kinds))
      AND (memories_within.speakers IS NULL OR m.speaker = ANY (memories_within.speakers))
      AND (memories_within.episodes IS NULL OR m.episode = ANY (memories_within.episodes))
      AND (memories_within.since IS NULL OR m.occurred_at >= memories_within.since)
      AND (memories_within.until IS NULL OR m.occurred_at < memories_within.until)
      AND (memories_within.metadata IS NULL OR m.metadata @> memories_within.metadata);
END;

-- What a recall may not find where it is not narrowed: few, so that most rows are never read.
CREATE FUNCTION memories_passed(project uuid, users uuid[]) RETURNS SETOF uuid
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT m.memory_id
    FROM memories m
    WHERE m.project_id = memories_passed.project
      AND m.user_id = ANY (memories_passed.users)
      AND (m.superseded_at IS NOT NULL OR m.expires_at IS NOT NULL)
      AND (m.superseded_at IS NOT NULL OR m.expires_at <= now());
END;

CREATE TABLE memory_sources (
    project_id  uuid NOT NULL,
    memory_id   uuid NOT NULL,
    source_type text NOT NULL CHECK (source_type IN ('item', 'turn', 'document', 'memory')),
    source_id   uuid NOT NULL,
    PRIMARY KEY (project_id, memory_id, source_type, source_id),
    FOREIGN KEY (project_id, memory_id) REFERENCES memories ON DELETE CASCADE
);
CREATE INDEX memory_sources_by_source ON memory_sources (project_id, source_type, source_id);

-- What of a memory is searched: its speaker by name, where it is not a mere role, and its text.
CREATE FUNCTION searched_text(speaker text, content text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN speaker IN ('user', 'assistant') THEN content
            ELSE concat_ws(': ', speaker, content) END;

-- The terms of a memory with their places; what lies behind a hundred thousand characters is not
-- searched by words (a tsvector holds at most a megabyte).
CREATE FUNCTION memory_terms(language text, speaker text, content text) RETURNS tsvector
LANGUAGE sql STABLE PARALLEL SAFE
RETURN to_tsvector(language::regconfig, left(searched_text(speaker, content), 100000));

-- How many words a text has, those that are not searched left out.
CREATE FUNCTION words_in(terms tsvector) RETURNS integer
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (SELECT coalesce(sum(cardinality(positions)), 0)::integer FROM unnest(terms));

-- What BM25 reads, all of it from the index: @@ would use no index under row security.
CREATE TABLE memory_postings (
    project_id uuid NOT NULL,
    user_id    uuid NOT NULL,
    term       text NOT NULL,
    memory_id  uuid NOT NULL,
    frequency  smallint NOT NULL,
    words      integer NOT NULL,
    PRIMARY KEY (project_id, user_id, term, memory_id) INCLUDE (frequency, words)
);

CREATE TABLE memory_scopes (
    project_id uuid NOT NULL,
    user_id    uuid NOT NULL,
    memories   bigint NOT NULL,
    words      bigint NOT NULL,
    PRIMARY KEY (project_id, user_id)
) WITH (fillfactor = 50);

CREATE TABLE embedding_models (
    model_id   smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       text NOT NULL,
    dimensions integer NOT NULL,            -- a name that comes with others is another model
    UNIQUE (name, dimensions)
);

CREATE TABLE memory_vectors (
    project_id uuid NOT NULL,
    user_id    uuid NOT NULL,
    model_id   smallint NOT NULL REFERENCES embedding_models,
    memory_id  uuid NOT NULL,
    part       smallint NOT NULL DEFAULT 0, -- 0 is the whole text
    embedding  halfvec NOT NULL,
    PRIMARY KEY (project_id, user_id, model_id, memory_id, part),
    FOREIGN KEY (project_id, memory_id) REFERENCES memories ON DELETE CASCADE
);
CREATE INDEX memory_vectors_by_memory ON memory_vectors (project_id, memory_id);

-- What is waiting. A row lives until its work is done; a failed one stays to be seen.

CREATE TABLE outbox (
    project_id  uuid NOT NULL,
    outbox_id   uuid NOT NULL,
    topic       text NOT NULL CHECK (topic IN ('remember_turn', 'embed_memories')),
    user_id     uuid NOT NULL,
    subject_id  uuid,                       -- the turn or memory that the work is about
    payload     json NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    run_at      timestamptz NOT NULL DEFAULT now(),
    attempts    smallint NOT NULL DEFAULT 0,
    error       text,
    failed_at   timestamptz,                -- given up after the last attempt
    PRIMARY KEY (project_id, outbox_id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX outbox_due ON outbox (topic, run_at) WHERE failed_at IS NULL;
CREATE INDEX outbox_failed ON outbox (project_id, outbox_id) WHERE failed_at IS NOT NULL;
CREATE INDEX outbox_by_subject ON outbox (project_id, subject_id);

-- What was asked

CREATE TABLE requests (
    project_id       uuid NOT NULL,
    created_at       timestamptz NOT NULL,
    request_id       uuid NOT NULL,         -- a UUIDv7 whose time is created_at
    user_id          uuid NOT NULL,
    key_id           uuid,
    endpoint         text NOT NULL,
    purpose          text NOT NULL DEFAULT 'client',
    response_id      uuid,
    model            text,
    engine           text,
    stream           boolean NOT NULL DEFAULT false,
    status           smallint NOT NULL,
    error_code       text,
    cache_status     text CHECK (cache_status IN ('HIT', 'MISS', 'COALESCED', 'SEMANTIC')),
    input_tokens     integer,
    output_tokens    integer,
    cached_tokens    integer,               -- of the input, as the engine says
    saved_tokens     integer,               -- what a hit did not cost
    first_token_ms   real,
    total_ms         real NOT NULL,
    PRIMARY KEY (project_id, created_at, request_id)
) PARTITION BY RANGE (created_at);
CREATE TABLE requests_default PARTITION OF requests DEFAULT;
CREATE INDEX requests_by_user ON requests (project_id, user_id, created_at);

-- A month's partition, made ahead of time by the owner (backstory serve, backstory migrate).
CREATE FUNCTION ensure_request_partitions(months_ahead integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    month date;
BEGIN
    FOR month IN
        SELECT generate_series(
            date_trunc('month', now() AT TIME ZONE 'UTC'),
            date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => months_ahead),
            interval '1 month')::date
    LOOP
        IF to_regclass(format('requests_%s', to_char(month, 'YYYYMM'))) IS NULL
           AND NOT EXISTS (
               SELECT FROM requests_default
               WHERE created_at >= month AT TIME ZONE 'UTC'
                 AND created_at < (month + interval '1 month') AT TIME ZONE 'UTC')
        THEN
            EXECUTE format(
                'CREATE TABLE requests_%s PARTITION OF requests FOR VALUES FROM (%L) TO (%L)',
                to_char(month, 'YYYYMM'),
                month::timestamp AT TIME ZONE 'UTC',
                (month + interval '1 month')::timestamp AT TIME ZONE 'UTC');
        END IF;
    END LOOP;
END $$;

-- The walls: each tenant table shows the service only the rows of the project that is set, and
-- of the user, where one is set. The owner sees all.

DO $$
DECLARE
    tenant text;
    walled_by_user boolean;
    rule text;
BEGIN
    FOR tenant, walled_by_user IN
        SELECT c.relname, EXISTS (
            SELECT FROM pg_attribute a
            WHERE a.attrelid = c.oid AND a.attname = 'user_id' AND NOT a.attisdropped)
        FROM pg_class c
        JOIN pg_attribute p ON p.attrelid = c.oid AND p.attname = 'project_id'
        WHERE c.relnamespace = current_schema()::regnamespace
          AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    LOOP
        rule := 'project_id = (SELECT app_project())';
        IF walled_by_user THEN
            rule := rule || ' AND ((SELECT app_user()) IS NULL OR user_id = (SELECT app_user()))';
        END IF;
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tenant);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tenant);
        EXECUTE format(
            'CREATE POLICY tenant ON %I TO backstory_service USING (%s) WITH CHECK (%s)',
            tenant, rule, rule);
        EXECUTE format('CREATE POLICY owner ON %I TO backstory_owner USING (true)', tenant);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO backstory_service', tenant);
    END LOOP;
END $$;

GRANT SELECT, INSERT ON embedding_models TO backstory_service;
GRANT SELECT ON schema_migrations TO backstory_service;
REVOKE INSERT, UPDATE, DELETE ON projects FROM backstory_service;

-- The few look-ups across projects that the service may make; each says what it needs it for.

-- Takes work that is due, of one topic, and leases it by moving it into the future.
CREATE FUNCTION claim_outbox(wanted_topic text, most integer, lease interval)
RETURNS SETOF outbox
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public
BEGIN ATOMIC
    UPDATE outbox SET run_at = clock_timestamp() + lease, attempts = attempts + 1
    WHERE (project_id, outbox_id) IN (
        SELECT project_id, outbox_id FROM outbox
        WHERE topic = wanted_topic AND failed_at IS NULL AND run_at <= clock_timestamp()
        ORDER BY run_at
        LIMIT most
        FOR UPDATE SKIP LOCKED)
    RETURNING *;
END;

-- How much waits, for health and metrics: numbers only, of all projects together.
CREATE FUNCTION outbox_backlog()
RETURNS TABLE (topic text, waiting bigint, failed bigint, oldest_seconds double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
BEGIN ATOMIC
    SELECT o.topic,
           count(*) FILTER (WHERE o.failed_at IS NULL),
           count(*) FILTER (WHERE o.failed_at IS NOT NULL),
           coalesce(extract(epoch FROM clock_timestamp()
               - min(o.created_at) FILTER (WHERE o.failed_at IS NULL)), 0)::double precision
    FROM outbox o
    GROUP BY o.topic;
END;

-- Drops what has run out; called now and then by the service, bounded by `most` rows a table.
-- Gives how many went of the table that lost the most: while that is `most`, there may be more.
CREATE FUNCTION drop_expired(most integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public
BEGIN ATOMIC
    WITH keys AS (
        DELETE FROM idempotency_keys WHERE (project_id, principal_id, key_hash) IN (
            SELECT project_id, principal_id, key_hash FROM idempotency_keys
            WHERE expires_at < now() LIMIT most FOR UPDATE SKIP LOCKED)
        RETURNING 1
    ), entries AS (
        DELETE FROM cache_entries WHERE (project_id, user_id, namespace, key) IN (
            SELECT project_id, user_id, namespace, key FROM cache_entries
            WHERE expires_at < now() LIMIT most FOR UPDATE SKIP LOCKED)
        RETURNING 1
    )
    SELECT greatest((SELECT count(*) FROM keys), (SELECT count(*) FROM entries));
END;

REVOKE ALL ON FUNCTION claim_outbox, outbox_backlog, drop_expired, ensure_request_partitions
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION claim_outbox, outbox_backlog, drop_expired TO backstory_service;
