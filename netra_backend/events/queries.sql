-- name: append
-- Stores events of runs; see the function in the schema, and `streams.packed`.
SELECT * FROM append_events(
    $1, string_to_array($2, chr(31), ''), string_to_array($3, chr(31), ''),
    string_to_array($4, chr(31), '')::uuid[], string_to_array($5, chr(31), '')::uuid[],
    string_to_array($6, chr(31), '')::int[], string_to_array($7, chr(31), ''), $8::text[],
    string_to_array($9, chr(31), '')::timestamptz[], string_to_array($10, chr(31), '')::int[],
    string_to_array($11, chr(31), ''), string_to_array($12, chr(31), '')::json[])

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
SELECT tenant_id, user_id, head FROM stream_heads($1, string_to_array($2, chr(31), ''), string_to_array($3, chr(31), ''))

-- name: missed
-- The first events after a number, for many owners; see the function in the schema, and `streams.packed`.
SELECT * FROM missed_events($1, string_to_array($2, chr(31), ''), string_to_array($3, chr(31), ''),
                            string_to_array($4, chr(31), '')::bigint[], $5)

-- name: epoch
-- Which life of the database this is: restoring a dump makes another database, and restoring to a
-- point in time another timeline.
SELECT md5(concat_ws('/', i.epoch, s.system_identifier, d.oid, c.timeline_id))
FROM installation i, pg_control_system() s, pg_control_checkpoint() c, pg_database d
WHERE d.datname = current_database()

-- name: user_of_run
-- Whose run it is, within a tenant; for operators.
SELECT user_id FROM runs WHERE tenant_id = $1 AND id = $2

-- name: open_of_tenant
-- A tenant's runs that have not ended, newest first; for operators. Each status has an index of its own.
SELECT o.id::text, o.user_id, o.thread_id::text, o.agent, o.status, o.lane, o.attempt, o.created_at, o.started_at,
       o.ended_at, o.stop_requested_at IS NOT NULL AS stop_requested, NULL AS code,
       (SELECT t.run_id::text FROM retries t WHERE t.retried_as = o.id) AS retry_of, NULL AS retried_as
FROM (
    SELECT * FROM runs WHERE tenant_id = $1 AND status = 'queued'
    UNION ALL
    SELECT * FROM runs WHERE tenant_id = $1 AND status = 'running'
) AS o
ORDER BY o.created_at DESC, o.id DESC LIMIT $2

-- name: ended_of_tenant
-- A tenant's runs that have ended, the last to end first, with the error's code of each that failed.
SELECT r.id::text, r.user_id, r.thread_id::text, r.agent, r.status, r.lane, r.attempt, r.created_at, r.started_at,
       r.ended_at, r.stop_requested_at IS NOT NULL AS stop_requested,
       CASE WHEN r.status IN ('failed', 'timed_out') THEN (
           SELECT e.payload -> 'error' ->> 'code' FROM events e
           WHERE e.run_id = r.id AND e.type = 'agent_completed' ORDER BY e.seq DESC LIMIT 1) END AS code,
       (SELECT t.run_id::text FROM retries t WHERE t.retried_as = r.id) AS retry_of,
       (SELECT t.retried_as::text FROM retries t WHERE t.run_id = r.id) AS retried_as
FROM runs r
WHERE r.tenant_id = $1 AND r.ended_at IS NOT NULL
ORDER BY r.ended_at DESC LIMIT $2

-- name: failures_of_tenant
-- A tenant's newest failed runs of the last seconds, grouped by cause, the cause seen last first.
SELECT f.status, f.agent, f.code, count(*) AS runs, min(f.ended_at) AS first_seen, max(f.ended_at) AS last_seen,
       (array_agg(f.id ORDER BY f.ended_at DESC))[1]::text AS last_run
FROM (
    SELECT r.id, r.status, r.agent, r.ended_at, (
        SELECT e.payload -> 'error' ->> 'code' FROM events e
        WHERE e.run_id = r.id AND e.type = 'agent_completed' ORDER BY e.seq DESC LIMIT 1) AS code
    FROM runs r
    WHERE r.tenant_id = $1 AND r.status IN ('failed', 'timed_out') AND r.ended_at > now() - make_interval(secs => $2)
    ORDER BY r.ended_at DESC LIMIT $3
) AS f
GROUP BY f.status, f.agent, f.code
ORDER BY last_seen DESC

-- name: queue_of_tenant
-- A tenant's open runs by lane and status, and the seconds that the oldest of them has been there.
SELECT o.lane, o.status, count(*) AS runs, extract(epoch FROM now() - min(o.created_at))::float8 AS oldest_s
FROM (
    SELECT lane, status, created_at FROM runs WHERE tenant_id = $1 AND status = 'queued'
    UNION ALL
    SELECT lane, status, created_at FROM runs WHERE tenant_id = $1 AND status = 'running'
) AS o
GROUP BY o.lane, o.status
