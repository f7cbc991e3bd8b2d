-- Signing keys take turns. A key is announced in the JWKS first and signs a day later, when no cache and no edge can be without
-- it; the one before stays published until the last token that it signed is dead.

CREATE FUNCTION auth.signing_keys_good_for() RETURNS interval LANGUAGE sql IMMUTABLE RETURN INTERVAL '50 minutes';
COMMENT ON FUNCTION auth.signing_keys_good_for IS
  'how long an edge may publish and sign by a list of keys without asking again. With the 5 minutes for which others may keep '
  'a JWKS, less than the shortest announcement: so no edge signs by a key that another one''s JWKS does not show';

CREATE FUNCTION auth.signing_key_next(alg text, announced interval, made_after timestamptz DEFAULT NULL) RETURNS auth.jwks
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  kept constant interval := '2 hours'; -- twice the life of an id_token, which lives longest
  youngest auth.jwks;
  made record;
BEGIN
  IF announced < interval '1 hour' THEN
    RAISE EXCEPTION 'a signing key must be announced an hour before it signs, or longer'
      USING ERRCODE = 'MA400', HINT = 'Edges may publish what they know for 50 minutes, and others keep that for 5.';
  END IF;
  LOCK TABLE auth.jwks IN SHARE ROW EXCLUSIVE MODE; -- one at a time; who comes second finds the key of the first
  SELECT k.* INTO youngest FROM auth.jwks k WHERE k.alg = signing_key_next.alg AND k.expires_at IS NULL;
  IF youngest.signs_from > clock_timestamp() OR youngest.created_at > made_after THEN
    RETURN youngest;
  END IF;
  made := auth.signing_key_make(alg);
  UPDATE auth.jwks k SET expires_at = clock_timestamp() + announced + kept WHERE k.id = youngest.id;
  INSERT INTO auth.jwks AS k (id, alg, public_key, private_key, signs_from)
  SELECT x.kid, signing_key_next.alg, made.public_key, auth.seal(made.private_key, 'jwks:' || x.kid),
         CASE WHEN youngest.id IS NULL THEN now() ELSE clock_timestamp() + announced END
    FROM (SELECT auth.random_id() AS kid) x
  RETURNING k.* INTO youngest;
  RETURN youngest;
END
$$;
COMMENT ON FUNCTION auth.signing_key_next IS
  'the key that follows: the one that is announced already, or one made after made_after, or a new one. The very first signs at once';

CREATE FUNCTION auth.rotate_signing_key(announced interval DEFAULT '1 day')
RETURNS TABLE (alg text, kid text, signs_from timestamptz)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY
    SELECT k.alg, k.id, k.signs_from
      FROM unnest('{EdDSA,ES256,RS256}'::text[]) wanted (alg), auth.signing_key_next(wanted.alg, announced) k;
END
$$;
COMMENT ON FUNCTION auth.rotate_signing_key IS
  'announces the next key of each algorithm, to sign from then on; called again meanwhile, it changes nothing';

CREATE FUNCTION auth.revoke_signing_keys() RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  n bigint;
BEGIN
  DELETE FROM auth.jwks;
  GET DIAGNOSTICS n = ROW_COUNT;
  RETURN n;
END
$$;
COMMENT ON FUNCTION auth.revoke_signing_keys IS
  'for a private key that may have leaked: every token of the present keys becomes worthless; how many keys there were. The next '
  'ones sign at once, unannounced, so for some minutes resource servers may refuse them';

CREATE FUNCTION auth_api.signing_keys() RETURNS TABLE (
    kid text, alg text, public_key text, private_key bytea, signs_in_seconds double precision, good_for_seconds double precision)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  days constant integer := current_setting('mana_auth.signing_key_days')::integer;
  made_after constant timestamptz := CASE WHEN days = 0 THEN '-infinity' ELSE now() - make_interval(days => days) END;
BEGIN
  PERFORM auth.signing_key_next(wanted.alg, '1 day', made_after)
     FROM unnest('{EdDSA,ES256,RS256}'::text[]) wanted (alg)
    WHERE current_setting('transaction_read_only') = 'off' -- a standby has what its primary made
      AND NOT EXISTS (SELECT FROM auth.jwks k
                       WHERE k.alg = wanted.alg AND k.expires_at IS NULL AND k.created_at > made_after);
  RETURN QUERY
    SELECT k.id, k.alg, k.public_key, auth.unseal(k.private_key, 'jwks:' || k.id),
           extract(epoch FROM k.signs_from - now())::double precision,
           extract(epoch FROM auth.signing_keys_good_for())::double precision
      FROM auth.jwks k
     WHERE k.expires_at IS NULL OR k.expires_at > now()
     ORDER BY k.alg <> 'EdDSA', k.alg, k.signs_from DESC, k.id;
END
$$;
COMMENT ON FUNCTION auth_api.signing_keys IS
  'the keys to publish, the youngest of each algorithm first; of each, the first one with signs_in_seconds <= 0 signs. Edges ask '
  'every minute: whoever does so first makes the first keys, and the next ones when mana_auth.signing_key_days have passed';
