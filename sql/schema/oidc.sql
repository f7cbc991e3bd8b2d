-- What the OpenID provider keeps: clients, what users allowed them, and digests of codes and tokens.

CREATE TABLE auth.oauth_clients (
  id                          text        NOT NULL DEFAULT auth.random_id(),
  name                        text        NOT NULL,
  uri                         text,
  secret_digest               bytea,
  auth_method                 text        NOT NULL DEFAULT 'client_secret',
  jwks                        jsonb,
  redirect_uris               text[]      NOT NULL DEFAULT '{}',
  post_logout_redirect_uris   text[]      NOT NULL DEFAULT '{}',
  grant_types                 text[]      NOT NULL DEFAULT '{authorization_code,refresh_token}',
  scopes                      text[]      NOT NULL DEFAULT '{openid,profile,email,offline_access}',
  details                     jsonb       NOT NULL DEFAULT '{}',
  scope_words                 jsonb       NOT NULL DEFAULT '{}',
  id_token_alg                text        NOT NULL DEFAULT 'EdDSA',
  require_pkce                boolean     NOT NULL DEFAULT false,
  skip_consent                boolean     NOT NULL DEFAULT false,
  disabled                    boolean     NOT NULL DEFAULT false,
  configured                  boolean     NOT NULL DEFAULT false,
  created_by                  text,
  created_at                  timestamptz NOT NULL DEFAULT pg_catalog.now(),
  updated_at                  timestamptz NOT NULL DEFAULT pg_catalog.now(),
  CONSTRAINT oauth_clients_pkey PRIMARY KEY (id),
  CONSTRAINT oauth_clients_created_by_users_id_fk FOREIGN KEY (created_by) REFERENCES auth.users (id) ON DELETE SET NULL,
  CONSTRAINT oauth_clients_id_is_plain CHECK (id ~ '^[A-Za-z0-9._~-]{1,128}$'),
  CONSTRAINT oauth_clients_secret_digest_is_sha256 CHECK (pg_catalog.octet_length(secret_digest) = 32),
  CONSTRAINT oauth_clients_auth_method_is_known
    CHECK (auth_method IN ('client_secret', 'client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none')),
  CONSTRAINT oauth_clients_grant_types_are_known
    CHECK (grant_types <@ '{authorization_code,refresh_token,client_credentials}'::text[]),
  CONSTRAINT oauth_clients_scopes_are_names -- scope-token of RFC 6749, section 3.3
    CHECK (scopes = '{}' OR pg_catalog.array_to_string(scopes, E'\n', '') ~ '^[!#-\[\]-~]+(\n[!#-\[\]-~]+)*$'),
  CONSTRAINT oauth_clients_id_token_alg_is_known CHECK (id_token_alg IN ('EdDSA', 'ES256', 'RS256')),
  CONSTRAINT oauth_clients_secret_goes_with_method
    CHECK (disabled OR (secret_digest IS NOT NULL)
                       = (auth_method IN ('client_secret', 'client_secret_basic', 'client_secret_post'))),
  CONSTRAINT oauth_clients_keys_are_usable CHECK (auth.oidc_jwks_is_usable(jwks)),
  CONSTRAINT oauth_clients_keys_go_with_method CHECK ((jwks IS NOT NULL) = (auth_method = 'private_key_jwt')),
  CONSTRAINT oauth_clients_public_acts_for_users_only
    CHECK (auth_method <> 'none' OR NOT 'client_credentials' = ANY (grant_types)),
  CONSTRAINT oauth_clients_redirects_where_users_come
    CHECK (NOT 'authorization_code' = ANY (grant_types) OR pg_catalog.cardinality(redirect_uris) > 0)
);
CREATE INDEX oauth_clients_created_by_idx ON auth.oauth_clients (created_by);
COMMENT ON TABLE auth.oauth_clients IS 'relying parties; id is the client_id';
COMMENT ON COLUMN auth.oauth_clients.secret_digest IS 'SHA-256 of the client secret (Better Auth stores the same as base64url)';
COMMENT ON COLUMN auth.oauth_clients.auth_method IS
  'How the client authenticates. client_secret: by client_secret_basic or client_secret_post, for a client that has registered no '
  'method. none: a public client, with PKCE.';
