-- Owner role: whoever runs this. Application role: netra_app, without bypass; it sees only the
-- tenants named by the transaction's setting netra.tenants, each between two U+001F, and none when
-- that is unset.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'netra_app') THEN
        CREATE ROLE netra_app NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;  -- another database of this server was set up at the same moment
END $$;

CREATE TABLE installation (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    epoch uuid NOT NULL DEFAULT gen_random_uuid()
);
INSERT INTO installation DEFAULT VALUES;

CREATE TABLE tenants (
    id text PRIMARY KEY,
    name text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE users (
    tenant_id text NOT NULL REFERENCES tenants,
    id text NOT NULL UNIQUE,
    email text NOT NULL UNIQUE,
    password_hash text NOT NULL,
    roles text[] NOT NULL DEFAULT '{}',
    disabled_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id)
);

-- A session is what a token of the built-in issuer stands for; link_hash is a one-time login link.
CREATE TABLE sessions (
    tenant_id text NOT NULL,
    user_id text NOT NULL,
    id uuid NOT NULL PRIMARY KEY,
    link_hash bytea UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    FOREIGN KEY (tenant_id, user_id) REFERENCES users ON DELETE CASCADE
);
CREATE INDEX sessions_of_user ON sessions (tenant_id, user_id);

-- Tenants and users of external issuers have no row above, so nothing below refers to it.
CREATE TABLE threads (
    tenant_id text NOT NULL,
    user_id text NOT NULL,
    id uuid NOT NULL PRIMARY KEY,
    title text NOT NULL,
    archived boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    last_seq bigint NOT NULL
);
CREATE INDEX threads_of_user ON threads (tenant_id, user_id, last_seq DESC);

