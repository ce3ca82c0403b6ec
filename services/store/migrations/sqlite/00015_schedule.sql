-- +goose Up

-- A batch may wait for its time, or for the approval of a second person, before it begins.
-- A check cannot be changed: the new column takes the place of the old one.
DROP INDEX batches_cluster;
DROP INDEX batches_open;
ALTER TABLE batches RENAME COLUMN state TO old_state;
ALTER TABLE batches ADD COLUMN state TEXT NOT NULL DEFAULT 'running' CHECK (state IN
    ('proposed', 'scheduled', 'running', 'succeeded', 'partial', 'failed', 'cancelled', 'interrupted'));
UPDATE batches SET state = old_state;
ALTER TABLE batches DROP COLUMN old_state;
CREATE INDEX batches_cluster ON batches (cluster, state);
CREATE INDEX batches_open ON batches (state) WHERE state IN ('running', 'interrupted');
CREATE INDEX batches_waiting ON batches (state) WHERE state IN ('proposed', 'scheduled');

ALTER TABLE batches ADD COLUMN schedule TEXT CHECK (schedule IS NULL OR json_valid(schedule)); -- a store.Schedule
