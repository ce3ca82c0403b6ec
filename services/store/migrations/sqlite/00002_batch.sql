-- +goose Up

CREATE TABLE batches (
    id               TEXT    PRIMARY KEY,
    cluster          TEXT    NOT NULL,
    operation        TEXT    NOT NULL,
    params           TEXT    NOT NULL CHECK (json_valid(params)),
    reason           TEXT    NOT NULL DEFAULT '',
    actor_id         INTEGER NOT NULL,
    actor            TEXT    NOT NULL, -- the name at that time; users come and go
    address          TEXT    NOT NULL DEFAULT '',
    request_id       TEXT    NOT NULL DEFAULT '',
    idempotency_key  TEXT,
    fingerprint      TEXT    NOT NULL DEFAULT '', -- of what was asked, to tell a repeat from a clash
    sync             INTEGER NOT NULL DEFAULT 0 CHECK (sync IN (0, 1)),
    state            TEXT    NOT NULL
                     CHECK (state IN ('running', 'succeeded', 'partial', 'failed', 'cancelled', 'interrupted')),
    cancel_requested INTEGER NOT NULL DEFAULT 0 CHECK (cancel_requested IN (0, 1)),
    paused           INTEGER NOT NULL DEFAULT 0 CHECK (paused IN (0, 1)),
    created_at       INTEGER NOT NULL,
    started_at       INTEGER,
    ended_at         INTEGER,
    cleared_at       INTEGER, -- when the cluster's cache was cleared after it
    total            INTEGER NOT NULL CHECK (total >= 0),
    retry_of         TEXT REFERENCES batches (id),
    undo_of          TEXT REFERENCES batches (id),
    UNIQUE (actor_id, idempotency_key)
) STRICT;

CREATE INDEX batches_created ON batches (created_at DESC, id);
CREATE INDEX batches_cluster ON batches (cluster, state);
CREATE INDEX batches_open ON batches (state) WHERE state IN ('running', 'interrupted');

CREATE TABLE batch_items (
    batch_id   TEXT    NOT NULL REFERENCES batches (id) ON DELETE CASCADE,
    seq        INTEGER NOT NULL,
    node       TEXT    NOT NULL,
    uid        TEXT    NOT NULL DEFAULT '',
    state      TEXT    NOT NULL
               CHECK (state IN ('pending', 'running', 'waiting', 'succeeded', 'unchanged', 'failed', 'skipped', 'cancelled')),
    error_code TEXT    NOT NULL DEFAULT '',
    error      TEXT    CHECK (error IS NULL OR json_valid(error)), -- a store.Text
    unknown    INTEGER NOT NULL DEFAULT 0 CHECK (unknown IN (0, 1)),
    attempts   INTEGER NOT NULL DEFAULT 0,
    before     TEXT    CHECK (before IS NULL OR json_valid(before)),
    after      TEXT    CHECK (after IS NULL OR json_valid(after)),
    started_at INTEGER,
    ended_at   INTEGER,
    PRIMARY KEY (batch_id, seq)
) STRICT, WITHOUT ROWID;

CREATE INDEX batch_items_node ON batch_items (node, batch_id);
CREATE INDEX batch_items_state ON batch_items (batch_id, state);
