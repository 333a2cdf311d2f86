-- What recall asks of a memory beside its words and vectors.

ALTER TABLE memories
    -- A question seldom holds the answer to another; what follows it often does.
    ADD COLUMN asks boolean NOT NULL
        GENERATED ALWAYS AS (right(rtrim(content), 1) IN ('?', '？', '؟')) STORED,
    -- Whether a question for a time may find one here: a date, a clock, or a word like "yesterday".
    ADD COLUMN tells_time boolean NOT NULL
        GENERATED ALWAYS AS (left(content, 2000) ~* (
            '\m((19|20)\d\d|\d{1,2}[:.]\d\d|\d{1,2}(st|nd|rd|th)|yesterday|today|tonight|tomorrow'
            '|(last|next|this|past) (night|morning|evening|afternoon|week|weekend|month|year'
            '|spring|summer|fall|autumn|winter)|ago|recently|since|mondays?|tuesdays?|wednesdays?'
            '|thursdays?|fridays?|saturdays?|sundays?|january|february|march|april|june|july|august'
            '|september|october|november|december|for (\w+ )?(days|weeks|months|years))\M')) STORED;

-- Who has spoken, one index entry a step: names in a question are looked for among them.
CREATE INDEX memories_by_speaker ON memories (project_id, user_id, speaker)
    WHERE speaker IS NOT NULL;
