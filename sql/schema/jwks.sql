-- The keys that sign access JWTs and id_tokens. Private halves are sealed; edges fetch them and sign.

CREATE TABLE auth.jwks (
  id           text        NOT NULL DEFAULT auth.random_id(),
  alg          text        NOT NULL DEFAULT 'EdDSA',
  public_key   text        NOT NULL,
  private_key  bytea       NOT NULL,
  created_at   timestamptz NOT NULL DEFAULT pg_catalog.now(),
  signs_from   timestamptz NOT NULL DEFAULT pg_catalog.now(),
  expires_at   timestamptz,
  CONSTRAINT jwks_pkey PRIMARY KEY (id),
  CONSTRAINT jwks_alg_is_known CHECK (alg IN ('EdDSA', 'ES256', 'RS256')),
  CONSTRAINT jwks_expires_after_it_signed CHECK (expires_at > signs_from)
);
COMMENT ON TABLE auth.jwks IS 'signing keys; id is the kid';
COMMENT ON COLUMN auth.jwks.public_key IS 'JWK (RFC 7517, RFC 8037) without alg and kid: {"crv":"Ed25519","x":...,"kty":"OKP"}';
COMMENT ON COLUMN auth.jwks.private_key IS 'the 32-byte Ed25519 seed, or PKCS #8; sealed in the context jwks:id';
COMMENT ON COLUMN auth.jwks.signs_from IS 'published before, used from then on: every JWKS cache has seen it by then';
COMMENT ON COLUMN auth.jwks.expires_at IS 'published until then; set when a younger key takes over. NULL: the youngest';
CREATE UNIQUE INDEX jwks_one_youngest ON auth.jwks (alg) WHERE expires_at IS NULL;

SELECT pg_catalog.pg_extension_config_dump('auth.jwks', '');
