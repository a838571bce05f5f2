-- name: claim
-- Takes due runs over all tenants, at most one per thread; see the function in the schema.
SELECT * FROM claim_runs($1, $2, make_interval(secs => $3), $4)

-- name: heartbeat
-- Extends the leases that a worker still holds; see the function in the schema. Arrays of text: the driver
-- would ask the server about other arrays first, on each connection.
SELECT * FROM extend_leases($1, $2, $3::text[]::uuid[], $4::text[]::int[], make_interval(secs => $5))

-- name: release
-- Hands runs back at once; what a drain interrupted does not count as an attempt that failed.
UPDATE runs r SET status = 'queued', lease_until = NULL, worker = NULL, due_at = now()
FROM unnest($2::uuid[], $3::int[]) AS h (id, attempt)
WHERE r.id = h.id AND r.attempt = h.attempt AND r.worker = $1 AND r.status = 'running'

-- name: depth
-- Numbers of open runs over all tenants.
SELECT status, runs FROM queue_depth()

-- name: lanes
-- Numbers of queued runs by lane, over all tenants.
SELECT lane, runs FROM queue_lanes()
