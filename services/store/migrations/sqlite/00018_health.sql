-- +goose Up

-- How the cluster of a batch with health gates was when the batch began, to compare it with,
-- and what the gate has found at which the batch waits for a person.
CREATE TABLE batch_health (
    batch_id TEXT PRIMARY KEY REFERENCES batches (id) ON DELETE CASCADE,
    begin    TEXT NOT NULL CHECK (json_valid(begin)),                  -- of batch.baseline
    failed   TEXT CHECK (failed IS NULL OR json_valid(failed))         -- a batch.Health
) STRICT, WITHOUT ROWID;
