-- name: add_tenant
-- A tenant's id is its name, as external issuers also write it; there already is fine.
INSERT INTO tenants (id, name) VALUES ($1, $1) ON CONFLICT DO NOTHING

-- name: add_user
-- No row comes back if the address is taken, in whichever tenant.
INSERT INTO users (tenant_id, id, email, password_hash, roles) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (email) DO NOTHING RETURNING id

-- name: login_lookup
-- The one look-up before the tenant is known.
SELECT tenant_id, id, email, password_hash, roles, disabled FROM login_lookup($1)

-- name: user
-- One user of the transaction's tenant.
SELECT tenant_id, id, email, roles, disabled_at IS NOT NULL AS disabled FROM users
WHERE tenant_id = $1 AND id = $2

-- name: disable_user
-- Disabling twice keeps the first time.
UPDATE users SET disabled_at = coalesce(disabled_at, now()) WHERE tenant_id = $1 AND id = $2

-- name: add_session
-- A login ($4 is null) or a one-time link; the row's end is the database's time.
INSERT INTO sessions (tenant_id, user_id, id, link_hash, expires_at)
VALUES ($1, $2, $3, $4, now() + $5::double precision * interval '1 second')

-- name: forget_sessions
-- Whenever a user logs in, that user's long dead sessions go.
DELETE FROM sessions WHERE tenant_id = $1 AND user_id = $2 AND expires_at < now() - interval '1 day'

-- name: revoke_session
-- Ends one session of one user.
UPDATE sessions SET revoked_at = now()
WHERE tenant_id = $1 AND user_id = $2 AND id = $3 AND link_hash IS NULL AND revoked_at IS NULL
  AND expires_at > now()
RETURNING id

-- name: sessions
-- The logins of one user that stand.
SELECT id::text, created_at, expires_at FROM sessions
WHERE tenant_id = $1 AND user_id = $2 AND link_hash IS NULL AND revoked_at IS NULL AND expires_at > now()
ORDER BY created_at DESC, id DESC LIMIT 200

-- name: disabled
-- Which of these users are shut out.
SELECT u.tenant_id, u.id FROM users u
JOIN unnest($1::text[], $2::text[]) AS o (tenant_id, id) ON u.tenant_id = o.tenant_id AND u.id = o.id
WHERE u.disabled_at IS NOT NULL

-- name: revoke_sessions
-- Ends all sessions and links of one user.
UPDATE sessions SET revoked_at = now() WHERE tenant_id = $1 AND user_id = $2 AND revoked_at IS NULL

-- name: live_sessions
-- Which of these sessions still stand.
SELECT tenant_id, user_id, id, seconds FROM live_sessions($1, $2)

-- name: redeem_link
-- Uses up a link; the function sees all tenants and returns at most the one row of this hash.
SELECT tenant_id, user_id FROM redeem_link($1)
