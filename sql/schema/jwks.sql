-- The keys that sign access JWTs and id_tokens. Private halves are sealed; edges fetch them and sign.

CREATE TABLE auth.jwks (
  id           text        NOT NULL DEFAULT auth.random_id(),
  alg          text        NOT NULL DEFAULT 'EdDSA',
  crv          text        DEFAULT 'Ed25519',
  public_key   text        NOT NULL,
  private_key  bytea       NOT NULL,
  created_at   timestamptz NOT NULL DEFAULT pg_catalog.now(),
  signs_from   timestamptz NOT NULL DEFAULT pg_catalog.now(),
  expires_at   timestamptz,
  CONSTRAINT jwks_pkey PRIMARY KEY (id)
);
COMMENT ON TABLE auth.jwks IS 'signing keys; id is the kid';
COMMENT ON COLUMN auth.jwks.public_key IS 'JWK (RFC 8037): {"crv":"Ed25519","x":...,"kty":"OKP"}';
COMMENT ON COLUMN auth.jwks.private_key IS 'the 32-byte Ed25519 seed, sealed in the context jwks:id';
COMMENT ON COLUMN auth.jwks.signs_from IS 'published before, used from then on: every JWKS cache has seen it by then';
COMMENT ON COLUMN auth.jwks.expires_at IS 'published until then; set when a younger key takes over. NULL: current';

SELECT pg_catalog.pg_extension_config_dump('auth.jwks', '');

CREATE FUNCTION auth.rotate_signing_key(publish_ahead interval DEFAULT '10 minutes', keep interval DEFAULT '2 hours')
RETURNS text LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  kid text := auth.random_id();
  seed bytea := auth.random_bytes(32);
  starts timestamptz := now();
BEGIN
  LOCK TABLE auth.jwks IN SHARE ROW EXCLUSIVE MODE;
  IF EXISTS (SELECT FROM auth.jwks k WHERE k.alg = 'EdDSA' AND (k.expires_at IS NULL OR k.expires_at > now())) THEN
    starts := now() + publish_ahead;
  END IF;
  UPDATE auth.jwks k SET expires_at = starts + keep WHERE k.alg = 'EdDSA' AND k.expires_at IS NULL;
  INSERT INTO auth.jwks (id, public_key, private_key, signs_from)
  VALUES (kid, auth.ed25519_jwk(seed), auth.seal(seed, 'jwks:' || kid), starts);
  DELETE FROM auth.jwks k WHERE k.expires_at < now();
  RETURN kid;
END
$$;
COMMENT ON FUNCTION auth.rotate_signing_key IS
  'makes the next signing key: published now, signing after publish_ahead; the present one stays published for `keep` longer '
  'than it signs, which must exceed the longest life of a token';

CREATE FUNCTION auth_api.signing_keys() RETURNS TABLE (
    kid text, alg text, public_key text, seed bytea, signs_in_seconds double precision, age_seconds double precision)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM auth.jwks k WHERE k.expires_at IS NULL) THEN
    PERFORM pg_advisory_xact_lock(hashtextextended('auth.jwks', 0));
    IF NOT EXISTS (SELECT FROM auth.jwks k WHERE k.expires_at IS NULL) THEN
      PERFORM auth.rotate_signing_key();
    END IF;
  END IF;
  RETURN QUERY
    SELECT k.id, k.alg, k.public_key, auth.unseal(k.private_key, 'jwks:' || k.id),
           extract(epoch FROM k.signs_from - now())::double precision,
           extract(epoch FROM now() - k.created_at)::double precision
      FROM auth.jwks k
     WHERE k.expires_at IS NULL OR k.expires_at > now()
     ORDER BY k.signs_from DESC, k.id;
END
$$;
COMMENT ON FUNCTION auth_api.signing_keys IS
  'the keys to publish, youngest first; the first one with signs_in_seconds <= 0 signs. Makes the first key when there is none';
