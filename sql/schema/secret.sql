-- Secrets that the edges share and the database keeps, sealed under the key ring.

CREATE TABLE auth.secrets (
  name        text        NOT NULL,
  sealed      bytea       NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
  CONSTRAINT secrets_pkey PRIMARY KEY (name)
);
COMMENT ON TABLE auth.secrets IS
  'made at their first use and sealed under the key ring, so that the KEK is the only secret to manage and its rotation '
  'changes none of them';
COMMENT ON COLUMN auth.secrets.sealed IS 'sealed in the context secrets:name';

SELECT pg_catalog.pg_extension_config_dump('auth.secrets', '');

CREATE FUNCTION auth.secret(name text) RETURNS bytea
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  value bytea;
BEGIN
  SELECT s.sealed INTO value FROM auth.secrets s WHERE s.name = secret.name;
  IF NOT FOUND THEN
    INSERT INTO auth.secrets AS s (name, sealed)
    VALUES (secret.name, auth.seal(auth.kek_derive('secret:' || secret.name), 'secrets:' || secret.name))
    ON CONFLICT ON CONSTRAINT secrets_pkey DO NOTHING;
    SELECT s.sealed INTO STRICT value FROM auth.secrets s WHERE s.name = secret.name;
  END IF;
  RETURN auth.unseal(value, 'secrets:' || secret.name);
END
$$;
COMMENT ON FUNCTION auth.secret IS '32 bytes; derived from the active KEK (HKDF, RFC 5869) at first use and kept from then on';

CREATE FUNCTION auth.vault_audit_key() RETURNS bytea
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN auth.secret('audit');
END
$$;
COMMENT ON FUNCTION auth.vault_audit_key IS 'The HMAC key of the audit log, for extension/audit.c. MA503 without a key ring.';

CREATE FUNCTION auth.session_proof_key() RETURNS bytea
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  sealed bytea;
BEGIN
  SELECT s.sealed INTO sealed FROM auth.secrets s WHERE s.name = 'session-proof';
  IF FOUND THEN
    RETURN auth.unseal_or_null(sealed, 'secrets:session-proof');
  ELSIF auth.kek_active_id() IS NULL OR current_setting('transaction_read_only')::boolean THEN
    RETURN NULL;
  END IF;
  RETURN auth.secret('session-proof');
END
$$;
COMMENT ON FUNCTION auth.session_proof_key IS
  'The HMAC key of auth.session_proof, for extension/session_proof.c. NULL when the key ring cannot open it: then sessions are still '
  'found by their cookie, and no access JWT is accepted.';

CREATE FUNCTION auth_api.edge_secret() RETURNS bytea
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN auth.secret('cookie');
END
$$;
COMMENT ON FUNCTION auth_api.edge_secret IS 'signs cookies where BETTER_AUTH_SECRET is not configured';
