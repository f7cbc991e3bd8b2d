-- The vault's rules. Each auth.vault_* routine decides one call and writes its row of the trail; it never sees a master key.
-- The procedures auth_api.vault_* (extension/vault.c) run it, commit, and only then open the wrap that it names.

CREATE TYPE auth.vault_wrap AS (wrapped_mk text, wrap_iv text, format_version smallint, kek_id text, commitment bytea);
COMMENT ON TYPE auth.vault_wrap IS 'a master key wrapped under a key of the ring, and its commitment';

CREATE FUNCTION auth.vault_mint(user_id text) RETURNS auth.vault_wrap
  LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'mana_vault_mint';
COMMENT ON FUNCTION auth.vault_mint IS 'a new master key, known to nobody, wrapped under the active key';

CREATE FUNCTION auth.vault_wrap_given(user_id text, master_key text) RETURNS auth.vault_wrap
  LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'mana_vault_wrap_given';
COMMENT ON FUNCTION auth.vault_wrap_given IS 'wraps a master key that its user hands back (base64 of 32 bytes); NULL: it is no such thing';

CREATE FUNCTION auth.vault_rewrapped(user_id text, w auth.vault_wrap) RETURNS auth.vault_wrap
  LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'mana_vault_rewrapped';
COMMENT ON FUNCTION auth.vault_rewrapped IS
  'the same master key under the active key, in the present format, with its commitment; NULL: the wrap does not open';

CREATE FUNCTION auth.kek_active_id() RETURNS text
  LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'mana_kek_active_id';
COMMENT ON FUNCTION auth.kek_active_id IS 'id of the key that new wraps are made under; NULL: no ring, the vault is locked';

CREATE TYPE auth.vault_reply AS (reply auth.reply, disclose auth.vault_wrap, user_id text);
COMMENT ON TYPE auth.vault_reply IS
  'what a vault call answers; disclose: the wrap whose key goes where the body says auth.master_key(), NULL: none';

CREATE FUNCTION auth.vault_session(c auth.caller) RETURNS auth.sessions
  LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'mana_vault_session';
COMMENT ON FUNCTION auth.vault_session IS
  'the live session by which a caller may touch the vault of its user, and no other; a row of NULLs: nobody''s';

CREATE FUNCTION auth.vault_hold(user_id text) RETURNS void
  LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'mana_vault_hold';
COMMENT ON FUNCTION auth.vault_hold IS
  'waits for the vault calls of a user and lets none begin until the commit: what erases a user asks for this first, or a call '
  'under way would leave its row in the trail under their id';

CREATE FUNCTION auth.vault_refuse(c auth.caller, for_user_id text, action text, context text, status integer, name text,
                                  message text DEFAULT NULL) RETURNS auth.vault_reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM auth.vault_audit_write(c, for_user_id, action, context, status);
  RETURN ROW(auth.refuse(name, message), NULL, NULL)::auth.vault_reply;
END
$$;
COMMENT ON FUNCTION auth.vault_refuse IS 'a no, with its row of the trail';

CREATE FUNCTION auth.vault_grant(c auth.caller, for_user_id text, action text, context text, status integer, body json,
                                 disclose auth.vault_wrap DEFAULT NULL) RETURNS auth.vault_reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM auth.vault_audit_write(c, for_user_id, action, context, status);
  RETURN ROW(auth.granted(body), disclose, for_user_id)::auth.vault_reply;
END
$$;
COMMENT ON FUNCTION auth.vault_grant IS 'a yes, with its row of the trail';

CREATE FUNCTION auth.vault_seen(me auth.sessions, v auth.encryption_vaults) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF me.vault_generation IS NULL OR me.vault_generation NOT IN (v.generation, 0) THEN
    UPDATE auth.sessions s
       SET vault_generation = CASE WHEN COALESCE(s.vault_generation, v.generation) = v.generation THEN v.generation ELSE 0 END
     WHERE s.id = me.id;
  END IF;
END
$$;
COMMENT ON FUNCTION auth.vault_seen IS 'remembers which master key a session was given, or that there was more than one';

