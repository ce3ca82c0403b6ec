-- +goose Up

ALTER TABLE batches ADD COLUMN rollout TEXT CHECK (rollout IS NULL OR json_valid(rollout)); -- a batch.Rollout
