-- +goose Up

-- The end of a login session is stored like every other time: in milliseconds since 1970
-- UTC, and no longer as a Julian day.
CREATE TABLE sessions_new (
    token  TEXT    PRIMARY KEY,
    data   BLOB    NOT NULL,
    expiry INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO sessions_new (token, data, expiry)
SELECT token, data, CAST(round((expiry - 2440587.5) * 86400000) AS INTEGER) FROM sessions;

DROP TABLE sessions;
ALTER TABLE sessions_new RENAME TO sessions;
CREATE INDEX sessions_expiry ON sessions (expiry);