CREATE FUNCTION auth.vault_nobody(c auth.caller, action text) RETURNS auth.vault_reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  over constant text := auth.session_reference_id(c.session_reference, c.user_id);
BEGIN
  IF over IS NOT NULL AND EXISTS (SELECT FROM auth.users u WHERE u.id = c.user_id)
     AND auth.rate_limit_count('session_over', over) = 0 THEN
    PERFORM auth.identity_assume(c.user_id);
    PERFORM auth.vault_audit_write(c, c.user_id, action, 'session-over', 401);
  END IF;
  RETURN ROW(auth.refuse('UNAUTHORIZED', 'Invalid or expired token'), NULL, NULL)::auth.vault_reply;
END
$$;
COMMENT ON FUNCTION auth.vault_nobody IS
  'the session behind the token is over: that somebody still tries it belongs in the user''s trail, up to 10 times in 15 minutes. '
  'Without the proof that the session was the user''s nothing is written, or anybody could fill the trail of anybody. An erased '
  'user has none';

CREATE FUNCTION auth.vault_key_body(v auth.encryption_vaults) RETURNS json LANGUAGE sql STABLE
  RETURN CASE WHEN v.zero_knowledge
    THEN auth.json_object('requiresRecoveryCode', true, 'recoveryWrappedMk', v.recovery_wrapped_mk,
                          'recoveryIv', v.recovery_iv, 'formatVersion', v.recovery_format_version)
    ELSE auth.json_object('masterKey', auth.master_key(), 'formatVersion', 1, 'kekId', v.kek_id) END;
COMMENT ON FUNCTION auth.vault_key_body IS 'the key, or in zero-knowledge mode the wrap that only the user can open';

CREATE FUNCTION auth.vault_wrap_of(v auth.encryption_vaults) RETURNS auth.vault_wrap LANGUAGE sql IMMUTABLE
  RETURN CASE WHEN v.wrapped_mk IS NOT NULL
    THEN ROW(v.wrapped_mk, v.wrap_iv, v.format_version, v.kek_id, v.commitment)::auth.vault_wrap END;

CREATE FUNCTION auth.vault_lock(for_user_id text) RETURNS auth.encryption_vaults
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v auth.encryption_vaults;
BEGIN
  SELECT x.* INTO v FROM auth.encryption_vaults x WHERE x.user_id = for_user_id FOR UPDATE;
  RETURN v;
END
$$;
COMMENT ON FUNCTION auth.vault_lock IS 'the row of a vault, locked: calls on one vault happen one after the other';

CREATE FUNCTION auth.vault_rewrap_one(c auth.caller, v auth.encryption_vaults, w auth.vault_wrap) RETURNS auth.encryption_vaults
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  renewed auth.encryption_vaults;
BEGIN
  UPDATE auth.encryption_vaults x
     SET wrapped_mk = w.wrapped_mk, wrap_iv = w.wrap_iv, format_version = w.format_version, kek_id = w.kek_id,
         commitment = w.commitment
   WHERE x.user_id = v.user_id AND x.wrapped_mk = v.wrapped_mk
  RETURNING x.* INTO renewed;
  PERFORM auth.vault_audit_write(c, v.user_id, 'rewrap', 'from-' || v.kek_id, 200);
  RETURN renewed;
END
$$;
COMMENT ON FUNCTION auth.vault_rewrap_one IS 'puts a wrap in the place of one of an older key or format; the vault is locked. No caller: a DBA';

