-- What has expired is removed in small batches, so that no sweep holds anybody up. How long what is kept:

CREATE FUNCTION auth.sweep(batch integer DEFAULT 1000) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  attempts_kept constant interval := '1 day';
  devices_kept constant interval := '90 days';
  spent_kept constant interval := '30 days';
  delivered_kept constant interval := '7 days';
  dead_kept constant interval := '90 days';
  promises_kept constant interval := '30 days';
  events_kept constant interval := '1 year';
  erasures_kept constant interval := '3 years';
  invitations_kept constant interval := '90 days';
  api_keys_kept constant interval := '1 year';
  swept bigint := 0;
  n bigint;
BEGIN
  DELETE FROM auth.sessions s WHERE s.id IN (
    SELECT x.id FROM auth.sessions x WHERE x.expires_at < now() ORDER BY x.expires_at LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; swept := swept + n;
  DELETE FROM auth.session_tokens t WHERE t.digest IN (
    SELECT x.digest FROM auth.session_tokens x
     WHERE x.spent_at < now() - spent_kept AND NOT EXISTS (SELECT FROM auth.sessions s WHERE s.token_digest = x.digest)
     ORDER BY x.spent_at LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; swept := swept + n;
  DELETE FROM auth.verification v WHERE v.id IN (
    SELECT x.id FROM auth.verification x WHERE x.expires_at < now() ORDER BY x.expires_at LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; swept := swept + n;
  DELETE FROM auth.email_changes e WHERE e.id IN (
    SELECT x.id FROM auth.email_changes x WHERE x.expires_at < now() ORDER BY x.expires_at LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; swept := swept + n;
  DELETE FROM auth.magic_links l WHERE l.email IN (
    SELECT x.email FROM auth.magic_links x WHERE x.expires_at < now() ORDER BY x.expires_at LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; swept := swept + n;
  DELETE FROM auth.passkey_challenges v WHERE v.cookie_digest IN (
    SELECT x.cookie_digest FROM auth.passkey_challenges x WHERE x.expires_at < now()
     ORDER BY x.expires_at LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; swept := swept + n;
  DELETE FROM auth.login_attempts l WHERE l.id IN (
    SELECT x.id FROM auth.login_attempts x WHERE x.attempted_at < now() - attempts_kept
     ORDER BY x.attempted_at LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; swept := swept + n;
  DELETE FROM auth.lockouts l WHERE (l.email, l.scope) IN (
    SELECT x.email, x.scope FROM auth.lockouts x
     WHERE x.failed_at < now() - attempts_kept AND (x.locked_until IS NULL OR x.locked_until < now())
     ORDER BY x.failed_at LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; swept := swept + n;
  DELETE FROM auth.known_devices d WHERE d.id IN (
    SELECT x.id FROM auth.known_devices x WHERE x.last_seen_at < now() - devices_kept
     ORDER BY x.last_seen_at LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; swept := swept + n;
  DELETE FROM auth.outbox o WHERE o.id IN (
    SELECT x.id FROM auth.outbox x
     WHERE x.state <> 'pending' AND x.finished_at < now() - CASE x.state WHEN 'dead' THEN dead_kept ELSE delivered_kept END
     ORDER BY x.finished_at LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; swept := swept + n;
  swept := swept + auth.outbox_expire(batch);
  -- what nobody was set up to send
  UPDATE auth.outbox o SET state = 'dead', args = NULL, finished_at = now(), last_error = 'nobody sent it' WHERE o.id IN (
    SELECT x.id FROM auth.outbox x
     WHERE x.state = 'pending' AND x.next_attempt_at < now() - promises_kept LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; swept := swept + n;
  UPDATE auth.outbound_calls o SET state = 'dead', body = NULL, finished_at = now(), last_error = 'nobody sent it' WHERE o.id IN (
    SELECT x.id FROM auth.outbound_calls x
     WHERE x.state = 'pending' AND x.next_attempt_at < now() - promises_kept LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; swept := swept + n;
  DELETE FROM auth.outbound_calls o WHERE o.id IN (
    SELECT x.id FROM auth.outbound_calls x
     WHERE x.state <> 'pending' AND x.finished_at < now() - CASE x.state WHEN 'dead' THEN dead_kept ELSE delivered_kept END
     ORDER BY x.finished_at LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; swept := swept + n;
  DELETE FROM auth.security_events e WHERE e.id IN (
    SELECT x.id FROM auth.security_events x WHERE x.created_at < now() - events_kept
     ORDER BY x.created_at LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; swept := swept + n;
  DELETE FROM auth.invitations i WHERE i.id IN (
    SELECT x.id FROM auth.invitations x WHERE x.expires_at < now() - invitations_kept
     ORDER BY x.expires_at LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; swept := swept + n;
  DELETE FROM auth.api_keys k WHERE k.id IN (
    SELECT x.id FROM auth.api_keys x WHERE LEAST(x.revoked_at, x.expires_at) < now() - api_keys_kept
     ORDER BY LEAST(x.revoked_at, x.expires_at) LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; swept := swept + n;
  DELETE FROM auth.jwks k WHERE k.expires_at <= now();
  GET DIAGNOSTICS n = ROW_COUNT; swept := swept + n;
  DELETE FROM auth.erasures e WHERE e.id IN (
    SELECT x.id FROM auth.erasures x WHERE x.completed_at < now() - erasures_kept
     ORDER BY x.completed_at LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; swept := swept + n;
  PERFORM auth.vault_audit_make_partitions();
  PERFORM auth.vault_audit_seal();
  swept := swept + auth.vault_replaced_sweep(batch);
  swept := swept + auth.two_factor_sweep(batch);
  swept := swept + auth.oidc_sweep(batch);
  RETURN swept;
END
$$;
COMMENT ON FUNCTION auth.sweep IS
  'removes what has expired, at most batch rows of a kind, makes the audit''s next months and seals it; called by edges every minute. '
  'A spent refresh token is kept for a month, the first of a session as long as the session: it must not count as new again';

CREATE FUNCTION auth_api.sweep() RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT auth.lock_try('sweep') THEN
    RETURN 0; -- another edge is at it
  END IF;
  RETURN auth.sweep();
END
$$;
COMMENT ON FUNCTION auth_api.sweep IS 'auth.sweep, by one edge at a time; above 0: call again soon';
