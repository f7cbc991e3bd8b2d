-- A client that has registered no method authenticates by client_secret_basic or client_secret_post. Clients of 1.0 keep the one that
-- they have; those of the environment get the new default when an edge starts.

ALTER TABLE auth.oauth_clients
  ALTER COLUMN auth_method SET DEFAULT 'client_secret',
  DROP CONSTRAINT oauth_clients_auth_method_is_known,
  ADD CONSTRAINT oauth_clients_auth_method_is_known
    CHECK (auth_method IN ('client_secret', 'client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none')),
  DROP CONSTRAINT oauth_clients_secret_goes_with_method,
  ADD CONSTRAINT oauth_clients_secret_goes_with_method
    CHECK (disabled OR (secret_digest IS NOT NULL)
                       = (auth_method IN ('client_secret', 'client_secret_basic', 'client_secret_post')));
DROP FUNCTION auth.oidc_wait(jsonb, text);
