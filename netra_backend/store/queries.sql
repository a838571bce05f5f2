-- name: accept
-- Stores messages, runs and their first events; see the function in the schema, and `streams.packed`.
SELECT * FROM accept_messages(
    $1, $2, $3, string_to_array($4, chr(31), ''), string_to_array($5, chr(31), ''), $6::text[],
    string_to_array($7, chr(31), '')::uuid[], string_to_array($8, chr(31), '')::uuid[],
    string_to_array($9, chr(31), '')::uuid[], string_to_array($10, chr(31), '')::uuid[],
    string_to_array($11, chr(31), '')::uuid[], $12::text[], $13::text[],
    string_to_array($14, chr(31), '')::json[], $15::text[], string_to_array($16, chr(31), '')::json[],
    string_to_array($17, chr(31), '')::float8[], $18, string_to_array($19, chr(31), ''),
    string_to_array($20, chr(31), '')::json[], string_to_array($21, chr(31), '')::json[], $22,
    make_interval(secs => $23))

-- name: stop
-- Stores the intent to stop open runs; see the function in the schema.
SELECT stop_runs($1, $2, $3::uuid, $4::uuid, $5)::text[]

-- name: stop_run
-- Stores the intent to stop one run; no row if it is not the owner's. See the function in the schema.
SELECT * FROM stop_run($1, $2, $3, $4::uuid, $5)

-- name: retry_run
-- Queues a new run for a failed one's message, for operators; see the function in the schema.
SELECT * FROM retry_run($1, $2, $3::uuid, $4::uuid, $5::uuid, $6, $7, $8, $9)

-- name: lock_stream
-- Locks one owner's counter.
SELECT lock_streams(ARRAY[$1], ARRAY[$2])

-- name: add_event
-- Stores one event under that lock.
SELECT add_event($1, $2, $3::uuid, $4::uuid, $5, $6::json, $7)

-- name: head
-- An owner's last number.
SELECT head FROM streams WHERE tenant_id = $1 AND user_id = $2

-- name: events_after
-- Events after a number, in order.
SELECT seq, type, payload, thread_id::text, run_id::text, ts
FROM events WHERE tenant_id = $1 AND user_id = $2 AND seq > $3
ORDER BY seq LIMIT $4

-- name: thread
-- One thread.
SELECT id::text, title, archived, created_at, updated_at
FROM threads WHERE tenant_id = $1 AND user_id = $2 AND id = $3

-- name: threads
-- Threads, last used first, after a given one.
SELECT id::text, title, archived, created_at, updated_at
FROM threads
WHERE tenant_id = $1 AND user_id = $2 AND NOT archived
  AND ($3::uuid IS NULL OR last_seq < (
      SELECT b.last_seq FROM threads b WHERE b.tenant_id = $1 AND b.user_id = $2 AND b.id = $3))
ORDER BY last_seq DESC LIMIT $4

-- name: history
-- The newest messages of a thread before a given one, newest first.
SELECT id::text, role, content, created_at, run_id::text, client_id, refs
FROM messages
WHERE tenant_id = $1 AND user_id = $2 AND thread_id = $3
  AND ($4::uuid IS NULL OR seq < (
      SELECT b.seq FROM messages b
      WHERE b.tenant_id = $1 AND b.user_id = $2 AND b.thread_id = $3 AND b.id = $4))
ORDER BY seq DESC LIMIT $5

-- name: message_exists
-- Whether a message is of a thread.
SELECT FROM messages WHERE tenant_id = $1 AND user_id = $2 AND thread_id = $3 AND id = $4

-- name: search
-- The newest messages that contain every word, case-insensitively, with their threads.
SELECT m.id::text, m.role, m.content, m.created_at, m.run_id::text, m.client_id, m.refs,
       t.id::text AS thread_id, t.title, t.archived, t.created_at AS thread_created_at, t.updated_at
FROM messages m JOIN threads t ON t.id = m.thread_id
WHERE m.tenant_id = $1 AND m.user_id = $2 AND t.tenant_id = $1 AND t.user_id = $2
  AND NOT EXISTS (
      SELECT FROM unnest($3::text[]) AS w (word) WHERE position(w.word IN lower(m.content)) = 0)
ORDER BY m.seq DESC LIMIT $4

-- name: run
-- One run.
SELECT id::text, thread_id::text, message_id::text, answer_id::text, agent, status, attempt,
       created_at, started_at, ended_at
FROM runs WHERE tenant_id = $1 AND user_id = $2 AND id = $3

-- name: open_runs
-- A thread's runs that have not ended, in order.
SELECT id::text, thread_id::text, message_id::text, answer_id::text, agent, status, attempt,
       created_at, started_at, ended_at
FROM runs
WHERE tenant_id = $1 AND user_id = $2 AND thread_id = $3 AND status IN ('queued', 'running')
ORDER BY turn
