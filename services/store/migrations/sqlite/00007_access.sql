-- +goose Up

-- The ids of users and tokens are never given twice: login sessions, batches and
-- the audit log keep those of users who are gone. SQLite cannot add AUTOINCREMENT
-- to a table, so both are made anew, in one transaction and with their references
-- in force. The tries to sign in are no longer counted here but in memory, where
-- names that nobody has are counted alike.
CREATE TABLE users_new (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    name          TEXT    NOT NULL UNIQUE COLLATE NOCASE,
    password_hash TEXT    NOT NULL,
    role          TEXT    NOT NULL CHECK (role IN ('viewer', 'user', 'admin')),
    disabled      INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1)),
    auth_epoch    INTEGER NOT NULL DEFAULT 1, -- a login of an older epoch is void
    created_at    INTEGER NOT NULL,
    last_login_at INTEGER
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
    expires_at   INTEGER -- NULL: never
) STRICT;

-- Tokens had no end before: they get the 90 days that a new one has, from now on.
INSERT INTO tokens_new (id, user_id, name, hash, created_at, last_used_at, expires_at)
SELECT id, user_id, name, hash, created_at, last_used_at, (unixepoch() + 90 * 86400) * 1000 FROM tokens;

DROP TABLE tokens;
DROP TABLE users;
ALTER TABLE users_new RENAME TO users;
ALTER TABLE tokens_new RENAME TO tokens;
CREATE INDEX tokens_user ON tokens (user_id, id);

-- An id that is still on record is not free, whatever has become of its user or token.
DELETE FROM sqlite_sequence WHERE name IN ('users', 'tokens');
INSERT INTO sqlite_sequence (name, seq)
SELECT 'users', max(
    coalesce((SELECT max(id) FROM users), 0),
    coalesce((SELECT max(actor_id) FROM batches), 0),
    coalesce((SELECT max(actor_id) FROM audit), 0));
INSERT INTO sqlite_sequence (name, seq)
SELECT 'tokens', max(
    coalesce((SELECT max(id) FROM tokens), 0),
    coalesce((SELECT max(CAST(after ->> '$.id' AS INTEGER)) FROM audit WHERE action = 'token.create'), 0));

-- What somebody was when they started a batch, and why it is not continued in
-- their name.
ALTER TABLE batches ADD COLUMN actor_role TEXT NOT NULL DEFAULT ''; -- '' in the batches of earlier versions
ALTER TABLE batches ADD COLUMN held TEXT NOT NULL DEFAULT '' CHECK (held IN ('', 'deleted', 'disabled', 'demoted'));

-- From where somebody has signed in of late.
CREATE INDEX audit_logins ON audit (actor_id, id) WHERE action = 'login';
