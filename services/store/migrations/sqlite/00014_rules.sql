-- +goose Up

-- What holds for all maintenance of a cluster. A cluster without a row has the defaults.
CREATE TABLE rules (
    cluster    TEXT PRIMARY KEY,
    rules      TEXT    NOT NULL, -- JSON of rule.Rules; what is missing in it has its default
    updated_by TEXT    NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
