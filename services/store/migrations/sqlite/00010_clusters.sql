-- +goose Up

-- Clusters that were imported, and what was set for those of the kubeconfig files.
-- The credentials of an imported cluster are encrypted: see package seal.
CREATE TABLE clusters (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT    NOT NULL UNIQUE, -- what batches and templates call it
    imported   INTEGER NOT NULL CHECK (imported IN (0, 1)),
    labels     TEXT    NOT NULL DEFAULT '{}' CHECK (json_valid(labels)),
    colour     TEXT    NOT NULL DEFAULT '',
    position   INTEGER NOT NULL DEFAULT 0, -- in lists; 0 is after all others
    disabled   INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1)),
    server     TEXT    NOT NULL DEFAULT '',
    kind       TEXT    NOT NULL DEFAULT '' CHECK (kind IN ('', 'token', 'certificate')), -- of the credentials
    insecure   INTEGER NOT NULL DEFAULT 0 CHECK (insecure IN (0, 1)),
    version    INTEGER NOT NULL DEFAULT 0, -- of the credentials, from 1
    key_id     TEXT    NOT NULL DEFAULT '',
    data_key   BLOB,
    secret     BLOB,
    created_by TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    updated_by TEXT    NOT NULL,
    updated_at INTEGER NOT NULL,
    CHECK (imported = 0 OR data_key IS NOT NULL AND secret IS NOT NULL AND key_id <> '' AND version > 0)
) STRICT;
