-- +goose Up

-- The call with which a batch would have told the cluster of its maintenance, and which
-- the cluster refused; '' if there was none.
ALTER TABLE batches ADD COLUMN untold TEXT NOT NULL DEFAULT '';
