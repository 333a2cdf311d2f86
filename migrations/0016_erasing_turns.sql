-- Deleting turns and branches, where a user is erased: each asks whether something still lies on
-- it, which no index answered. Both keys grow with time, so that new entries go to their end.
CREATE INDEX items_by_turn ON items (project_id, turn_id);
CREATE INDEX turns_by_branch ON turns (project_id, branch_id);
