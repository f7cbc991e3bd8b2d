-- A user's data to take along (GDPR, articles 15 and 20), as JSON for people and programs, page by page: the edge sends each
-- page before it asks for the next, and nobody ever holds all of it. Each page is of its own moment.
--
-- The keys of version 2.0 come first, then what it left out. No secret is in it: of a credential there is that it exists.

CREATE FUNCTION auth.gdpr_member(level integer, name text, value json) RETURNS text LANGUAGE sql IMMUTABLE
  RETURN E'\n' || pg_catalog.repeat('  ', level) || pg_catalog.to_json(name)::text || ': '
         || COALESCE(auth.json_pretty(value, level), 'null');
COMMENT ON FUNCTION auth.gdpr_member IS 'a member of a pretty-printed object that stands at the level before';

CREATE FUNCTION auth.gdpr_details(u auth.users) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN auth.gdpr_member(2, 'sessions', (
      SELECT auth.json_export_agg(auth.json_object(
               'id', s.id, 'createdAt', s.created_at, 'expiresAt', s.expires_at, 'ipAddress', s.ip_address,
               'deviceName', s.device_name, 'lastActivityAt', s.last_activity_at, 'revokedAt', NULL::timestamptz,
               'userAgent', s.user_agent) ORDER BY s.created_at DESC, s.id)
        FROM auth.sessions s WHERE s.user_id = u.id)) || ','
    || auth.gdpr_member(2, 'passkeys', (
      SELECT auth.json_export_agg(auth.json_object(
               'id', p.id, 'friendlyName', p.name, 'deviceType', p.device_type, 'createdAt', p.created_at,
               'lastUsedAt', p.last_used_at) ORDER BY p.created_at, p.id)
        FROM auth.passkeys p WHERE p.user_id = u.id)) || ','
    || auth.gdpr_member(2, 'apiKeys', (
      SELECT auth.json_export_agg(auth.api_key_json(k) ORDER BY k.created_at, k.id)
        FROM auth.api_keys k WHERE k.user_id = u.id));
END
$$;
COMMENT ON FUNCTION auth.gdpr_details IS 'the lists of version 2.0 that are short';

