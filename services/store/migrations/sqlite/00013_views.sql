-- +goose Up

-- Saved views of the node table. A personal view goes with its user; a shared one stays.
CREATE TABLE views (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id    INTEGER REFERENCES users (id) ON DELETE SET NULL, -- NULL once the user is gone
    owner      TEXT    NOT NULL, -- their name at that time
    name       TEXT    NOT NULL COLLATE NOCASE,
    query      TEXT    NOT NULL, -- the parameters of the table, encoded as in its address
    shared     INTEGER NOT NULL DEFAULT 0 CHECK (shared IN (0, 1)),
    updated_at INTEGER NOT NULL,
    CHECK (shared OR user_id IS NOT NULL)
) STRICT;

-- One's own names differ, and so do those of all shared views.
CREATE UNIQUE INDEX views_own ON views (user_id, name) WHERE NOT shared;
CREATE UNIQUE INDEX views_shared ON views (name) WHERE shared;

-- What users have searched for in the node table, at most a few for each.
CREATE TABLE searches (
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    text    TEXT    NOT NULL,
    at      INTEGER NOT NULL, -- grows for each user
    PRIMARY KEY (user_id, text)
) STRICT, WITHOUT ROWID;
