-- name: list_scopes
-- Whose memories a project has.
SELECT user_id FROM memory_scopes WHERE project_id = :project AND memories > 0;

-- name: measure_scope^
-- How many memories there are to search, and how long they are on average.
SELECT
    coalesce(sum(memories), 0)::bigint AS memories,
    coalesce(sum(words)::float8 / nullif(sum(memories), 0), 0) AS words_mean
FROM memory_scopes
WHERE project_id = :project AND user_id = ANY(:users);

-- name: count_terms
-- The terms of a query in the languages of those who are asked, and how many memories have each:
-- those that none has, and the rarest of the others. Of too many terms the longest are looked at;
-- what makes them fewer is a count up to a small bound. A language that the query is in says which
-- of its words are stop words.
WITH spoken AS MATERIALIZED (
    SELECT language
    FROM memory_languages
    WHERE project_id = :project AND user_id = ANY(:users) AND memories > 0
    GROUP BY language
    ORDER BY sum(memories) DESC, language
    LIMIT :languages_max
), said AS MATERIALIZED (
    SELECT DISTINCT t.term, place
    FROM spoken
    CROSS JOIN LATERAL query_terms(spoken.language, :query) t
    CROSS JOIN LATERAL unnest(t.places) AS place
), content AS MATERIALIZED (
    SELECT DISTINCT place
    FROM query_terms(coalesce(:language, 'simple'), :query) t
    CROSS JOIN LATERAL unnest(t.places) AS place
), asked AS MATERIALIZED (
    SELECT term, array_agg(place ORDER BY place) AS places
    FROM said
    WHERE place IN (SELECT place FROM content)
    GROUP BY term
    ORDER BY length(term) DESC, term
    LIMIT :looked_at_max
), probed AS MATERIALIZED (
    SELECT asked.term, asked.places, found.memories,
           row_number() OVER (
               ORDER BY found.memories = 0, found.memories, length(asked.term) DESC, asked.term)
               AS rarity
    FROM asked
    CROSS JOIN LATERAL (
        SELECT count(*) AS memories
        FROM (SELECT FROM memory_postings p
              WHERE p.project_id = :project AND p.user_id = ANY(:users) AND p.term = asked.term
              LIMIT :probed_max) AS counted) AS found
)
SELECT
    term,
    CASE WHEN memories < :probed_max THEN memories ELSE (
        SELECT count(*)
        FROM (SELECT FROM memory_postings p
              WHERE p.project_id = :project AND p.user_id = ANY(:users) AND p.term = probed.term
              LIMIT :memories_max) AS counted) END AS memories,
    places
FROM probed
WHERE memories = 0 OR rarity <= :most
ORDER BY memories, term;

-- name: rank_by_words
-- BM25, best first, read from the index of postings alone. A weight is idf * (k1 + 1).
-- OFFSET 0 has each term looked up by itself, however few rows the planner thinks a user has.
SELECT
    p.memory_id,
    sum(asked.weight * p.frequency
        / (p.frequency + :k1::float8 * (1 - :b::float8 + :b * p.words / :words_mean::float8)))
        AS score
FROM unnest(:terms::text[], :weights::float8[]) AS asked (term, weight)
CROSS JOIN LATERAL (
    SELECT memory_id, frequency, words
    FROM memory_postings
    WHERE project_id = :project AND user_id = ANY(:users) AND term = asked.term
    OFFSET 0) AS p
WHERE CASE WHEN :narrowed::boolean
      THEN p.memory_id IN (
          SELECT found FROM memories_within(
              :project, :users, :conversation, :kinds, :speakers, :episodes, :since, :until,
              :metadata, :as_of) AS found)
      ELSE p.memory_id NOT IN (SELECT found FROM memories_passed(:project, :users) AS found)
      END
GROUP BY p.memory_id
ORDER BY score DESC, p.memory_id
LIMIT :most;

-- name: rank_by_vector
-- The exact nearest by cosine: vectors have length 1, so the inner product is the cosine. The best
-- by a passage of their own, and the best by the window they stand in, each with both.
WITH scored AS MATERIALIZED (
    SELECT v.memory_id, v.part, v.embedding <#> :vector::halfvec AS distance
    FROM memory_vectors v
    WHERE v.project_id = :project AND v.user_id = ANY(:users)
      AND v.model_id = (
          SELECT model_id FROM embedding_models
          WHERE name = :model AND dimensions = vector_dims(:vector::halfvec))
      AND CASE WHEN :narrowed::boolean
          THEN v.memory_id IN (
              SELECT found FROM memories_within(
                  :project, :users, :conversation, :kinds, :speakers, :episodes, :since, :until,
                  :metadata, :as_of) AS found)
          ELSE v.memory_id NOT IN (SELECT found FROM memories_passed(:project, :users) AS found)
          END
), best AS (
    (SELECT memory_id FROM scored WHERE part >= 0
     GROUP BY memory_id ORDER BY min(distance), memory_id LIMIT :most)
    UNION
    (SELECT memory_id FROM scored WHERE part = -1 ORDER BY distance, memory_id LIMIT :most)
)
SELECT
    memory_id,
    -min(distance) FILTER (WHERE part >= 0) AS own,
    -coalesce(min(distance) FILTER (WHERE part = -1), min(distance)) AS "window"
