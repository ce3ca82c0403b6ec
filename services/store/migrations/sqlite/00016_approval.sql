-- +goose Up

-- What a second person has said about the plan of a batch.
ALTER TABLE batches ADD COLUMN approval TEXT CHECK (approval IS NULL OR json_valid(approval)); -- a store.Approval
