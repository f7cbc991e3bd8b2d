-- The first proof of an address. Until then the account may be somebody else's: anybody can sign up with any address.
-- A proof therefore ends everything from before it, except the password of the sign-up that it confirms.

CREATE FUNCTION auth.sign_up_pending(u auth.users, password_hash text, browser_digest bytea) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO auth.accounts AS a (account_id, provider_id, user_id, password, browser_digest)
  VALUES (u.id, 'credential', u.id, auth.password_at_rest(password_hash), sign_up_pending.browser_digest)
  ON CONFLICT ON CONSTRAINT accounts_provider_id_account_id_unique DO UPDATE
    SET password = excluded.password, password_version = a.password_version + 1, browser_digest = excluded.browser_digest,
        updated_at = now();
END
$$;
COMMENT ON FUNCTION auth.sign_up_pending IS 'the password of the newest sign-up with an address that nobody has proven; the older one is gone';

CREATE FUNCTION auth.sign_up_version(of_user_id text) RETURNS integer
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (SELECT a.password_version FROM auth.accounts a WHERE a.user_id = of_user_id AND a.provider_id = 'credential');
END
$$;
COMMENT ON FUNCTION auth.sign_up_version IS 'which sign-up a link asks to confirm: the version of its password; NULL: no password';

CREATE FUNCTION auth.vault_of_claim_end(c auth.caller, of_user_id text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM auth.vault_hold(of_user_id);
  PERFORM auth.identity_assume(of_user_id);
  DELETE FROM auth.encryption_vaults v WHERE v.user_id = of_user_id;
  IF FOUND THEN
    PERFORM auth.vault_audit_write(c, of_user_id, 'erase', 'first-proof', 200);
  END IF;
END
$$;
COMMENT ON FUNCTION auth.vault_of_claim_end IS
  'deletes the vault from before the first proof of an address, with its row of the trail: its maker knows the master key and may not be '
  'the owner of the address';

CREATE FUNCTION auth.account_claim(
    c auth.caller, u auth.users, proven_by text, password_version integer DEFAULT NULL, by_its_maker boolean DEFAULT false)
RETURNS auth.users LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  claimed auth.users;
BEGIN
  DELETE FROM auth.accounts a
   WHERE a.user_id = u.id
     AND (a.provider_id <> 'credential' OR a.password_version IS DISTINCT FROM account_claim.password_version);
  UPDATE auth.accounts a SET browser_digest = NULL WHERE a.user_id = u.id;
  PERFORM auth.sessions_end(c, u.id, NULL);
  DELETE FROM auth.oauth_consents x WHERE x.user_id = u.id;
  DELETE FROM auth.passkeys x WHERE x.user_id = u.id;
  DELETE FROM auth.passkey_challenges x WHERE x.user_id = u.id;
  DELETE FROM auth.api_keys x WHERE x.user_id = u.id;
  DELETE FROM auth.two_factor_auth x WHERE x.user_id = u.id;
  DELETE FROM auth.two_factor_backup_codes x WHERE x.user_id = u.id;
  DELETE FROM auth.two_factor_challenges x WHERE x.user_id = u.id;
  DELETE FROM auth.two_factor_codes x WHERE x.user_id = u.id;
  DELETE FROM auth.trusted_devices x WHERE x.user_id = u.id;
  DELETE FROM auth.known_devices x WHERE x.user_id = u.id;
  DELETE FROM auth.verification x WHERE x.user_id = u.id;
  DELETE FROM auth.magic_links x WHERE x.email = u.email;
  IF NOT by_its_maker THEN
    PERFORM auth.vault_of_claim_end(c, u.id);
  END IF;
  -- memberships by invitation; an owner stays, for an organization has one
  DELETE FROM auth.members x WHERE x.user_id = u.id AND NOT 'owner' = ANY (string_to_array(x.role, ','));
  UPDATE auth.users x SET email_verified = true, two_factor_enabled = false, updated_at = now() WHERE x.id = u.id
  RETURNING x.* INTO claimed;
  PERFORM auth.security_event(c, u.id, 'EMAIL_VERIFIED', auth.json_object('by', proven_by, 'keptPassword', EXISTS (
    SELECT FROM auth.accounts a WHERE a.user_id = u.id))::jsonb);
  RETURN claimed;
END
$$;
COMMENT ON FUNCTION auth.account_claim IS
  'the first proof of the address of a user (locked): ends the passwords except that of one version, the sessions, passkeys, second '
  'factors, API keys, devices, grants, memberships, links and the vault from before. Whoever made the account may not be the owner of the address. '
  'by_its_maker: the password that the account was made with was given as well, so the vault stays';

CREATE FUNCTION auth.verification_done(kind text, token text, of_user_id text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO auth.verification (identifier, value, user_id, expires_at)
  VALUES (auth.verification_identifier('done-' || kind, token), '{}', of_user_id, now() + interval '1 day')
  ON CONFLICT ON CONSTRAINT verification_identifier_unique DO NOTHING;
END
$$;
COMMENT ON FUNCTION auth.verification_done IS
  'remembers for a day that a link has done its work, so that a second click does not look like an error';

CREATE FUNCTION auth.verification_was_done(kind text, token text) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (auth.verification_find('done-' || kind, token)).expires_at > now();
END
$$;
COMMENT ON FUNCTION auth.verification_was_done IS 'whether a link has done its work; such a link gives nothing else';
