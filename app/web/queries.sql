-- name: claim_key^
-- Claims an idempotency key: new, run out, or left by an attempt whose lease is over.
INSERT INTO idempotency_keys AS k (
    project_id, principal_id, key_hash, body_hash, user_id, claim_id, lease_until, expires_at)
VALUES (
    :project, :principal_id, :key_hash, :body_hash, :user_id, :claim_id,
    now() + make_interval(secs => :lease_seconds), now() + make_interval(secs => :ttl_seconds))
ON CONFLICT (project_id, principal_id, key_hash) DO UPDATE
SET body_hash = excluded.body_hash, user_id = excluded.user_id, claim_id = excluded.claim_id,
    lease_until = excluded.lease_until, expires_at = excluded.expires_at,
    response_id = NULL, status = NULL, reply = NULL
WHERE k.expires_at < now()
   OR (k.response_id IS NULL AND k.status IS NULL AND k.lease_until < now()
       AND k.body_hash = excluded.body_hash)
RETURNING claim_id, body_hash, response_id, status, reply;

-- name: get_key^
-- What is known of an idempotency key.
SELECT claim_id, body_hash, response_id, status, reply
FROM idempotency_keys
WHERE project_id = :project AND principal_id = :principal_id AND key_hash = :key_hash;

-- name: renew_key!
-- Keeps a claim while its request is still being answered.
UPDATE idempotency_keys SET lease_until = now() + make_interval(secs => :lease_seconds)
WHERE project_id = :project AND principal_id = :principal_id AND key_hash = :key_hash
  AND claim_id = :claim_id;

-- name: release_key!
-- Gives a claim up: its request failed and left nothing.
DELETE FROM idempotency_keys
WHERE project_id = :project AND principal_id = :principal_id AND key_hash = :key_hash
  AND claim_id = :claim_id AND response_id IS NULL AND status IS NULL;

-- name: keep_reply!
-- The answer that the same request gets again.
UPDATE idempotency_keys SET status = :status, reply = :reply
WHERE project_id = :project AND principal_id = :principal_id AND key_hash = :key_hash
  AND claim_id = :claim_id;