COMMENT ON COLUMN auth.oauth_clients.id_token_alg IS 'what signs its id_tokens: RS256 or ES256 for those who cannot verify EdDSA';
COMMENT ON COLUMN auth.oauth_clients.details IS 'what it says of itself and nothing depends on: logo_uri, contacts, tos_uri, policy_uri, software_*';
COMMENT ON COLUMN auth.oauth_clients.scope_words IS
  'what scopes of its own mean, for the consent page: {"wiki.write": {"de": "in deinem Namen schreiben", "en": "write in your name"}}';
COMMENT ON COLUMN auth.oauth_clients.jwks IS 'public keys that verify the assertions of private_key_jwt (RFC 7523)';
COMMENT ON COLUMN auth.oauth_clients.skip_consent IS 'ours: users are not asked';
COMMENT ON COLUMN auth.oauth_clients.configured IS 'from the environment of the edges, which write it again at each start';

CREATE TABLE auth.oauth_resources (
  identifier        text        NOT NULL,
  name              text        NOT NULL,
  scopes            text[],
  access_token_ttl  interval    NOT NULL DEFAULT '1 hour',
  signing_alg       text        NOT NULL DEFAULT 'EdDSA',
  disabled          boolean     NOT NULL DEFAULT false,
  created_at        timestamptz NOT NULL DEFAULT pg_catalog.now(),
  CONSTRAINT oauth_resources_pkey PRIMARY KEY (identifier),
  CONSTRAINT oauth_resources_identifier_is_absolute -- RFC 8707, section 2: an absolute URI without a fragment
    CHECK (identifier ~ '^[A-Za-z][A-Za-z0-9+.-]*:[^[:space:][:cntrl:]#"\\<>]+$' AND pg_catalog.length(identifier) <= 512),
  CONSTRAINT oauth_resources_scopes_are_names
    CHECK (pg_catalog.array_to_string(scopes, E'\n', '') ~ '^[!#-\[\]-~]+(\n[!#-\[\]-~]+)*$'),
  CONSTRAINT oauth_resources_access_token_ttl_is_short CHECK (access_token_ttl BETWEEN '1 minute' AND '1 day'),
  CONSTRAINT oauth_resources_signing_alg_is_known CHECK (signing_alg IN ('EdDSA', 'ES256', 'RS256'))
);
COMMENT ON TABLE auth.oauth_resources IS
  'protected resources that clients ask tokens for by name (RFC 8707): such a token is a JWT (RFC 9068), which the resource verifies '
  'by our JWKS and nobody stores';
COMMENT ON COLUMN auth.oauth_resources.scopes IS 'the part of a client''s scopes that its tokens can carry; NULL: all';
COMMENT ON COLUMN auth.oauth_resources.access_token_ttl IS
  'how long a token is good: also after its grant was revoked, for whoever only verifies the signature and does not introspect';
COMMENT ON COLUMN auth.oauth_resources.disabled IS 'no more tokens for it';

CREATE TABLE auth.oauth_client_resources (
  client_id  text NOT NULL,
  resource   text NOT NULL,
  CONSTRAINT oauth_client_resources_pkey PRIMARY KEY (client_id, resource),
  CONSTRAINT oauth_client_resources_client_id_oauth_clients_id_fk
    FOREIGN KEY (client_id) REFERENCES auth.oauth_clients (id) ON DELETE CASCADE,
  CONSTRAINT oauth_client_resources_resource_oauth_resources_identifier_fk
    FOREIGN KEY (resource) REFERENCES auth.oauth_resources (identifier) ON DELETE CASCADE
);
COMMENT ON TABLE auth.oauth_client_resources IS
  'which resources a client may have tokens for; it may introspect those of others for them, too, for it may be the resource';
CREATE INDEX oauth_client_resources_resource_idx ON auth.oauth_client_resources (resource);

