-- Whether a password is right. The edge computes: it asks for the challenge (algorithm, parameters, salt) and sends the raw output
-- of argon2id or scrypt. The comparison is made here, together with the lockout and the counting, for every endpoint that takes a
-- password. No routine takes the edge's word for it.

CREATE FUNCTION auth.password_challenge(stored text) RETURNS text
  LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'mana_password_challenge';
COMMENT ON FUNCTION auth.password_challenge IS 'a stored hash without its output; NULL for text of no known form';
CREATE FUNCTION auth.password_matches(stored text, output bytea, key bytea) RETURNS boolean
  LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'mana_password_matches';
COMMENT ON FUNCTION auth.password_matches IS
  'whether a raw output is that of a stored hash, in constant time; false for NULL, another length and unknown forms';
CREATE FUNCTION auth.password_seal(stored text, key bytea) RETURNS text
  LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'mana_password_seal';
COMMENT ON FUNCTION auth.password_seal IS
  'an argon2id hash with HMAC-SHA-256 of its output instead of the output; other text, such as the scrypt of Better Auth, as it is';

CREATE FUNCTION auth.password_at_rest(hash text) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN auth.password_seal(hash, auth.secret('password'));
END
$$;
COMMENT ON FUNCTION auth.password_at_rest IS 'how a new hash that the edge has computed is stored';

CREATE FUNCTION auth.passwords_seal() RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  key constant bytea := auth.secret('password');
  sealed bigint;
BEGIN
  UPDATE auth.accounts a SET password = auth.password_seal(a.password, key) WHERE a.password LIKE '$argon2id$%';
  GET DIAGNOSTICS sealed = ROW_COUNT;
  RETURN sealed;
END
$$;
COMMENT ON FUNCTION auth.passwords_seal IS
  'for a DBA after the update from 1.0: what else the next sign-in of each user would do. How many argon2id hashes are now sealed';

CREATE FUNCTION auth.password_stored(of_user_id text) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (SELECT a.password FROM auth.accounts a
           WHERE a.user_id = of_user_id AND a.provider_id = 'credential' AND a.account_id = of_user_id);
END
$$;
COMMENT ON FUNCTION auth.password_stored IS 'the stored hash of a user; NULL: there is none';

CREATE FUNCTION auth.password_challenge_dummy(address text) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  form constant text := '$argon2id$v=19$m=19456,t=2,p=1$'; -- where there is no other account yet
  digest constant bytea := auth.hmac_sha256(convert_to(address, 'UTF8'), auth.secret('password-dummy'));
  place constant text := translate(encode(substr(digest, 17), 'base64'), '+/=', 'Aa');
  other text;
BEGIN
  SELECT auth.password_challenge(a.password) INTO other FROM auth.accounts a
   WHERE a.id >= place AND a.provider_id = 'credential' ORDER BY a.id LIMIT 1;
  IF other LIKE 'scrypt:%' THEN
    RETURN 'scrypt:' || encode(substr(digest, 1, 16), 'hex');
  END IF;
  RETURN COALESCE(regexp_replace(other, '[^$]*$', ''), form) || rtrim(encode(substr(digest, 1, 16), 'base64'), '=');
END
$$;
COMMENT ON FUNCTION auth.password_challenge_dummy IS
  'the challenge of an address without a password. The salt depends on a sealed key and the address; algorithm and parameters are '
  'those of another account, which the key chooses: an imported database has several, and their times differ';

CREATE FUNCTION auth.password_challenge_of(address text, stored text) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  dummy constant text := auth.password_challenge_dummy(address); -- in any case: the same work
BEGIN
  RETURN COALESCE(auth.password_challenge(stored), dummy);
END
$$;
COMMENT ON FUNCTION auth.password_challenge_of IS
  'what the edge needs to compute the output of a password; it tells neither whether the account exists nor whether it has a password';

CREATE FUNCTION auth.password_check(
    c auth.caller, u auth.users, s auth.lockout_scope, challenge text, output bytea, error text) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  key constant bytea := auth.secret('password');
  stored constant text := auth.password_stored(u.id);
  current constant text := auth.password_challenge_of(s.address, stored);
  refusal auth.reply := auth.lockout_refusal(c, s);
BEGIN
  IF refusal.refusal IS NOT NULL THEN
    RETURN refusal;
  ELSIF output IS NULL OR challenge IS DISTINCT FROM current THEN
    -- Not a guess: nothing is compared, and auth_api.sign_in_lookup tells as much.
    RETURN auth.refuse('PASSWORD_CHALLENGE_STALE');
  END IF;
  refusal := auth.lockout_take(c, s);
  IF refusal.refusal IS NOT NULL THEN
    RETURN refusal;
  ELSIF NOT auth.password_matches(stored, output, key) THEN
    RETURN auth.password_refused(c, s, u.id, error);
  END IF;
  PERFORM auth.lockout_forgive(s);
  IF stored LIKE '$argon2id$%' THEN -- of an earlier version; what the edge computes stays the same
    UPDATE auth.accounts a SET password = auth.password_seal(stored, key) WHERE a.user_id = u.id AND a.password = stored;
  END IF;
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.password_check IS
  'the one place where a password is judged: lockout, count, comparison, event, in this order. u: the user, locked, or a row of NULLs '
  'for an unknown address; output: raw, computed from the challenge; error: what a wrong password answers. A row of NULLs: it is '
  'right. PASSWORD_CHALLENGE_STALE: nothing was compared nor counted, because the stored hash has been replaced since the challenge was '
  'given, or the edge computed no output (it found the account locked, and it is no more)';

CREATE FUNCTION auth.password_refused(c auth.caller, s auth.lockout_scope, of_user_id text, error text) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  locked_seconds constant integer := auth.lockout_count_failure(c, s);
BEGIN
  PERFORM auth.security_event(c, of_user_id, 'LOGIN_FAILURE', auth.json_object('code', error)::jsonb);
  IF locked_seconds > 0 THEN
    PERFORM auth.security_event(c, of_user_id, 'ACCOUNT_LOCKED', auth.json_object('seconds', locked_seconds)::jsonb);
  END IF;
  RETURN auth.refuse(error, CASE WHEN error IN ('INVALID_CREDENTIALS', 'INVALID_EMAIL_OR_PASSWORD')
                                 THEN 'Invalid email or password' END);
END
$$;
COMMENT ON FUNCTION auth.password_refused IS
  'counts a wrong password, writes its event and refuses it. The fifth locks its scope, and the sixth is told so';

CREATE FUNCTION auth.password_refusal(c auth.caller, u auth.users, challenge text, output bytea, dialect text) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN auth.password_check(c, u, auth.lockout_scope(c, u.email, u.id, NULL, NULL), challenge, output,
                             CASE dialect WHEN 'v1' THEN 'INVALID_CREDENTIALS' ELSE 'INVALID_PASSWORD' END);
END
$$;
COMMENT ON FUNCTION auth.password_refusal IS
  'auth.password_check for a user (locked) who is signed in and gives the password again. A row of NULLs: it is right';
