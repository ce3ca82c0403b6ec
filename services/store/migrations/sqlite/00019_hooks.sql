-- +goose Up

-- Webhooks that are told what happens to batches. Address and secret are encrypted.
CREATE TABLE hooks (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT    NOT NULL UNIQUE,
    cluster    TEXT    NOT NULL DEFAULT '', -- '' for all
    format     TEXT    NOT NULL,
    language   TEXT    NOT NULL,
    events     TEXT    NOT NULL CHECK (json_valid(events)),
    minutes    INTEGER NOT NULL, -- that a drain is blocked before it is told
    host       TEXT    NOT NULL, -- of the address
    disabled   INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1)),
    created_by TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    key_id     TEXT    NOT NULL,
    data_key   BLOB    NOT NULL,
    secret     BLOB    NOT NULL
) STRICT;

-- What was, or is to be, sent to a webhook.
CREATE TABLE deliveries (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    hook_id    INTEGER NOT NULL REFERENCES hooks (id) ON DELETE CASCADE,
    event      TEXT    NOT NULL,
    batch_id   TEXT    NOT NULL DEFAULT '', -- '' for a test
    message    TEXT    NOT NULL CHECK (json_valid(message)),
    state      TEXT    NOT NULL CHECK (state IN ('pending', 'sent', 'failed')),
    attempts   INTEGER NOT NULL DEFAULT 0,
    next_at    INTEGER NOT NULL,
    answer     TEXT    NOT NULL DEFAULT '', -- why the last try failed, or the status
    created_at INTEGER NOT NULL,
    ended_at   INTEGER
) STRICT;

CREATE INDEX deliveries_due ON deliveries (next_at) WHERE state = 'pending';
CREATE INDEX deliveries_hook ON deliveries (hook_id, id);
