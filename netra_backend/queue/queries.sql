-- name: claim
-- Takes due runs over all tenants, at most one per thread; see the function in the schema.
SELECT * FROM claim_runs($1, $2, make_interval(secs => $3), $4)

-- name: heartbeat
-- Extends the leases that a worker still holds.
WITH held AS (
    SELECT r.id FROM runs r JOIN unnest($2::uuid[], $3::int[]) AS h (id, attempt)
        ON r.id = h.id AND r.attempt = h.attempt
    WHERE r.worker = $1 AND r.status = 'running'
    ORDER BY r.id FOR UPDATE OF r
)
UPDATE runs r SET lease_until = now() + make_interval(secs => $4)
FROM held WHERE r.id = held.id
RETURNING r.id::text, r.stop_requested_at IS NOT NULL AS stop_requested

-- name: release
-- Hands runs back at once; what a drain interrupted does not count as an attempt that failed.
UPDATE runs r SET status = 'queued', lease_until = NULL, worker = NULL, due_at = now()
FROM unnest($2::uuid[], $3::int[]) AS h (id, attempt)
WHERE r.id = h.id AND r.attempt = h.attempt AND r.worker = $1 AND r.status = 'running'

-- name: depth
-- Numbers of open runs over all tenants.
SELECT status, runs FROM queue_depth()
