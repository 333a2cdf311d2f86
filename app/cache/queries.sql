-- name: find_entry^
-- An entry that has not run out, with the log that it points at.
SELECT e.response_id, e.log_id, e.model, e.usage, e.created_at, e.expires_at, l.events
FROM cache_entries e
JOIN event_logs l ON l.project_id = e.project_id AND l.log_id = e.log_id
WHERE e.project_id = :project AND e.user_id = :user_id AND e.namespace = :namespace
  AND e.key = :key AND e.expires_at > now();
