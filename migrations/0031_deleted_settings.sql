-- Which settings a user deleted last: the versions of those deleted before are not kept for ever.
CREATE INDEX setting_changes_deleted ON setting_changes (project_id, user_id, change)
WHERE value IS NULL;
