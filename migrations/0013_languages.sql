-- Words in the language of their text; scripts without spaces by characters.

-- How many memories a user has in each language: a query is read in all of them.
CREATE TABLE memory_languages (
    project_id uuid NOT NULL,
    user_id    uuid NOT NULL,
    language   text NOT NULL,               -- a text search configuration, as in memories
    memories   bigint NOT NULL,
    PRIMARY KEY (project_id, user_id, language)
) WITH (fillfactor = 50);
SELECT raise_walls('memory_languages');
INSERT INTO memory_languages (project_id, user_id, language, memories)
SELECT project_id, user_id, language, count(*) FROM memories GROUP BY 1, 2, 3;

-- Thai, Lao, Burmese, Khmer; Hangul; Han with its radicals and iteration marks; kana.
CREATE FUNCTION unspaced() RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '[\u0E00-\u0EFF\u1000-\u109F\u1780-\u17FF\u1100-\u11FF\u3130-\u318F\uA960-\uA97F'
    || '\uAC00-\uD7FF\u2E80-\u2FDF\u3005-\u3007\u3021-\u3029\u3038-\u303B\u3400-\u4DBF'
    || '\u4E00-\u9FFF\uF900-\uFAFF\U00020000-\U000323AF\u3041-\u3096\u309D-\u309F\u30A1-\u30FA'
    || '\u30FC-\u30FF\u31F0-\u31FF\uFF66-\uFF9F]';

CREATE FUNCTION has_unspaced(said text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN octet_length(said) > length(said) AND said ~ unspaced();

-- The characters of scripts without spaces, each by itself and with the next one, and whether it
-- stands alone. Their places lie behind those of words.
CREATE FUNCTION characters_in(said text)
RETURNS TABLE (single text, pair text, place bigint, alone boolean)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT c, CASE WHEN next_is THEN c || next END, 100000 + n, NOT next_is AND NOT last_is
    FROM (SELECT c, n, is_one, lead(c) OVER w AS next,
                 coalesce(lead(is_one) OVER w, false) AS next_is,
                 coalesce(lag(is_one) OVER w, false) AS last_is
          FROM (SELECT c, n, c ~ unspaced() AS is_one
                FROM unnest(string_to_array(said, NULL)) WITH ORDINALITY AS read (c, n)) AS told
          WINDOW w AS (ORDER BY n)) AS beside
    WHERE is_one
$$;

-- A text in pieces of so many characters; a word on an edge belongs to the first of them.
CREATE FUNCTION pieces_of(said text, size integer) RETURNS SETOF text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE WHEN substr(said, start - 1, 1) ~ '\S'
                THEN regexp_replace(substr(said, start, size), '^\S{1,99}', '')
                ELSE substr(said, start, size) END
        || CASE WHEN substr(said, start + size - 1, 1) ~ '\S'
                THEN coalesce(substring(substr(said, start + size, 99) FROM '^\S+'), '')
                ELSE '' END
    FROM generate_series(1, length(said), size) AS start
$$;

DROP FUNCTION memory_terms(text, text, text);
DROP FUNCTION words_in(tsvector);

-- The terms of a memory, how often it has each, and how much that adds to its length in words: two
-- characters of a script without spaces are about one. A tsvector counts places only up to 16,383,
-- so that long texts are read in pieces; what lies behind a hundred thousand characters is not
-- searched by words.
CREATE FUNCTION memory_terms(language text, speaker text, content text)
RETURNS TABLE (term text, frequency integer, words real)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 30
AS $$
DECLARE
    said text := left(searched_text(speaker, content), 100000);
BEGIN
    IF has_unspaced(said) THEN
        said := normalize(said, NFKC);
        RETURN QUERY
            SELECT gram, count(*)::integer, sum(length)::real
            FROM characters_in(said) c
            CROSS JOIN LATERAL (VALUES (c.single, 0.5), (c.pair, 0)) AS grams (gram, length)
            WHERE gram IS NOT NULL
            GROUP BY gram;
        said := regexp_replace(said, unspaced(), ' ', 'g');
    END IF;
    IF length(said) <= 16000 THEN
        RETURN QUERY
            SELECT lexeme, cardinality(positions), cardinality(positions)::real
            FROM unnest(to_tsvector(language::regconfig, said));
    ELSE
        RETURN QUERY
            SELECT lexeme, sum(cardinality(positions))::integer, sum(cardinality(positions))::real
            FROM pieces_of(said, 16000) AS piece
            CROSS JOIN LATERAL unnest(to_tsvector(language::regconfig, piece))
            GROUP BY lexeme;
    END IF;
END $$;

-- The terms of a query in one language, each with its places: terms of one place are one word's.
CREATE FUNCTION query_terms(language text, query text)
RETURNS TABLE (term text, places integer[])
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 30
AS $$
DECLARE
    asked text := query;
BEGIN
    IF has_unspaced(asked) THEN
        asked := normalize(asked, NFKC);
        RETURN QUERY
            SELECT gram, array_agg(c.place::integer)
            FROM characters_in(asked) c
            CROSS JOIN LATERAL (VALUES (c.pair), (CASE WHEN c.alone THEN c.single END)) AS g (gram)
            WHERE gram IS NOT NULL
            GROUP BY gram;
        asked := regexp_replace(asked, unspaced(), ' ', 'g');
    END IF;
    RETURN QUERY
        SELECT lexeme, positions::integer[] FROM unnest(to_tsvector(language::regconfig, asked));
END $$;