CREATE TABLE auth.oauth_consents (
  user_id     text        NOT NULL,
  client_id   text        NOT NULL,
  id          text        NOT NULL DEFAULT auth.random_id(),
  scopes      text[]      NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
  updated_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
  CONSTRAINT oauth_consents_pkey PRIMARY KEY (user_id, client_id),
  CONSTRAINT oauth_consents_id_unique UNIQUE (id),
  CONSTRAINT oauth_consents_user_id_users_id_fk FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
  CONSTRAINT oauth_consents_client_id_oauth_clients_id_fk
    FOREIGN KEY (client_id) REFERENCES auth.oauth_clients (id) ON DELETE CASCADE
);
COMMENT ON TABLE auth.oauth_consents IS 'what a user has allowed a client, for the next time';
CREATE INDEX oauth_consents_client_id_idx ON auth.oauth_consents (client_id);

CREATE TABLE auth.oauth_grants (
  id          text        NOT NULL DEFAULT auth.random_id(),
  client_id   text        NOT NULL,
  user_id     text        NOT NULL,
  session_id  text,
  sid         text        NOT NULL,
  scopes      text[]      NOT NULL,
  resource    text,
  nonce       text,
  auth_time   timestamptz NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
  CONSTRAINT oauth_grants_pkey PRIMARY KEY (id),
  CONSTRAINT oauth_grants_client_id_oauth_clients_id_fk
    FOREIGN KEY (client_id) REFERENCES auth.oauth_clients (id) ON DELETE CASCADE,
  CONSTRAINT oauth_grants_user_id_users_id_fk FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
  CONSTRAINT oauth_grants_session_id_sessions_id_fk
    FOREIGN KEY (session_id) REFERENCES auth.sessions (id) ON DELETE SET NULL
);
COMMENT ON TABLE auth.oauth_grants IS
  'one authorization: its code and all tokens that came of it. Deleting the row revokes the family';
COMMENT ON COLUMN auth.oauth_grants.session_id IS
  'NULL: the session has ended; then only a grant with offline_access lives on (OpenID Connect Core, section 11)';
COMMENT ON COLUMN auth.oauth_grants.resource IS
  'for which protected resource it was asked (RFC 8707), if for one; whether the client may still have tokens for it is asked each time';
COMMENT ON COLUMN auth.oauth_grants.sid IS 'id of the session in which it was given; in id_tokens';
CREATE INDEX oauth_grants_user_id_client_id_idx ON auth.oauth_grants (user_id, client_id);
CREATE INDEX oauth_grants_session_id_idx ON auth.oauth_grants (session_id);
CREATE INDEX oauth_grants_client_id_idx ON auth.oauth_grants (client_id);

CREATE TABLE auth.oauth_codes (
  digest           bytea       NOT NULL,
  grant_id         text        NOT NULL,
  redirect_uri     text        NOT NULL,
  code_challenge   bytea,
  expires_at       timestamptz NOT NULL,
  spent_at         timestamptz,
  CONSTRAINT oauth_codes_pkey PRIMARY KEY (digest),
  CONSTRAINT oauth_codes_grant_id_oauth_grants_id_fk
    FOREIGN KEY (grant_id) REFERENCES auth.oauth_grants (id) ON DELETE CASCADE,
  CONSTRAINT oauth_codes_challenge_is_sha256 CHECK (pg_catalog.octet_length(code_challenge) = 32)
);
COMMENT ON TABLE auth.oauth_codes IS 'authorization codes, by their SHA-256; a spent one stays, so that its replay is known';
COMMENT ON COLUMN auth.oauth_codes.code_challenge IS 'SHA-256 of the code_verifier (RFC 7636, S256); NULL: no PKCE';
CREATE INDEX oauth_codes_grant_id_idx ON auth.oauth_codes (grant_id);
CREATE INDEX oauth_codes_expires_at_idx ON auth.oauth_codes (expires_at);

