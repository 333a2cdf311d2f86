-- name: insert_jobs!
-- Work to be done once the transaction has committed.
INSERT INTO outbox (project_id, outbox_id, topic, user_id, subject_id, payload)
SELECT :project, outbox_id, :topic, user_id, subject_id, payload
FROM unnest(:outbox_ids::uuid[], :user_ids::uuid[], :subject_ids::uuid[], :payloads::json[])
    AS given (outbox_id, user_id, subject_id, payload);

-- name: gather_into_job
-- Adds memories to work on a user's facts, for the same model, that waits for more and has room for
-- them; gives it.
UPDATE outbox SET
    payload = (payload::jsonb || jsonb_build_object(
        'memories', (payload -> 'memories')::jsonb || :memories::jsonb))::json,
    run_at = CASE WHEN json_array_length(payload -> 'memories') + :count::integer < :most
             THEN run_at ELSE now() END
WHERE project_id = :project AND outbox_id = (
    SELECT outbox_id FROM outbox
    WHERE project_id = :project AND user_id = :user_id AND topic = 'extract_facts'
      AND failed_at IS NULL AND attempts = 0 AND run_at > now()
      AND subject_id IS NOT DISTINCT FROM :subject_id
      AND payload ->> 'model' IS NOT DISTINCT FROM :model
      AND json_array_length(payload -> 'memories') + :count <= :most
    ORDER BY outbox_id
    LIMIT 1
    FOR UPDATE)
RETURNING outbox_id;

-- name: insert_gathering_job!
-- Work on a user's facts that waits for more, so long.
INSERT INTO outbox (project_id, outbox_id, topic, user_id, subject_id, payload, run_at)
VALUES (:project, :outbox_id, 'extract_facts', :user_id, :subject_id, :payload,
        now() + :wait::interval);

-- name: insert_job_at!
-- Work that is to be done at a time.
INSERT INTO outbox (
    project_id, outbox_id, topic, user_id, subject_id, payload, created_at, run_at)
VALUES (:project, :outbox_id, :topic, :user_id, :subject_id, :payload, :at, :at);

-- name: insert_job_once!
-- Work to be done, unless the same waits already and nobody has begun with it.
INSERT INTO outbox (project_id, outbox_id, topic, user_id, subject_id, payload)
SELECT :project, :outbox_id, :topic, :user_id, :subject_id, :payload
WHERE NOT EXISTS (
    SELECT FROM outbox
    WHERE project_id = :project AND subject_id = :subject_id AND topic = :topic
      AND user_id = :user_id AND payload::text = :payload::json::text
      AND attempts = 0 AND failed_at IS NULL);

-- name: insert_job_alone!
-- Work to be done, unless the same waits, is being done, or failed a moment ago. What failed longer
-- ago is due again instead, so that the same never has two rows.
WITH again AS (
    UPDATE outbox SET failed_at = NULL, attempts = 0, run_at = now(), created_at = now()
    WHERE project_id = :project AND subject_id = :subject_id AND topic = :topic
      AND user_id = :user_id AND payload::text = :payload::json::text
      AND failed_at < now() - :rest::interval
)
INSERT INTO outbox (project_id, outbox_id, topic, user_id, subject_id, payload)
SELECT :project, :outbox_id, :topic, :user_id, :subject_id, :payload
WHERE NOT EXISTS (
    SELECT FROM outbox
    WHERE project_id = :project AND subject_id = :subject_id AND topic = :topic
      AND user_id = :user_id AND payload::text = :payload::json::text);

-- name: claim_jobs
-- Takes due work of one topic, of all projects, and leases it.
SELECT project_id, outbox_id, topic, user_id, subject_id, payload, attempts, run_at
FROM claim_outbox(:topic, :most, :lease)
ORDER BY outbox_id;

-- name: delete_job!
-- Done, or given up on purpose.
DELETE FROM outbox WHERE project_id = :project AND outbox_id = :outbox_id;

-- name: delete_jobs_about
-- Work on things that are no more.
DELETE FROM outbox
WHERE project_id = :project AND subject_id = ANY(:subject_ids) AND topic = :topic
RETURNING subject_id;

-- name: release_job!
-- Gives a lease back without counting the attempt.
UPDATE outbox SET run_at = now(), attempts = attempts - 1, error = :error
WHERE project_id = :project AND outbox_id = :outbox_id AND run_at = :leased_until;

-- name: postpone_job!
-- Failed, to be tried again.
UPDATE outbox SET run_at = now() + :delay::interval, error = :error
WHERE project_id = :project AND outbox_id = :outbox_id AND run_at = :leased_until;

-- name: give_up_job!
-- Failed for the last time.
UPDATE outbox SET failed_at = now(), error = :error
WHERE project_id = :project AND outbox_id = :outbox_id AND run_at = :leased_until;

-- name: list_failed_jobs
-- What was given up, oldest first.
SELECT outbox_id, topic, subject_id, attempts, error, failed_at
FROM outbox
WHERE project_id = :project AND failed_at IS NOT NULL
ORDER BY outbox_id
LIMIT :most;

-- name: retry_failed_jobs!
-- What was given up is due again, its attempts forgotten.
UPDATE outbox SET failed_at = NULL, attempts = 0, run_at = now()
WHERE project_id = :project AND failed_at IS NOT NULL;

-- name: count_backlog
-- How much waits, by topic.
SELECT topic, waiting, failed, greatest(oldest_seconds, 0) AS oldest_seconds
FROM outbox_backlog();

-- name: count_project_backlog
-- How much of a project waits, by topic.
SELECT topic,
       count(*) FILTER (WHERE failed_at IS NULL) AS waiting,
       count(*) FILTER (WHERE failed_at IS NOT NULL) AS failed,
       coalesce(extract(epoch FROM clock_timestamp()
           - least(min(created_at) FILTER (WHERE failed_at IS NULL), clock_timestamp())), 0)::float8
           AS oldest_seconds
FROM outbox
WHERE project_id = :project
GROUP BY topic
ORDER BY topic;

-- name: count_users_backlog
-- How much waits for these users, by topic.
SELECT topic,
       count(*) FILTER (WHERE failed_at IS NULL) AS waiting,
       count(*) FILTER (WHERE failed_at IS NOT NULL) AS failed,
       coalesce(extract(epoch FROM clock_timestamp()
           - least(min(created_at) FILTER (WHERE failed_at IS NULL), clock_timestamp())), 0)::float8
           AS oldest_seconds
FROM outbox
WHERE project_id = :project AND user_id = ANY(:users)
GROUP BY topic
ORDER BY topic;

-- name: drop_expired
-- Deletes what has run out, at most so many rows a table; gives how many of the one that lost most.
SELECT greatest(drop_expired(:most), drop_expired_files(:most), drop_expired_sessions(:most));
