-- Every version of a setting, as far back as is kept, in the order in which they were committed.

CREATE TABLE setting_changes (
    project_id uuid NOT NULL,
    change     bigint NOT NULL,         -- counted through the project: see setting_counts
    user_id    uuid NOT NULL,
    key        text NOT NULL,
    version    bigint NOT NULL,
    value      json,                    -- NULL: it was deleted
    changed_at timestamptz NOT NULL DEFAULT now(),
    changed_by uuid,                    -- a key, or the user whose session it was
    PRIMARY KEY (project_id, change)
);
CREATE INDEX setting_changes_of_key ON setting_changes (project_id, user_id, key, version);
CREATE INDEX setting_changes_of_user ON setting_changes (project_id, user_id, change);

-- The row is held until the change is committed: who reads up to a number has seen all below it.
CREATE TABLE setting_counts (
    project_id uuid PRIMARY KEY,
    changes    bigint NOT NULL
) WITH (fillfactor = 50);

SELECT raise_walls('setting_changes'), raise_walls('setting_counts');

INSERT INTO setting_changes (project_id, change, user_id, key, version, value, changed_at)
SELECT project_id, row_number() OVER (PARTITION BY project_id ORDER BY updated_at), user_id, key,
       version, value, updated_at
FROM settings;
INSERT INTO setting_counts (project_id, changes)
SELECT project_id, count(*) FROM settings GROUP BY project_id;
