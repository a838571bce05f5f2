-- The third question of a reconnect, as `stream_heads` and `live_sessions` for many at once and in one round
-- trip: what an owner has missed. `place` is that of the owner in the arrays, from 1; at most `most` events each.
CREATE FUNCTION missed_events(tenants text, tenant_ids text[], user_ids text[], seqs bigint[], most integer)
RETURNS TABLE (place bigint, seq bigint, type text, payload json, thread_id text, run_id text, ts timestamptz)
LANGUAGE sql VOLATILE AS $$
    SELECT set_config('netra.tenants', tenants, true);
    SELECT o.place, e.seq, e.type, e.payload, e.thread_id::text, e.run_id::text, e.ts
    FROM unnest(tenant_ids, user_ids, seqs) WITH ORDINALITY AS o (tenant_id, user_id, seq, place)
    CROSS JOIN LATERAL (
        SELECT m.* FROM events m
        WHERE m.tenant_id = o.tenant_id AND m.user_id = o.user_id AND m.seq > o.seq
        ORDER BY m.seq LIMIT most
    ) AS e
    ORDER BY o.place, e.seq;
$$;
