-- The second half of a change of address: the link to the new address changes it and opens no session; the link to the old address
-- takes it back for a week. The first half is auth_api.user_change_email.

CREATE FUNCTION auth.email_change_finish(
    c auth.caller, of_user_id text, old_email text, new_email text, of_session_id text, token text) RETURNS auth.users
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  requested_since constant timestamptz := (SELECT s.created_at FROM auth.sessions s WHERE s.id = of_session_id);
  revert_token constant text := auth.random_id(32);
  u auth.users;
BEGIN
  UPDATE auth.users x SET email = new_email, email_verified = true, updated_at = now()
   WHERE x.id = of_user_id AND x.email = old_email
     AND NOT EXISTS (SELECT FROM auth.users taken WHERE taken.email = new_email)
  RETURNING x.* INTO u;
  IF u.id IS NULL THEN
    RETURN NULL;
  ELSIF auth.email_is_reserved(new_email, u.id) THEN
    RAISE unique_violation;
  END IF;
  PERFORM auth.sessions_end(c, u.id, of_session_id);
  PERFORM auth.verification_revoke_all(u.id);
  DELETE FROM auth.magic_links l WHERE l.email = old_email;
  INSERT INTO auth.email_changes (user_id, old_email, new_email, digest, suspect_since)
  VALUES (u.id, old_email, new_email, sha256(convert_to(revert_token, 'UTF8')), least(requested_since, now() - interval '7 days'));
  IF token IS NOT NULL THEN
    INSERT INTO auth.verification (identifier, value, user_id, expires_at)
    VALUES (auth.verification_identifier('changed-email', token), '{}', u.id, now() + interval '1 day');
  END IF;
  PERFORM auth.security_event(c, u.id, 'EMAIL_CHANGED');
  PERFORM auth.mail_queue('email_changed', old_email, u.locale, auth.json_object('name', u.name, 'token', revert_token), u.id, interval '7 days');
  RETURN u;
EXCEPTION WHEN unique_violation THEN
  RETURN NULL; -- somebody signed up with the address just now, or may still take it back
END
$$;
COMMENT ON FUNCTION auth.email_change_finish IS
  'the link of a change of address was opened: sessions but the one that requested it, links and trusted devices from before end, and '
  'the old address is mailed a link that reverts the change for 7 days. A row of NULLs: the new address is taken by now, or the old '
  'one has changed since';