FROM scored JOIN best USING (memory_id)
GROUP BY memory_id
HAVING bool_or(part >= 0)
ORDER BY own DESC, memory_id;

-- name: rank_by_index
-- The same by the index of vectors: of the nearest rows, as far as it finds them. Nothing where
-- there is no index, or where it finds too few.
WITH near AS MATERIALIZED (
    SELECT nearest_memories(
        :project, :users, :model, :vector, :narrowed, :conversation, :kinds, :speakers, :episodes,
        :since, :until, :metadata, :as_of, :most, :effort) AS memory_id
)
SELECT
    near.memory_id,
    -min(v.distance) FILTER (WHERE v.part >= 0) AS own,
    -coalesce(min(v.distance) FILTER (WHERE v.part = -1), min(v.distance)) AS "window"
FROM near
CROSS JOIN LATERAL (
    SELECT part, embedding <#> :vector::halfvec AS distance
    FROM memory_vectors
    WHERE project_id = :project AND memory_id = near.memory_id
      AND model_id = (
          SELECT model_id FROM embedding_models
          WHERE name = :model AND dimensions = vector_dims(:vector::halfvec))
    OFFSET 0) AS v
GROUP BY near.memory_id
HAVING bool_or(v.part >= 0)
ORDER BY own DESC, near.memory_id;

-- name: list_speakers
-- Who has spoken, a step of the index each, up to a bound.
WITH RECURSIVE speakers AS (
    (SELECT m.speaker, 1 AS place
     FROM memories m
     WHERE m.project_id = :project AND m.user_id = :user_id AND m.speaker IS NOT NULL
     ORDER BY m.speaker
     LIMIT 1)
    UNION ALL
    SELECT following.speaker, s.place + 1
    FROM speakers s
    CROSS JOIN LATERAL (
        SELECT m.speaker
        FROM memories m
        WHERE m.project_id = :project AND m.user_id = :user_id AND m.speaker > s.speaker
        ORDER BY m.speaker
        LIMIT 1) AS following
    WHERE s.place < :most)
SELECT speaker FROM speakers;

-- name: list_beside
-- What was said right before (a negative place) and after, as far as a recall may find it.
WITH near AS MATERIALIZED (
    SELECT seed.memory_id AS seed_id, beside.memory_id, beside.place
    FROM memories seed
    CROSS JOIN LATERAL (
        (SELECT m.memory_id, row_number() OVER (ORDER BY m.occurred_at, m.memory_id) AS place
         FROM memories m
         WHERE m.project_id = :project AND m.user_id = seed.user_id AND m.stretch = seed.stretch
           AND (m.occurred_at, m.memory_id) > (seed.occurred_at, seed.memory_id)
         ORDER BY m.occurred_at, m.memory_id
         LIMIT :reach)
        UNION ALL
        (SELECT m.memory_id,
                -row_number() OVER (ORDER BY m.occurred_at DESC, m.memory_id DESC) AS place
         FROM memories m
         WHERE m.project_id = :project AND m.user_id = seed.user_id AND m.stretch = seed.stretch
           AND (m.occurred_at, m.memory_id) < (seed.occurred_at, seed.memory_id)
         ORDER BY m.occurred_at DESC, m.memory_id DESC
         LIMIT :reach)) AS beside
    WHERE seed.project_id = :project AND seed.memory_id = ANY(:memory_ids)
)
SELECT seed_id, memory_id, place
FROM near
WHERE CASE WHEN :narrowed::boolean
      THEN EXISTS (
          SELECT found FROM memories_within(
              :project, :users, :conversation, :kinds, :speakers, :episodes, :since, :until,
              :metadata, :as_of) AS found
          WHERE found = near.memory_id)
      ELSE memory_id NOT IN (SELECT found FROM memories_passed(:project, :users) AS found)
      END;

-- name: describe
-- What is asked of candidates beside their words and vectors.
SELECT
    memory_id, user_id, kind, speaker, stretch, occurred_at, words, asks, tells_time, standing
FROM memories
WHERE project_id = :project AND memory_id = ANY(:memory_ids)
ORDER BY memory_id;

-- name: count_occurrences
-- How often candidates have each term, by its place in the list: what is read is what the ranking
-- has just read, which is faster than looking up every term of every candidate.
SELECT
    (asked.place - 1)::integer AS term, array_agg(p.memory_id) AS memory_ids,
    array_agg(p.frequency::integer) AS frequencies
FROM unnest(:terms::text[]) WITH ORDINALITY AS asked (term, place)
CROSS JOIN LATERAL (
    SELECT memory_id, frequency
    FROM memory_postings
    WHERE project_id = :project AND user_id = ANY(:users) AND term = asked.term
    OFFSET 0) AS p
WHERE CASE WHEN p.memory_id IN (SELECT unnest(:memory_ids::uuid[])) THEN true END
GROUP BY asked.place;

