-- Deleting one's own account: with step-up authentication, or by a link that was mailed. What is left is a trail
-- under a pseudonym.

CREATE FUNCTION auth.user_delete_refusal(
    c auth.caller, me auth.sessions, u auth.users, challenge text, output bytea, token text, callback_url text,
    dialect text) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  refusal auth.reply;
BEGIN
  IF u.id IS NULL OR me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  ELSIF challenge IS NOT NULL THEN
    refusal := auth.password_refusal(c, u, challenge, output, dialect);
    IF refusal.refusal IS NOT NULL THEN
      RETURN refusal; -- before anything else is said: each attempt counts, and a locked session gets one answer
    END IF;
  END IF;
  refusal := auth.organization_release_refusal(u.id);
  IF refusal.refusal IS NOT NULL THEN
    RETURN refusal;
  ELSIF auth.admin_is_last(u.id) THEN
    RETURN auth.refuse('LAST_ADMIN');
  ELSIF challenge IS NOT NULL THEN
    RETURN auth.step_up_by_password(c, me, 'delete-account');
  ELSIF token IS NOT NULL THEN
    RETURN CASE WHEN (auth.verification_consume('delete-account', token, u.id)).user_id IS NULL
                THEN auth.refuse('INVALID_TOKEN') END;
  ELSIF callback_url IS NOT NULL AND NOT auth.step_up_is_proven(me, u, 'delete-account') THEN
    RETURN auth.user_delete_mail(me, u, callback_url);
  END IF;
  RETURN auth.step_up_refusal(c, me, 'delete-account');
END
$$;
COMMENT ON FUNCTION auth.user_delete_refusal IS
  'what is answered instead of deleting, a mail that was promised included; a row of NULLs: go on. Asked for are the password '
  '(challenge and output; not enough where a second factor is on), the token of a mail, or without either (NULL) a proof of the session. '
  'Without one a session that names a callback URL is mailed a link';

CREATE FUNCTION auth_api.user_delete(
    c auth.caller, challenge text, output bytea, token text, callback_url text, dialect text)
  RETURNS auth.reply LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  u constant auth.users := auth.user_lock_to_end((auth.session_find(c)).user_id);
  me constant auth.sessions := auth.session_hold(c);
  instead constant auth.reply := auth.user_delete_refusal(c, me, u, challenge, output, token, callback_url, dialect);
BEGIN
  IF instead.refusal IS NOT NULL OR instead.body IS NOT NULL THEN
    RETURN instead;
  END IF;
  PERFORM auth.user_erase(c, u);
  RETURN auth.granted(
    CASE WHEN dialect = 'v1' THEN auth.json_object('success', true)
         ELSE auth.json_object('success', true, 'message', 'User deleted') END, auth.session_cookies_cleared());
END
$$;
COMMENT ON FUNCTION auth_api.user_delete IS
  'POST /delete-user: begins the erasure (auth.user_erase) on the conditions of auth.user_delete_refusal';

