-- Clients that keep no state: what they send again is known by its running hash.

-- Found by all guards at once, the newest of many that are alike first.
DROP INDEX turns_by_history;
CREATE INDEX turns_by_history ON turns (project_id, user_id, key_id, history_hash, turn_id);

-- Whether the client sent all that came before again, instead of naming it.
ALTER TABLE responses ADD COLUMN resent boolean NOT NULL DEFAULT false;
