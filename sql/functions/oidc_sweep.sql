-- What is left of expired authorizations is removed in small batches.

CREATE FUNCTION auth.oidc_sweep(batch integer) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  swept bigint := 0;
  n bigint;
BEGIN
  -- rows that somebody holds are left for the next time: whoever ends a family holds its grant, then waits for its tokens
  DELETE FROM auth.oauth_access_tokens t WHERE t.digest IN (
    SELECT x.digest FROM auth.oauth_access_tokens x WHERE x.expires_at < now() ORDER BY x.expires_at LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; swept := swept + n;
  DELETE FROM auth.oauth_refresh_tokens t WHERE t.digest IN (
    SELECT x.digest FROM auth.oauth_refresh_tokens x WHERE x.expires_at < now() ORDER BY x.expires_at LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; swept := swept + n;
  DELETE FROM auth.oauth_client_assertions a WHERE (a.client_id, a.jti) IN (
    SELECT x.client_id, x.jti FROM auth.oauth_client_assertions x WHERE x.expires_at < now()
     ORDER BY x.expires_at LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; swept := swept + n;
  DELETE FROM auth.oauth_grants g WHERE g.id IN (
    SELECT x.id FROM auth.oauth_codes c JOIN auth.oauth_grants x ON x.id = c.grant_id
     WHERE c.expires_at < now() - interval '1 day'
       AND NOT EXISTS (SELECT FROM auth.oauth_access_tokens t WHERE t.grant_id = x.id)
       AND NOT EXISTS (SELECT FROM auth.oauth_refresh_tokens t WHERE t.grant_id = x.id)
     ORDER BY c.expires_at LIMIT batch FOR UPDATE OF x SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT;
  RETURN swept + n;
END
$$;
COMMENT ON FUNCTION auth.oidc_sweep IS
  'removes what has expired, at most batch rows of a kind; how many. A spent code stays as long as its grant has a token that its '
  'replay would have to revoke, a spent refresh token until it would have expired';