CREATE FUNCTION auth_api.erasure_start(
    c auth.caller, challenge text, output bytea, token text, callback_url text, worker text, lease_seconds integer,
    OUT refusal text, OUT message text, OUT retry_after_seconds integer, OUT status integer, OUT body text, OUT location text,
    OUT cookies text, OUT claims text, OUT erasure_id text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  u constant auth.users := auth.user_lock_to_end((auth.session_find(c)).user_id);
  me constant auth.sessions := auth.session_hold(c);
  instead constant auth.reply := auth.user_delete_refusal(c, me, u, challenge, output, token, callback_url, 'v1');
BEGIN
  IF instead.refusal IS NOT NULL OR instead.body IS NOT NULL THEN
    refusal := instead.refusal;
    message := instead.message;
    retry_after_seconds := instead.retry_after_seconds;
    status := instead.status;
    body := instead.body;
    RETURN;
  END IF;
  erasure_id := auth.user_erase(c, u);
  PERFORM auth.erasure_lease(erasure_id, worker, lease_seconds);
  cookies := auth.session_cookies_cleared();
END
$$;
COMMENT ON FUNCTION auth_api.erasure_start IS
  'DELETE /me/data and DELETE /api/v1/auth/account: the same, and the erasure''s id. Its sources are leased to the worker, '
  'which asks each of them once before it answers';

CREATE FUNCTION auth.user_delete_mail(me auth.sessions, u auth.users, callback_url text) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  lifetime constant interval := '1 day';
  wait_seconds integer;
BEGIN
  IF NOT auth.mail_inputs_fit(NULL, callback_url) THEN
    RETURN auth.mail_inputs_refused();
  END IF;
  wait_seconds := auth.rate_limit_count('mail/delete_account', u.id);
  IF wait_seconds > 0 THEN
    RETURN auth.refuse('RATE_LIMITED', NULL, wait_seconds);
  END IF;
  PERFORM auth.mail_queue('delete_account', u.email, u.locale, auth.json_object(
    'name', u.name, 'callbackURL', callback_url,
    'token', auth.verification_issue('delete-account', u.id, auth.json_object('email', u.email), lifetime, me.id)), u.id, lifetime);
  RETURN auth.granted(auth.json_object('success', true, 'message', 'Verification email sent'));
END
$$;
COMMENT ON FUNCTION auth.user_delete_mail IS 'promises the mail whose link deletes the account, in a browser that is signed in';

CREATE FUNCTION auth_api.user_delete_callback(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
  u constant auth.users := auth.user_lock_to_end(me.user_id);
  refusal auth.reply;
BEGIN
  IF u.id IS NULL AND input ->> 'callbackURL' IS NOT NULL AND auth.verification_was_done('delete-account', input ->> 'token') THEN
    RETURN auth.granted(NULL, status => 302, location => input ->> 'callbackURL');
  ELSIF u.id IS NULL THEN
    RETURN auth.refuse_as(404, 'Failed to get user info', 'FAILED_TO_GET_USER_INFO');
  END IF;
  refusal := auth.organization_release_refusal(u.id);
  IF refusal.refusal IS NOT NULL THEN
    RETURN refusal; -- the link stays good for when that is settled
  ELSIF auth.admin_is_last(u.id) THEN
    RETURN auth.refuse('LAST_ADMIN');
  ELSIF (auth.verification_consume('delete-account', input ->> 'token', u.id)).user_id IS NULL THEN
    RETURN auth.refuse_as(404, 'Invalid token', 'INVALID_TOKEN');
  END IF;
  PERFORM auth.user_erase(c, u);
  PERFORM auth.verification_done('delete-account', input ->> 'token', NULL);
  RETURN CASE WHEN input ->> 'callbackURL' IS NULL
              THEN auth.granted(auth.json_object('success', true, 'message', 'User deleted'), auth.session_cookies_cleared())
              ELSE auth.granted(NULL, auth.session_cookies_cleared(), NULL, 302, input ->> 'callbackURL') END;
END
$$;
COMMENT ON FUNCTION auth_api.user_delete_callback IS
  'GET /delete-user/callback: the link of the mail, with the session of the same user; a scanner of mails has none. A second use '
  'goes to the callback';

CREATE FUNCTION auth_api.user_delete_page(c auth.caller, token text) RETURNS TABLE (state text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
  v constant auth.verification := auth.verification_find('delete-account', token);
BEGIN
  RETURN QUERY SELECT CASE WHEN auth.verification_was_done('delete-account', token) THEN 'done'
                           WHEN me.id IS NULL THEN 'signed_out'
                           WHEN v.user_id = me.user_id AND v.expires_at > now() THEN 'open'
                           ELSE 'gone' END;
END
$$;
COMMENT ON FUNCTION auth_api.user_delete_page IS
  'what the page of the link of a deletion mail shows: done (the account is deleted), signed_out, open (the button), gone. Takes nothing';
