-- +goose Up

-- Changes in the cluster are made in the name of the user who asks for them.
ALTER TABLE clusters ADD COLUMN act_as INTEGER NOT NULL DEFAULT 0 CHECK (act_as IN (0, 1));
