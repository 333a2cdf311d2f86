-- What keys and users may spend, and what they did.

ALTER TABLE api_keys ADD COLUMN limits json;
ALTER TABLE users ADD COLUMN limits json;

-- Of a key (user_id is all zeros) or a user (key_id is): what was granted in a window of time. A
-- window that is over begins anew in the same row.
CREATE TABLE limit_counters (
    project_id uuid NOT NULL,
    user_id    uuid NOT NULL,
    key_id     uuid NOT NULL,
    measure    text NOT NULL CHECK (measure IN ('requests', 'tokens', 'usd')),
    span       text NOT NULL CHECK (span IN ('minute', 'day', 'month')),    -- of the calendar, UTC
    began_at   timestamptz NOT NULL,
    used       bigint NOT NULL DEFAULT 0,   -- billionths of a dollar, for usd
    leased_at  timestamptz,                 -- when a worker was last granted more than it needed
    PRIMARY KEY (project_id, user_id, key_id, measure, span),
    CHECK ((user_id = '00000000-0000-0000-0000-000000000000')
        <> (key_id = '00000000-0000-0000-0000-000000000000'))
) WITH (fillfactor = 50);
SELECT raise_walls('limit_counters');