-- seq is that of the event that brought the message; turn is the seq of the user's message that it
-- belongs to, so that a prompt puts each answer after its question even when they were queued.
CREATE TABLE messages (
    tenant_id text NOT NULL,
    user_id text NOT NULL,
    thread_id uuid NOT NULL,
    id uuid NOT NULL PRIMARY KEY,
    run_id uuid NOT NULL,
    role text NOT NULL CHECK (role IN ('user', 'assistant')),
    content text NOT NULL,
    refs json,
    client_id text,
    seq bigint NOT NULL,
    turn bigint NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX messages_once ON messages (tenant_id, user_id, client_id) WHERE client_id IS NOT NULL;
CREATE INDEX messages_of_thread ON messages (thread_id, seq);

CREATE TABLE runs (
    tenant_id text NOT NULL,
    user_id text NOT NULL,
    thread_id uuid NOT NULL,
    id uuid NOT NULL PRIMARY KEY,
    message_id uuid NOT NULL,
    answer_id uuid NOT NULL,
    agent text,
    input json,
    turn bigint NOT NULL,
    status text NOT NULL DEFAULT 'queued'
        CHECK (status IN ('queued', 'running', 'completed', 'stopped', 'failed', 'timed_out')),
    lane integer NOT NULL,               -- milliseconds, as in domain.runs.Lane; due_at has it too, but mixed with the place
    due_at timestamptz NOT NULL,
    attempt integer NOT NULL DEFAULT 0,  -- the fencing token: raised by every claim
    deaths integer NOT NULL DEFAULT 0,   -- claims that followed a lapsed lease
    worker text,
    lease_until timestamptz,
    stop_requested_at timestamptz,
    created_at timestamptz NOT NULL,
    started_at timestamptz,
    ended_at timestamptz
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000);
CREATE UNIQUE INDEX runs_one_running ON runs (thread_id) WHERE status = 'running';
CREATE INDEX runs_due ON runs (due_at) WHERE status = 'queued';
CREATE INDEX runs_leased ON runs (lease_until) WHERE status = 'running';
CREATE INDEX runs_open ON runs (thread_id, turn) WHERE status IN ('queued', 'running');
CREATE INDEX runs_backlog ON runs (tenant_id) WHERE status = 'queued';
-- For operators. Written once for a run, at its end, and at the right edge of the tenant's part.
CREATE INDEX runs_ended ON runs (tenant_id, ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX runs_failed ON runs (tenant_id, ended_at) WHERE status IN ('failed', 'timed_out');

-- The counter row is the lock that keeps an owner's numbers gapless and in commit order.
CREATE TABLE streams (
    tenant_id text NOT NULL,
    user_id text NOT NULL,
    head bigint NOT NULL,
    PRIMARY KEY (tenant_id, user_id)
) WITH (fillfactor = 50);

CREATE TABLE events (
    tenant_id text NOT NULL,
    user_id text NOT NULL,
    seq bigint NOT NULL,
    thread_id uuid,
    run_id uuid,
    type text NOT NULL,
    payload json NOT NULL,
    ts timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, user_id, seq)
);
CREATE INDEX events_of_run ON events (run_id, seq);

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['tenants', 'users', 'sessions', 'threads', 'messages', 'runs', 'streams', 'events'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
        EXECUTE format(
            'CREATE POLICY tenant ON %I TO netra_app USING (strpos(current_setting(''netra.tenants'', true), chr(31) || %I || chr(31)) > 0)',
            name, CASE name WHEN 'tenants' THEN 'id' ELSE 'tenant_id' END);
        EXECUTE format('CREATE POLICY owner ON %I TO CURRENT_USER USING (true)', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE ON %I TO netra_app', name);
    END LOOP;
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO netra_app', current_schema());
    EXECUTE format('GRANT netra_app TO %I', current_user);
END $$;
GRANT SELECT ON installation TO netra_app;
GRANT DELETE ON sessions TO netra_app;

-- What an agent is told with its run, oldest first, so that it need not ask again; NULL when nothing
-- was said before. An answer stands after the message that it answers.
CREATE FUNCTION said_before(tenant text, owner text, thread uuid, at_turn bigint) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT json_agg(json_build_object(
        'id', h.id, 'role', h.role, 'content', h.content, 'created_at', h.created_at, 'run_id', h.run_id,
        'client_id', h.client_id, 'references', coalesce(h.refs, '[]')) ORDER BY h.turn, h.seq)::text
    FROM (SELECT * FROM messages m
          WHERE m.thread_id = thread AND m.tenant_id = tenant AND m.user_id = owner AND m.turn < at_turn
          ORDER BY m.seq DESC LIMIT 200) AS h
$$;

-- The doors through the tenant wall. Each returns only what its caller must have.

-- Takes due runs for a worker, expired leases first, at most one per thread. Index order is forced,
-- because statistics of a queue are always wrong. A run that has lost two workers gets its third and last
-- try from a worker that holds no other such run: a message that kills its workers takes everything
-- that runs beside it along each time, and would use up all their tries with its own.
CREATE FUNCTION claim_runs(claimer text, slots integer, lease interval, lapsed_too boolean)
RETURNS TABLE (
    tenant_id text, user_id text, thread_id text, id text, message_id text, answer_id text,
    agent text, input text, attempt integer, deaths integer, stop_requested boolean, content text,
    history text
)
LANGUAGE sql VOLATILE SECURITY DEFINER SET enable_seqscan = off SET enable_sort = off AS $$
    WITH lapsed AS (
        SELECT r.id FROM runs r
        WHERE lapsed_too AND r.status = 'running' AND r.lease_until < now() AND r.deaths <> 1
        ORDER BY r.lease_until LIMIT slots FOR UPDATE SKIP LOCKED
    ), suspect AS (
        SELECT r.id FROM runs r
        WHERE lapsed_too AND r.status = 'running' AND r.lease_until < now() AND r.deaths = 1
          AND NOT EXISTS (
            SELECT FROM runs o
            WHERE o.status = 'running' AND o.lease_until >= now() AND o.worker = claimer AND o.deaths = 2)
        ORDER BY r.lease_until LIMIT 1 FOR UPDATE SKIP LOCKED
    ), due AS (
        SELECT r.id FROM runs r
        WHERE r.status = 'queued'
          AND NOT EXISTS (
            SELECT FROM runs o
            WHERE o.thread_id = r.thread_id AND o.status IN ('queued', 'running')
              AND (o.status = 'running' OR o.turn < r.turn))
        ORDER BY r.due_at LIMIT slots FOR UPDATE SKIP LOCKED
    ), chosen AS (
        SELECT id FROM suspect UNION ALL SELECT id FROM lapsed UNION ALL SELECT id FROM due LIMIT slots
    ), taken AS (
        UPDATE runs r
        SET status = 'running', worker = claimer, attempt = r.attempt + 1,
            deaths = r.deaths + (r.status = 'running')::int,
            lease_until = now() + lease, started_at = coalesce(r.started_at, now())
        FROM chosen WHERE r.id = chosen.id
        RETURNING r.*
    )
    SELECT t.tenant_id, t.user_id, t.thread_id::text, t.id::text, t.message_id::text, t.answer_id::text,
           t.agent, t.input::text, t.attempt, t.deaths, t.stop_requested_at IS NOT NULL, m.content,
           said_before(t.tenant_id, t.user_id, t.thread_id, t.turn)
    FROM taken t JOIN messages m ON m.id = t.message_id
$$;

-- What follows runs as its caller, under row-level security. One call is one transaction and one
-- round trip, however many users' messages it stores; each statement inside has a fresh snapshot.

-- Locks the counters of owners in one order, so that two writers cannot deadlock. Whoever writes
-- events does this first; whoever also locks runs does that after.
CREATE FUNCTION lock_streams(tenant_ids text[], user_ids text[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    locked integer;
    wanted integer;
BEGIN
    FOR attempt IN 1 .. 2 LOOP
        SELECT count(*) INTO locked FROM (
            SELECT FROM (SELECT DISTINCT * FROM unnest(tenant_ids, user_ids) AS u (tenant, owner)) AS o
            JOIN streams s ON s.tenant_id = o.tenant AND s.user_id = o.owner
            ORDER BY o.tenant, o.owner FOR UPDATE OF s
        ) AS l;
        SELECT count(*) INTO wanted FROM (SELECT DISTINCT * FROM unnest(tenant_ids, user_ids)) AS o;
        EXIT WHEN locked = wanted;
        INSERT INTO streams (tenant_id, user_id, head)
        SELECT DISTINCT tenant, owner, 0 FROM unnest(tenant_ids, user_ids) AS o (tenant, owner)
        ORDER BY tenant, owner
        ON CONFLICT DO NOTHING;
    END LOOP;
END $$;

-- Stores one event under a lock that the caller holds.
CREATE FUNCTION add_event(tenant text, owner text, thread uuid, run uuid, kind text, body json, at timestamptz)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    number bigint;
BEGIN
    UPDATE streams SET head = head + 1 WHERE tenant_id = tenant AND user_id = owner RETURNING head INTO number;
    INSERT INTO events (tenant_id, user_id, seq, thread_id, run_id, type, payload, ts)
    VALUES (tenant, owner, number, thread, run, kind, body, at);
    RETURN number;
END $$;

-- Asks an owner's open runs to stop: all, those of a thread, or one. A queued run ends at once, with
-- a whole life, so that clients need no special case. Answers the running ones.
CREATE FUNCTION stop_runs(tenant text, owner text, thread uuid, run uuid, at timestamptz) RETURNS uuid[]
LANGUAGE plpgsql AS $$
DECLARE
    found record;
    call record;
    running uuid[] := '{}';
BEGIN
    PERFORM lock_streams(ARRAY[tenant], ARRAY[owner]);
    FOR found IN
        SELECT r.* FROM runs r
        WHERE r.tenant_id = tenant AND r.user_id = owner AND r.status IN ('queued', 'running')
          AND (thread IS NULL OR r.thread_id = thread) AND (run IS NULL OR r.id = run)
        ORDER BY r.id FOR UPDATE
    LOOP
        UPDATE runs r SET stop_requested_at = coalesce(r.stop_requested_at, now()) WHERE r.id = found.id;
        IF found.status = 'running' THEN
            running := running || found.id;
        ELSE
            UPDATE runs r SET status = 'stopped', ended_at = now() WHERE r.id = found.id;
            FOR call IN  -- an earlier attempt may have left some open
                SELECT e.payload ->> 'tool_call_id' AS id, e.payload ->> 'tool' AS tool FROM events e
                WHERE e.run_id = found.id AND e.type = 'tool_executing' AND NOT EXISTS (
                    SELECT FROM events c WHERE c.run_id = found.id AND c.type = 'tool_completed'
                      AND c.payload ->> 'tool_call_id' = e.payload ->> 'tool_call_id')
                ORDER BY e.seq
            LOOP
                PERFORM add_event(tenant, owner, found.thread_id, found.id, 'tool_completed', json_build_object(
                    'tool_call_id', call.id, 'tool', call.tool, 'status', 'unknown', 'duration_ms', 0), at);
            END LOOP;
            PERFORM add_event(tenant, owner, found.thread_id, found.id, 'agent_started', json_build_object(
                'agent', coalesce(found.agent, 'default'), 'attempt', found.attempt + 1, 'message_id', found.answer_id), at);
            PERFORM add_event(tenant, owner, found.thread_id, found.id, 'agent_completed', json_build_object(
                'status', 'stopped', 'duration_ms', 0, 'attempts', found.attempt), at);
        END IF;
    END LOOP;
    RETURN running;
END $$;

-- One run of an owner: asks it to stop, in one round trip, for a stop must work when the server is slow.
-- Answers what the run was before and the owner's new events, which follow the number `before`, or no
-- row if there is no such run.
CREATE FUNCTION stop_run(tenants text, tenant text, owner text, run uuid, at timestamptz) RETURNS TABLE (
    thread_id text, message_id text, ended boolean, running text[],
    before bigint, types text[], payloads text[], threads text[], runs text[]
)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    PERFORM set_config('netra.tenants', tenants, true);
    PERFORM lock_streams(ARRAY[tenant], ARRAY[owner]);
    SELECT r.thread_id, r.message_id, r.status NOT IN ('queued', 'running') INTO thread_id, message_id, ended
    FROM runs r WHERE r.tenant_id = tenant AND r.user_id = owner AND r.id = run;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    SELECT s.head INTO before FROM streams s WHERE s.tenant_id = tenant AND s.user_id = owner;
    running := stop_runs(tenant, owner, NULL, run, at)::text[];
    SELECT array_agg(e.type ORDER BY e.seq), array_agg(e.payload::text ORDER BY e.seq),
           array_agg(e.thread_id::text ORDER BY e.seq), array_agg(e.run_id::text ORDER BY e.seq)
    INTO types, payloads, threads, runs
    FROM events e WHERE e.tenant_id = tenant AND e.user_id = owner AND e.seq > before;
    RETURN NEXT;
END $$;

-- Writes messages that were accepted: thread, message, run, event. `places` are their positions in the
-- queue; the arrays hold nothing else. A run with something in `starts` does not queue: `worker` of this
-- process has it from the first moment, and that is stored as its agent_started. Answers the messages'
-- numbers, in their order.
CREATE FUNCTION write_accepted(
    at timestamptz, tenant_ids text[], user_ids text[], client_ids text[], thread_ids uuid[], new_thread_ids uuid[],
    message_ids uuid[], run_ids uuid[], answer_ids uuid[], contents text[], titles text[], refs json[], agents text[],
    inputs json[], delays float8[], share float8, payloads json[], places integer[], starts json[], worker text,
    lease interval
) RETURNS TABLE (n bigint, seq bigint)
LANGUAGE sql VOLATILE AS $$
    WITH items AS (
        SELECT u.*, coalesce(u.old_thread, u.new_thread) AS thread,
               row_number() OVER w + count(u.start) OVER w - (u.start IS NOT NULL)::int AS k
        FROM unnest(
            tenant_ids, user_ids, client_ids, thread_ids, new_thread_ids, message_ids, run_ids, answer_ids, contents,
            titles, refs, agents, inputs, delays, payloads, places, starts
        ) WITH ORDINALITY AS u (tenant, owner, client, old_thread, new_thread, message, run, answer, content,
                                title, ref, agent, input, delay, payload, place, start, n)
        WINDOW w AS (PARTITION BY u.tenant, u.owner ORDER BY u.n)
    ), numbered AS MATERIALIZED (
        SELECT i.*, s.head + i.k AS seq
        FROM items i JOIN streams s ON s.tenant_id = i.tenant AND s.user_id = i.owner
    ), moved AS (
        UPDATE streams s SET head = m.head
        FROM (SELECT tenant, owner, max(seq + (start IS NOT NULL)::int) AS head FROM numbered GROUP BY tenant, owner) AS m
        WHERE s.tenant_id = m.tenant AND s.user_id = m.owner
    ), told AS (
        INSERT INTO events (tenant_id, user_id, seq, thread_id, run_id, type, payload, ts)
        SELECT tenant, owner, seq, thread, run, 'message_created', payload, at FROM numbered
        UNION ALL
        SELECT tenant, owner, seq + 1, thread, run, 'agent_started', start, at FROM numbered WHERE start IS NOT NULL
    ), created AS (
        INSERT INTO threads (tenant_id, user_id, id, title, created_at, updated_at, last_seq)
        SELECT tenant, owner, thread, title, at, at, seq FROM numbered WHERE old_thread IS NULL
    ), used AS (
        UPDATE threads t SET updated_at = at, last_seq = u.seq
        FROM (SELECT thread, max(seq) AS seq FROM numbered WHERE old_thread IS NOT NULL GROUP BY thread) AS u
        WHERE t.id = u.thread
    ), said AS (
        INSERT INTO messages (tenant_id, user_id, thread_id, id, run_id, role, content, refs, client_id, seq, turn, created_at)
        SELECT tenant, owner, thread, message, run, 'user', content, ref, client, seq, seq, at FROM numbered
    ), asked AS (
        INSERT INTO runs (tenant_id, user_id, thread_id, id, message_id, answer_id, agent, input, turn, lane, due_at, created_at,
                          status, attempt, worker, lease_until, started_at)
        SELECT tenant, owner, thread, run, message, answer, agent, input, seq, (delay * 1000)::integer,
               now() + make_interval(secs => delay + share * place), at,
               CASE WHEN start IS NULL THEN 'queued' ELSE 'running' END, (start IS NOT NULL)::int,
               CASE WHEN start IS NOT NULL THEN write_accepted.worker END,
               CASE WHEN start IS NOT NULL THEN now() + lease END,
               CASE WHEN start IS NOT NULL THEN now() END
        FROM numbered
    )
    SELECT n, seq FROM numbered ORDER BY n
$$;

-- Accepts messages in one transaction. An outcome is accepted, duplicate, not_found, conflict or busy;
-- numbers from first_seq to seq are new events of the owner. Where nothing needs a decision, which is
-- nearly always, all are written at once; else one after the other, each seeing those before it. A run
-- that `worker` offered to start at once, and that no other of its thread holds up, is started here.
CREATE FUNCTION accept_messages(
    tenants text, queue_limit integer, at timestamptz, tenant_ids text[], user_ids text[], client_ids text[],
    thread_ids uuid[], new_thread_ids uuid[], message_ids uuid[], run_ids uuid[], answer_ids uuid[],
    contents text[], titles text[], refs json[], agents text[], inputs json[], delays float8[],
    share float8, if_running text[], payloads json[], starts json[], worker text, lease interval
) RETURNS TABLE (
    outcome text, thread_id text, run_id text, message_id text, position_ integer, first_seq bigint, seq bigint,
    interrupted uuid[], started boolean, history text
)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    plain boolean;
    places integer[];
    begun json[];
    s record;
BEGIN
    PERFORM set_config('netra.tenants', tenants, true);
    PERFORM lock_streams(tenant_ids, user_ids);
    SELECT bool_and(
               m.id IS NULL AND u.busy = 'enqueue' AND (u.thread IS NULL OR t.id IS NOT NULL) AND b.queued + u.k <= queue_limit
           ) AND count(DISTINCT (u.tenant, u.owner, u.client)) = count(*),
           array_agg(least(b.queued + u.k - 1, 1000)::integer ORDER BY u.n),
           array_agg(CASE WHEN u.thread IS NULL OR u.of_thread = 1 AND NOT EXISTS (
               SELECT FROM runs o WHERE o.thread_id = u.thread AND o.status IN ('queued', 'running')
           ) THEN u.start END ORDER BY u.n)
    INTO plain, places, begun
    FROM (
        SELECT v.*, row_number() OVER (PARTITION BY v.tenant ORDER BY v.n) AS k,
               row_number() OVER (PARTITION BY v.thread ORDER BY v.n) AS of_thread
        FROM unnest(tenant_ids, user_ids, client_ids, thread_ids, if_running, starts) WITH ORDINALITY
             AS v (tenant, owner, client, thread, busy, start, n)
    ) AS u
    JOIN (
        SELECT o.tenant, (SELECT count(*) FROM (
            SELECT FROM runs r WHERE r.tenant_id = o.tenant AND r.status = 'queued' LIMIT queue_limit
        ) AS q) AS queued
        FROM (SELECT DISTINCT unnest(tenant_ids) AS tenant) AS o
    ) AS b USING (tenant)
    LEFT JOIN messages m ON m.tenant_id = u.tenant AND m.user_id = u.owner AND m.client_id = u.client
    LEFT JOIN threads t ON t.id = u.thread AND t.tenant_id = u.tenant AND t.user_id = u.owner;
    IF plain THEN
        RETURN QUERY
        SELECT 'accepted', coalesce(v.thread, v.new_thread)::text, v.run::text, v.message::text, v.place, NULL::bigint,
               w.seq, '{}'::uuid[], v.start IS NOT NULL,
               CASE WHEN v.start IS NOT NULL AND v.thread IS NOT NULL THEN said_before(v.tenant, v.owner, v.thread, w.seq) END
        FROM write_accepted(
            at, tenant_ids, user_ids, client_ids, thread_ids, new_thread_ids, message_ids, run_ids, answer_ids, contents,
            titles, refs, agents, inputs, delays, share, payloads, places, begun, worker, lease
        ) AS w
        JOIN unnest(tenant_ids, user_ids, thread_ids, new_thread_ids, run_ids, message_ids, places, begun) WITH ORDINALITY
             AS v (tenant, owner, thread, new_thread, run, message, place, start, n) ON v.n = w.n
        ORDER BY w.n;
        RETURN;
    END IF;
    FOR s IN
        SELECT *, coalesce(u.old_thread, u.new_thread) AS thread
        FROM unnest(
            tenant_ids, user_ids, client_ids, thread_ids, new_thread_ids, message_ids, run_ids, answer_ids, contents,
            titles, refs, agents, inputs, delays, if_running, payloads
        ) WITH ORDINALITY AS u (tenant, owner, client, old_thread, new_thread, message, run, answer, content,
                                title, ref, agent, input, delay, busy, payload, n)
        ORDER BY u.n
    LOOP
        SELECT 'duplicate', m.thread_id::text, m.run_id::text, m.id::text, 0, NULL, NULL, '{}', false
        INTO outcome, thread_id, run_id, message_id, position_, first_seq, seq, interrupted, started
        FROM messages m WHERE m.tenant_id = s.tenant AND m.user_id = s.owner AND m.client_id = s.client;
        IF FOUND THEN
            RETURN NEXT;
            CONTINUE;
        END IF;
        interrupted := '{}';
        started := false;
        thread_id := s.thread;
        run_id := s.run;
        message_id := s.message;
        SELECT count(*) INTO position_ FROM (
            SELECT FROM runs r WHERE r.tenant_id = s.tenant AND r.status = 'queued' LIMIT queue_limit
        ) AS q;
        outcome := CASE
            WHEN s.old_thread IS NOT NULL AND NOT EXISTS (
                SELECT FROM threads t WHERE t.id = s.old_thread AND t.tenant_id = s.tenant AND t.user_id = s.owner
            ) THEN 'not_found'
            WHEN position_ >= queue_limit THEN 'busy'
            WHEN s.old_thread IS NOT NULL AND s.busy = 'reject' AND EXISTS (
                SELECT FROM runs r WHERE r.thread_id = s.old_thread AND r.status IN ('queued', 'running')
            ) THEN 'conflict'
            ELSE 'accepted'
        END;
        IF outcome = 'accepted' THEN
            position_ := least(position_, 1000);
            IF s.old_thread IS NOT NULL AND s.busy = 'interrupt' THEN
                SELECT c.head + 1 INTO first_seq FROM streams c WHERE c.tenant_id = s.tenant AND c.user_id = s.owner;
                interrupted := stop_runs(s.tenant, s.owner, s.old_thread, NULL, at);
            END IF;
            SELECT w.seq INTO seq FROM write_accepted(
                at, ARRAY[s.tenant], ARRAY[s.owner], ARRAY[s.client], ARRAY[s.old_thread], ARRAY[s.new_thread],
                ARRAY[s.message], ARRAY[s.run], ARRAY[s.answer], ARRAY[s.content], ARRAY[s.title], ARRAY[s.ref],
                ARRAY[s.agent], ARRAY[s.input], ARRAY[s.delay], share, ARRAY[s.payload], ARRAY[position_],
                ARRAY[NULL::json], NULL, NULL
            ) AS w;
        END IF;
        RETURN NEXT;
        first_seq := NULL;
        seq := NULL;
    END LOOP;
END $$;

-- Stores events of runs, each append under its run's attempt: an append whose run was taken over or
-- has ended is left out of the answer and writes nothing. An ending also ends the run and stores its
-- answer. Drafts name their append by its place, from 1.
CREATE FUNCTION append_events(
    tenants text, tenant_ids text[], user_ids text[], thread_ids uuid[], run_ids uuid[], attempts integer[],
    endings text[], contents text[], times timestamptz[],
    of_append integer[], types text[], payloads json[]
) RETURNS TABLE (place integer, first_seq bigint)
LANGUAGE sql VOLATILE AS $$
    SELECT set_config('netra.tenants', tenants, true);
    -- Acceptance made these rows. Locked in one order, as everywhere.
    SELECT FROM (SELECT DISTINCT * FROM unnest(tenant_ids, user_ids) AS u (tenant, owner)) AS o
    JOIN streams s ON s.tenant_id = o.tenant AND s.user_id = o.owner
    ORDER BY o.tenant, o.owner FOR UPDATE OF s;
    -- A statement of its own after the locks: its snapshot holds every takeover that came before.
    WITH wanted AS (
        SELECT * FROM unnest(tenant_ids, user_ids, thread_ids, run_ids, attempts, endings, contents, times) WITH ORDINALITY
            AS w (tenant, owner, thread, run, attempt, ending, content, at, n)
    ), locked AS (  -- in the order of ids, as heartbeats do
        SELECT r.id, w.ending, w.n FROM runs r JOIN wanted w ON r.id = w.run AND r.attempt = w.attempt
        WHERE w.ending IS NOT NULL AND r.status = 'running'
        ORDER BY r.id FOR UPDATE OF r
    ), ended AS (
        UPDATE runs r SET status = l.ending, ended_at = now(), lease_until = NULL
        FROM locked l WHERE r.id = l.id RETURNING l.n, r.turn, r.answer_id
    ), held AS (
        SELECT n, turn, answer_id FROM ended
        UNION ALL
        SELECT w.n, r.turn, r.answer_id FROM wanted w JOIN runs r ON r.id = w.run AND r.attempt = w.attempt
        WHERE w.ending IS NULL AND r.status = 'running'
    ), numbered AS MATERIALIZED (
        SELECT d.place, d.kind, d.payload, w.*, h.turn, h.answer_id,
               s.head + row_number() OVER (PARTITION BY w.tenant, w.owner ORDER BY d.n) AS seq
        FROM unnest(of_append, types, payloads) WITH ORDINALITY AS d (place, kind, payload, n)
        JOIN wanted w ON w.n = d.place
        JOIN held h ON h.n = d.place
        JOIN streams s ON s.tenant_id = w.tenant AND s.user_id = w.owner
    ), stored AS (
        INSERT INTO events (tenant_id, user_id, seq, thread_id, run_id, type, payload, ts)
        SELECT tenant, owner, seq, thread, run, kind, payload, at FROM numbered
    ), moved AS (
        UPDATE streams s SET head = m.head
        FROM (SELECT tenant, owner, max(seq) AS head FROM numbered GROUP BY tenant, owner) AS m
        WHERE s.tenant_id = m.tenant AND s.user_id = m.owner
    ), answered AS (
        INSERT INTO messages (tenant_id, user_id, thread_id, id, run_id, role, content, seq, turn, created_at)
        SELECT tenant, owner, thread, answer_id, run, 'assistant', content, seq, turn, at
        FROM numbered WHERE content IS NOT NULL AND kind = 'agent_completed'
    )
    SELECT n.place, min(n.seq) FROM numbered n GROUP BY n.place;
$$;

-- Extends the leases that a worker still holds, in one round trip: were there four, those of a server
-- that is two seconds slow would lapse between two of them. Says which should stop.
CREATE FUNCTION extend_leases(tenants text, holder text, run_ids uuid[], attempts integer[], lease interval)
RETURNS TABLE (id text, stop_requested boolean)
LANGUAGE sql VOLATILE AS $$
    SELECT set_config('netra.tenants', tenants, true);
    WITH held AS (
        SELECT r.id FROM runs r JOIN unnest(run_ids, attempts) AS h (id, attempt)
            ON r.id = h.id AND r.attempt = h.attempt
        WHERE r.worker = holder AND r.status = 'running'
        ORDER BY r.id FOR UPDATE OF r
    )
    UPDATE runs r SET lease_until = now() + lease
    FROM held WHERE r.id = held.id
    RETURNING r.id::text, r.stop_requested_at IS NOT NULL;
$$;

-- The two questions of every reconnect, for many at once and each in one round trip: the last number of
-- each owner, and which sessions still stand (not ended, not expired, not a link, user not disabled).
CREATE FUNCTION stream_heads(tenants text, tenant_ids text[], user_ids text[])
RETURNS TABLE (tenant_id text, user_id text, head bigint)
LANGUAGE sql VOLATILE AS $$
    SELECT set_config('netra.tenants', tenants, true);
    SELECT s.tenant_id, s.user_id, s.head
    FROM streams s JOIN unnest(tenant_ids, user_ids) AS o (tenant_id, user_id) USING (tenant_id, user_id);
$$;

CREATE FUNCTION live_sessions(tenants text, ids uuid[])
RETURNS TABLE (tenant_id text, user_id text, id text, seconds double precision)
LANGUAGE sql VOLATILE AS $$
    SELECT set_config('netra.tenants', tenants, true);
    SELECT s.tenant_id, s.user_id, s.id::text, extract(epoch FROM s.expires_at - now())::double precision
    FROM sessions s JOIN users u ON u.tenant_id = s.tenant_id AND u.id = s.user_id
    WHERE s.id = ANY (ids) AND s.link_hash IS NULL
      AND s.revoked_at IS NULL AND s.expires_at > now() AND u.disabled_at IS NULL;
$$;

CREATE FUNCTION queue_depth() RETURNS TABLE (status text, runs bigint)
LANGUAGE sql STABLE SECURITY DEFINER AS $$
    SELECT status, count(*) FROM runs WHERE status IN ('queued', 'running') GROUP BY status
$$;

CREATE FUNCTION queue_lanes() RETURNS TABLE (lane integer, runs bigint)
LANGUAGE sql STABLE SECURITY DEFINER AS $$
    SELECT lane, count(*) FROM runs WHERE status = 'queued' GROUP BY lane
$$;

-- What a login needs before the tenant is known.
CREATE FUNCTION login_lookup(address text)
RETURNS TABLE (tenant_id text, id text, email text, password_hash text, roles text[], disabled boolean)
LANGUAGE sql STABLE SECURITY DEFINER AS $$
    SELECT tenant_id, id, email, password_hash, roles, disabled_at IS NOT NULL FROM users WHERE email = address
$$;

-- Uses up a one-time login link; NULL-free result only once and only before it expires.
CREATE FUNCTION redeem_link(hash bytea) RETURNS TABLE (tenant_id text, user_id text)
LANGUAGE sql VOLATILE SECURITY DEFINER AS $$
    UPDATE sessions SET revoked_at = now()
    WHERE link_hash = hash AND revoked_at IS NULL AND expires_at > now()
    RETURNING tenant_id, user_id
$$;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['claim_runs(text, integer, interval, boolean)', 'queue_depth()', 'queue_lanes()', 'login_lookup(text)', 'redeem_link(bytea)'] LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', name, current_schema());
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', name);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO netra_app', name);
    END LOOP;
END $$;
