-- How a routine answers.

CREATE FUNCTION auth.refuse(name text, message text DEFAULT NULL, retry_after_seconds integer DEFAULT NULL)
  RETURNS auth.reply LANGUAGE sql IMMUTABLE
  RETURN ROW(name, message, retry_after_seconds, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::auth.reply;
COMMENT ON FUNCTION auth.refuse IS 'an expected no, which commits what was written on the way (audit, counters)';

CREATE FUNCTION auth.granted(
    body json, cookies text DEFAULT NULL, claims text DEFAULT NULL, status integer DEFAULT NULL, location text DEFAULT NULL)
  RETURNS auth.reply LANGUAGE sql IMMUTABLE
  RETURN ROW(NULL, NULL, NULL, status, body::text, location, cookies, claims, NULL, NULL)::auth.reply;
COMMENT ON FUNCTION auth.granted IS 'a yes';

CREATE FUNCTION auth.refuse_as(status integer, message text, code text DEFAULT NULL)
  RETURNS auth.reply LANGUAGE sql IMMUTABLE
  RETURN auth.granted(CASE WHEN code IS NULL THEN auth.json_object('message', message)
                           ELSE auth.json_object('message', message, 'code', code) END, NULL, NULL, status);
COMMENT ON FUNCTION auth.refuse_as IS
  'a refusal in Better Auth''s words, where it has no code or another status than the table of errors';

CREATE FUNCTION auth.url_with(url text, key text, value text) RETURNS text LANGUAGE sql IMMUTABLE
  RETURN pg_catalog.split_part(url, '#', 1)
         || CASE WHEN pg_catalog.strpos(pg_catalog.split_part(url, '#', 1), '?') > 0 THEN '&' ELSE '?' END
         || key || '=' || value
         || CASE WHEN pg_catalog.strpos(url, '#') > 0
                 THEN pg_catalog.substr(url, pg_catalog.strpos(url, '#')) ELSE '' END;
COMMENT ON FUNCTION auth.url_with IS 'a URL with one more query parameter, in front of the fragment; the value is plain ASCII';