CREATE FUNCTION auth.gdpr_more(u auth.users) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM auth.identity_assume(u.id);
  RETURN auth.gdpr_member(1, 'profile', auth.json_object(
      'image', u.image, 'updatedAt', u.updated_at, 'accessTier', u.access_tier, 'kind', u.kind, 'locale', u.locale,
      'twoFactorEnabled', COALESCE(u.two_factor_enabled, false), 'onboardingCompletedAt', u.onboarding_completed_at,
      'feedbackShowRealName', u.feedback_show_real_name, 'feedbackKarma', u.feedback_karma)) || ','
    || auth.gdpr_member(1, 'settings', (
      SELECT auth.json_object(
               'globalSettings', t.global_settings, 'appOverrides', t.app_overrides, 'deviceSettings', t.device_settings,
               'createdAt', t.created_at, 'updatedAt', t.updated_at)
        FROM auth.user_settings t WHERE t.user_id = u.id)) || ','
    || auth.gdpr_member(1, 'secondFactor', (
      SELECT auth.json_object('appConfirmedAt', t.confirmed_at, 'byMail', t.by_mail, 'createdAt', t.created_at, 'backupCodesLeft',
               (SELECT count(*) FROM auth.two_factor_backup_codes b WHERE b.user_id = u.id))
        FROM auth.two_factor_auth t WHERE t.user_id = u.id)) || ','
    || auth.gdpr_member(1, 'trustedDevices', (
      SELECT auth.json_export_agg(auth.json_object(
               'id', d.id, 'ipAddress', d.ip_address, 'userAgent', d.user_agent, 'createdAt', d.created_at,
               'lastUsedAt', d.last_used_at, 'expiresAt', d.expires_at) ORDER BY d.created_at, d.id)
        FROM auth.trusted_devices d WHERE d.user_id = u.id)) || ','
    || auth.gdpr_member(1, 'knownDevices', (
      SELECT auth.json_array_agg(auth.json_object(
               'id', d.id, 'createdAt', d.created_at, 'lastSeenAt', d.last_seen_at) ORDER BY d.created_at, d.id)
        FROM auth.known_devices d WHERE d.user_id = u.id)) || ','
    || auth.gdpr_member(1, 'accounts', (
      SELECT auth.json_export_agg(auth.json_object(
               'id', a.id, 'providerId', a.provider_id, 'accountId', a.account_id, 'scope', a.scope,
               'createdAt', a.created_at, 'updatedAt', a.updated_at) ORDER BY a.created_at, a.id)
        FROM auth.accounts a WHERE a.user_id = u.id)) || ','
    || auth.gdpr_member(1, 'organizations', (
      SELECT auth.json_export_agg(auth.json_object(
               'id', o.id, 'name', o.name, 'slug', o.slug, 'role', m.role, 'memberSince', m.created_at) ORDER BY m.created_at, m.id)
        FROM auth.members m JOIN auth.organizations o ON o.id = m.organization_id WHERE m.user_id = u.id)) || ','
    || auth.gdpr_member(1, 'invitations', (
      SELECT auth.json_export_agg(auth.json_object(
               'id', i.id, 'organizationId', i.organization_id, 'email', i.email, 'role', i.role, 'status', i.status,
               'sentByUser', i.inviter_id = u.id, 'createdAt', i.created_at, 'expiresAt', i.expires_at) ORDER BY i.created_at, i.id)
        FROM auth.invitations i WHERE i.email = u.email OR i.inviter_id = u.id)) || ','
    || auth.gdpr_member(1, 'consents', (
      SELECT auth.json_export_agg(auth.json_object(
               'clientId', k.client_id, 'clientName', a.name, 'scopes', to_json(k.scopes), 'createdAt', k.created_at,
               'updatedAt', k.updated_at) ORDER BY k.created_at, k.client_id)
        FROM auth.oauth_consents k JOIN auth.oauth_clients a ON a.id = k.client_id WHERE k.user_id = u.id)) || ','
    || auth.gdpr_member(1, 'authorizations', (
      SELECT auth.json_export_agg(auth.json_object(
               'clientId', g.client_id, 'scopes', to_json(g.scopes), 'resource', g.resource, 'authTime', g.auth_time, 'createdAt', g.created_at)
               ORDER BY g.created_at, g.id)
        FROM auth.oauth_grants g WHERE g.user_id = u.id)) || ','
    || auth.gdpr_member(1, 'loginAttempts', (
      SELECT auth.json_export_agg(auth.json_object(
               'method', l.method, 'successful', l.successful, 'ipAddress', l.ip_address, 'attemptedAt', l.attempted_at)
               ORDER BY l.attempted_at, l.id)
        FROM auth.login_attempts l WHERE l.email = u.email)) || ','
    || auth.gdpr_member(1, 'pendingLinks', (
      SELECT auth.json_export_agg(auth.json_object(
               'kind', l.kind, 'createdAt', l.created_at, 'expiresAt', l.expires_at) ORDER BY l.created_at, l.kind)
        FROM (SELECT split_part(v.identifier, ':', 1), v.created_at, v.expires_at FROM auth.verification v
               WHERE v.user_id = u.id AND v.identifier NOT LIKE 'done-%'
              UNION ALL SELECT 'magic-link', m.created_at, m.expires_at FROM auth.magic_links m WHERE m.email = u.email
              UNION ALL SELECT 'second-factor', t.created_at, t.expires_at FROM auth.two_factor_challenges t WHERE t.user_id = u.id)
             l (kind, created_at, expires_at))) || ','
    || auth.gdpr_member(1, 'emailChanges', (
      SELECT auth.json_array_agg(auth.json_object(
               'oldEmail', e.old_email, 'newEmail', e.new_email, 'changedAt', e.changed_at, 'revertibleUntil', e.expires_at,
               'revertedAt', e.reverted_at) ORDER BY e.changed_at, e.id)
        FROM auth.email_changes e WHERE e.user_id = u.id)) || ','
    || auth.gdpr_member(1, 'vault', (
      SELECT auth.json_object(
               'formatVersion', v.format_version, 'kekId', v.kek_id, 'keyGeneration', v.generation,
               'zeroKnowledge', v.zero_knowledge, 'hasRecoveryWrap', v.recovery_wrapped_mk IS NOT NULL,
               'recoverySetAt', v.recovery_set_at, 'createdAt', v.created_at, 'rotatedAt', v.rotated_at,
               'replacedWraps', (
                 SELECT COALESCE(auth.json_array_agg(auth.json_object(
                          'kind', CASE WHEN k.wrapped_mk IS NULL THEN 'recovery' ELSE 'key' END, 'keyGeneration', k.generation,
                          'replacedAt', k.replaced_at, 'expiresAt', k.expires_at) ORDER BY k.replaced_at, k.id), '[]')
                   FROM auth.vault_replaced_wraps k WHERE k.user_id = v.user_id))
        FROM auth.encryption_vaults v WHERE v.user_id = u.id));
