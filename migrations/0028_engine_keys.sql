-- A project's own key of the engine, encrypted under the secret of the installation.
CREATE TABLE engine_keys (
    project_id uuid PRIMARY KEY,
    sealed     bytea NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);
SELECT raise_walls('engine_keys');
