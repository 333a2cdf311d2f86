-- What no session has any business with, though no user stands in its rows: where one's user is
-- set, keys, the engine's key and what was noted of others are as if there were none.
CREATE POLICY no_session ON api_keys AS RESTRICTIVE TO backstory_service
    USING ((SELECT app_user()) IS NULL);
CREATE POLICY no_session ON rotated_secrets AS RESTRICTIVE TO backstory_service
    USING ((SELECT app_user()) IS NULL);
CREATE POLICY no_session ON engine_keys AS RESTRICTIVE TO backstory_service
    USING ((SELECT app_user()) IS NULL);
-- What a session does is noted, and not told to it.
CREATE POLICY no_session ON audit_events AS RESTRICTIVE FOR SELECT TO backstory_service
    USING ((SELECT app_user()) IS NULL);
