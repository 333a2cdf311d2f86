-- Images: their bytes once for each project and user, the contents that show them, and files.

CREATE TABLE blobs (
    project_id uuid NOT NULL,
    user_id    uuid NOT NULL,               -- nobody learns that another has the same bytes
    sha256     bytea NOT NULL CHECK (length(sha256) = 32),
    media_type text NOT NULL,
    size_bytes integer NOT NULL,
    data       bytea NOT NULL,
    PRIMARY KEY (project_id, user_id, sha256)
);
ALTER TABLE blobs ALTER COLUMN data SET STORAGE EXTERNAL;   -- compressed already, read by ranges

-- A blob lives while a content or a file has it.
CREATE TABLE content_blobs (
    project_id   uuid NOT NULL,
    user_id      uuid NOT NULL,
    content_hash bytea NOT NULL,
    sha256       bytea NOT NULL,
    PRIMARY KEY (project_id, user_id, content_hash, sha256),
    FOREIGN KEY (project_id, user_id, content_hash) REFERENCES contents ON DELETE CASCADE,
    FOREIGN KEY (project_id, user_id, sha256) REFERENCES blobs
);
CREATE INDEX content_blobs_by_blob ON content_blobs (project_id, user_id, sha256);

CREATE TABLE files (
    project_id uuid NOT NULL,
    file_id    uuid NOT NULL,
    user_id    uuid NOT NULL,
    sha256     bytea NOT NULL,
    filename   text NOT NULL CHECK (length(filename) BETWEEN 1 AND 255),
    purpose    text NOT NULL CHECK (purpose IN ('vision', 'user_data')),
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    PRIMARY KEY (project_id, file_id),
    FOREIGN KEY (project_id, user_id, sha256) REFERENCES blobs
);
CREATE INDEX files_by_user ON files (project_id, user_id, file_id);
CREATE INDEX files_by_blob ON files (project_id, user_id, sha256);
CREATE INDEX files_by_expiry ON files (expires_at) WHERE expires_at IS NOT NULL;

SELECT raise_walls('blobs'), raise_walls('content_blobs'), raise_walls('files');

-- Drops files that have run out, at most so many, with the bytes that nothing else has.
CREATE FUNCTION drop_expired_files(most integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public
BEGIN ATOMIC
    WITH gone AS (
        DELETE FROM files WHERE (project_id, file_id) IN (
            SELECT project_id, file_id FROM files
            WHERE expires_at < now() LIMIT most FOR UPDATE SKIP LOCKED)
        RETURNING project_id, user_id, file_id, sha256
    ), unused AS (
        DELETE FROM blobs b
        WHERE (b.project_id, b.user_id, b.sha256) IN (
            SELECT g.project_id, g.user_id, g.sha256 FROM gone g)
          AND NOT EXISTS (
              SELECT FROM files f
              WHERE f.project_id = b.project_id AND f.user_id = b.user_id AND f.sha256 = b.sha256
                AND NOT EXISTS (
                    SELECT FROM gone g
                    WHERE g.project_id = f.project_id AND g.file_id = f.file_id))
          AND NOT EXISTS (
              SELECT FROM content_blobs c
              WHERE c.project_id = b.project_id AND c.user_id = b.user_id
                AND c.sha256 = b.sha256)
    )
    SELECT count(*) FROM gone;
END;
REVOKE ALL ON FUNCTION drop_expired_files FROM PUBLIC;
GRANT EXECUTE ON FUNCTION drop_expired_files TO backstory_service;