CREATE FUNCTION auth.vault_opened(c auth.caller, INOUT v auth.encryption_vaults, OUT opens boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  w auth.vault_wrap := auth.vault_rewrapped(v.user_id, auth.vault_wrap_of(v));
BEGIN
  opens := w.wrapped_mk IS NOT NULL;
  IF opens AND (v.format_version <> w.format_version OR v.kek_id <> w.kek_id OR v.commitment IS NULL) THEN
    v := auth.vault_rewrap_one(c, v, w);
  END IF;
END
$$;
COMMENT ON FUNCTION auth.vault_opened IS
  'whether the wrap opens; one of an older key or format is replaced on the way (v then is the new row)';

CREATE FUNCTION auth.vault_committed(c auth.caller, v auth.encryption_vaults) RETURNS auth.encryption_vaults
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF v.commitment IS NULL AND v.wrapped_mk IS NOT NULL THEN
    v := (auth.vault_opened(c, v)).v;
  END IF;
  RETURN v;
END
$$;
COMMENT ON FUNCTION auth.vault_committed IS
  'a vault with its commitment, made now for an older row; without it: the wrap does not open, or there is none';

CREATE FUNCTION auth_api.vault_status(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.vault_session(c);
  v auth.encryption_vaults;
BEGIN
  IF me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED', 'Invalid or expired token');
  END IF;
  SELECT x.* INTO v FROM auth.encryption_vaults x WHERE x.user_id = me.user_id;
  RETURN auth.granted(auth.json_object(
    'vaultExists', v.user_id IS NOT NULL, 'hasRecoveryWrap', v.recovery_wrapped_mk IS NOT NULL,
    'zeroKnowledge', COALESCE(v.zero_knowledge, false), 'recoverySetAt', v.recovery_set_at));
END
$$;
COMMENT ON FUNCTION auth_api.vault_status IS 'GET /status: what there is; the one vault call without a row in the trail';

CREATE FUNCTION auth.vault_init(c auth.caller, input jsonb) RETURNS auth.vault_reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.vault_session(c);
  v auth.encryption_vaults;
  o record;
BEGIN
  IF me.id IS NULL THEN
    RETURN auth.vault_nobody(c, 'init');
  END IF;
  v := auth.vault_lock(me.user_id);
  IF v.user_id IS NULL THEN
    IF auth.kek_active_id() IS NULL THEN
      RETURN auth.vault_refuse(c, me.user_id, 'init', 'locked', 503, 'VAULT_LOCKED');
    END IF;
    v := auth.vault_create(me.user_id);
    IF v.user_id IS NOT NULL THEN
      PERFORM auth.vault_seen(me, v);
      RETURN auth.vault_grant(c, me.user_id, 'init', 'created', 201, auth.vault_key_body(v), auth.vault_wrap_of(v));
    END IF;
    v := auth.vault_lock(me.user_id); -- a parallel init was first, or the user is gone
  END IF;
  IF v.user_id IS NULL THEN
    RETURN auth.vault_nobody(c, 'init');
  ELSIF v.zero_knowledge THEN
    PERFORM auth.vault_seen(me, v);
    RETURN auth.vault_grant(c, me.user_id, 'init', 'already-exists-zk', 200, auth.vault_key_body(v));
  END IF;
  o := auth.vault_opened(c, v);
  IF NOT o.opens THEN
    RETURN auth.vault_refuse(c, me.user_id, 'init', 'unwrap-failed', 500, 'INTERNAL');
  END IF;
  v := o.v;
  PERFORM auth.vault_seen(me, v);
  RETURN auth.vault_grant(c, me.user_id, 'init', 'already-exists', 200, auth.vault_key_body(v), auth.vault_wrap_of(v));
END
$$;
COMMENT ON FUNCTION auth.vault_init IS 'POST /init: the key, made when there is none; of parallel calls one makes it and all get it';

CREATE FUNCTION auth.vault_create(for_user_id text) RETURNS auth.encryption_vaults
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  w auth.vault_wrap := auth.vault_mint(for_user_id);
  v auth.encryption_vaults;
BEGIN
  INSERT INTO auth.encryption_vaults AS x (user_id, wrapped_mk, wrap_iv, format_version, kek_id, commitment)
  SELECT u.id, w.wrapped_mk, w.wrap_iv, w.format_version, w.kek_id, w.commitment FROM auth.users u
   WHERE u.id = for_user_id AND u.email_verified
  ON CONFLICT ON CONSTRAINT encryption_vaults_pkey DO NOTHING
  RETURNING x.* INTO v;
  RETURN v;
END
$$;
COMMENT ON FUNCTION auth.vault_create IS 'a vault with a new key; a row of NULLs: a parallel call was first, or the user is gone, or has not proven the address yet';

CREATE FUNCTION auth.vault_key(c auth.caller, input jsonb) RETURNS auth.vault_reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.vault_session(c);
  v auth.encryption_vaults;
  o record;
BEGIN
  IF me.id IS NULL THEN
    RETURN auth.vault_nobody(c, 'failed_fetch');
  END IF;
  SELECT x.* INTO v FROM auth.encryption_vaults x WHERE x.user_id = me.user_id;
  IF v.kek_id IS DISTINCT FROM auth.kek_active_id() OR v.format_version < 2 OR v.commitment IS NULL THEN
    v := auth.vault_lock(me.user_id); -- the wrap will be replaced; of parallel calls the second must see the first's
  END IF;
  IF v.user_id IS NULL THEN
    RETURN auth.vault_refuse(c, me.user_id, 'failed_fetch', 'not-initialised', 404, 'VAULT_NOT_INITIALISED');
  ELSIF v.zero_knowledge THEN
    PERFORM auth.vault_seen(me, v);
    RETURN auth.vault_grant(c, me.user_id, 'fetch', 'zk-recovery-blob', 200, auth.vault_key_body(v));
  ELSIF auth.kek_active_id() IS NULL THEN
    RETURN auth.vault_refuse(c, me.user_id, 'failed_fetch', 'locked', 503, 'VAULT_LOCKED');
  END IF;
  o := auth.vault_opened(c, v);
  IF NOT o.opens THEN
    RETURN auth.vault_refuse(c, me.user_id, 'failed_fetch', 'unwrap-failed', 500, 'INTERNAL');
  END IF;
  v := o.v;
  PERFORM auth.vault_seen(me, v);
  RETURN auth.vault_grant(c, me.user_id, 'fetch', NULL, 200, auth.vault_key_body(v), auth.vault_wrap_of(v));
END
$$;
COMMENT ON FUNCTION auth.vault_key IS 'GET /key: the key, or in zero-knowledge mode the recovery wrap';

CREATE FUNCTION auth.vault_rotate(c auth.caller, input jsonb) RETURNS auth.vault_reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.vault_session(c);
  refused auth.vault_reply;
  v auth.encryption_vaults;
  w auth.vault_wrap;
BEGIN
  IF me.id IS NULL THEN
    RETURN auth.vault_nobody(c, 'rotate');
  ELSIF auth.kek_active_id() IS NULL THEN
    RETURN auth.vault_refuse(c, me.user_id, 'rotate', 'locked', 503, 'VAULT_LOCKED');
  END IF;
  v := auth.vault_lock(me.user_id);
  IF v.user_id IS NULL THEN
    v := auth.vault_create(me.user_id);
    IF v.user_id IS NOT NULL THEN
      PERFORM auth.vault_seen(me, v);
      RETURN auth.vault_grant(c, me.user_id, 'rotate', 'init-on-rotate', 201, auth.vault_key_body(v), auth.vault_wrap_of(v));
    END IF;
    v := auth.vault_lock(me.user_id);
  END IF;
  IF v.user_id IS NULL THEN
    RETURN auth.vault_nobody(c, 'rotate');
  ELSIF v.zero_knowledge THEN
    RETURN auth.vault_refuse(c, me.user_id, 'rotate', 'zk-rotate-forbidden', 409, 'ZK_ROTATE_FORBIDDEN');
  END IF;
  refused := auth.vault_change_refusal(c, me, v, input, 'rotate', 'vault-rotate');
  IF (refused.reply).refusal IS NOT NULL THEN
    RETURN refused;
  END IF;
  w := auth.vault_mint(me.user_id);
  PERFORM auth.vault_keep(v, 'key');
  UPDATE auth.encryption_vaults x
     SET wrapped_mk = w.wrapped_mk, wrap_iv = w.wrap_iv, format_version = w.format_version, kek_id = w.kek_id,
         commitment = w.commitment, generation = x.last_generation + 1, last_generation = x.last_generation + 1,
         rotated_at = now(),
         recovery_wrapped_mk = NULL, recovery_iv = NULL, recovery_set_at = NULL, recovery_generation = NULL
   WHERE x.user_id = me.user_id
  RETURNING x.* INTO v;
  PERFORM auth.vault_seen(me, v);
  PERFORM auth.notice_mail('vault_rotated', me.user_id);
  RETURN auth.vault_grant(c, me.user_id, 'rotate', NULL, 200, auth.vault_key_body(v), auth.vault_wrap_of(v));
END
$$;
COMMENT ON FUNCTION auth.vault_rotate IS
  'POST /rotate: a new key; the old one and its recovery wrap are kept for a week. Requires the commitment of the present key or step-up '
  'authentication';
