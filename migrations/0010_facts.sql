-- Facts: what messages tell, in a sentence each, with what one needs to know whether two agree.

-- What a memory of kind `fact` says beside its text. It goes with the memory.
CREATE TABLE facts (
    project_id    uuid NOT NULL,
    memory_id     uuid NOT NULL,
    user_id       uuid NOT NULL,
    subject       text NOT NULL,            -- who or what it is about, as it was written
    about         text NOT NULL,            -- the subject in its plain form: facts of one meet by it
    attribute     text,                     -- the property that is told
    value         text,                     -- what the property is
    entities      text[] NOT NULL DEFAULT '{}',
    reason        text NOT NULL,            -- what its confidence rests on
    seen          integer NOT NULL DEFAULT 1 CHECK (seen > 0),
    statement_key bytea CHECK (length(statement_key) = 32),
    kept_at       timestamptz,              -- somebody undid its supersession: what was said before
                                            -- does not supersede it again
    PRIMARY KEY (project_id, memory_id),
    FOREIGN KEY (project_id, memory_id) REFERENCES memories ON DELETE CASCADE
);
CREATE INDEX facts_by_about ON facts (project_id, user_id, about, memory_id);

-- One statement of a user is one fact, whichever worker comes first. What is superseded has none:
-- the same may be true again.
CREATE UNIQUE INDEX facts_by_statement ON facts (project_id, user_id, statement_key)
    WHERE statement_key IS NOT NULL;

-- The versions of messages that were given out to be read for facts, each once.
CREATE TABLE fact_readings (
    project_id uuid NOT NULL,
    memory_id  uuid NOT NULL,
    user_id    uuid NOT NULL,
    version    integer NOT NULL,
    PRIMARY KEY (project_id, memory_id),
    FOREIGN KEY (project_id, memory_id) REFERENCES memories ON DELETE CASCADE
);

-- What became of what engines said: numbers only, by day.
CREATE TABLE fact_counts (
    project_id uuid NOT NULL,
    user_id    uuid NOT NULL,
    day        date NOT NULL,
    outcome    text NOT NULL,
    facts      bigint NOT NULL,
    PRIMARY KEY (project_id, user_id, day, outcome)
) WITH (fillfactor = 70);

SELECT raise_walls('facts'), raise_walls('fact_readings'), raise_walls('fact_counts');

-- Messages that wait to be read together.
CREATE INDEX outbox_readings ON outbox (project_id, user_id)
    WHERE topic = 'extract_facts' AND failed_at IS NULL;
