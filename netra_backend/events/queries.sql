-- name: append
-- Stores events of runs; see the function in the schema.
SELECT * FROM append_events(
    $1, $2::text[], $3::text[], $4::uuid[], $5::uuid[], $6::int[], $7::text[], $8::text[], $9::timestamptz[],
    $10::int[], $11::text[], $12::json[])

-- name: held
-- Whether a run is still of this attempt.
SELECT FROM runs WHERE id = $1 AND attempt = $2 AND status = 'running'

-- name: run_events
-- All events of one run, in order.
SELECT seq, type, payload, thread_id::text, run_id::text, ts
FROM events WHERE tenant_id = $1 AND user_id = $2 AND run_id = $3
ORDER BY seq

-- name: heads
-- The last number of each owner.
SELECT tenant_id, user_id, head FROM stream_heads($1, $2, $3)

-- name: epoch
-- Which life of the database this is: restoring a dump makes another database, and restoring to a
-- point in time another timeline.
SELECT md5(concat_ws('/', i.epoch, s.system_identifier, d.oid, c.timeline_id))
FROM installation i, pg_control_system() s, pg_control_checkpoint() c, pg_database d
WHERE d.datname = current_database()

-- name: user_of_run
-- Whose run it is, within a tenant; for operators.
SELECT user_id FROM runs WHERE tenant_id = $1 AND id = $2
