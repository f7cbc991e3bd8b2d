-- The user's own wrap of the master key, and the mode in which it is the only one.

CREATE FUNCTION auth.vault_set_recovery(c auth.caller, input jsonb) RETURNS auth.vault_reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  -- What can only be base64 of 48, 12 and 32 bytes, and in the one way that RFC 4648 §4 allows.
  wrap constant text := auth.json_string(input -> 'recoveryWrappedMk', '^[A-Za-z0-9+/]{64}$');
  iv constant text := auth.json_string(input -> 'recoveryIv', '^[A-Za-z0-9+/]{16}$');
  commitment constant text := auth.json_string(input -> 'commitment', '^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$');
  me constant auth.sessions := auth.vault_session(c);
  refused auth.vault_reply;
  v auth.encryption_vaults;
BEGIN
  IF me.id IS NULL THEN
    RETURN auth.vault_nobody(c, 'recovery_set');
  ELSIF wrap IS NULL OR iv IS NULL THEN
    RETURN auth.vault_refuse(c, me.user_id, 'recovery_set', 'bad-request', 400, 'BAD_REQUEST',
      'recoveryWrappedMk and recoveryIv are required (base64 strings)');
  ELSIF commitment IS NULL AND input ? 'commitment' OR jsonb_typeof(input -> 'generation') <> 'number' THEN
    RETURN auth.vault_refuse(c, me.user_id, 'recovery_set', 'bad-request', 400, 'BAD_REQUEST',
      'commitment is base64 of 32 bytes, generation is a number');
  END IF;
  v := auth.vault_lock(me.user_id);
  IF v.user_id IS NULL THEN
    RETURN auth.vault_refuse(c, me.user_id, 'recovery_set', 'no-vault', 404, 'VAULT_NOT_INITIALISED');
  ELSIF NOT auth.vault_is_of_present_key(c, me, v, commitment, (input ->> 'generation')::numeric) THEN
    RETURN auth.vault_refuse(c, me.user_id, 'recovery_set', 'old-generation', 409, 'KEY_GENERATION_CONFLICT');
  ELSIF v.recovery_wrapped_mk IS NOT NULL THEN
    refused := auth.vault_change_refusal(c, me, v, input, 'recovery_set', 'vault-recovery');
    IF (refused.reply).refusal IS NOT NULL THEN
      RETURN refused;
    END IF;
    PERFORM auth.vault_keep(v, 'recovery');
    PERFORM auth.notice_mail('vault_recovery_changed', me.user_id);
  END IF;
  UPDATE auth.encryption_vaults x
     SET recovery_wrapped_mk = wrap, recovery_iv = iv, recovery_format_version = 1, recovery_set_at = now(),
         recovery_generation = x.generation,
         -- In zero-knowledge mode the commitment is a proof as well: the JWT does not give the key.
         recovery_proven = x.zero_knowledge OR auth.step_up_is_proven(me, auth.user_find(me.user_id), 'vault-recovery')
   WHERE x.user_id = me.user_id;
  RETURN auth.vault_grant(c, me.user_id, 'recovery_set', NULL, 200, auth.json_object('ok', true));
END
$$;
COMMENT ON FUNCTION auth.vault_set_recovery IS
  'POST /recovery-wrap: stores the wrap that the browser made; 409 when it need not be of the present key. '
  'Replacing one requires the commitment of the present key or step-up authentication; the old wrap is kept for a week';

