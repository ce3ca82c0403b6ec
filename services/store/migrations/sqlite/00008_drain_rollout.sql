-- +goose Up

-- A drain goes through its nodes by the batch's rollout, like every other
-- operation. What earlier drains had among their own parameters is copied there.
UPDATE batches SET rollout = json_patch(
    json_object('parallel', coalesce(params ->> '$.parallel', 5)),
    json_patch(
        CASE WHEN params ->> '$.by_zone' THEN '{"order":"zone"}' ELSE '{}' END,
        json_patch(
            CASE WHEN params ->> '$.max_failures' > 0
                THEN json_object('maxFailures', params ->> '$.max_failures') ELSE '{}' END,
            coalesce(rollout, '{}'))))
WHERE operation = 'drain';
