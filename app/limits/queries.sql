-- name: take
-- Grants of each counter what is needed, more where much is left, or nothing where that much is not
-- left. A window that is over begins anew. Who takes of several locks them in one order.
WITH asked AS (
    SELECT user_id, key_id, measure, span, most, need, steps
    FROM unnest(
        :user_ids::uuid[], :key_ids::uuid[], :measures::text[], :spans::text[],
        :mosts::bigint[], :needs::bigint[], :steps::integer[])
        AS given (user_id, key_id, measure, span, most, need, steps)
), counted AS (
    SELECT c.user_id, c.key_id, c.measure, c.span, a.most, a.need, a.steps,
           greatest(c.began_at, date_trunc(c.span, now(), 'UTC')) AS began_at,
           CASE WHEN c.began_at >= date_trunc(c.span, now(), 'UTC') THEN c.used ELSE 0 END AS used
    FROM asked a
    JOIN limit_counters c ON c.project_id = :project AND c.user_id = a.user_id
        AND c.key_id = a.key_id AND c.measure = a.measure AND c.span = a.span
    ORDER BY c.user_id, c.key_id, c.measure, c.span
    FOR UPDATE OF c
), granted AS (
    SELECT user_id, key_id, measure, span, most, need, began_at, used,
           CASE WHEN most - used < need THEN 0
                ELSE greatest(need, least(need * steps, (most - used) / 20)) END AS amount
    FROM counted
)
UPDATE limit_counters c
SET began_at = g.began_at,
    used = g.used + g.amount,
    leased_at = CASE WHEN g.amount > g.need THEN clock_timestamp() ELSE c.leased_at END
FROM granted g
WHERE c.project_id = :project AND c.user_id = g.user_id AND c.key_id = g.key_id
  AND c.measure = g.measure AND c.span = g.span
RETURNING c.user_id, c.key_id, c.measure, c.span, c.began_at, g.amount,
    g.most - c.used AS remaining,
    extract(epoch FROM (c.began_at AT TIME ZONE 'UTC' + ('1 ' || c.span)::interval)
        AT TIME ZONE 'UTC' - clock_timestamp())::double precision AS seconds_left,
    extract(epoch FROM clock_timestamp() - c.leased_at)::double precision AS leased_seconds_ago;

-- name: begin_counters!
-- Counters that are taken of for the first time.
INSERT INTO limit_counters (project_id, user_id, key_id, measure, span, began_at)
SELECT :project, user_id, key_id, measure, span, date_trunc(span, now(), 'UTC')
FROM unnest(:user_ids::uuid[], :key_ids::uuid[], :measures::text[], :spans::text[])
    AS given (user_id, key_id, measure, span)
ORDER BY user_id, key_id, measure, span
ON CONFLICT DO NOTHING;

-- name: settle!
-- What was granted and not used is given back, what was used beyond is added; nothing to a window
-- that is over.
WITH settled AS (
    SELECT c.user_id, c.key_id, c.measure, c.span, given.change
    FROM unnest(
        :user_ids::uuid[], :key_ids::uuid[], :measures::text[], :spans::text[],
        :began_ats::timestamptz[], :changes::bigint[])
        AS given (user_id, key_id, measure, span, began_at, change)
    JOIN limit_counters c ON c.project_id = :project AND c.user_id = given.user_id
        AND c.key_id = given.key_id AND c.measure = given.measure AND c.span = given.span
        AND c.began_at = given.began_at
    ORDER BY c.user_id, c.key_id, c.measure, c.span
    FOR UPDATE OF c
)
UPDATE limit_counters c
SET used = greatest(0, c.used + s.change)
FROM settled s
WHERE c.project_id = :project AND c.user_id = s.user_id AND c.key_id = s.key_id
  AND c.measure = s.measure AND c.span = s.span;

-- name: list_windows
-- How much of each limit is used now, and when it begins anew.
SELECT asked.measure, asked.span,
       coalesce(CASE WHEN c.began_at >= w.began_at THEN c.used END, 0) AS used,
       (w.began_at AT TIME ZONE 'UTC' + ('1 ' || asked.span)::interval) AT TIME ZONE 'UTC'
           AS resets_at
FROM unnest(:measures::text[], :spans::text[]) AS asked (measure, span)
CROSS JOIN LATERAL (SELECT date_trunc(asked.span, now(), 'UTC') AS began_at) AS w
LEFT JOIN limit_counters c ON c.project_id = :project AND c.user_id = :user_id
    AND c.key_id = :key_id AND c.measure = asked.measure AND c.span = asked.span;

-- name: get_key_limits$
-- What a key may spend.
SELECT limits FROM api_keys WHERE project_id = :project AND key_id = :key_id;

-- name: set_key_limits!
-- What a key may spend; null is what it will.
UPDATE api_keys SET limits = :limits WHERE project_id = :project AND key_id = :key_id;

-- name: get_user_limits$
-- What a user may spend.
SELECT limits FROM users WHERE project_id = :project AND user_id = :user_id;

-- name: set_user_limits!
-- What a user may spend; null is what the project's default says.
UPDATE users SET limits = :limits WHERE project_id = :project AND user_id = :user_id;