CREATE FUNCTION auth.json_string(value jsonb, pattern text) RETURNS text LANGUAGE sql IMMUTABLE
  RETURN CASE WHEN pg_catalog.jsonb_typeof(value) = 'string' AND (value #>> '{}') ~ pattern THEN value #>> '{}' END;
COMMENT ON FUNCTION auth.json_string IS 'a JSON string that matches a pattern; NULL: it is something else';

CREATE FUNCTION auth.vault_is_of_present_key(
    c auth.caller, me auth.sessions, v auth.encryption_vaults, commitment text, generation numeric) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  committed constant bytea := CASE WHEN commitment IS NOT NULL THEN (auth.vault_committed(c, v)).commitment END;
BEGIN
  IF committed IS NOT NULL THEN
    RETURN sha256(committed) = sha256(decode(commitment, 'base64')); -- digests: the time taken tells nothing
  END IF;
  RETURN v.generation = COALESCE(generation, me.vault_generation, 1);
END
$$;
COMMENT ON FUNCTION auth.vault_is_of_present_key IS
  'whether a recovery wrap can only be of the vault''s present key: the client shows that it holds that key (commitment), or '
  'counts keys itself (generation), or has been given this one and no other in its session. No client says which of two keys '
  'it wrapped: after a rotation, a session that saw both must show the commitment or sign in again';

CREATE FUNCTION auth.vault_clear_recovery(c auth.caller, input jsonb) RETURNS auth.vault_reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.vault_session(c);
  refused auth.vault_reply;
  v auth.encryption_vaults;
BEGIN
  IF me.id IS NULL THEN
    RETURN auth.vault_nobody(c, 'recovery_clear');
  END IF;
  v := auth.vault_lock(me.user_id);
  IF v.user_id IS NULL THEN
    RETURN auth.vault_refuse(c, me.user_id, 'recovery_clear', 'no-vault', 404, 'VAULT_NOT_INITIALISED');
  ELSIF v.zero_knowledge THEN
    RETURN auth.vault_refuse(c, me.user_id, 'recovery_clear', 'zk-active', 409, 'ZK_ACTIVE');
  ELSIF v.recovery_wrapped_mk IS NOT NULL THEN
    refused := auth.vault_change_refusal(c, me, v, input, 'recovery_clear', 'vault-recovery');
    IF (refused.reply).refusal IS NOT NULL THEN
      RETURN refused;
    END IF;
    PERFORM auth.vault_keep(v, 'recovery');
    PERFORM auth.notice_mail('vault_recovery_changed', me.user_id);
  END IF;
  UPDATE auth.encryption_vaults x
     SET recovery_wrapped_mk = NULL, recovery_iv = NULL, recovery_set_at = NULL, recovery_generation = NULL
   WHERE x.user_id = me.user_id;
  RETURN auth.vault_grant(c, me.user_id, 'recovery_clear', NULL, 200, auth.json_object('ok', true));
END
$$;
COMMENT ON FUNCTION auth.vault_clear_recovery IS 'DELETE /recovery-wrap';

CREATE FUNCTION auth.vault_zk_action(input jsonb) RETURNS text LANGUAGE sql IMMUTABLE
  RETURN CASE WHEN input -> 'enable' = 'false' THEN 'zk_disable' ELSE 'zk_enable' END;
COMMENT ON FUNCTION auth.vault_zk_action IS 'what the trail calls a call of /zero-knowledge';

CREATE FUNCTION auth.vault_zero_knowledge(c auth.caller, input jsonb) RETURNS auth.vault_reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.vault_session(c);
  action constant text := auth.vault_zk_action(input);
  refusal auth.reply;
  v auth.encryption_vaults;
  w auth.vault_wrap;
BEGIN
  IF me.id IS NULL THEN
    RETURN auth.vault_nobody(c, action);
  ELSIF jsonb_typeof(input -> 'enable') IS DISTINCT FROM 'boolean' THEN
    RETURN auth.vault_refuse(c, me.user_id, 'zk_enable', 'bad-request', 400, 'BAD_REQUEST', '`enable: boolean` is required');
  ELSIF action = 'zk_disable' THEN
    IF COALESCE(input ->> 'masterKey', '') = '' THEN
      RETURN auth.vault_refuse(c, me.user_id, action, 'bad-request', 400, 'BAD_REQUEST',
        '`masterKey: base64` is required when disabling zero-knowledge');
    ELSIF auth.kek_active_id() IS NULL THEN
      RETURN auth.vault_refuse(c, me.user_id, action, 'locked', 503, 'VAULT_LOCKED');
    END IF;
    w := auth.vault_wrap_given(me.user_id, input ->> 'masterKey');
    IF w.wrapped_mk IS NULL THEN
      RETURN auth.vault_refuse(c, me.user_id, action, 'bad-request', 400, 'BAD_REQUEST', 'masterKey must decode to 32 bytes');
    END IF;
  END IF;
  v := auth.vault_lock(me.user_id);
  IF v.user_id IS NULL THEN
    RETURN auth.vault_refuse(c, me.user_id, action, 'no-vault', 404, 'VAULT_NOT_INITIALISED');
  END IF;
  -- A stolen JWT reads the key of a standard vault, so its commitment is no proof for leaving it. The way back needs the key itself;
  -- only an older row cannot tell which one that is.
  IF (CASE action WHEN 'zk_enable' THEN NOT v.zero_knowledge AND v.recovery_wrapped_mk IS NOT NULL
                 ELSE v.zero_knowledge AND v.commitment IS NULL END) THEN
    refusal := auth.step_up_refusal(c, me, 'vault-zero-knowledge');
    IF refusal.refusal IS NOT NULL THEN
      RETURN auth.vault_refuse_as(c, me.user_id, action, 'step-up-required', 403, refusal);
    END IF;
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
  done constant json := auth.json_object('ok', true, 'zeroKnowledge', true);
BEGIN
  IF v.zero_knowledge THEN
    RETURN auth.vault_grant(c, v.user_id, 'zk_enable', 'already-enabled', 200, done);
  ELSIF v.recovery_wrapped_mk IS NULL THEN
    RETURN auth.vault_refuse(c, v.user_id, 'zk_enable', 'no-recovery-wrap', 400, 'RECOVERY_WRAP_MISSING');
  ELSIF NOT v.recovery_proven THEN -- a stolen JWT may have stored it, and nobody but its owner can tell what it opens
    RETURN auth.vault_refuse(c, v.user_id, 'zk_enable', 'recovery-unproven', 409, 'RECOVERY_WRAP_UNPROVEN');
  END IF;
  v := auth.vault_committed(c, v); -- the last chance to learn which key this is: without it any key would do to come back
  IF v.commitment IS NULL THEN
    RETURN auth.vault_refuse(c, v.user_id, 'zk_enable', 'unwrap-failed', 500, 'INTERNAL');
  END IF;
  UPDATE auth.encryption_vaults x SET wrapped_mk = NULL, wrap_iv = NULL, zero_knowledge = true WHERE x.user_id = v.user_id;
  PERFORM auth.vault_replaced_enter_zero_knowledge(v);
  PERFORM auth.notice_mail('vault_zero_knowledge_on', v.user_id);
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
  ELSIF v.commitment <> w.commitment THEN -- NULL: a row of the service before us, which never saw it
    RETURN auth.vault_refuse(c, v.user_id, 'zk_disable', 'other-key', 400, 'BAD_REQUEST', 'masterKey is not the key of this vault');
  END IF;
  UPDATE auth.encryption_vaults x
     SET wrapped_mk = w.wrapped_mk, wrap_iv = w.wrap_iv, format_version = w.format_version, kek_id = w.kek_id,
         commitment = w.commitment, zero_knowledge = false
   WHERE x.user_id = v.user_id;
  PERFORM auth.notice_mail('vault_zero_knowledge_off', v.user_id);
  RETURN auth.vault_grant(c, v.user_id, 'zk_disable', NULL, 200, done);
END
$$;
