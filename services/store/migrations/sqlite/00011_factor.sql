-- +goose Up

-- The second factor of a user: the secret of their authenticator app, encrypted. See
-- package seal.
CREATE TABLE factors (
    user_id    INTEGER PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    last_step  INTEGER NOT NULL, -- the newest time step whose code was used; no code works twice
    key_id     TEXT    NOT NULL,
    data_key   BLOB    NOT NULL,
    secret     BLOB    NOT NULL
) STRICT;

-- Codes that each replace one code of the app.
CREATE TABLE recovery_codes (
    user_id INTEGER NOT NULL REFERENCES factors (user_id) ON DELETE CASCADE,
    hash    BLOB    NOT NULL, -- HMAC-SHA256 with the secret above
    PRIMARY KEY (user_id, hash)
) STRICT, WITHOUT ROWID;
