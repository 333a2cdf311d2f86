-- Contexts that were compacted: a summary of what came before, in place of it.
--
-- A context begins at the latest compaction on its path. The items before it stay as they were.
CREATE TABLE compactions (
    project_id    uuid NOT NULL,
    compaction_id uuid NOT NULL,
    user_id       uuid NOT NULL,
    branch_id     uuid NOT NULL,
    position      integer NOT NULL,         -- of its item; it stands for all before that
    body          json NOT NULL,            -- see app/contexts/compacted.py
    PRIMARY KEY (project_id, compaction_id),
    FOREIGN KEY (project_id, branch_id) REFERENCES branches ON DELETE CASCADE
);
CREATE INDEX compactions_by_place ON compactions (project_id, branch_id, position);

-- What a compaction was made from: an item, or an earlier compaction. It falls with any of them.
CREATE TABLE compaction_sources (
    project_id    uuid NOT NULL,
    source_id     uuid NOT NULL,
    compaction_id uuid NOT NULL,
    user_id       uuid NOT NULL,
    PRIMARY KEY (project_id, source_id, compaction_id),
    FOREIGN KEY (project_id, compaction_id) REFERENCES compactions ON DELETE CASCADE
);
CREATE INDEX compaction_sources_by_compaction ON compaction_sources (project_id, compaction_id);

SELECT raise_walls('compactions'), raise_walls('compaction_sources');
