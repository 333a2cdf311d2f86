-- What an engine keeps of our responses, where it is asked to continue its own.

CREATE TABLE engine_responses (
    project_id         uuid NOT NULL,
    response_id        uuid NOT NULL,
    user_id            uuid NOT NULL,
    first_item_id      uuid NOT NULL,       -- of the response's path: who shares it may hold the
                                            -- same text there, and is deleted there together
    engine             text NOT NULL,       -- its address
    engine_response_id text NOT NULL CHECK (length(engine_response_id) BETWEEN 1 AND 200),
    items              integer NOT NULL,    -- of its context and output, as they are there
    continuable        boolean NOT NULL,    -- it ended well, and its path is what was sent
    PRIMARY KEY (project_id, response_id),
    FOREIGN KEY (project_id, response_id) REFERENCES responses
);
CREATE INDEX engine_responses_by_path ON engine_responses (project_id, first_item_id);

SELECT raise_walls('engine_responses');
