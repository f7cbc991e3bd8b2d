-- What the parts of the OpenID provider share: URLs, errors, clients and their redirects, living grants.

CREATE FUNCTION auth.form_encode(value text) RETURNS text
  LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'mana_form_encode';
COMMENT ON FUNCTION auth.form_encode IS 'a value in a query, as application/x-www-form-urlencoded (URL standard, section 5.2)';

CREATE FUNCTION auth.form_query(VARIADIC pairs text[]) RETURNS text LANGUAGE sql IMMUTABLE
  RETURN (SELECT COALESCE(pg_catalog.string_agg(pairs[i] || '=' || auth.form_encode(pairs[i + 1]), '&' ORDER BY i), '')
            FROM pg_catalog.generate_series(1, pg_catalog.cardinality(pairs), 2) i WHERE pairs[i + 1] IS NOT NULL);
COMMENT ON FUNCTION auth.form_query IS 'name=value&... of names and values in turn; NULLs are left out';

CREATE FUNCTION auth.url_with_query(url text, query text, in_fragment boolean DEFAULT false) RETURNS text LANGUAGE sql IMMUTABLE
  RETURN CASE WHEN in_fragment THEN url || '#' || query
              ELSE url || CASE WHEN pg_catalog.strpos(url, '?') > 0 THEN '&' ELSE '?' END || query END;
COMMENT ON FUNCTION auth.url_with_query IS 'adds parameters to a registered redirect URI, which has no fragment and may have a query';

CREATE FUNCTION auth.oidc_refuse(status integer, error text, description text) RETURNS auth.reply LANGUAGE sql IMMUTABLE
  RETURN auth.granted(auth.json_object('error_description', description, 'error', error), status => status);
COMMENT ON FUNCTION auth.oidc_refuse IS 'an error in the form of RFC 6749, section 5.2';

CREATE FUNCTION auth.oidc_redirect(location text) RETURNS auth.reply LANGUAGE sql IMMUTABLE
  RETURN auth.granted(NULL, status => 302, location => location);
COMMENT ON FUNCTION auth.oidc_redirect IS 'Sends the browser to a location, unsigned.';

CREATE FUNCTION auth.oidc_client_find(client_id text) RETURNS auth.oauth_clients
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  client auth.oauth_clients;
BEGIN
  SELECT x.* INTO client FROM auth.oauth_clients x WHERE x.id = oidc_client_find.client_id AND NOT x.disabled;
  RETURN client;
END
$$;
COMMENT ON FUNCTION auth.oidc_client_find IS 'a client that may act; a row of NULLs when there is none';

CREATE FUNCTION auth.oidc_redirect_uri_is_registered(registered text[], given text) RETURNS boolean LANGUAGE sql IMMUTABLE
  RETURN COALESCE(given = ANY (registered)
    -- RFC 8252, section 7.3: "The authorization server MUST allow any port to be specified at the time of the request for
    -- loopback IP redirect URIs". Of the two forms only the port is dropped, and only from a literal loopback address.
    OR (given ~ '^http://(127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?(/[^\\]*)?$'
        AND EXISTS (SELECT FROM pg_catalog.unnest(registered) r
                     WHERE r ~ '^http://(127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?(/|$)'
                       AND pg_catalog.regexp_replace(r, '^(http://(127\.0\.0\.1|\[::1\]))(:[0-9]{1,5})?', '\1')
                         = pg_catalog.regexp_replace(given, '^(http://(127\.0\.0\.1|\[::1\]))(:[0-9]{1,5})?', '\1'))), false);
COMMENT ON FUNCTION auth.oidc_redirect_uri_is_registered IS
  'RFC 9700, section 2.1: "authorization servers MUST utilize exact string matching"; but for the port of loopback addresses';

CREATE FUNCTION auth.oidc_grant_lives(g auth.oauth_grants) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN g.id IS NOT NULL
     AND EXISTS (SELECT FROM auth.users u WHERE u.id = g.user_id AND u.deleted_at IS NULL)
     AND EXISTS (SELECT FROM auth.oauth_clients o WHERE o.id = g.client_id AND NOT o.disabled)
     AND ('offline_access' = ANY (g.scopes)
          OR EXISTS (SELECT FROM auth.sessions s WHERE s.id = g.session_id AND s.expires_at > now()));
END
$$;
COMMENT ON FUNCTION auth.oidc_grant_lives IS
  'whether its tokens are good: as long as the session, or longer where the user allowed offline_access';

CREATE FUNCTION auth.oidc_user_claims(u auth.users, scopes text[]) RETURNS json LANGUAGE sql STABLE
  RETURN pg_catalog.json_strip_nulls(auth.json_object(
    'name', CASE WHEN 'profile' = ANY (scopes) THEN u.name END,
    'picture', CASE WHEN 'profile' = ANY (scopes) THEN u.image END,
    'given_name', CASE WHEN 'profile' = ANY (scopes) AND u.name ~ '\S\s+\S'
                       THEN pg_catalog.regexp_replace(pg_catalog.btrim(u.name), '\s+\S+$', '') END,
    'family_name', CASE WHEN 'profile' = ANY (scopes) AND u.name ~ '\S\s+\S'
                        THEN pg_catalog.substring(u.name, '(\S+)\s*$') END,
    'email', CASE WHEN 'email' = ANY (scopes) THEN u.email END,
    'email_verified', CASE WHEN 'email' = ANY (scopes) THEN u.email_verified END,
    'preferred_username', CASE WHEN 'profile' = ANY (scopes) AND 'email' = ANY (scopes) THEN u.email END));
COMMENT ON FUNCTION auth.oidc_user_claims IS
  'OpenID Connect Core, section 5.4: what the scopes profile and email ask for. Users have no name of their own but the address. A '
  'part of it, or the display name, would be the same for several users, and relying parties sign people in by this claim';

CREATE FUNCTION auth.json_joined(a json, b json) RETURNS text LANGUAGE sql IMMUTABLE
  RETURN CASE WHEN b::text = '{}' THEN a::text
              ELSE pg_catalog.rtrim(a::text, '}') || ',' || pg_catalog.ltrim(b::text, '{') END;
COMMENT ON FUNCTION auth.json_joined IS 'the members of two flat objects in one';

CREATE FUNCTION auth.epoch(t timestamptz) RETURNS bigint LANGUAGE sql STABLE STRICT
  RETURN pg_catalog.floor(EXTRACT(epoch FROM t))::bigint;
COMMENT ON FUNCTION auth.epoch IS 'NumericDate (RFC 7519)';
