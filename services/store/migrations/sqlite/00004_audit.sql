-- +goose Up

-- Who did what. A row is written in the transaction of what it tells about.
CREATE TABLE audit (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    at         INTEGER NOT NULL,
    actor_id   INTEGER NOT NULL DEFAULT 0,  -- 0: nobody who has signed in
    actor      TEXT    NOT NULL DEFAULT '', -- the name at that time; users come and go
    address    TEXT    NOT NULL DEFAULT '',
    request_id TEXT    NOT NULL DEFAULT '',
    action     TEXT    NOT NULL CHECK (action <> ''),
    cluster    TEXT    NOT NULL DEFAULT '',
    object     TEXT    NOT NULL DEFAULT '', -- a batch's id, a user's name, a template's name ...
    before     TEXT    CHECK (before IS NULL OR json_valid(before)),
    after      TEXT    CHECK (after IS NULL OR json_valid(after)),
    reason     TEXT    NOT NULL DEFAULT '',
    result     TEXT    NOT NULL CHECK (result IN ('ok', 'partial', 'failed', 'cancelled', 'refused'))
) STRICT;

-- Each with the id, which pages go by.
CREATE INDEX audit_at ON audit (at, id);
CREATE INDEX audit_actor ON audit (actor_id, id);
CREATE INDEX audit_action ON audit (action, id);
CREATE INDEX audit_cluster ON audit (cluster, id);
CREATE INDEX audit_object ON audit (object, id);

-- The one row says which rows of the audit log may be deleted: those before it,
-- in milliseconds. It is 0 except within the transaction that purges the log.
CREATE TABLE audit_retention (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    before INTEGER NOT NULL
) STRICT;

INSERT INTO audit_retention (id, before) VALUES (1, 0);

-- +goose StatementBegin
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
-- +goose StatementEnd

-- Without the row of audit_retention nothing may be deleted.
-- +goose StatementBegin
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
WHEN OLD.at >= coalesce((SELECT before FROM audit_retention WHERE id = 1), 0)
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
-- +goose StatementEnd

-- INSERT OR REPLACE deletes without telling the trigger above.
-- +goose StatementBegin
CREATE TRIGGER audit_no_replace BEFORE INSERT ON audit
WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
-- +goose StatementEnd

-- For the deletion of old batches, which others may go back to.
CREATE INDEX batches_ended ON batches (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX batches_retry ON batches (retry_of) WHERE retry_of IS NOT NULL;
CREATE INDEX batches_undo ON batches (undo_of) WHERE undo_of IS NOT NULL;
