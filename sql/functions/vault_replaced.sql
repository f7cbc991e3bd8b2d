-- Keeping, listing and restoring replaced wraps (auth.vault_replaced_wraps), and the proofs that replacing one requires.

CREATE FUNCTION auth.vault_undo_lifetime() RETURNS interval LANGUAGE sql IMMUTABLE RETURN INTERVAL '7 days';
COMMENT ON FUNCTION auth.vault_undo_lifetime IS 'how long a replaced wrap can be restored';

CREATE FUNCTION auth.vault_undo_limit() RETURNS integer LANGUAGE sql IMMUTABLE RETURN 100;
COMMENT ON FUNCTION auth.vault_undo_limit IS
  'how many replaced wraps are kept for a user. At the limit, replacing is refused and nothing is dropped: a thief must not be able to '
  'push out the wrap that the user needs';

CREATE FUNCTION auth.vault_replaced_context(id text, user_id text) RETURNS text LANGUAGE sql IMMUTABLE
  RETURN 'vault_replaced_wraps:' || user_id || ':' || id;

CREATE FUNCTION auth.vault_replaced_key(k auth.vault_replaced_wraps) RETURNS auth.vault_wrap LANGUAGE sql IMMUTABLE
  RETURN CASE WHEN k.wrapped_mk IS NOT NULL
    THEN ROW(k.wrapped_mk, k.wrap_iv, k.format_version, k.kek_id, k.commitment)::auth.vault_wrap END;

CREATE FUNCTION auth.vault_refuse_as(c auth.caller, for_user_id text, action text, context text, status integer, refusal auth.reply)
  RETURNS auth.vault_reply LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM auth.vault_audit_write(c, for_user_id, action, context, status);
  RETURN ROW(refusal, NULL, NULL)::auth.vault_reply;
END
$$;
COMMENT ON FUNCTION auth.vault_refuse_as IS 'like auth.vault_refuse, with a refusal that is made already';

CREATE FUNCTION auth.vault_shows_key(c auth.caller, v auth.encryption_vaults, input jsonb) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  shown constant text := auth.json_string(input -> 'commitment', '^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$');
BEGIN
  IF shown IS NULL THEN
    RETURN NULL;
  END IF;
  -- Digests are compared: the time taken tells nothing about the commitment.
  RETURN sha256((auth.vault_committed(c, v)).commitment) = sha256(decode(shown, 'base64'));
END
$$;
COMMENT ON FUNCTION auth.vault_shows_key IS
  'whether the commitment of the input is that of the present master key. NULL: the input or the vault has none';

CREATE FUNCTION auth.vault_change_refusal(c auth.caller, me auth.sessions, v auth.encryption_vaults, input jsonb, action text,
                                          purpose text) RETURNS auth.vault_reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  proven constant boolean := auth.vault_shows_key(c, v, input);
  refusal auth.reply;
  most integer := auth.vault_undo_limit();
  free_at timestamptz;
BEGIN
  IF NOT auth.step_up_is_proven(me, auth.user_find(me.user_id), purpose) THEN
    most := most / 2; -- the commitment follows from the key, which an access JWT may read: the rest is kept for proven changes
  END IF;
  IF NOT COALESCE(proven, false) THEN
    refusal := auth.step_up_refusal(c, me, purpose);
    IF refusal.refusal IS NOT NULL THEN
      RETURN auth.vault_refuse_as(c, v.user_id, action, 'step-up-required', 403, refusal);
    ELSIF NOT proven AND action = 'rotate' THEN
      RETURN auth.vault_refuse(c, v.user_id, action, 'old-generation', 409, 'KEY_GENERATION_CONFLICT');
    END IF;
  END IF;
  IF auth.kek_active_id() IS NULL THEN -- what is replaced could not be sealed
    RETURN auth.vault_refuse(c, v.user_id, action, 'locked', 503, 'VAULT_LOCKED');
  END IF;
  SELECT k.expires_at INTO free_at FROM auth.vault_replaced_wraps k
   WHERE k.user_id = v.user_id AND k.expires_at > now() ORDER BY k.expires_at DESC OFFSET most - 1 LIMIT 1;
  IF FOUND THEN
    RETURN auth.vault_refuse_as(c, v.user_id, action, 'too-many-changes', 429,
      auth.refuse('RATE_LIMITED', 'Too many changes of the vault in a week', ceil(extract(epoch FROM free_at - now()))::integer));
  END IF;
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.vault_change_refusal IS
  'why a call may not replace a wrap: neither the commitment of the present master key nor a recent proof of identity, no key to seal '
  'the old wrap with, or too many kept wraps. NULL: it may. The vault is locked';