-- name: measure_nearness
-- The cosines of candidates: of their beginning, their best passage and their window with the
-- vector, and of their window with the vector of the whole query. What has no window has its
-- beginning for one.
SELECT
    v.memory_id,
    max(-(v.embedding <#> :vector::halfvec)) FILTER (WHERE v.part = 0) AS first,
    max(-(v.embedding <#> :vector::halfvec)) FILTER (WHERE v.part >= 0) AS own,
    coalesce(max(-(v.embedding <#> :vector::halfvec)) FILTER (WHERE v.part = -1),
             max(-(v.embedding <#> :vector::halfvec)) FILTER (WHERE v.part = 0)) AS "window",
    coalesce(max(-(v.embedding <#> :whole::halfvec)) FILTER (WHERE v.part = -1),
             max(-(v.embedding <#> :whole::halfvec)) FILTER (WHERE v.part = 0)) AS whole
FROM memory_vectors v
WHERE v.project_id = :project AND v.memory_id = ANY(:memory_ids)
  AND v.model_id = (
      SELECT model_id FROM embedding_models
      WHERE name = :model AND dimensions = vector_dims(:vector::halfvec))
GROUP BY v.memory_id
HAVING bool_or(v.part = 0);

-- name: measure_likeness
-- The cosines of candidates with the mean of some of them, which is materialized so that it is not
-- made ready for each of them again: that took ten times as long as all the rest.
WITH model AS (
    SELECT model_id FROM embedding_models WHERE name = :model AND dimensions = :dimensions
), middle AS MATERIALIZED (
    SELECT l2_normalize(avg(v.embedding)) AS embedding
    FROM memory_vectors v
    WHERE v.project_id = :project AND v.memory_id = ANY(:like_ids) AND v.part = 0
      AND v.model_id = (SELECT model_id FROM model)
)
SELECT v.memory_id, -(v.embedding <#> m.embedding) AS score
FROM memory_vectors v CROSS JOIN middle m
WHERE v.project_id = :project AND v.memory_id = ANY(:memory_ids) AND v.part = 0
  AND v.model_id = (SELECT model_id FROM model);

-- name: list_standing
-- Instructions and preferences, those remembered last first, as far as a recall may find them.
SELECT m.memory_id
FROM memories m
WHERE m.project_id = :project AND m.user_id = ANY(:users)
  AND m.standing IN ('instruction', 'preference')
  AND CASE WHEN :narrowed::boolean
      THEN EXISTS (
          SELECT found FROM memories_within(
              :project, :users, :conversation, :kinds, :speakers, :episodes, :since, :until,
              :metadata, :as_of) AS found
          WHERE found = m.memory_id)
      ELSE m.memory_id NOT IN (SELECT found FROM memories_passed(:project, :users) AS found)
      END
ORDER BY m.memory_id DESC
LIMIT :most;

-- name: list_said_in
-- What each of the users said last in a time, as far as a recall may find it.
SELECT said.memory_id
FROM unnest(:users::uuid[]) AS given (user_id)
CROSS JOIN LATERAL (
    SELECT m.memory_id, m.occurred_at
    FROM memories m
    WHERE m.project_id = :project AND m.user_id = given.user_id
      AND m.occurred_at >= coalesce(:since::timestamptz, '-infinity')
      AND m.occurred_at < coalesce(:until::timestamptz, 'infinity')
      AND m.memory_id IN (
          SELECT found FROM memories_within(
              :project, ARRAY[given.user_id], :conversation, :kinds, :speakers, :episodes,
              :since, :until, :metadata, :as_of) AS found
          WHERE found = m.memory_id)
    ORDER BY m.occurred_at DESC, m.memory_id DESC
    LIMIT :most) AS said
ORDER BY said.occurred_at DESC, said.memory_id DESC
LIMIT :most;

-- name: list_paraphrases
-- Of memories in the order of their rank: those that say, in one passage and with the same numbers,
-- what a better one of the same speaker says.
WITH ranked AS MATERIALIZED (
    SELECT
        v.memory_id, v.embedding, given.place, m.speaker,
        regexp_replace(m.content, '\D+', ' ', 'g') AS numbers
    FROM unnest(:memory_ids::uuid[]) WITH ORDINALITY AS given (memory_id, place)
    JOIN memories m ON m.project_id = :project AND m.memory_id = given.memory_id
    JOIN memory_vectors v ON v.project_id = :project AND v.memory_id = given.memory_id
    WHERE v.project_id = :project AND v.memory_id = ANY(:memory_ids) AND v.part = 0
      AND v.model_id = (
          SELECT model_id FROM embedding_models WHERE name = :model AND dimensions = :dimensions)
      AND NOT EXISTS (
          SELECT FROM memory_vectors more
          WHERE more.project_id = :project AND more.memory_id = v.memory_id AND more.part = 1)
)
SELECT DISTINCT worse.memory_id
FROM ranked worse JOIN ranked better ON better.place < worse.place
WHERE trim(better.numbers) = trim(worse.numbers)
  AND better.speaker IS NOT DISTINCT FROM worse.speaker
  AND -(worse.embedding <#> better.embedding) >= :alike_min::float8;
