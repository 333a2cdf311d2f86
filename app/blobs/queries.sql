-- name: lock_blobs
-- Which of these are there; they stay until the transaction ends.
SELECT sha256
FROM blobs
WHERE project_id = :project AND user_id = :user_id AND sha256 = ANY(:hashes)
ORDER BY sha256
FOR KEY SHARE;

-- name: insert_blob!
-- Bytes, once for their project and user.
INSERT INTO blobs (project_id, user_id, sha256, media_type, size_bytes, data)
VALUES (:project, :user_id, :sha256, :media_type, :size_bytes, :data)
ON CONFLICT DO NOTHING;

-- name: copy_blob!
-- Bytes that somebody else of the project has, where they still do.
INSERT INTO blobs (project_id, user_id, sha256, media_type, size_bytes, data)
SELECT project_id, :user_id, sha256, media_type, size_bytes, data
FROM blobs
WHERE project_id = :project AND user_id = :lender_id AND sha256 = :sha256
ON CONFLICT DO NOTHING;

-- name: link_contents!
-- Which contents show which blobs.
INSERT INTO content_blobs (project_id, user_id, content_hash, sha256)
SELECT :project, :user_id, given.content_hash, given.sha256
FROM unnest(:content_hashes::bytea[], :hashes::bytea[]) AS given (content_hash, sha256)
ON CONFLICT DO NOTHING;

-- name: list_linked
-- The blobs that contents show.
SELECT DISTINCT sha256
FROM content_blobs
WHERE project_id = :project AND user_id = :user_id AND content_hash = ANY(:content_hashes);

-- name: hold_blobs!
-- Waits for who begins or ceases to have these; what comes next sees it.
SELECT FROM blobs
WHERE project_id = :project AND user_id = :user_id AND sha256 = ANY(:hashes)
ORDER BY sha256
FOR UPDATE;

-- name: delete_unused_blobs!
-- Blobs that no content and no file has any more.
DELETE FROM blobs b
WHERE b.project_id = :project AND b.user_id = :user_id AND b.sha256 = ANY(:hashes)
  AND NOT EXISTS (
      SELECT FROM content_blobs c
      WHERE c.project_id = :project AND c.user_id = :user_id AND c.sha256 = b.sha256)
  AND NOT EXISTS (
      SELECT FROM files f
      WHERE f.project_id = :project AND f.user_id = :user_id AND f.sha256 = b.sha256);

-- name: list_blobs
-- Bytes, whole.
SELECT sha256, media_type, data
FROM blobs
WHERE project_id = :project AND user_id = :user_id AND sha256 = ANY(:hashes);

-- name: read_range
-- A stretch of a blob's bytes; the first is number 1.
SELECT substring(data FROM :start::integer FOR :count::integer)
FROM blobs
WHERE project_id = :project AND user_id = :user_id AND sha256 = :sha256;

-- name: insert_file!
-- An upload of a blob.
INSERT INTO files (
    project_id, file_id, user_id, sha256, filename, purpose, created_at, expires_at)
VALUES (
    :project, :file_id, :user_id, :sha256, :filename, :purpose, :created_at, :expires_at);

-- name: get_files
-- Files that have not run out.
SELECT f.file_id, f.user_id, f.sha256, b.media_type, b.size_bytes, f.filename, f.purpose,
       f.created_at, f.expires_at
FROM files f
JOIN blobs b ON b.project_id = f.project_id AND b.user_id = f.user_id AND b.sha256 = f.sha256
WHERE f.project_id = :project AND f.file_id = ANY(:file_ids)
  AND (f.expires_at IS NULL OR f.expires_at > now());

-- name: list_newest_first
-- The ids of a user's files, newest first.
SELECT file_id
FROM files
WHERE project_id = :project AND user_id = :user_id AND file_id > :above AND file_id < :below
  AND (:purpose::text IS NULL OR purpose = :purpose)
  AND (expires_at IS NULL OR expires_at > now())
ORDER BY file_id DESC
LIMIT :most;

-- name: list_oldest_first
-- The ids of a user's files, oldest first.
SELECT file_id
FROM files
WHERE project_id = :project AND user_id = :user_id AND file_id > :above AND file_id < :below
  AND (:purpose::text IS NULL OR purpose = :purpose)
  AND (expires_at IS NULL OR expires_at > now())
ORDER BY file_id
LIMIT :most;

-- name: list_everyones_newest_first
-- The ids of all users' files, newest first.
SELECT file_id
FROM files
WHERE project_id = :project AND file_id > :above AND file_id < :below
  AND (:purpose::text IS NULL OR purpose = :purpose)
  AND (expires_at IS NULL OR expires_at > now())
ORDER BY file_id DESC
LIMIT :most;

-- name: list_everyones_oldest_first
-- The ids of all users' files, oldest first.
SELECT file_id
FROM files
WHERE project_id = :project AND file_id > :above AND file_id < :below
  AND (:purpose::text IS NULL OR purpose = :purpose)
  AND (expires_at IS NULL OR expires_at > now())
ORDER BY file_id
LIMIT :most;

-- name: delete_file!
-- A file; its bytes may have others.
DELETE FROM files WHERE project_id = :project AND file_id = :file_id;
