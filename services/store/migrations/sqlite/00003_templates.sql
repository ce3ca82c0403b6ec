-- +goose Up

-- An id is never given twice: the batches that a template made keep it.
CREATE TABLE templates (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    kind         TEXT    NOT NULL CHECK (kind IN ('labels', 'taints')),
    name         TEXT    NOT NULL COLLATE NOCASE,
    description  TEXT    NOT NULL DEFAULT '',
    entries      TEXT    NOT NULL CHECK (json_valid(entries)),
    clusters     TEXT    NOT NULL DEFAULT '[]' CHECK (json_valid(clusters)), -- none means all
    created_by   TEXT    NOT NULL, -- the name at that time; users come and go
    created_at   INTEGER NOT NULL,
    updated_by   TEXT    NOT NULL,
    updated_at   INTEGER NOT NULL, -- grows with every change, so that it tells versions apart
    uses         INTEGER NOT NULL DEFAULT 0, -- batches that it made
    last_used_at INTEGER,
    UNIQUE (kind, name)
) STRICT;

ALTER TABLE batches ADD COLUMN template_id INTEGER; -- it may be gone since
