-- name: list_wanted_models
-- The model in use, and one that is filled in beside it.
SELECT model_id, name, dimensions, filling_since IS NOT NULL AS filling
FROM embedding_models
WHERE filling_since IS NOT NULL OR model_id = embedding_model_in_use()
ORDER BY model_id;

-- name: want_model
-- This service embeds by it: in use at once, if it is the first, else filled in.
SELECT want_embedding_model(:name, :dimensions);

-- name: switch_model
-- Whether it is in use now, since it has been filled in.
SELECT switch_embedding_model(:name);