END
$$;
COMMENT ON FUNCTION auth.gdpr_more IS 'what version 2.0 left out, as far as it is short';

CREATE FUNCTION auth.gdpr_list(u auth.users, list text, before_at timestamptz, before_id text, most integer)
  RETURNS TABLE (item json, at timestamptz, id text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  CASE list
    WHEN 'securityEvents' THEN
      RETURN QUERY
        SELECT auth.json_object('eventType', e.event_type, 'ipAddress', e.ip_address, 'createdAt', e.created_at,
                                'userAgent', e.user_agent, 'metadata', e.metadata), e.created_at, e.id::text
          FROM auth.security_events e
         WHERE e.user_id = u.id AND (before_at IS NULL OR (e.created_at, e.id) < (before_at, before_id::uuid))
         ORDER BY e.created_at DESC, e.id DESC LIMIT most;
    WHEN 'vaultAudit' THEN
      PERFORM auth.identity_assume(u.id);
      RETURN QUERY
        SELECT auth.json_object('action', a.action, 'status', a.status, 'context', a.context, 'ipAddress', a.ip_address,
                                'userAgent', a.user_agent, 'createdAt', a.created_at), a.created_at, a.id
          FROM auth.encryption_vault_audit a
         WHERE a.user_id = u.id AND (before_at IS NULL OR (a.created_at, a.id) < (before_at, before_id))
         ORDER BY a.created_at DESC, a.id DESC LIMIT most;
    WHEN 'mails' THEN
      RETURN QUERY
        SELECT auth.json_object('kind', o.kind, 'recipient', o.recipient, 'locale', o.locale, 'state', o.state,
                                'createdAt', o.created_at, 'finishedAt', o.finished_at), o.created_at, o.id
          FROM auth.outbox o
         WHERE (o.user_id = u.id OR o.recipient = u.email) AND (before_at IS NULL OR (o.created_at, o.id) < (before_at, before_id))
         ORDER BY o.created_at DESC, o.id DESC LIMIT most;
    ELSE
      RAISE EXCEPTION 'unknown list in the cursor of an export' USING ERRCODE = 'invalid_parameter_value';
  END CASE;
END
$$;
COMMENT ON FUNCTION auth.gdpr_list IS 'a page of a list that may be long, newest first, behind the row that is named';

CREATE FUNCTION auth.gdpr_open(name text) RETURNS text LANGUAGE sql IMMUTABLE
  RETURN E'\n  "' || name || '": [';
CREATE FUNCTION auth.gdpr_close(level integer, is_empty boolean) RETURNS text LANGUAGE sql IMMUTABLE
  RETURN CASE WHEN is_empty THEN ']' ELSE E'\n' || pg_catalog.repeat('  ', level) || ']' END;
COMMENT ON FUNCTION auth.gdpr_close IS 'ends an array that stands at a level';

CREATE FUNCTION auth.gdpr_list_page(u auth.users, cursor jsonb, OUT piece text, OUT next jsonb)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  most constant integer := 500;
  list constant text := cursor ->> 'list';
  level constant integer := CASE list WHEN 'securityEvents' THEN 2 ELSE 1 END;
  line constant text := E'\n' || repeat('  ', level + 1);
  is_first constant boolean := cursor ->> 'id' IS NULL;
  rows integer;
BEGIN
  SELECT COALESCE(string_agg(CASE WHEN is_first AND x.n = 1 THEN '' ELSE ',' END || line || auth.json_pretty(x.item, level + 1), ''
                             ORDER BY x.n), ''),
         COALESCE((array_agg(jsonb_build_object('list', list, 'at', x.at, 'id', x.id) ORDER BY x.n DESC))[1], cursor), count(*)
    INTO piece, next, rows
    FROM auth.gdpr_list(u, list, (cursor ->> 'at')::timestamptz, cursor ->> 'id', most) WITH ORDINALITY x (item, at, id, n);
  IF rows = most THEN
    RETURN;
  END IF;
  piece := piece || auth.gdpr_close(level, next ->> 'id' IS NULL);
  CASE list
    WHEN 'securityEvents' THEN
      piece := piece || E'\n  },' || auth.gdpr_more(u) || ',' || auth.gdpr_open('vaultAudit');
      next := '{"list": "vaultAudit"}';
    WHEN 'vaultAudit' THEN
      piece := piece || ',' || auth.gdpr_open('mails');
      next := '{"list": "mails"}';
    WHEN 'mails' THEN
      piece := piece || ',' || auth.gdpr_open('syncRecords');
      next := '{"list": "syncRecords"}';
  END CASE;
END
$$;
COMMENT ON FUNCTION auth.gdpr_list_page IS 'the next rows of a list of ours, and behind the last one the beginning of the next list';

CREATE FUNCTION auth.gdpr_sync_page(u auth.users, cursor jsonb, OUT piece text, OUT next jsonb)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  is_first constant boolean := cursor ->> 'id' IS NULL;
  page record;
BEGIN
  SELECT x.records, x.app_id, x.created_at, x.id, x.reason INTO page
    FROM auth.sync_records(u.id, cursor ->> 'app', cursor ->> 'at', cursor ->> 'id', 1000, 1048576) x;
  piece := COALESCE((
    SELECT string_agg(CASE WHEN is_first AND r.n = 1 THEN '' ELSE ',' END || E'\n    ' || auth.json_pretty(r.record::json, 2), ''
                      ORDER BY r.n)
      FROM unnest(page.records) WITH ORDINALITY r (record, n)), '');
  IF page.id IS NOT NULL THEN
    next := jsonb_build_object('list', 'syncRecords', 'app', page.app_id, 'at', page.created_at, 'id', page.id);
    RETURN;
  END IF;
  piece := auth.gdpr_close(1, is_first) || ','
    || auth.gdpr_member(1, 'syncRecordsComplete', to_json(page.reason IS NULL)) || ','
    || auth.gdpr_member(1, 'syncRecordsReason', to_json(page.reason)) || E'\n}\n';
END
$$;
COMMENT ON FUNCTION auth.gdpr_sync_page IS
  'the next records of the sync database, some megabyte at a time; behind the last one whether these were all, and the end';

CREATE FUNCTION auth_api.gdpr_export(
    c auth.caller, credits jsonb, cursor jsonb, OUT refusal text, OUT message text, OUT piece text, OUT next jsonb)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
  u auth.users;
BEGIN
  SELECT x.* INTO u FROM auth.users x WHERE x.id = s.user_id AND x.deleted_at IS NULL;
  IF u.id IS NULL THEN
    refusal := 'UNAUTHORIZED';
    message := 'Invalid or expired token';
  ELSIF cursor IS NULL THEN
    piece := '{' || auth.gdpr_member(1, 'exportedAt', to_json(auth.iso(now()))) || ','
      || auth.gdpr_member(1, 'exportVersion', '"2.0"') || ','
      || auth.gdpr_member(1, 'data', auth.gdpr_summary(u.id, credits)) || E',\n  "details": {'
      || auth.gdpr_details(u) || E',\n    "securityEvents": [';
    next := '{"list": "securityEvents"}';
  ELSIF cursor ->> 'list' = 'syncRecords' THEN
    SELECT x.piece, x.next INTO piece, next FROM auth.gdpr_sync_page(u, cursor) x;
  ELSE
    SELECT x.piece, x.next INTO piece, next FROM auth.gdpr_list_page(u, cursor) x;
  END IF;
END
$$;
COMMENT ON FUNCTION auth_api.gdpr_export IS
  'GET /me/data/export: a piece of the body, and what to call with for the next one; next NULL: that was the last. cursor NULL: '
  'the first, with what mana-credits answered';
