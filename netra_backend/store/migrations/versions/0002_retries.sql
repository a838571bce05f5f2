-- Which failed run was tried again, as which run, by whom. A run is tried again once: what fails again
-- is tried again itself, so that tries are a chain. A table of its own, so that the many runs which
-- nobody tries again are written as before.
CREATE TABLE retries (
    tenant_id text NOT NULL,
    run_id uuid NOT NULL PRIMARY KEY,
    retried_as uuid NOT NULL UNIQUE,
    operator_id text NOT NULL,
    created_at timestamptz NOT NULL
);
ALTER TABLE retries ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON retries TO netra_app
    USING (strpos(current_setting('netra.tenants', true), chr(31) || tenant_id || chr(31)) > 0);
CREATE POLICY owner ON retries TO CURRENT_USER USING (true);
GRANT SELECT, INSERT ON retries TO netra_app;

-- Queues a new run for the message of a failed run of a tenant, in one transaction. It has that run's turn,
-- so it is told what that one was told, and comes before what its thread has waiting. No row if there is
-- no such run; else the outcome: accepted, open, ended_well, retried, disabled or busy. For retried, `run_id`
-- is the run that it was tried again as. Runs as its caller, under row-level security.
CREATE FUNCTION retry_run(
    tenants text, tenant text, run uuid, new_run uuid, new_answer uuid, operator text, queue_limit integer,
    share float8, at timestamptz
) RETURNS TABLE (outcome text, run_id text, thread_id text, message_id text, position_ integer)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    owner text;
    old record;
BEGIN
    PERFORM set_config('netra.tenants', tenants, true);
    SELECT r.user_id INTO owner FROM runs r WHERE r.tenant_id = tenant AND r.id = run;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    -- As whoever ends or stops runs of this owner: of two operators one sees the other's try.
    PERFORM lock_streams(ARRAY[tenant], ARRAY[owner]);
    SELECT r.*, t.retried_as INTO old
    FROM runs r LEFT JOIN retries t ON t.run_id = r.id WHERE r.tenant_id = tenant AND r.id = run;
    SELECT count(*) INTO position_ FROM (
        SELECT FROM runs r WHERE r.tenant_id = tenant AND r.status = 'queued' LIMIT queue_limit
    ) AS q;
    outcome := CASE
        WHEN old.status IN ('queued', 'running') THEN 'open'
        WHEN old.status NOT IN ('failed', 'timed_out') THEN 'ended_well'
        WHEN old.retried_as IS NOT NULL THEN 'retried'
        WHEN EXISTS (
            SELECT FROM users u WHERE u.tenant_id = tenant AND u.id = owner AND u.disabled_at IS NOT NULL
        ) THEN 'disabled'
        WHEN position_ >= queue_limit THEN 'busy'
        ELSE 'accepted'
    END;
    run_id := CASE outcome WHEN 'retried' THEN old.retried_as ELSE new_run END;
    thread_id := old.thread_id;
    message_id := old.message_id;
    position_ := least(position_, 1000);
    IF outcome = 'accepted' THEN
        INSERT INTO retries (tenant_id, run_id, retried_as, operator_id, created_at)
        VALUES (tenant, run, new_run, operator, at);
        INSERT INTO runs (tenant_id, user_id, thread_id, id, message_id, answer_id, agent, input, turn, lane, due_at, created_at)
        VALUES (tenant, owner, old.thread_id, new_run, old.message_id, new_answer, old.agent, old.input, old.turn, old.lane,
                now() + make_interval(secs => old.lane / 1000.0 + share * position_), at);
    END IF;
    RETURN NEXT;
END $$;
