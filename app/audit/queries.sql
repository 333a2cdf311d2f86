-- name: insert_event!
-- What was done.
INSERT INTO audit_events (
    project_id, event_id, event, actor_type, actor_id, subject_type, subject_id, address, detail)
VALUES (
    :project, :event_id, :event, :actor_type, :actor_id, :subject_type, :subject_id, :address,
    :detail);

-- name: count_failure!
-- What was tried in vain, so many times; none in a project that was deleted.
INSERT INTO audit_events (
    project_id, event_id, event, actor_type, subject_type, subject_id, address, times)
SELECT :project, :event_id, :event, 'unknown', :subject_type, :subject_id, :address, :times
FROM projects
WHERE project_id = :project AND deleted_at IS NULL
ON CONFLICT (project_id, event_id)
    DO UPDATE SET times = audit_events.times + excluded.times;

-- name: list_events_newest_first
-- Events between two ids.
SELECT event_id, created_at, event, actor_type, actor_id, subject_type, subject_id, address, times,
       detail
FROM audit_events
WHERE project_id = :project
  AND event_id > :above AND event_id < :below
  AND (:event::text IS NULL OR event = :event)
  AND (:actor_id::uuid IS NULL OR actor_id = :actor_id)
  AND (:subject_id::uuid IS NULL OR subject_id = :subject_id)
ORDER BY event_id DESC
LIMIT :most;

-- name: list_events_oldest_first
-- Events between two ids.
SELECT event_id, created_at, event, actor_type, actor_id, subject_type, subject_id, address, times,
       detail
FROM audit_events
WHERE project_id = :project
  AND event_id > :above AND event_id < :below
  AND (:event::text IS NULL OR event = :event)
  AND (:actor_id::uuid IS NULL OR actor_id = :actor_id)
  AND (:subject_id::uuid IS NULL OR subject_id = :subject_id)
ORDER BY event_id
LIMIT :most;

-- name: drop_old_events
-- Deletes some that are kept no longer, of all projects; gives how many.
SELECT drop_old_audit_events(:days, :most);