CREATE FUNCTION auth.email_change_was_done(token text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN COALESCE((auth.verification_find('changed-email', token)).expires_at > now(), false);
END
$$;
COMMENT ON FUNCTION auth.email_change_was_done IS 'whether a link has changed the address before: opening it again is no error, and does nothing';

CREATE FUNCTION auth.email_change_granted(u auth.users, callback_url text) RETURNS auth.reply LANGUAGE sql STABLE
  RETURN auth.granted(
    CASE WHEN callback_url IS NULL
         THEN auth.json_object('status', true, 'user', CASE WHEN u.id IS NOT NULL THEN auth.user_json(u) END) END,
    NULL, NULL, CASE WHEN callback_url IS NOT NULL THEN 302 END, callback_url);
COMMENT ON FUNCTION auth.email_change_granted IS 'the answer to the link of a change of address; no user: it was done before';

CREATE FUNCTION auth_api.email_change_revert(c auth.caller, token text) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  lifetime constant interval := '1 hour';
  presented constant bytea := sha256(convert_to(token, 'UTF8'));
  u constant auth.users := auth.user_lock((SELECT x.user_id FROM auth.email_changes x WHERE x.digest = presented));
  change auth.email_changes;
BEGIN
  UPDATE auth.email_changes x SET reverted_at = now()
   WHERE x.digest = presented AND x.user_id = u.id AND x.reverted_at IS NULL AND x.expires_at > now()
  RETURNING x.* INTO change;
  IF change.id IS NULL THEN
    RETURN auth.refuse('INVALID_TOKEN');
  END IF;
  PERFORM auth.sessions_end(c, u.id, NULL);
  PERFORM auth.email_change_undo(c, u, change);
  UPDATE auth.users x SET email = change.old_email, email_verified = true, updated_at = now() WHERE x.id = u.id;
  PERFORM auth.security_event(c, u.id, 'EMAIL_CHANGE_REVERTED');
  IF u.email <> change.old_email THEN
    PERFORM auth.mail_queue('email_reverted', u.email, u.locale, auth.json_object('name', u.name), u.id);
  END IF;
  PERFORM auth.mail_queue('reset_password', change.old_email, u.locale, auth.json_object(
    'name', u.name, 'callbackURL', '/reset-password',
    'token', auth.verification_issue('reset-password', u.id, auth.json_object('email', change.old_email), lifetime)), u.id, lifetime);
  RETURN auth.granted(auth.json_object('status', true));
EXCEPTION WHEN unique_violation THEN
  RETURN auth.refuse('EMAIL_ALREADY_REGISTERED'); -- an import or a DBA gave the reserved address to another account
END
$$;
COMMENT ON FUNCTION auth_api.email_change_revert IS
  'POST /revert-email-change: the link in the mail to the old address, once within 7 days. The user gets the old address back, also when '
  'it was changed again since; whoever was signed in, and what they set up (auth.email_change_undo), is out; the old address is mailed '
  'a link to a new password. EMAIL_ALREADY_REGISTERED: another account has the address, and nothing was changed';

CREATE FUNCTION auth.email_change_undo(c auth.caller, u auth.users, change auth.email_changes) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  DELETE FROM auth.email_changes x WHERE x.user_id = u.id AND x.changed_at > change.changed_at;
  PERFORM auth.verification_revoke_all(u.id);
  DELETE FROM auth.verification v WHERE v.user_id = u.id;
  DELETE FROM auth.passkeys p WHERE p.user_id = u.id; -- one from before may be the thief's as well
  DELETE FROM auth.passkey_challenges p WHERE p.user_id = u.id;
  PERFORM auth.api_keys_end(c, u.id, 'email-change-revert');
  PERFORM auth.two_factor_undo(c, u, change.suspect_since);
  DELETE FROM auth.oauth_consents x WHERE x.user_id = u.id AND x.updated_at >= change.suspect_since; -- given since, or widened
  UPDATE auth.invitations x SET status = 'canceled' WHERE x.inviter_id = u.id AND x.status = 'pending'; -- they live for two days
  UPDATE auth.oauth_clients x SET disabled = true, updated_at = now()
   WHERE x.created_by = u.id AND x.created_at >= change.suspect_since AND NOT x.configured;
  -- A password may be what was stolen, or be the thief's by now.
  DELETE FROM auth.accounts a WHERE a.user_id = u.id AND a.provider_id = 'credential';
END
$$;
COMMENT ON FUNCTION auth.email_change_undo IS
  'Ends the ways in after the owner reverts a change of address: later changes, links, the password, every passkey, API key '
  'and pending invitation, and of what was set up since change.suspect_since the second factor, backup codes, consents and OAuth clients.';

CREATE FUNCTION auth.two_factor_undo(c auth.caller, u auth.users, since timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  f auth.two_factor_auth;
  app_stays boolean;
  mail_stays boolean; -- codes by mail reach the old address again
BEGIN
  SELECT x.* INTO f FROM auth.two_factor_auth x WHERE x.user_id = u.id;
  app_stays := f.confirmed_at IS NOT NULL AND greatest(f.created_at, f.confirmed_at, f.shown_at) < since;
  mail_stays := f.by_mail AND greatest(f.created_at, f.by_mail_since) < since;
  IF NOT (app_stays OR mail_stays) THEN
    PERFORM auth.two_factor_remove(c, u);
    RETURN;
  END IF;
  UPDATE auth.two_factor_auth x
     SET by_mail = mail_stays, by_mail_since = CASE WHEN mail_stays THEN x.by_mail_since END,
         secret = CASE WHEN app_stays THEN x.secret END, confirmed_at = CASE WHEN app_stays THEN x.confirmed_at END,
         shown_at = CASE WHEN app_stays THEN x.shown_at END
   WHERE x.user_id = u.id AND NOT (app_stays AND mail_stays);
  DELETE FROM auth.two_factor_backup_codes b WHERE b.user_id = u.id AND b.created_at >= since;
END
$$;
COMMENT ON FUNCTION auth.two_factor_undo IS
  'ends of a second factor what was set up, or shown, since a time: a secret that was shown may have been copied. An older factor stays, '
  'because the old mailbox alone must not remove it';
