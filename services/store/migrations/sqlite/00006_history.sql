-- +goose Up

-- The history of one cluster goes by the id, which pages go by too.
CREATE INDEX batches_history ON batches (cluster, id);
