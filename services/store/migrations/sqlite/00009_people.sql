-- +goose Up

-- A role may be "none": somebody who sees only what a grant allows. SQLite cannot
-- change a CHECK, so the table is made anew, as in 00007, with the columns of people
-- who sign in elsewhere and of what they choose for themselves.
CREATE TABLE users_new (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    name          TEXT    NOT NULL UNIQUE COLLATE NOCASE,
    password_hash TEXT    NOT NULL, -- '': cannot sign in with a password
    issuer        TEXT    NOT NULL DEFAULT '', -- the identity provider; '' for a local user
    subject       TEXT    NOT NULL DEFAULT '', -- the user's permanent id there
    groups        TEXT    NOT NULL DEFAULT '[]', -- JSON: the user's groups there at the last sign-in
    role          TEXT    NOT NULL CHECK (role IN ('none', 'viewer', 'user', 'admin')),
    disabled      INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1)),
    auth_epoch    INTEGER NOT NULL DEFAULT 1, -- a login of an older epoch is void
    created_at    INTEGER NOT NULL,
    last_login_at INTEGER,
    language      TEXT    NOT NULL DEFAULT '', -- of the pages; '': as the browser says
    theme         TEXT    NOT NULL DEFAULT '', -- '': as the browser says
    reset_at      INTEGER -- when an administrator last set the password; NULL: never
) STRICT;

INSERT INTO users_new (id, name, password_hash, role, disabled, auth_epoch, created_at, last_login_at)
SELECT id, name, password_hash, role, disabled, auth_epoch, created_at, last_login_at FROM users;

CREATE TABLE tokens_new (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id      INTEGER NOT NULL REFERENCES users_new (id) ON DELETE CASCADE,
    name         TEXT    NOT NULL,
    hash         BLOB    NOT NULL UNIQUE, -- SHA-256 of the token; the token itself is kept nowhere
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER,
    expires_at   INTEGER, -- NULL: never
    read_only    INTEGER NOT NULL DEFAULT 0 CHECK (read_only IN (0, 1)),
    clusters     TEXT    NOT NULL DEFAULT '[]' -- JSON: names; []: every cluster of its user
) STRICT;

INSERT INTO tokens_new (id, user_id, name, hash, created_at, last_used_at, expires_at)
SELECT id, user_id, name, hash, created_at, last_used_at, expires_at FROM tokens;

-- The ids that were given before stay given: see 00007.
UPDATE sqlite_sequence
SET seq = max(seq, coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'users'), 0)) WHERE name = 'users_new';
INSERT INTO sqlite_sequence (name, seq)
SELECT 'users_new', seq FROM sqlite_sequence
WHERE name = 'users' AND NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'users_new');
UPDATE sqlite_sequence
SET seq = max(seq, coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'tokens'), 0)) WHERE name = 'tokens_new';
INSERT INTO sqlite_sequence (name, seq)
SELECT 'tokens_new', seq FROM sqlite_sequence
WHERE name = 'tokens' AND NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'tokens_new');

DROP TABLE tokens;
DROP TABLE users;
ALTER TABLE users_new RENAME TO users;
ALTER TABLE tokens_new RENAME TO tokens;
CREATE INDEX tokens_user ON tokens (user_id, id);
CREATE UNIQUE INDEX users_identity ON users (issuer, subject) WHERE issuer <> '';

-- A role in one cluster, or in those with a label.
CREATE TABLE grants (
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    cluster TEXT    NOT NULL DEFAULT '',
    label   TEXT    NOT NULL DEFAULT '', -- key=value
    role    TEXT    NOT NULL CHECK (role IN ('none', 'viewer', 'user', 'admin')),
    PRIMARY KEY (user_id, cluster, label),
    CHECK ((cluster = '') <> (label = ''))
) STRICT, WITHOUT ROWID;

-- A batch is also held when the password of its user was reset. The new column has no
-- CHECK, so that the next reason needs no new table.
ALTER TABLE batches ADD COLUMN hold TEXT NOT NULL DEFAULT '';
UPDATE batches SET hold = held WHERE held <> '';
ALTER TABLE batches DROP COLUMN held;
ALTER TABLE batches RENAME COLUMN hold TO held;