CREATE FUNCTION auth.vault_keep(v auth.encryption_vaults, what text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  k auth.vault_replaced_wraps;
BEGIN
  k.id := auth.random_id();
  k.user_id := v.user_id;
  k.generation := v.generation;
  k.replaced_at := now();
  k.expires_at := now() + auth.vault_undo_lifetime();
  IF v.recovery_wrapped_mk IS NOT NULL THEN
    k.recovery := auth.seal(convert_to(auth.json_object('wrap', v.recovery_wrapped_mk, 'iv', v.recovery_iv,
      'formatVersion', v.recovery_format_version, 'setAt', v.recovery_set_at, 'proven', v.recovery_proven)::text, 'UTF8'),
      auth.vault_replaced_context(k.id, k.user_id));
  END IF;
  IF what = 'key' THEN
    k.wrapped_mk := v.wrapped_mk;
    k.wrap_iv := v.wrap_iv;
    k.format_version := v.format_version;
    k.kek_id := v.kek_id;
    k.commitment := v.commitment;
  ELSIF k.recovery IS NULL THEN
    RETURN;
  END IF;
  INSERT INTO auth.vault_replaced_wraps SELECT k.*;
END
$$;
COMMENT ON FUNCTION auth.vault_keep IS
  'keeps the wraps of a vault before they are replaced: key (with the recovery wrap of that key) or recovery. The vault is locked';

CREATE FUNCTION auth_api.vault_restorable(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.vault_session(c);
BEGIN
  IF me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED', 'Invalid or expired token');
  END IF;
  RETURN auth.granted(auth.json_object('wraps', (
    SELECT COALESCE(auth.json_array_agg(auth.json_object(
             'id', k.id, 'kind', CASE WHEN k.wrapped_mk IS NULL THEN 'recovery' ELSE 'key' END, 'keyGeneration', k.generation,
             'hasRecoveryWrap', k.recovery IS NOT NULL, 'replacedAt', k.replaced_at, 'expiresAt', k.expires_at,
             'restorable', k.wrapped_mk IS NOT NULL OR k.generation = v.generation) ORDER BY k.replaced_at DESC, k.id), '[]')
      FROM auth.vault_replaced_wraps k JOIN auth.encryption_vaults v ON v.user_id = k.user_id
     WHERE k.user_id = me.user_id AND k.expires_at > now())));
END
$$;
COMMENT ON FUNCTION auth_api.vault_restorable IS
  'GET /restore: the kept wraps, newest first, without their content. A recovery wrap of another master key can be restored after that '
  'key. Like /status, it leaves no row in the audit';

CREATE FUNCTION auth.vault_restore(c auth.caller, input jsonb) RETURNS auth.vault_reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  wanted constant text := auth.json_string(input -> 'id', '^[A-Za-z0-9]{32}$');
  me constant auth.sessions := auth.vault_session(c);
  refusal auth.reply;
  v auth.encryption_vaults;
  k auth.vault_replaced_wraps;
  w auth.vault_wrap;
  recovery jsonb;
BEGIN
  IF me.id IS NULL THEN
    RETURN auth.vault_nobody(c, 'restore');
  ELSIF wanted IS NULL THEN
    RETURN auth.vault_refuse(c, me.user_id, 'restore', 'bad-request', 400, 'BAD_REQUEST', 'id of a kept wrap is required');
  ELSIF auth.kek_active_id() IS NULL THEN
    RETURN auth.vault_refuse(c, me.user_id, 'restore', 'locked', 503, 'VAULT_LOCKED');
  END IF;
  v := auth.vault_lock(me.user_id);
  IF v.user_id IS NULL THEN
    RETURN auth.vault_refuse(c, me.user_id, 'restore', 'no-vault', 404, 'VAULT_NOT_INITIALISED');
  END IF;
  refusal := auth.step_up_refusal(c, me, 'vault-restore');
  IF refusal.refusal IS NOT NULL THEN
    RETURN auth.vault_refuse_as(c, me.user_id, 'restore', 'step-up-required', 403, refusal);
  END IF;
  SELECT x.* INTO k FROM auth.vault_replaced_wraps x
   WHERE x.id = wanted AND x.user_id = me.user_id AND x.expires_at > now() FOR UPDATE;
  IF k.id IS NULL THEN
    RETURN auth.vault_refuse(c, me.user_id, 'restore', 'not-found', 404, 'WRAP_NOT_FOUND');
  ELSIF k.wrapped_mk IS NOT NULL AND v.zero_knowledge THEN
    RETURN auth.vault_refuse(c, me.user_id, 'restore', 'zk-active', 409, 'ZK_ROTATE_FORBIDDEN');
  ELSIF k.wrapped_mk IS NULL AND k.generation <> v.generation THEN
    RETURN auth.vault_refuse(c, me.user_id, 'restore', 'old-generation', 409, 'KEY_GENERATION_CONFLICT');
  END IF;
  w := auth.vault_rewrapped(me.user_id, auth.vault_replaced_key(k));
  recovery := convert_from(auth.unseal_or_null(k.recovery, auth.vault_replaced_context(k.id, k.user_id)), 'UTF8');
  IF k.wrapped_mk IS NOT NULL AND w.wrapped_mk IS NULL OR k.recovery IS NOT NULL AND recovery IS NULL THEN
    RETURN auth.vault_refuse(c, me.user_id, 'restore', 'unwrap-failed', 409, 'WRAP_UNREADABLE');
  END IF;
  DELETE FROM auth.vault_replaced_wraps x WHERE x.id = k.id;
  PERFORM auth.vault_keep(v, CASE WHEN k.wrapped_mk IS NULL THEN 'recovery' ELSE 'key' END);
  UPDATE auth.encryption_vaults x
     SET wrapped_mk = COALESCE(w.wrapped_mk, x.wrapped_mk), wrap_iv = COALESCE(w.wrap_iv, x.wrap_iv),
         format_version = COALESCE(w.format_version, x.format_version), kek_id = COALESCE(w.kek_id, x.kek_id),
         commitment = COALESCE(w.commitment, x.commitment), generation = k.generation,
         rotated_at = CASE WHEN w.wrapped_mk IS NULL THEN x.rotated_at ELSE now() END,
         recovery_wrapped_mk = recovery ->> 'wrap', recovery_iv = recovery ->> 'iv',
         recovery_format_version = COALESCE((recovery ->> 'formatVersion')::smallint, x.recovery_format_version),
         recovery_set_at = (recovery ->> 'setAt')::timestamptz,
         recovery_generation = CASE WHEN recovery IS NOT NULL THEN k.generation END,
         recovery_proven = COALESCE((recovery ->> 'proven')::boolean, true)
   WHERE x.user_id = me.user_id;
  PERFORM auth.notice_mail(CASE WHEN k.wrapped_mk IS NULL THEN 'vault_recovery_changed' ELSE 'vault_rotated' END, me.user_id);
  RETURN auth.vault_grant(c, me.user_id, 'restore', CASE WHEN k.wrapped_mk IS NULL THEN 'recovery' ELSE 'key' END, 200,
    auth.json_object('ok', true, 'restored', CASE WHEN k.wrapped_mk IS NULL THEN 'recovery' ELSE 'key' END,
                     'keyGeneration', k.generation));
END
$$;
COMMENT ON FUNCTION auth.vault_restore IS
  'POST /restore: exchanges a kept wrap with the present one, which is kept in its place. A key comes back with its generation and with '
  'the recovery wrap that it had when it was replaced. Always requires step-up authentication';

CREATE FUNCTION auth.vault_replaced_enter_zero_knowledge(v auth.encryption_vaults) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  DELETE FROM auth.vault_replaced_wraps k
   WHERE k.user_id = v.user_id AND (k.wrapped_mk IS NOT NULL OR k.generation <> v.generation);
END
$$;
COMMENT ON FUNCTION auth.vault_replaced_enter_zero_knowledge IS
  'deletes every kept key wrap, which the service could open, and the recovery wraps of other keys, which then open nothing';

CREATE FUNCTION auth.vault_replaced_sweep(batch integer) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  swept bigint;
BEGIN
  PERFORM auth.identity_assume('*');
  DELETE FROM auth.vault_replaced_wraps k WHERE k.id IN (
    SELECT x.id FROM auth.vault_replaced_wraps x WHERE x.expires_at <= now()
     ORDER BY x.expires_at LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS swept = ROW_COUNT;
  RETURN swept;
END
$$;
COMMENT ON FUNCTION auth.vault_replaced_sweep IS 'deletes at most batch kept wraps whose week is over; how many';

CREATE FUNCTION auth.vault_replaced_rewrap_batch(after_id text, batch integer, OUT last_id text, OUT moved integer, OUT failed integer)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  k auth.vault_replaced_wraps;
  w auth.vault_wrap;
  plain bytea;
BEGIN
  PERFORM auth.identity_assume('*');
  moved := 0;
  failed := 0;
  FOR k IN SELECT x.* FROM auth.vault_replaced_wraps x
            WHERE x.id > after_id
              AND (x.kek_id <> auth.kek_active_id() OR x.format_version < 2 OR auth.sealed_key_id(x.recovery) <> auth.kek_active_id())
            ORDER BY x.id LIMIT batch FOR UPDATE LOOP
    last_id := k.id;
    w := auth.vault_rewrapped(k.user_id, auth.vault_replaced_key(k));
    plain := auth.unseal_or_null(k.recovery, auth.vault_replaced_context(k.id, k.user_id));
    IF k.wrapped_mk IS NOT NULL AND w.wrapped_mk IS NULL OR k.recovery IS NOT NULL AND plain IS NULL THEN
      failed := failed + 1;
      RAISE WARNING 'the replaced wrap % of user % does not open', k.id, k.user_id;
      CONTINUE;
    END IF;
    UPDATE auth.vault_replaced_wraps x
       SET wrapped_mk = w.wrapped_mk, wrap_iv = w.wrap_iv, format_version = w.format_version, kek_id = w.kek_id,
           commitment = w.commitment, recovery = auth.seal(plain, auth.vault_replaced_context(k.id, k.user_id))
     WHERE x.id = k.id;
    moved := moved + 1;
  END LOOP;
END
$$;
COMMENT ON FUNCTION auth.vault_replaced_rewrap_batch IS 'one transaction of auth.vault_rewrap: kept wraps';