CREATE TABLE auth.oauth_access_tokens (
  digest      bytea       NOT NULL,
  grant_id    text,
  client_id   text        NOT NULL,
  scopes      text[]      NOT NULL,
  issued_at   timestamptz NOT NULL DEFAULT pg_catalog.now(),
  expires_at  timestamptz NOT NULL,
  CONSTRAINT oauth_access_tokens_pkey PRIMARY KEY (digest),
  CONSTRAINT oauth_access_tokens_grant_id_oauth_grants_id_fk
    FOREIGN KEY (grant_id) REFERENCES auth.oauth_grants (id) ON DELETE CASCADE,
  CONSTRAINT oauth_access_tokens_client_id_oauth_clients_id_fk
    FOREIGN KEY (client_id) REFERENCES auth.oauth_clients (id) ON DELETE CASCADE
);
COMMENT ON TABLE auth.oauth_access_tokens IS 'opaque access tokens, by their SHA-256';
COMMENT ON COLUMN auth.oauth_access_tokens.grant_id IS 'NULL: the client''s own (client_credentials)';
CREATE INDEX oauth_access_tokens_grant_id_idx ON auth.oauth_access_tokens (grant_id);
CREATE INDEX oauth_access_tokens_client_id_idx ON auth.oauth_access_tokens (client_id);
CREATE INDEX oauth_access_tokens_expires_at_idx ON auth.oauth_access_tokens (expires_at);

CREATE TABLE auth.oauth_refresh_tokens (
  digest      bytea       NOT NULL,
  grant_id    text        NOT NULL,
  issued_at   timestamptz NOT NULL DEFAULT pg_catalog.now(),
  expires_at  timestamptz NOT NULL,
  spent_at    timestamptz,
  CONSTRAINT oauth_refresh_tokens_pkey PRIMARY KEY (digest),
  CONSTRAINT oauth_refresh_tokens_grant_id_oauth_grants_id_fk
    FOREIGN KEY (grant_id) REFERENCES auth.oauth_grants (id) ON DELETE CASCADE
) WITH (fillfactor = 85);
COMMENT ON TABLE auth.oauth_refresh_tokens IS 'refresh tokens, by their SHA-256; each is good for one exchange';
COMMENT ON COLUMN auth.oauth_refresh_tokens.spent_at IS 'when it was exchanged; presented again, it ends its family';
CREATE INDEX oauth_refresh_tokens_grant_id_idx ON auth.oauth_refresh_tokens (grant_id);
CREATE INDEX oauth_refresh_tokens_expires_at_idx ON auth.oauth_refresh_tokens (expires_at);

CREATE TABLE auth.oauth_client_assertions (
  client_id   text        NOT NULL,
  jti         text        NOT NULL,
  expires_at  timestamptz NOT NULL,
  CONSTRAINT oauth_client_assertions_pkey PRIMARY KEY (client_id, jti),
  CONSTRAINT oauth_client_assertions_client_id_oauth_clients_id_fk
    FOREIGN KEY (client_id) REFERENCES auth.oauth_clients (id) ON DELETE CASCADE
);
COMMENT ON TABLE auth.oauth_client_assertions IS 'jti of the assertions that clients have authenticated with; each is good once';
CREATE INDEX oauth_client_assertions_expires_at_idx ON auth.oauth_client_assertions (expires_at);

SELECT pg_catalog.pg_extension_config_dump('auth.oauth_clients', '');
SELECT pg_catalog.pg_extension_config_dump('auth.oauth_resources', '');
SELECT pg_catalog.pg_extension_config_dump('auth.oauth_client_resources', '');
SELECT pg_catalog.pg_extension_config_dump('auth.oauth_consents', '');
SELECT pg_catalog.pg_extension_config_dump('auth.oauth_grants', '');
SELECT pg_catalog.pg_extension_config_dump('auth.oauth_codes', '');
SELECT pg_catalog.pg_extension_config_dump('auth.oauth_access_tokens', '');
SELECT pg_catalog.pg_extension_config_dump('auth.oauth_refresh_tokens', '');
SELECT pg_catalog.pg_extension_config_dump('auth.oauth_client_assertions', '');
