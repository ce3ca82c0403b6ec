-- +goose Up

-- Until when the replica of the row of leadership works. This is a row of its own: write
-- transactions lock the other one, and the renewal must not wait for them.
CREATE TABLE leadership_term (
    id         BIGINT      PRIMARY KEY CHECK (id = 1),
    token      BIGINT      NOT NULL, -- that of the leadership
    held_until TIMESTAMPTZ NOT NULL
);

INSERT INTO leadership_term (id, token, held_until) SELECT id, token, held_until FROM leadership;

-- Programs of an earlier version read leadership.held_until. One that knows the term sets it to
-- infinity: they cannot take the leadership any more, and forward their requests.
