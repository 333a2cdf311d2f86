-- What someone said in a time, newest first.
CREATE INDEX memories_by_time ON memories (project_id, user_id, occurred_at, memory_id);
