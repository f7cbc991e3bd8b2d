-- What there is about a user (GDPR, article 15): our own rows, mana-credits' answer and the sync database.
--
-- The sync database is another PostgreSQL, declared once by the DBA:
--   CREATE SERVER mana_sync FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '10.0.0.7', dbname 'mana_sync');
--   CREATE USER MAPPING FOR auth_owner SERVER mana_sync OPTIONS (user 'mana_gdpr', password '...');
--   GRANT USAGE ON FOREIGN SERVER mana_sync TO auth_owner;
-- The role there needs SELECT and DELETE on sync_changes, and no BYPASSRLS.

CREATE FUNCTION auth.gdpr_summary(user_id text, credits jsonb) RETURNS json
  LANGUAGE c VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'mana_gdpr_summary';
COMMENT ON FUNCTION auth.gdpr_summary IS
  'all that is known about a user, as numbers. credits: what mana-credits answered, {"unavailable": reason}, or NULL where there '
  'is no such service. A source that could not be asked says available: false and the reason. NULL: no such user';

CREATE FUNCTION auth.sync_records(
    user_id text, after_app_id text, after_created_at text, after_id text, most integer, most_bytes integer,
    OUT records text[], OUT app_id text, OUT created_at text, OUT id text, OUT reason text)
  LANGUAGE c VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'mana_sync_records';
COMMENT ON FUNCTION auth.sync_records IS
  'a user''s next records in the sync database as JSON, behind the one that is named (NULL: from the first), and the name of the '
  'last; none: that was all. reason: why it could not be asked';

CREATE FUNCTION auth.sync_found(user_id text, OUT found bigint, OUT reason text)
  LANGUAGE c VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'mana_sync_found';
COMMENT ON FUNCTION auth.sync_found IS 'how many rows of a user there are in the sync database, or why that is not known';
CREATE FUNCTION auth.sync_erase(user_id text, OUT deleted bigint, OUT reason text)
  LANGUAGE c VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'mana_sync_erase';
COMMENT ON FUNCTION auth.sync_erase IS 'deletes them; how many, or why that did not succeed, or is not known. Again does no harm';

CREATE FUNCTION auth.sync_is_declared() RETURNS boolean
  LANGUAGE c STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'mana_sync_is_declared';
COMMENT ON FUNCTION auth.sync_is_declared IS 'whether there is a foreign server mana_sync';

CREATE FUNCTION auth.json_pretty(value json, level integer DEFAULT 0) RETURNS text
  LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'mana_json_pretty';
COMMENT ON FUNCTION auth.json_pretty IS 'indented by two blanks a level, as JSON.stringify(value, null, 2) does';

CREATE FUNCTION auth_api.gdpr_data(c auth.caller, credits jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
  summary json;
BEGIN
  IF s.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED', 'Invalid or expired token');
  END IF;
  summary := auth.gdpr_summary(s.user_id, credits);
  RETURN CASE WHEN summary IS NULL THEN auth.refuse('NOT_FOUND', 'User not found') ELSE auth.granted(summary) END;
END
$$;
COMMENT ON FUNCTION auth_api.gdpr_data IS 'GET /me/data: auth.gdpr_summary of the caller';
