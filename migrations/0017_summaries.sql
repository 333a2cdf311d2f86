-- What summaries say beside their texts: what each is about, how it was made, and how far it goes.
-- One continues another, which it supersedes: what came after that is its own, and the rest stands.

CREATE TABLE summaries (
    project_id uuid NOT NULL,
    memory_id  uuid NOT NULL,
    user_id    uuid NOT NULL,
    about      text NOT NULL,           -- conversation:…, episode:…, profile
    method     text NOT NULL CHECK (method IN ('engine', 'extract')),
    model      text,                    -- of the engine
    messages   integer NOT NULL,        -- that it covers, with what it continues
    cited      uuid[] NOT NULL,         -- of an extract, line by line, the memory that says so
    PRIMARY KEY (project_id, memory_id),
    FOREIGN KEY (project_id, memory_id) REFERENCES memories ON DELETE CASCADE
);
CREATE INDEX summaries_by_about ON summaries (project_id, user_id, about, memory_id);

SELECT raise_walls('summaries');
