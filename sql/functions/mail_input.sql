-- What may go into a mail, and how often an address gets one that a stranger can ask for.

CREATE FUNCTION auth.email_is_valid(address text) RETURNS boolean
  LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'mana_email_is_valid';
COMMENT ON FUNCTION auth.email_is_valid IS 'whether an address is one that the edge accepts (common/email.h, RFC 5321 section 4.5.3.1)';

CREATE FUNCTION auth.mail_inputs_fit(name text, VARIADIC urls text[]) RETURNS boolean
  LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'mana_mail_inputs_fit';
COMMENT ON FUNCTION auth.mail_inputs_fit IS
  'whether a mail with this name, and with a link that holds these URLs, can be written and its link opened (common/mailed.h)';

CREATE FUNCTION auth.mail_inputs_refused() RETURNS auth.reply LANGUAGE sql IMMUTABLE
  RETURN auth.refuse('VALIDATION_ERROR', 'The name, or the URLs together, are too long for a mail');
COMMENT ON FUNCTION auth.mail_inputs_refused IS 'the refusal of what auth.mail_inputs_fit does not accept';

CREATE FUNCTION auth.mail_wait_seconds(kind text, subject text) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  -- no longer than the link is valid
  longer constant text := CASE kind WHEN 'magic_link' THEN 'mail_10_minutes/' ELSE 'mail_hour/' END;
  wait_seconds constant integer := auth.rate_limit_count('mail/' || kind, subject);
BEGIN
  RETURN CASE WHEN wait_seconds > 0 THEN wait_seconds ELSE auth.rate_limit_count(longer || kind, subject) END;
END
$$;
COMMENT ON FUNCTION auth.mail_wait_seconds IS
  'counts a mail of a kind for a subject, an address or a user; seconds until the next one may go, 0: this one may. At most 3 in a '
  'minute and 10 in an hour (of sign-in links 5 in ten minutes). Every mail to an address that the caller names is counted here';

CREATE FUNCTION auth.mail_is_limited(kind text, address text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN auth.mail_wait_seconds(kind, address) > 0;
END
$$;
COMMENT ON FUNCTION auth.mail_is_limited IS
  'counts a mail that anybody can ask for; true: the address has had its mails for now. The caller then leaves the newest link '
  'as it is, and sends a mail only if no link is valid: so a stranger who uses up the limit leaves the owner a valid link';

CREATE FUNCTION auth.notice_mail(kind text, of_user_id text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT auth.mail_is_limited(kind, of_user_id) THEN
    PERFORM auth.mail_queue(notice_mail.kind, u.email, u.locale, auth.json_object('name', u.name), u.id)
       FROM auth.users u WHERE u.id = of_user_id AND u.deleted_at IS NULL;
  END IF;
END
$$;
COMMENT ON FUNCTION auth.notice_mail IS
  'tells a user of something that happened to their account, which a session may repeat: at most 3 mails of a kind in a minute and 10 in '
  'an hour. The limit is the user''s and this kind''s: no request of another uses it up';

CREATE FUNCTION auth.verification_is_live(kind text, of_user_id text) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN EXISTS (SELECT FROM auth.verification v
                  WHERE v.user_id = of_user_id AND v.identifier LIKE kind || ':%' AND v.expires_at > now());
END
$$;
COMMENT ON FUNCTION auth.verification_is_live IS 'whether the user has a link of this kind that is valid';
