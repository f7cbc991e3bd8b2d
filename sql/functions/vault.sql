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

CREATE FUNCTION auth.vault_user(c auth.caller) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s auth.sessions := auth.session_find(c);
BEGIN
  IF s.user_id IS NOT NULL THEN
    PERFORM auth.identity_assume(s.user_id);
  END IF;
  RETURN s.user_id;
END
$$;
COMMENT ON FUNCTION auth.vault_user IS 'whose vault the caller may touch, by a session that is alive; NULL: nobody''s';

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

CREATE FUNCTION auth.vault_seen(c auth.caller, v auth.encryption_vaults) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE auth.sessions s SET vault_generation = v.generation
   WHERE s.id = c.session_id AND s.vault_generation IS DISTINCT FROM v.generation;
END
$$;
COMMENT ON FUNCTION auth.vault_seen IS 'remembers which master key a session was given last';

CREATE FUNCTION auth.vault_nobody() RETURNS auth.vault_reply LANGUAGE sql STABLE
  RETURN ROW(auth.refuse('UNAUTHORIZED', 'Invalid or expired token'), NULL, NULL)::auth.vault_reply;
COMMENT ON FUNCTION auth.vault_nobody IS 'the session behind the token is dead; there is no vault to write a trail for';

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

CREATE FUNCTION auth.vault_opened(INOUT v auth.encryption_vaults, OUT opens boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  w auth.vault_wrap := auth.vault_rewrapped(v.user_id, auth.vault_wrap_of(v));
BEGIN
  opens := w.wrapped_mk IS NOT NULL;
  IF opens AND (v.format_version <> w.format_version OR v.kek_id <> w.kek_id OR v.commitment IS NULL) THEN
    UPDATE auth.encryption_vaults x
       SET wrapped_mk = w.wrapped_mk, wrap_iv = w.wrap_iv, format_version = w.format_version, kek_id = w.kek_id,
           commitment = w.commitment
     WHERE x.user_id = v.user_id AND x.wrapped_mk = v.wrapped_mk
    RETURNING x.* INTO v;
  END IF;
END
$$;
COMMENT ON FUNCTION auth.vault_opened IS
  'whether the wrap opens; one of an older key or format is replaced on the way (v then is the new row)';

CREATE FUNCTION auth_api.vault_status(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant text := auth.vault_user(c);
  v auth.encryption_vaults;
BEGIN
  IF me IS NULL THEN
    RETURN (auth.vault_nobody()).reply;
  END IF;
  SELECT x.* INTO v FROM auth.encryption_vaults x WHERE x.user_id = me;
  RETURN auth.granted(auth.json_object(
    'vaultExists', v.user_id IS NOT NULL, 'hasRecoveryWrap', v.recovery_wrapped_mk IS NOT NULL,
    'zeroKnowledge', COALESCE(v.zero_knowledge, false), 'recoverySetAt', v.recovery_set_at));
END
$$;
COMMENT ON FUNCTION auth_api.vault_status IS 'GET /status: what there is; the one vault call without a row in the trail';

CREATE FUNCTION auth.vault_init(c auth.caller, input jsonb) RETURNS auth.vault_reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant text := auth.vault_user(c);
  v auth.encryption_vaults;
  o record;
BEGIN
  IF me IS NULL THEN
    RETURN auth.vault_nobody();
  END IF;
  v := auth.vault_lock(me);
  IF v.user_id IS NULL THEN
    IF auth.kek_active_id() IS NULL THEN
      RETURN auth.vault_refuse(c, me, 'init', 'locked', 503, 'VAULT_LOCKED');
    END IF;
    v := auth.vault_create(me);
    IF v.user_id IS NOT NULL THEN
      PERFORM auth.vault_seen(c, v);
      RETURN auth.vault_grant(c, me, 'init', 'created', 201, auth.vault_key_body(v), auth.vault_wrap_of(v));
    END IF;
    v := auth.vault_lock(me); -- a parallel init was first
  END IF;
  IF v.zero_knowledge THEN
    PERFORM auth.vault_seen(c, v);
    RETURN auth.vault_grant(c, me, 'init', 'already-exists-zk', 200, auth.vault_key_body(v));
  END IF;
  o := auth.vault_opened(v);
  IF NOT o.opens THEN
    RETURN auth.vault_refuse(c, me, 'init', 'unwrap-failed', 500, 'INTERNAL');
  END IF;
  v := o.v;
  PERFORM auth.vault_seen(c, v);
  RETURN auth.vault_grant(c, me, 'init', 'already-exists', 200, auth.vault_key_body(v), auth.vault_wrap_of(v));
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
  VALUES (for_user_id, w.wrapped_mk, w.wrap_iv, w.format_version, w.kek_id, w.commitment)
  ON CONFLICT ON CONSTRAINT encryption_vaults_pkey DO NOTHING
  RETURNING x.* INTO v;
  RETURN v;
END
$$;

CREATE FUNCTION auth.vault_key(c auth.caller, input jsonb) RETURNS auth.vault_reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant text := auth.vault_user(c);
  v auth.encryption_vaults;
  o record;
BEGIN
  IF me IS NULL THEN
    RETURN auth.vault_nobody();
  END IF;
  SELECT x.* INTO v FROM auth.encryption_vaults x WHERE x.user_id = me;
  IF v.kek_id IS DISTINCT FROM auth.kek_active_id() OR v.format_version < 2 OR v.commitment IS NULL THEN
    v := auth.vault_lock(me); -- the wrap will be replaced; of parallel calls the second must see the first's
  END IF;
  IF v.user_id IS NULL THEN
    RETURN auth.vault_refuse(c, me, 'failed_fetch', 'not-initialised', 404, 'VAULT_NOT_INITIALISED');
  ELSIF v.zero_knowledge THEN
    PERFORM auth.vault_seen(c, v);
    RETURN auth.vault_grant(c, me, 'fetch', 'zk-recovery-blob', 200, auth.vault_key_body(v));
  ELSIF auth.kek_active_id() IS NULL THEN
    RETURN auth.vault_refuse(c, me, 'failed_fetch', 'locked', 503, 'VAULT_LOCKED');
  END IF;
  o := auth.vault_opened(v);
  IF NOT o.opens THEN
    RETURN auth.vault_refuse(c, me, 'failed_fetch', 'unwrap-failed', 500, 'INTERNAL');
  END IF;
  v := o.v;
  PERFORM auth.vault_seen(c, v);
  RETURN auth.vault_grant(c, me, 'fetch', NULL, 200, auth.vault_key_body(v), auth.vault_wrap_of(v));
END
$$;
COMMENT ON FUNCTION auth.vault_key IS 'GET /key: the key, or in zero-knowledge mode the recovery wrap';

CREATE FUNCTION auth.vault_rotate(c auth.caller, input jsonb) RETURNS auth.vault_reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant text := auth.vault_user(c);
  v auth.encryption_vaults;
  w auth.vault_wrap;
BEGIN
  IF me IS NULL THEN
    RETURN auth.vault_nobody();
  ELSIF auth.kek_active_id() IS NULL THEN
    RETURN auth.vault_refuse(c, me, 'rotate', 'locked', 503, 'VAULT_LOCKED');
  END IF;
  v := auth.vault_lock(me);
  IF v.user_id IS NULL THEN
    v := auth.vault_create(me);
    IF v.user_id IS NOT NULL THEN
      PERFORM auth.vault_seen(c, v);
      RETURN auth.vault_grant(c, me, 'rotate', 'init-on-rotate', 201, auth.vault_key_body(v), auth.vault_wrap_of(v));
    END IF;
    v := auth.vault_lock(me);
  END IF;
  IF v.zero_knowledge THEN
    RETURN auth.vault_refuse(c, me, 'rotate', 'zk-rotate-forbidden', 409, 'ZK_ROTATE_FORBIDDEN');
  END IF;
  w := auth.vault_mint(me);
  UPDATE auth.encryption_vaults x
     SET wrapped_mk = w.wrapped_mk, wrap_iv = w.wrap_iv, format_version = w.format_version, kek_id = w.kek_id,
         commitment = w.commitment, generation = x.generation + 1, rotated_at = now(),
         recovery_wrapped_mk = NULL, recovery_iv = NULL, recovery_set_at = NULL, recovery_generation = NULL
   WHERE x.user_id = me
  RETURNING x.* INTO v;
  PERFORM auth.vault_seen(c, v);
  RETURN auth.vault_grant(c, me, 'rotate', NULL, 200, auth.vault_key_body(v), auth.vault_wrap_of(v));
END
$$;
COMMENT ON FUNCTION auth.vault_rotate IS 'POST /rotate: a new key; the recovery wrap of the old one goes';

CREATE FUNCTION auth.vault_generation_seen(c auth.caller, input jsonb) RETURNS numeric
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN COALESCE(CASE WHEN jsonb_typeof(input -> 'generation') = 'number' THEN (input ->> 'generation')::numeric END,
                  (SELECT s.vault_generation FROM auth.sessions s WHERE s.id = c.session_id), 1);
END
$$;
COMMENT ON FUNCTION auth.vault_generation_seen IS
  'which master key a caller has wrapped: as it says (generation), else the one that its session was given last';

CREATE FUNCTION auth.vault_set_recovery(c auth.caller, input jsonb) RETURNS auth.vault_reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant text := auth.vault_user(c);
  wrap constant text := CASE WHEN jsonb_typeof(input -> 'recoveryWrappedMk') = 'string' THEN input ->> 'recoveryWrappedMk' END;
  iv constant text := CASE WHEN jsonb_typeof(input -> 'recoveryIv') = 'string' THEN input ->> 'recoveryIv' END;
  v auth.encryption_vaults;
BEGIN
  IF me IS NULL THEN
    RETURN auth.vault_nobody();
  ELSIF NOT auth.is_base64_of(wrap, 48) OR NOT auth.is_base64_of(iv, 12) THEN
    RETURN auth.vault_refuse(c, me, 'recovery_set', 'bad-request', 400, 'BAD_REQUEST',
      'recoveryWrappedMk and recoveryIv are required (base64 strings)');
  END IF;
  v := auth.vault_lock(me);
  IF v.user_id IS NULL THEN
    RETURN auth.vault_refuse(c, me, 'recovery_set', 'no-vault', 404, 'VAULT_NOT_INITIALISED');
  ELSIF v.generation <> auth.vault_generation_seen(c, input) THEN
    RETURN auth.vault_refuse(c, me, 'recovery_set', 'old-generation', 409, 'KEY_GENERATION_CONFLICT');
  END IF;
  UPDATE auth.encryption_vaults x
     SET recovery_wrapped_mk = wrap, recovery_iv = iv, recovery_format_version = 1, recovery_set_at = now(),
         recovery_generation = x.generation
   WHERE x.user_id = me;
  RETURN auth.vault_grant(c, me, 'recovery_set', NULL, 200, auth.json_object('ok', true));
END
$$;
COMMENT ON FUNCTION auth.vault_set_recovery IS
  'POST /recovery-wrap: stores the wrap that the browser made; 409 when it cannot be of the present key';

CREATE FUNCTION auth.vault_clear_recovery(c auth.caller, input jsonb) RETURNS auth.vault_reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant text := auth.vault_user(c);
  v auth.encryption_vaults;
BEGIN
  IF me IS NULL THEN
    RETURN auth.vault_nobody();
  END IF;
  v := auth.vault_lock(me);
  IF v.user_id IS NULL THEN
    RETURN auth.vault_refuse(c, me, 'recovery_clear', 'no-vault', 404, 'VAULT_NOT_INITIALISED');
  ELSIF v.zero_knowledge THEN
    RETURN auth.vault_refuse(c, me, 'recovery_clear', 'zk-active', 409, 'ZK_ACTIVE');
  END IF;
  UPDATE auth.encryption_vaults x
     SET recovery_wrapped_mk = NULL, recovery_iv = NULL, recovery_set_at = NULL, recovery_generation = NULL
   WHERE x.user_id = me;
  RETURN auth.vault_grant(c, me, 'recovery_clear', NULL, 200, auth.json_object('ok', true));
END
$$;
COMMENT ON FUNCTION auth.vault_clear_recovery IS 'DELETE /recovery-wrap';

CREATE FUNCTION auth.vault_zero_knowledge(c auth.caller, input jsonb) RETURNS auth.vault_reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant text := auth.vault_user(c);
  action constant text := CASE WHEN input -> 'enable' = 'true' THEN 'zk_enable' ELSE 'zk_disable' END;
  v auth.encryption_vaults;
  w auth.vault_wrap;
BEGIN
  IF me IS NULL THEN
    RETURN auth.vault_nobody();
  ELSIF jsonb_typeof(input -> 'enable') IS DISTINCT FROM 'boolean' THEN
    RETURN auth.vault_refuse(c, me, 'zk_enable', 'bad-request', 400, 'BAD_REQUEST', '`enable: boolean` is required');
  ELSIF action = 'zk_disable' THEN
    IF COALESCE(input ->> 'masterKey', '') = '' THEN
      RETURN auth.vault_refuse(c, me, action, 'bad-request', 400, 'BAD_REQUEST',
        '`masterKey: base64` is required when disabling zero-knowledge');
    ELSIF auth.kek_active_id() IS NULL THEN
      RETURN auth.vault_refuse(c, me, action, 'locked', 503, 'VAULT_LOCKED');
    END IF;
    w := auth.vault_wrap_given(me, input ->> 'masterKey');
    IF w.wrapped_mk IS NULL THEN
      RETURN auth.vault_refuse(c, me, action, 'bad-request', 400, 'BAD_REQUEST', 'masterKey must decode to 32 bytes');
    END IF;
  END IF;
  v := auth.vault_lock(me);
  IF v.user_id IS NULL THEN
    RETURN auth.vault_refuse(c, me, action, 'no-vault', 404, 'VAULT_NOT_INITIALISED');
  END IF;
  RETURN CASE action WHEN 'zk_enable' THEN auth.vault_zk_enable(c, v) ELSE auth.vault_zk_disable(c, v, w) END;
END
$$;
COMMENT ON FUNCTION auth.vault_zero_knowledge IS
  'POST /zero-knowledge: {"enable":true} forgets the service''s wrap; {"enable":false,"masterKey"} wraps the key that is handed '
  'back, which must be the one that the vault was committed to';

CREATE FUNCTION auth.vault_zk_enable(c auth.caller, v auth.encryption_vaults) RETURNS auth.vault_reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  o record;
  done constant json := auth.json_object('ok', true, 'zeroKnowledge', true);
BEGIN
  IF v.zero_knowledge THEN
    RETURN auth.vault_grant(c, v.user_id, 'zk_enable', 'already-enabled', 200, done);
  ELSIF v.recovery_wrapped_mk IS NULL THEN
    RETURN auth.vault_refuse(c, v.user_id, 'zk_enable', 'no-recovery-wrap', 400, 'RECOVERY_WRAP_MISSING');
  ELSIF v.recovery_generation <> v.generation THEN
    RETURN auth.vault_refuse(c, v.user_id, 'zk_enable', 'old-generation', 409, 'KEY_GENERATION_CONFLICT');
  ELSIF v.commitment IS NULL THEN -- the last chance to learn which key this is: without it any key would do to come back
    o := auth.vault_opened(v);
    IF NOT o.opens THEN
      RETURN auth.vault_refuse(c, v.user_id, 'zk_enable', 'unwrap-failed', 500, 'INTERNAL');
    END IF;
  END IF;
  UPDATE auth.encryption_vaults x SET wrapped_mk = NULL, wrap_iv = NULL, zero_knowledge = true WHERE x.user_id = v.user_id;
  RETURN auth.vault_grant(c, v.user_id, 'zk_enable', NULL, 200, done);
END
$$;

CREATE FUNCTION auth.vault_zk_disable(c auth.caller, v auth.encryption_vaults, w auth.vault_wrap) RETURNS auth.vault_reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  done constant json := auth.json_object('ok', true, 'zeroKnowledge', false);
BEGIN
  IF NOT v.zero_knowledge THEN
    RETURN auth.vault_grant(c, v.user_id, 'zk_disable', 'already-disabled', 200, done);
  ELSIF v.commitment <> w.commitment THEN
    RETURN auth.vault_refuse(c, v.user_id, 'zk_disable', 'other-key', 400, 'BAD_REQUEST', 'masterKey is not the key of this vault');
  END IF;
  UPDATE auth.encryption_vaults x
     SET wrapped_mk = w.wrapped_mk, wrap_iv = w.wrap_iv, format_version = w.format_version, kek_id = w.kek_id,
         commitment = w.commitment, zero_knowledge = false
   WHERE x.user_id = v.user_id;
  RETURN auth.vault_grant(c, v.user_id, 'zk_disable', NULL, 200, done);
END
$$;

CREATE FUNCTION auth.is_base64_of(text_value text, bytes integer) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN text_value IS NOT NULL AND length(text_value) = (bytes + 2) / 3 * 4 AND text_value ~ '^[A-Za-z0-9+/]*={0,2}$'
     AND translate(encode(decode(text_value, 'base64'), 'base64'), E'\n', '') = text_value
     AND octet_length(decode(text_value, 'base64')) = bytes;
EXCEPTION WHEN invalid_parameter_value THEN
  RETURN false;
END
$$;
COMMENT ON FUNCTION auth.is_base64_of IS 'whether a text is the canonical base64 (RFC 4648 §4) of so many bytes';

-- The committing procedures: extension/vault.c runs the routine of the same name in schema auth.
DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['vault_init', 'vault_key', 'vault_rotate', 'vault_set_recovery', 'vault_clear_recovery',
                              'vault_zero_knowledge'] LOOP
    EXECUTE format(
      'CREATE PROCEDURE auth_api.%1$I(c auth.caller, input jsonb, OUT refusal text, OUT message text, '
      'OUT retry_after_seconds integer, OUT status integer, OUT body text, OUT location text, OUT cookies text, '
      'OUT claims text) LANGUAGE c AS ''MODULE_PATHNAME'', ''mana_vault_call''', name);
    EXECUTE format('COMMENT ON PROCEDURE auth_api.%1$I IS %2$L', name,
      'runs auth.' || name || ', commits its row of the trail, and only then discloses a key; not inside a transaction block');
  END LOOP;
END
$$;
