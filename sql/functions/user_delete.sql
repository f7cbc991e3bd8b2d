-- Deleting one's own account: by the password, by a fresh session, or by a link that was mailed. What is left is a trail
-- under a pseudonym.

CREATE FUNCTION auth_api.user_delete(
    c auth.caller, password_version integer, verified boolean, token text, callback_url text, dialect text)
  RETURNS auth.reply LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
  u constant auth.users := auth.user_lock(me.user_id);
  refusal auth.reply;
BEGIN
  IF u.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  refusal := auth.organization_release_refusal(u.id);
  IF refusal.refusal IS NOT NULL THEN
    RETURN refusal;
  ELSIF verified IS NOT NULL THEN
    refusal := auth.password_refusal(c, u, password_version, verified, dialect);
  ELSIF token IS NOT NULL THEN
    refusal := CASE WHEN (auth.verification_consume('delete-account', token, u.id)).user_id IS NULL
                    THEN auth.refuse('INVALID_TOKEN') END;
  ELSIF NOT auth.session_is_fresh(me) AND callback_url IS NOT NULL THEN
    RETURN auth.user_delete_mail(u, callback_url);
  ELSIF NOT auth.session_is_fresh(me) THEN
    refusal := auth.refuse('SESSION_EXPIRED');
  END IF;
  IF refusal.refusal IS NOT NULL THEN
    RETURN refusal;
  END IF;
  PERFORM auth.user_erase(c, u);
  RETURN auth.granted(
    CASE WHEN dialect = 'v1' THEN auth.json_object('success', true)
         ELSE auth.json_object('success', true, 'message', 'User deleted') END, auth.session_cookies_cleared());
END
$$;
COMMENT ON FUNCTION auth_api.user_delete IS
  'POST /delete-user: by the password (verified or not), by the token of a mail, or without either (NULL) by a session younger '
  'than a day. An older one that names a callback URL is mailed a link';

CREATE FUNCTION auth.user_delete_mail(u auth.users, callback_url text) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  wait_seconds constant integer := auth.rate_limit_count('mail/delete_account', u.id);
BEGIN
  IF wait_seconds > 0 THEN
    RETURN auth.refuse('RATE_LIMITED', NULL, wait_seconds);
  END IF;
  PERFORM auth.mail_queue('delete_account', u.email, u.locale, auth.json_object(
    'name', u.name, 'callbackURL', callback_url,
    'token', auth.verification_issue('delete-account', u.id, auth.json_object('email', u.email), interval '1 day')), u.id);
  RETURN auth.granted(auth.json_object('success', true, 'message', 'Verification email sent'));
END
$$;
COMMENT ON FUNCTION auth.user_delete_mail IS 'promises the mail whose link deletes the account, in a browser that is signed in';

CREATE FUNCTION auth_api.user_delete_callback(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
  u constant auth.users := auth.user_lock(me.user_id);
  refusal auth.reply;
BEGIN
  IF u.id IS NULL THEN
    RETURN auth.refuse_as(404, 'Failed to get user info', 'FAILED_TO_GET_USER_INFO');
  END IF;
  refusal := auth.organization_release_refusal(u.id);
  IF refusal.refusal IS NOT NULL THEN
    RETURN refusal; -- the link stays good for when that is settled
  ELSIF (auth.verification_consume('delete-account', input ->> 'token', u.id)).user_id IS NULL THEN
    RETURN auth.refuse_as(404, 'Invalid token', 'INVALID_TOKEN');
  END IF;
  PERFORM auth.user_erase(c, u);
  RETURN CASE WHEN input ->> 'callbackURL' IS NULL
              THEN auth.granted(auth.json_object('success', true, 'message', 'User deleted'), auth.session_cookies_cleared())
              ELSE auth.granted(NULL, auth.session_cookies_cleared(), NULL, 302, input ->> 'callbackURL') END;
END
$$;
COMMENT ON FUNCTION auth_api.user_delete_callback IS
  'GET /delete-user/callback: the link of the mail, with the session of the same user; a scanner of mails has none';

CREATE FUNCTION auth.user_erase(c auth.caller, u auth.users) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  pseudonym constant text := 'erased-' || auth.random_id(24);
BEGIN
  IF json_array_length(auth.organization_release_user(c, u.id) -> 'blocked') > 0 THEN
    RAISE EXCEPTION 'the user is the only owner of an organization'
      USING ERRCODE = 'restrict_violation', DETAIL = format('User "%s".', u.id), HINT = 'Ask auth.organization_release_refusal first.';
  END IF;
  PERFORM auth.identity_assume('*'); -- the trail of the vault is below row-level security
  PERFORM auth.vault_audit_write(c, u.id, 'erase', NULL, 200);
  PERFORM auth.vault_audit_pseudonymize(u.id, pseudonym);
  PERFORM auth.lockout_clear(u.email);
  DELETE FROM auth.magic_links l WHERE l.email = u.email;
  UPDATE auth.security_events e SET user_id = pseudonym, ip_address = NULL, user_agent = NULL, metadata = NULL
   WHERE e.user_id = u.id;
  DELETE FROM auth.users x WHERE x.id = u.id;
  INSERT INTO auth.security_events (user_id, event_type) VALUES (u.id, 'ACCOUNT_DELETED');
  PERFORM auth.mail_queue('account_deleted', u.email, u.locale, auth.json_object('name', u.name));
  RETURN pseudonym;
END
$$;
COMMENT ON FUNCTION auth.user_erase IS
  'the user and all that belongs to them, at once; of organizations that is what auth.organization_release_user says. What '
  'stays: the vault''s trail and the events under a pseudonym (returned), the fact that this id was deleted, and a last mail';
