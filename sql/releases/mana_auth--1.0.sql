\echo Use "CREATE EXTENSION mana_auth" to load this file. \quit
-- The roles of the service. They belong to the cluster, not to this database, so they are made where they are missing and
-- stay when the extension goes. None can log in; the DBA gives the edge its way in (ALTER ROLE auth_edge LOGIN ...).

DO $$
DECLARE
  role text;
BEGIN
  FOREACH role IN ARRAY ARRAY['auth_owner', 'auth_edge', 'auth_admin', 'auth_auditor'] LOOP
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = role) THEN
      EXECUTE pg_catalog.format('CREATE ROLE %I NOLOGIN NOSUPERUSER NOBYPASSRLS', role);
    END IF;
  END LOOP;
END
$$;

CREATE SCHEMA auth_api;
COMMENT ON SCHEMA auth IS 'accounts, sessions, vault: tables (private) and what a DBA may call';
COMMENT ON SCHEMA auth_api IS 'what an edge worker may call: one routine for each thing that an endpoint needs';
-- The shapes that the edge and the database exchange.

CREATE TYPE auth.access_tier AS ENUM ('guest', 'public', 'beta', 'alpha', 'founder');
CREATE TYPE auth.user_role AS ENUM ('user', 'admin', 'service');
CREATE TYPE auth.user_kind AS ENUM ('human', 'persona', 'system');

CREATE TYPE auth.caller AS (
  session_digest  bytea,
  fresh_digest    bytea,
  user_id         text,
  session_id      text,
  ip              inet,
  user_agent      text,
  request_id      text,
  rate_class      text
);
COMMENT ON TYPE auth.caller IS 'who is calling; made by auth_api.caller, which counts the request';
COMMENT ON COLUMN auth.caller.session_digest IS
  'SHA-256 of the session token of the cookie, whose signature the edge has verified; NULL: no cookie';
COMMENT ON COLUMN auth.caller.fresh_digest IS
  'SHA-256 of a random token that the edge holds ready, should this request open a session';
COMMENT ON COLUMN auth.caller.user_id IS 'sub of a verified access JWT; NULL: none';
COMMENT ON COLUMN auth.caller.session_id IS 'sid of that JWT; whether the session lives is asked here';
COMMENT ON COLUMN auth.caller.rate_class IS 'which rate limit counts this request; NULL or none: no limit';

CREATE TYPE auth.reply AS (
  refusal              text,
  message              text,
  retry_after_seconds  integer,
  status               integer,
  body                 text,
  location             text,
  cookies              text,
  claims               text
);
COMMENT ON TYPE auth.reply IS 'what an endpoint answers; the edge sends it without looking into the body';
COMMENT ON COLUMN auth.reply.refusal IS 'NULL: granted. Otherwise the name of an error (common/errors.def)';
COMMENT ON COLUMN auth.reply.message IS 'instead of the error''s own message';
COMMENT ON COLUMN auth.reply.status IS 'HTTP status of a granted reply; NULL: 200';
COMMENT ON COLUMN auth.reply.body IS
  'JSON; the bytes 01, 02 and 03, which JSON text cannot contain, stand for the fresh session token, the access JWT '
  'signed from claims, and the presented session token. NULL: no body';
COMMENT ON COLUMN auth.reply.location IS 'Location header';
COMMENT ON COLUMN auth.reply.cookies IS
  'a line each: name, value, and Max-Age in seconds or `session`; `- 0` deletes. The edge adds prefix, signature, attributes';
COMMENT ON COLUMN auth.reply.claims IS 'members of an access JWT that the edge is to sign; NULL: none';
-- What all routines stand on, written in C.

CREATE FUNCTION auth.random_id(length integer DEFAULT 32) RETURNS text
  LANGUAGE c VOLATILE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'mana_random_id';
COMMENT ON FUNCTION auth.random_id IS 'random letters and digits (5.95 bits each) from the strong random source';

CREATE FUNCTION auth.json_object(VARIADIC "any") RETURNS json
  LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'mana_json_object';
COMMENT ON FUNCTION auth.json_object IS
  'compact JSON object from keys and values in the order given; times as 2026-11-23T11:20:03.930Z';

CREATE FUNCTION auth.json_array_add(internal, json) RETURNS internal
  LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'mana_json_array_add';
CREATE FUNCTION auth.json_array_end(internal) RETURNS json
  LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'mana_json_array_end';
CREATE AGGREGATE auth.json_array_agg(json) (
  SFUNC = auth.json_array_add, STYPE = internal, FINALFUNC = auth.json_array_end);
COMMENT ON AGGREGATE auth.json_array_agg(json) IS 'compact JSON array; [] of nothing';

CREATE FUNCTION auth.fresh_token() RETURNS json
  LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'mana_fresh_token';
COMMENT ON FUNCTION auth.fresh_token IS 'in a reply: where the edge puts the token of the session that was just opened';
CREATE FUNCTION auth.access_token() RETURNS json
  LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'mana_access_token';
COMMENT ON FUNCTION auth.access_token IS 'in a reply: where the edge puts the access JWT that it signs from the claims';
CREATE FUNCTION auth.presented_token() RETURNS json
  LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'mana_presented_token';
COMMENT ON FUNCTION auth.presented_token IS 'in a reply: where the edge puts the session token that was presented';

CREATE FUNCTION auth.master_key() RETURNS json
  LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'mana_master_key';
COMMENT ON FUNCTION auth.master_key IS 'in a vault''s reply: where the committing procedure puts the master key';

CREATE FUNCTION auth.iso(timestamptz) RETURNS text
  LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'mana_iso';
COMMENT ON FUNCTION auth.iso IS 'ISO 8601 in UTC with milliseconds, as JavaScript''s toISOString';

CREATE FUNCTION auth.seal(plain bytea, context text) RETURNS bytea
  LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'mana_seal';
COMMENT ON FUNCTION auth.seal IS
  'AES-256-GCM under the active key of the ring; opens only with the same context. MA503 without a ring';
CREATE FUNCTION auth.unseal(sealed bytea, context text) RETURNS bytea
  LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'mana_unseal';
COMMENT ON FUNCTION auth.unseal IS 'opens what auth.seal made; MA503 when the ring lacks the key, 22P05 class when changed';

CREATE FUNCTION auth.unseal_or_null(sealed bytea, context text) RETURNS bytea
  LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'mana_unseal_or_null';
COMMENT ON FUNCTION auth.unseal_or_null IS
  'the same for a line of things that must not be held up by one of them: NULL where it does not open, and why in the log';

CREATE FUNCTION auth.identity_assume(user_id text) RETURNS void
  LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'mana_identity_assume';
COMMENT ON FUNCTION auth.identity_assume IS 'from here to the end of the transaction row-level security shows this user''s rows';
CREATE FUNCTION auth.identity() RETURNS text
  LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'mana_identity';
COMMENT ON FUNCTION auth.identity IS 'whose rows this transaction may see; NULL: nobody''s';

CREATE FUNCTION auth.rate_limit_count(class text, subject text) RETURNS integer
  LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'mana_rate_limit_count';
COMMENT ON FUNCTION auth.rate_limit_count IS
  'counts one use of a rate class by a subject that is no client address; seconds to wait, 0: within the limit';
CREATE FUNCTION auth.rate_limit_wait(class text, subject text) RETURNS integer
  LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'mana_rate_limit_wait';
COMMENT ON FUNCTION auth.rate_limit_wait IS 'what counting once more would answer, without counting';

CREATE FUNCTION auth_api.caller(
    session_digest bytea, fresh_digest bytea, user_id text, session_id text,
    ip inet, user_agent text, request_id text, rate_class text) RETURNS auth.caller
  LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'mana_caller';
COMMENT ON FUNCTION auth_api.caller IS
  'the first argument of every call; counts the request in its rate class and client address (IPv6: its /64) and raises '
  'MA429 with {"code":"RATE_LIMITED","retryAfterSeconds":n} over the limit';

CREATE FUNCTION auth.kek_derive(label text) RETURNS bytea
  LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'mana_kek_derive';
COMMENT ON FUNCTION auth.kek_derive IS '32 bytes from the active KEK and a label (HKDF-SHA-256, RFC 5869)';

CREATE FUNCTION auth.signing_key_make(alg text, OUT public_key text, OUT private_key bytea)
  LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'mana_signing_key_make';
COMMENT ON FUNCTION auth.signing_key_make IS
  'a new key pair for EdDSA, ES256 or RS256: the public half as a JWK, the private one to be sealed at once';

-- pgcrypto stands in whatever schema the DBA gave it; this is the one place that has to know.
DO $$
BEGIN
  EXECUTE pg_catalog.format(
    'CREATE FUNCTION auth.random_bytes(length integer) RETURNS bytea LANGUAGE sql VOLATILE STRICT '
    'RETURN %1$I.gen_random_bytes(length); '
    'CREATE FUNCTION auth.hmac_sha256(data bytea, key bytea) RETURNS bytea LANGUAGE sql IMMUTABLE STRICT '
    'RETURN %1$I.hmac(data, key, ''sha256'')',
    (SELECT n.nspname FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
      WHERE e.extname = 'pgcrypto'));
END
$$;
COMMENT ON FUNCTION auth.random_bytes IS 'strong random bytes (pgcrypto)';
COMMENT ON FUNCTION auth.hmac_sha256 IS 'HMAC-SHA-256 (RFC 2104, pgcrypto)';
-- How a routine answers.

CREATE FUNCTION auth.refuse(name text, message text DEFAULT NULL, retry_after_seconds integer DEFAULT NULL)
  RETURNS auth.reply LANGUAGE sql IMMUTABLE
  RETURN ROW(name, message, retry_after_seconds, NULL, NULL, NULL, NULL, NULL)::auth.reply;
COMMENT ON FUNCTION auth.refuse IS 'an expected no, which commits what was written on the way (audit, counters)';

CREATE FUNCTION auth.granted(
    body json, cookies text DEFAULT NULL, claims text DEFAULT NULL, status integer DEFAULT NULL, location text DEFAULT NULL)
  RETURNS auth.reply LANGUAGE sql IMMUTABLE
  RETURN ROW(NULL, NULL, NULL, status, body::text, location, cookies, claims)::auth.reply;
COMMENT ON FUNCTION auth.granted IS 'a yes';

CREATE FUNCTION auth.refuse_as(status integer, message text, code text DEFAULT NULL)
  RETURNS auth.reply LANGUAGE sql IMMUTABLE
  RETURN auth.granted(CASE WHEN code IS NULL THEN auth.json_object('message', message)
                           ELSE auth.json_object('message', message, 'code', code) END, NULL, NULL, status);
COMMENT ON FUNCTION auth.refuse_as IS
  'a refusal in Better Auth''s words, where it has no code or another status than the table of errors';

CREATE FUNCTION auth.url_with(url text, key text, value text) RETURNS text LANGUAGE sql IMMUTABLE
  RETURN pg_catalog.split_part(url, '#', 1)
         || CASE WHEN pg_catalog.strpos(pg_catalog.split_part(url, '#', 1), '?') > 0 THEN '&' ELSE '?' END
         || key || '=' || value
         || CASE WHEN pg_catalog.strpos(url, '#') > 0
                 THEN pg_catalog.substr(url, pg_catalog.strpos(url, '#')) ELSE '' END;
COMMENT ON FUNCTION auth.url_with IS 'a URL with one more query parameter, in front of the fragment; the value is plain ASCII';
-- People (and personas, and the system): one row each, found by id or by lower-case address.

CREATE TABLE auth.users (
  id                        text             NOT NULL DEFAULT auth.random_id(),
  name                      text             NOT NULL,
  email                     text             NOT NULL,
  email_verified            boolean          NOT NULL DEFAULT false,
  image                     text,
  created_at                timestamptz      NOT NULL DEFAULT pg_catalog.now(),
  updated_at                timestamptz      NOT NULL DEFAULT pg_catalog.now(),
  role                      auth.user_role   NOT NULL DEFAULT 'user',
  access_tier               auth.access_tier NOT NULL DEFAULT 'public',
  kind                      auth.user_kind   NOT NULL DEFAULT 'human',
  two_factor_enabled        boolean          DEFAULT false,
  locale                    text,
  deleted_at                timestamptz,
  onboarding_completed_at   timestamptz,
  feedback_show_real_name   boolean          NOT NULL DEFAULT false,
  feedback_karma            integer          NOT NULL DEFAULT 0,
  CONSTRAINT users_pkey PRIMARY KEY (id),
  CONSTRAINT users_email_unique UNIQUE (email),
  CONSTRAINT users_id_is_an_id CHECK (id <> '' AND id <> '*'),
  CONSTRAINT users_email_is_lower_case CHECK (email = pg_catalog.lower(email)),
  CONSTRAINT users_locale_is_known CHECK (locale IN ('de', 'en'))
);
COMMENT ON TABLE auth.users IS 'who has an account';
COMMENT ON COLUMN auth.users.email IS 'lower case; what a person signs in with';
COMMENT ON COLUMN auth.users.role IS 'goes into access JWTs; admin routes read it here again';
COMMENT ON COLUMN auth.users.access_tier IS 'which apps are open to the user; goes into access JWTs as tier';
COMMENT ON COLUMN auth.users.locale IS 'language of mails; NULL: de';

SELECT pg_catalog.pg_extension_config_dump('auth.users', '');

CREATE FUNCTION auth.user_lock(user_id text) RETURNS auth.users
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  u auth.users;
BEGIN
  SELECT x.* INTO u FROM auth.users x WHERE x.id = user_lock.user_id AND x.deleted_at IS NULL FOR NO KEY UPDATE;
  RETURN u;
END
$$;
COMMENT ON FUNCTION auth.user_lock IS
  'the user, locked until the transaction ends; a row of NULLs when there is none. Whoever changes what belongs to a user '
  'takes this lock first, so that no two wait for each other';

CREATE FUNCTION auth.user_json(u auth.users) RETURNS json LANGUAGE sql STABLE
  RETURN auth.json_object(
    'name', u.name, 'email', u.email, 'emailVerified', u.email_verified, 'image', u.image,
    'createdAt', u.created_at, 'updatedAt', u.updated_at,
    'twoFactorEnabled', COALESCE(u.two_factor_enabled, false), 'accessTier', u.access_tier, 'id', u.id);
COMMENT ON FUNCTION auth.user_json IS 'the user as clients see it';

CREATE FUNCTION auth.user_claims(u auth.users, session_id text) RETURNS text LANGUAGE sql STABLE
  RETURN pg_catalog.btrim(auth.json_object(
    'sub', u.id, 'email', u.email, 'role', u.role, 'sid', session_id, 'tier', u.access_tier)::text, '{}');
COMMENT ON FUNCTION auth.user_claims IS 'members of an access JWT, for auth.reply.claims';

CREATE FUNCTION auth.email_normal(email text) RETURNS text LANGUAGE sql IMMUTABLE STRICT
  RETURN pg_catalog.lower(email);
COMMENT ON FUNCTION auth.email_normal IS 'an address as it is stored, compared and counted';
-- What an admin finds users by, among millions: parts of the address or the name through their trigrams, pages in the order of
-- signing up, tiers.

CREATE FUNCTION auth.user_search_text(u_name text, u_email text) RETURNS text LANGUAGE sql IMMUTABLE
  RETURN u_email || E'\n' || pg_catalog.lower(u_name);
COMMENT ON FUNCTION auth.user_search_text IS 'what a search looks into: two lines, the address and the name in lower case';

-- pg_trgm stands in whatever schema the DBA gave it. Not a partial index: the planner does not read the statistics of those.
DO $$
BEGIN
  EXECUTE pg_catalog.format(
    'CREATE INDEX users_search_idx ON auth.users USING gin (auth.user_search_text(name, email) %I.gin_trgm_ops)',
    (SELECT n.nspname FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
      WHERE e.extname = 'pg_trgm'));
END
$$;
CREATE INDEX users_created_at_idx ON auth.users (created_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX users_access_tier_idx ON auth.users (access_tier, created_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX users_role_idx ON auth.users (role) WHERE role <> 'user';
-- Sessions: the token itself is known to its client alone, the row keeps a digest.

CREATE TABLE auth.sessions (
  id                      text        NOT NULL DEFAULT auth.random_id(),
  user_id                 text        NOT NULL,
  token_digest            bytea       NOT NULL,
  expires_at              timestamptz NOT NULL,
  created_at              timestamptz NOT NULL DEFAULT pg_catalog.now(),
  updated_at              timestamptz NOT NULL DEFAULT pg_catalog.now(),
  last_activity_at        timestamptz NOT NULL DEFAULT pg_catalog.now(),
  ip_address              text,
  user_agent              text,
  device_id               text,
  device_name             text,
  remember_me             boolean     NOT NULL DEFAULT true,
  active_organization_id  text,
  vault_generation        integer,
  CONSTRAINT sessions_pkey PRIMARY KEY (id),
  CONSTRAINT sessions_token_digest_unique UNIQUE (token_digest),
  CONSTRAINT sessions_user_id_users_id_fk FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
  CONSTRAINT sessions_token_digest_is_sha256 CHECK (pg_catalog.octet_length(token_digest) = 32)
) WITH (fillfactor = 85);
COMMENT ON TABLE auth.sessions IS 'who is signed in where';
COMMENT ON COLUMN auth.sessions.token_digest IS 'SHA-256 of the session token';
COMMENT ON COLUMN auth.sessions.device_id IS 'what an app calls the device that it is on, and how; browsers say nothing';
COMMENT ON COLUMN auth.sessions.vault_generation IS 'which master key the session was given; 0: more than one; NULL: none yet';
COMMENT ON COLUMN auth.sessions.remember_me IS 'false: ends after a day, and its cookie with the browser';

CREATE INDEX sessions_user_id_idx ON auth.sessions (user_id, created_at);
CREATE INDEX sessions_expires_at_idx ON auth.sessions (expires_at);

SELECT pg_catalog.pg_extension_config_dump('auth.sessions', '');

CREATE TABLE auth.session_tokens (
  digest      bytea       NOT NULL,
  session_id  text        NOT NULL,
  issued_at   timestamptz NOT NULL DEFAULT pg_catalog.now(),
  spent_at    timestamptz,
  CONSTRAINT session_tokens_pkey PRIMARY KEY (digest),
  CONSTRAINT session_tokens_session_id_sessions_id_fk FOREIGN KEY (session_id) REFERENCES auth.sessions (id) ON DELETE CASCADE
);
COMMENT ON TABLE auth.session_tokens IS
  'what apps without cookies present to stay signed in. Each is good for one refresh, which gives the next; the token that '
  'opened the session is the first, and has a row once it is spent. The cookie keeps that token: it is signed, and so of no '
  'use to who has read it in a script';
COMMENT ON COLUMN auth.session_tokens.digest IS 'SHA-256 of the token';
COMMENT ON COLUMN auth.session_tokens.spent_at IS
  'when it was exchanged; presented again more than half a minute later it was stolen, and the session ends';
CREATE INDEX session_tokens_session_id_idx ON auth.session_tokens (session_id, issued_at);
CREATE INDEX session_tokens_spent_at_idx ON auth.session_tokens (spent_at) WHERE spent_at IS NOT NULL;
SELECT pg_catalog.pg_extension_config_dump('auth.session_tokens', '');
-- How a user proves who they are: today a password (provider `credential`), later other providers.

CREATE TABLE auth.accounts (
  id                        text        NOT NULL DEFAULT auth.random_id(),
  account_id                text        NOT NULL,
  provider_id               text        NOT NULL,
  user_id                   text        NOT NULL,
  access_token              text,
  refresh_token             text,
  id_token                  text,
  access_token_expires_at   timestamptz,
  refresh_token_expires_at  timestamptz,
  scope                     text,
  password                  text,
  password_version          integer     NOT NULL DEFAULT 1,
  created_at                timestamptz NOT NULL DEFAULT pg_catalog.now(),
  updated_at                timestamptz NOT NULL DEFAULT pg_catalog.now(),
  CONSTRAINT accounts_pkey PRIMARY KEY (id),
  CONSTRAINT accounts_provider_id_account_id_unique UNIQUE (provider_id, account_id),
  CONSTRAINT accounts_user_id_users_id_fk FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE
);
COMMENT ON TABLE auth.accounts IS 'ways in: a password is the account with provider_id credential and account_id = user_id';
COMMENT ON COLUMN auth.accounts.password IS
  'argon2id in PHC form, or scrypt as salt:key in hex as the service before us wrote it; rehashed at the next sign-in';
COMMENT ON COLUMN auth.accounts.password_version IS
  'counts changes; what was verified against an older version does not sign in';

CREATE INDEX accounts_user_id_idx ON auth.accounts (user_id);

SELECT pg_catalog.pg_extension_config_dump('auth.accounts', '');
-- One-time tokens that travel by mail. The row keeps a digest; the token is in the mail alone.

CREATE TABLE auth.verification (
  id          text        NOT NULL DEFAULT auth.random_id(),
  identifier  text        NOT NULL,
  value       text        NOT NULL,
  user_id     text,
  expires_at  timestamptz NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
  updated_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
  CONSTRAINT verification_pkey PRIMARY KEY (id),
  CONSTRAINT verification_identifier_unique UNIQUE (identifier),
  CONSTRAINT verification_user_id_users_id_fk FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE
);
COMMENT ON TABLE auth.verification IS 'single-use tokens: used by the DELETE that finds them';
COMMENT ON COLUMN auth.verification.identifier IS
  'kind:SHA-256 of the token in hex, for instance verify-email:9f86...; kinds verify-email, reset-password, magic-link, ...';
COMMENT ON COLUMN auth.verification.value IS 'JSON, by kind';

CREATE INDEX verification_user_id_idx ON auth.verification (user_id);
CREATE INDEX verification_expires_at_idx ON auth.verification (expires_at);

SELECT pg_catalog.pg_extension_config_dump('auth.verification', '');

CREATE FUNCTION auth.verification_identifier(kind text, token text) RETURNS text LANGUAGE sql STABLE
  RETURN kind || ':' || pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(token, 'UTF8')), 'hex');
COMMENT ON FUNCTION auth.verification_identifier IS 'where the row of a token is found';

CREATE FUNCTION auth.verification_issue(kind text, for_user_id text, what json, lifetime interval) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  token text := auth.random_id(32);
BEGIN
  PERFORM auth.user_lock(for_user_id); -- of two that are issued at once the later one lives
  DELETE FROM auth.verification v WHERE v.user_id = for_user_id AND v.identifier LIKE kind || ':%';
  INSERT INTO auth.verification (identifier, value, user_id, expires_at)
  VALUES (auth.verification_identifier(kind, token), what::text, for_user_id, now() + lifetime);
  RETURN token;
END
$$;
COMMENT ON FUNCTION auth.verification_issue IS
  'a new token of a kind for a user, for a mail; the older ones of that kind and user are dead';

CREATE FUNCTION auth.verification_find(kind text, token text) RETURNS auth.verification
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v auth.verification;
BEGIN
  SELECT x.* INTO v FROM auth.verification x WHERE x.identifier = auth.verification_identifier(kind, token);
  RETURN v;
END
$$;
COMMENT ON FUNCTION auth.verification_find IS 'looks at a token and leaves it; a row of NULLs when there is none';

CREATE FUNCTION auth.verification_consume(kind text, token text, only_of text DEFAULT NULL) RETURNS auth.verification
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v auth.verification := auth.verification_find(kind, token);
  taken auth.verification;
BEGIN
  IF v.id IS NULL OR v.user_id <> only_of THEN
    RETURN NULL;
  END IF;
  PERFORM auth.user_lock(v.user_id);
  DELETE FROM auth.verification x WHERE x.id = v.id RETURNING x.* INTO taken;
  IF taken.expires_at <= now() THEN
    taken.user_id := NULL;
  END IF;
  RETURN taken;
END
$$;
COMMENT ON FUNCTION auth.verification_consume IS
  'takes a token, with its user locked: the row is gone whoever else asks. user_id NULL: unknown, used, not of the user '
  'only_of, or expired (then expires_at tells)';

CREATE FUNCTION auth.verification_revoke_all(of_user_id text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  DELETE FROM auth.verification v WHERE v.user_id = of_user_id AND v.identifier NOT LIKE 'verify-email:%';
  DELETE FROM auth.two_factor_challenges x WHERE x.user_id = of_user_id;
  DELETE FROM auth.trusted_devices x WHERE x.user_id = of_user_id;
  DELETE FROM auth.magic_links l USING auth.users u WHERE u.id = of_user_id AND l.email = u.email;
END
$$;
COMMENT ON FUNCTION auth.verification_revoke_all IS
  'after a change of the password or the address: links, tickets and trusted devices from before are dead. What proves '
  'the present address stays';
-- Links that sign in, or up, whoever reads the mails of an address. The row keeps a digest; the token is in the mail alone.

CREATE TABLE auth.magic_links (
  email       text        NOT NULL,
  digest      bytea       NOT NULL,
  name        text        NOT NULL DEFAULT '',
  expires_at  timestamptz NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
  CONSTRAINT magic_links_pkey PRIMARY KEY (email),
  CONSTRAINT magic_links_digest_unique UNIQUE (digest),
  CONSTRAINT magic_links_digest_is_sha256 CHECK (pg_catalog.octet_length(digest) = 32),
  CONSTRAINT magic_links_email_is_lower_case CHECK (email = pg_catalog.lower(email))
);
COMMENT ON TABLE auth.magic_links IS
  'one link an address: a newer one takes its place. Used by the DELETE that finds it. There may be no account yet';
COMMENT ON COLUMN auth.magic_links.digest IS 'SHA-256 of the token';
COMMENT ON COLUMN auth.magic_links.name IS 'of the account that the link makes, if the address has none';

CREATE INDEX magic_links_expires_at_idx ON auth.magic_links (expires_at);

SELECT pg_catalog.pg_extension_config_dump('auth.magic_links', '');
-- Second factors: what a user proves beside the password, and what waits for that proof. No row holds anything that signs in:
-- secrets are sealed, codes are keyed digests, tokens digests.

CREATE FUNCTION auth.totp_new(context text) RETURNS bytea
  LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'mana_totp_new';
COMMENT ON FUNCTION auth.totp_new IS 'a new secret for an authenticator app, sealed; SQL never sees it open';
CREATE FUNCTION auth.totp_match(sealed bytea, context text, code text, at timestamptz) RETURNS bigint
  LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'mana_totp_match';
COMMENT ON FUNCTION auth.totp_match IS
  'the step of 30 seconds (RFC 6238) that a code is of, now or one beside; NULL: it is wrong';
CREATE FUNCTION auth.totp_uri(sealed bytea, context text, issuer text, account text) RETURNS text
  LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'mana_totp_uri';
COMMENT ON FUNCTION auth.totp_uri IS 'otpauth:// for an authenticator app: the one place where the secret is shown';

CREATE TABLE auth.two_factor_auth (
  user_id       text        NOT NULL,
  secret        bytea,
  confirmed_at  timestamptz,
  by_mail       boolean     NOT NULL DEFAULT false,
  last_step     bigint      NOT NULL DEFAULT 0,
  failures      integer     NOT NULL DEFAULT 0,
  locked_until  timestamptz,
  created_at    timestamptz NOT NULL DEFAULT pg_catalog.now(),
  CONSTRAINT two_factor_auth_pkey PRIMARY KEY (user_id),
  CONSTRAINT two_factor_auth_user_id_users_id_fk FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
  CONSTRAINT two_factor_auth_has_a_factor CHECK (secret IS NOT NULL OR by_mail),
  CONSTRAINT two_factor_auth_confirms_a_secret CHECK (confirmed_at IS NULL OR secret IS NOT NULL)
);
COMMENT ON TABLE auth.two_factor_auth IS
  'the second factor of a user. Asked for when users.two_factor_enabled says so: a secret alone is one that is being set up';
COMMENT ON COLUMN auth.two_factor_auth.secret IS 'of the authenticator app, sealed in the context two_factor_auth:user_id; NULL: none';
COMMENT ON COLUMN auth.two_factor_auth.confirmed_at IS 'when a code of the secret was shown first; NULL: not yet';
COMMENT ON COLUMN auth.two_factor_auth.by_mail IS 'the user has chosen codes by mail';
COMMENT ON COLUMN auth.two_factor_auth.last_step IS 'the step of the last code taken; only later ones are (RFC 6238, section 5.2)';
COMMENT ON COLUMN auth.two_factor_auth.failures IS 'wrong codes since the last right one; each tenth locks';
SELECT pg_catalog.pg_extension_config_dump('auth.two_factor_auth', '');

CREATE TABLE auth.two_factor_backup_codes (
  user_id  text  NOT NULL,
  digest   bytea NOT NULL,
  CONSTRAINT two_factor_backup_codes_pkey PRIMARY KEY (user_id, digest),
  CONSTRAINT two_factor_backup_codes_user_id_users_id_fk FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE
);
COMMENT ON TABLE auth.two_factor_backup_codes IS 'for when the device is lost; each is used by the DELETE that finds it';
COMMENT ON COLUMN auth.two_factor_backup_codes.digest IS
  'HMAC-SHA-256 under a key that is sealed: 60 bits are too few for a digest that a stolen dump could be tried against';
SELECT pg_catalog.pg_extension_config_dump('auth.two_factor_backup_codes', '');

CREATE TABLE auth.two_factor_challenges (
  digest      bytea       NOT NULL,
  user_id     text        NOT NULL,
  proven      text        NOT NULL,
  remember    boolean     NOT NULL,
  failures    integer     NOT NULL DEFAULT 0,
  created_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
  expires_at  timestamptz NOT NULL,
  CONSTRAINT two_factor_challenges_pkey PRIMARY KEY (digest),
  CONSTRAINT two_factor_challenges_user_id_users_id_fk FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
  CONSTRAINT two_factor_challenges_digest_is_sha256 CHECK (pg_catalog.octet_length(digest) = 32),
  CONSTRAINT two_factor_challenges_proven_is_known CHECK (proven IN ('password', 'mail', 'passkey'))
);
COMMENT ON TABLE auth.two_factor_challenges IS 'sign-ins that wait for their second factor; gone with the right code, or the fifth wrong one';
COMMENT ON COLUMN auth.two_factor_challenges.digest IS 'SHA-256 of the token in the cookie';
COMMENT ON COLUMN auth.two_factor_challenges.proven IS 'the first factor. After a link in a mail a code by mail would prove nothing new';
CREATE INDEX two_factor_challenges_user_id_idx ON auth.two_factor_challenges (user_id);
CREATE INDEX two_factor_challenges_expires_at_idx ON auth.two_factor_challenges (expires_at);
SELECT pg_catalog.pg_extension_config_dump('auth.two_factor_challenges', '');

CREATE TABLE auth.two_factor_codes (
  bearer      bytea       NOT NULL,
  user_id     text        NOT NULL,
  digest      bytea       NOT NULL,
  failures    integer     NOT NULL DEFAULT 0,
  expires_at  timestamptz NOT NULL,
  CONSTRAINT two_factor_codes_pkey PRIMARY KEY (bearer),
  CONSTRAINT two_factor_codes_user_id_users_id_fk FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE
);
COMMENT ON TABLE auth.two_factor_codes IS 'codes that went out by mail, each good for the sign-in or session that asked for it';
COMMENT ON COLUMN auth.two_factor_codes.bearer IS 'the digest of that challenge''s token, or of that session''s';
COMMENT ON COLUMN auth.two_factor_codes.digest IS 'HMAC-SHA-256 under a key that is sealed';
CREATE INDEX two_factor_codes_user_id_idx ON auth.two_factor_codes (user_id);
CREATE INDEX two_factor_codes_expires_at_idx ON auth.two_factor_codes (expires_at);
SELECT pg_catalog.pg_extension_config_dump('auth.two_factor_codes', '');

CREATE TABLE auth.trusted_devices (
  id            text        NOT NULL DEFAULT auth.random_id(),
  user_id       text        NOT NULL,
  token_digest  bytea       NOT NULL,
  ip_address    text,
  user_agent    text,
  created_at    timestamptz NOT NULL DEFAULT pg_catalog.now(),
  last_used_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
  expires_at    timestamptz NOT NULL,
  CONSTRAINT trusted_devices_pkey PRIMARY KEY (id),
  CONSTRAINT trusted_devices_token_digest_unique UNIQUE (token_digest),
  CONSTRAINT trusted_devices_user_id_users_id_fk FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
  CONSTRAINT trusted_devices_token_digest_is_sha256 CHECK (pg_catalog.octet_length(token_digest) = 32)
);
COMMENT ON TABLE auth.trusted_devices IS 'browsers in which the second factor is not asked for, for 30 days after the last sign-in';
COMMENT ON COLUMN auth.trusted_devices.token_digest IS 'SHA-256 of the token in the cookie, a new one with each sign-in';
CREATE INDEX trusted_devices_user_id_idx ON auth.trusted_devices (user_id, created_at);
CREATE INDEX trusted_devices_expires_at_idx ON auth.trusted_devices (expires_at);
SELECT pg_catalog.pg_extension_config_dump('auth.trusted_devices', '');

CREATE TYPE auth.two_factor_gate AS (asked boolean, methods json, cookies text);
COMMENT ON TYPE auth.two_factor_gate IS 'what auth.two_factor_gate says of a sign-in';
COMMENT ON COLUMN auth.two_factor_gate.asked IS 'no session may be opened yet';
COMMENT ON COLUMN auth.two_factor_gate.methods IS 'if asked: how the second factor can be shown; NULL: in no way';
COMMENT ON COLUMN auth.two_factor_gate.cookies IS
  'if asked: all cookies of the answer. If not: what follows on the cookies of the session, a line break in front, or empty';
-- What happened to an account, for its owner, for admins and for the limits that count it.

CREATE TABLE auth.security_events (
  id          uuid        NOT NULL DEFAULT pg_catalog.gen_random_uuid(),
  user_id     text,
  event_type  text        NOT NULL,
  ip_address  text,
  user_agent  text,
  metadata    jsonb,
  created_at  timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  CONSTRAINT security_events_pkey PRIMARY KEY (id)
);
COMMENT ON TABLE auth.security_events IS 'sign-ins, refusals and changes of what protects an account';
COMMENT ON COLUMN auth.security_events.user_id IS
  'no foreign key: the events outlive their user without anything personal, as a random id that names nobody any more';
COMMENT ON COLUMN auth.security_events.event_type IS
  'LOGIN_SUCCESS, LOGIN_FAILURE, REGISTER, LOGOUT, PASSWORD_CHANGED, PASSWORD_RESET_REQUESTED, PASSWORD_RESET_COMPLETED, '
  'EMAIL_VERIFIED, ACCOUNT_DELETED, ACCOUNT_LOCKED, PROFILE_UPDATED, ... An event of an address without account has no '
  'user_id, and does not hold the address';

CREATE INDEX security_events_user_id_idx ON auth.security_events (user_id, created_at);
CREATE INDEX security_events_created_at_idx ON auth.security_events (created_at);
CREATE INDEX security_events_event_type_idx ON auth.security_events (event_type, created_at);

SELECT pg_catalog.pg_extension_config_dump('auth.security_events', '');

CREATE FUNCTION auth.security_event(c auth.caller, user_id text, event_type text, metadata jsonb DEFAULT NULL)
RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO auth.security_events (user_id, event_type, ip_address, user_agent, metadata)
  VALUES (security_event.user_id, security_event.event_type, host(c.ip), c.user_agent, security_event.metadata);
END
$$;
COMMENT ON FUNCTION auth.security_event IS 'writes one event with the caller''s address and user agent';
-- Guessing: failures are counted by address (whatever its spelling) and by client, whether or not the account exists.

CREATE TABLE auth.login_attempts (
  id            text        NOT NULL DEFAULT auth.random_id(),
  email         text        NOT NULL,
  ip_address    text,
  successful    boolean     NOT NULL DEFAULT false,
  method        text        NOT NULL DEFAULT 'password',
  attempted_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
  CONSTRAINT login_attempts_pkey PRIMARY KEY (id)
);
COMMENT ON TABLE auth.login_attempts IS 'failed sign-ins of the last day; those of an address go with its next success';
CREATE INDEX login_attempts_email_attempted_at_idx ON auth.login_attempts (email, attempted_at);
CREATE INDEX login_attempts_attempted_at_idx ON auth.login_attempts (attempted_at);

CREATE TABLE auth.lockouts (
  email         text        NOT NULL,
  failed_at     timestamptz NOT NULL DEFAULT pg_catalog.now(),
  locked_until  timestamptz,
  CONSTRAINT lockouts_pkey PRIMARY KEY (email)
) WITH (fillfactor = 70);
COMMENT ON TABLE auth.lockouts IS 'one row an address under attack; its lock makes counting atomic';
COMMENT ON COLUMN auth.lockouts.failed_at IS 'the last failure that counted';
COMMENT ON COLUMN auth.lockouts.locked_until IS 'what is announced to the client, and true';
CREATE INDEX lockouts_failed_at_idx ON auth.lockouts (failed_at);

SELECT pg_catalog.pg_extension_config_dump('auth.login_attempts', '');
SELECT pg_catalog.pg_extension_config_dump('auth.lockouts', '');

CREATE FUNCTION auth.client_network(ip inet) RETURNS text LANGUAGE sql IMMUTABLE
  RETURN CASE pg_catalog.family(ip) WHEN 6 THEN pg_catalog.network(pg_catalog.set_masklen(ip, 64))::text
                                    ELSE COALESCE(pg_catalog.host(ip), 'unknown') END;
COMMENT ON FUNCTION auth.client_network IS 'what counts as one client: an IPv4 address, an IPv6 /64 (RFC 6177)';

CREATE FUNCTION auth.lockout_seconds(address text) RETURNS integer
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN COALESCE((SELECT ceil(extract(epoch FROM l.locked_until - now()))::integer
                     FROM auth.lockouts l WHERE l.email = address AND l.locked_until > now()), 0);
END
$$;
COMMENT ON FUNCTION auth.lockout_seconds IS 'seconds until an address may sign in again; 0: now';

CREATE FUNCTION auth.lockout_refusal(c auth.caller, address text) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  locked_seconds constant integer := auth.lockout_seconds(address);
  client_seconds constant integer := auth.rate_limit_wait('sign_in_failure', auth.client_network(c.ip));
BEGIN
  IF locked_seconds > 0 THEN
    RETURN auth.refuse('ACCOUNT_LOCKED', NULL, locked_seconds);
  ELSIF client_seconds > 0 THEN
    RETURN auth.refuse('RATE_LIMITED', NULL, client_seconds);
  END IF;
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.lockout_refusal IS
  'why no password of this address is looked at now: the address is locked, or the client has failed too often anywhere. '
  'A row of NULLs: go on';

CREATE FUNCTION auth.lockout_count_failure(c auth.caller, address text, method text DEFAULT 'password') RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  most constant integer := 5;
  counted constant interval := '15 minutes';
  locked constant interval := '30 minutes';
BEGIN
  PERFORM auth.rate_limit_count('sign_in_failure', auth.client_network(c.ip));
  INSERT INTO auth.login_attempts (email, ip_address, method) VALUES (address, host(c.ip), lockout_count_failure.method);
  -- From here on the failures of one address are counted one after the other, each seeing those before it.
  INSERT INTO auth.lockouts AS l (email) VALUES (address)
    ON CONFLICT ON CONSTRAINT lockouts_pkey DO UPDATE SET failed_at = now();
  IF (SELECT count(*) FROM auth.login_attempts a
       WHERE a.email = address AND NOT a.successful AND a.attempted_at > now() - counted) >= most THEN
    UPDATE auth.lockouts l SET locked_until = greatest(l.locked_until, now() + locked) WHERE l.email = address;
  END IF;
  RETURN auth.lockout_seconds(address);
END
$$;
COMMENT ON FUNCTION auth.lockout_count_failure IS
  'one more failure of an address: 5 within 15 minutes lock it for 30. Seconds that it is now locked for; 0: not';

CREATE FUNCTION auth.lockout_clear(address text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  DELETE FROM auth.lockouts l WHERE l.email = address;
  DELETE FROM auth.login_attempts a WHERE a.email = address;
END
$$;
COMMENT ON FUNCTION auth.lockout_clear IS 'after a success, or by an admin: the failures of an address are forgotten';

CREATE FUNCTION auth.password_refused(c auth.caller, address text, of_user_id text, error text) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  locked_seconds constant integer := auth.lockout_count_failure(c, address);
BEGIN
  PERFORM auth.security_event(c, of_user_id, 'LOGIN_FAILURE', auth.json_object('code', error)::jsonb);
  IF locked_seconds > 0 THEN
    PERFORM auth.security_event(c, of_user_id, 'ACCOUNT_LOCKED', auth.json_object('seconds', locked_seconds)::jsonb);
  END IF;
  RETURN auth.refuse(error, CASE WHEN error IN ('INVALID_CREDENTIALS', 'INVALID_EMAIL_OR_PASSWORD')
                                 THEN 'Invalid email or password' END);
END
$$;
COMMENT ON FUNCTION auth.password_refused IS
  'a wrong password, wherever it was asked for: counted, remembered, refused. The fifth locks, and the sixth is told so';
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

CREATE FUNCTION auth_api.edge_secret() RETURNS bytea
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN auth.secret('cookie');
END
$$;
COMMENT ON FUNCTION auth_api.edge_secret IS 'signs cookies where BETTER_AUTH_SECRET is not configured';
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
-- Mails that were promised: written in the transaction that promises them, sent by any edge, until they are accepted.

CREATE TABLE auth.outbox (
  id            text        NOT NULL DEFAULT auth.random_id(),
  kind          text        NOT NULL,
  recipient     text        NOT NULL,
  locale        text        NOT NULL,
  args          bytea,
  message_id    text        NOT NULL,
  user_id       text,
  state         text        NOT NULL DEFAULT 'pending',
  attempts      integer     NOT NULL DEFAULT 0,
  next_attempt_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
  leased_until  timestamptz,
  leased_by     text,
  last_error    text,
  created_at    timestamptz NOT NULL DEFAULT pg_catalog.now(),
  finished_at   timestamptz,
  CONSTRAINT outbox_pkey PRIMARY KEY (id),
  CONSTRAINT outbox_message_id_unique UNIQUE (message_id),
  CONSTRAINT outbox_user_id_users_id_fk FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
  CONSTRAINT outbox_state_is_known CHECK (state IN ('pending', 'sent', 'dead')),
  CONSTRAINT outbox_has_args_while_pending CHECK (state <> 'pending' OR args IS NOT NULL)
) WITH (fillfactor = 80);
COMMENT ON TABLE auth.outbox IS 'mails to send; `dead` after the last try, with the reason';
COMMENT ON COLUMN auth.outbox.args IS 'JSON for the template, sealed in the context outbox:id; gone once sent, for it holds tokens';
COMMENT ON COLUMN auth.outbox.message_id IS
  'left part of the Message-ID, fixed here so that a mail sent twice can be recognised';

CREATE INDEX outbox_pending_idx ON auth.outbox (next_attempt_at) WHERE state = 'pending';
CREATE INDEX outbox_finished_at_idx ON auth.outbox (finished_at) WHERE state <> 'pending';
CREATE INDEX outbox_user_id_idx ON auth.outbox (user_id);

SELECT pg_catalog.pg_extension_config_dump('auth.outbox', '');

CREATE FUNCTION auth.mail_queue(kind text, recipient text, locale text, args json, user_id text DEFAULT NULL)
RETURNS text LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  mail_id constant text := auth.random_id();
BEGIN
  INSERT INTO auth.outbox (id, kind, recipient, locale, args, message_id, user_id)
  VALUES (mail_id, mail_queue.kind, mail_queue.recipient, COALESCE(mail_queue.locale, 'de'),
          auth.seal(convert_to(args::text, 'UTF8'), 'outbox:' || mail_id),
          lower(mail_id), mail_queue.user_id);
  RETURN mail_id;
END
$$;
COMMENT ON FUNCTION auth.mail_queue IS 'promises a mail; it goes when the transaction commits, and only then';

CREATE FUNCTION auth.mail_take_back(mail_id text, kind text, token text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  DELETE FROM auth.outbox o WHERE o.id = mail_id;
  DELETE FROM auth.verification v WHERE v.identifier = auth.verification_identifier(kind, token);
END
$$;
COMMENT ON FUNCTION auth.mail_take_back IS
  'undoes, in its transaction, a mail and its token to an address that gets none: so that nobody can tell from the time taken '
  'whether an address is known';

CREATE FUNCTION auth_api.outbox_claim(worker text, most integer, lease_seconds integer) RETURNS TABLE (
    id text, kind text, recipient text, locale text, args text, message_id text, attempt integer)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  unreadable_pause constant interval := '1 hour';
BEGIN
  RETURN QUERY
    WITH due AS (
      SELECT o.id FROM auth.outbox o
       WHERE o.state = 'pending' AND o.next_attempt_at <= now() AND (o.leased_until IS NULL OR o.leased_until <= now())
       ORDER BY o.next_attempt_at
       LIMIT most FOR UPDATE SKIP LOCKED), opened AS MATERIALIZED (
      SELECT o.id, auth.unseal_or_null(o.args, 'outbox:' || o.id) AS args FROM auth.outbox o JOIN due ON due.id = o.id),
    claimed AS (
      UPDATE auth.outbox o
         SET leased_until = now() + CASE WHEN x.args IS NULL THEN unreadable_pause ELSE make_interval(secs => lease_seconds) END,
             leased_by = CASE WHEN x.args IS NOT NULL THEN worker END,
             attempts = o.attempts + CASE WHEN x.args IS NULL THEN 0 ELSE 1 END,
             last_error = CASE WHEN x.args IS NULL THEN 'what is sealed does not open' ELSE o.last_error END
        FROM opened x WHERE o.id = x.id
      RETURNING o.id, o.kind, o.recipient, o.locale, x.args, o.message_id, o.attempts)
    SELECT o.id, o.kind, o.recipient, o.locale, convert_from(o.args, 'UTF8'), o.message_id, o.attempts
      FROM claimed o WHERE o.args IS NOT NULL;
END
$$;
COMMENT ON FUNCTION auth_api.outbox_claim IS
  'mails that are due, leased to a worker; one that dies loses its lease and another sends the mail. A mail whose arguments do not '
  'open, for want of their key, waits an hour and holds up no other';

CREATE FUNCTION auth_api.outbox_done(mail_id text, worker text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE auth.outbox o
     SET state = 'sent', args = NULL, leased_until = NULL, leased_by = NULL, last_error = NULL, finished_at = now()
   WHERE o.id = mail_id AND o.state = 'pending' AND o.leased_by = worker;
  RETURN FOUND;
END
$$;
COMMENT ON FUNCTION auth_api.outbox_done IS 'the mail was accepted; false: the lease had passed to another worker';

CREATE FUNCTION auth_api.outbox_failed(mail_id text, worker text, reason text, permanent boolean) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  last_attempt constant integer := 12;
  state text;
BEGIN
  UPDATE auth.outbox o
     SET state = CASE WHEN permanent OR o.attempts >= last_attempt THEN 'dead' ELSE 'pending' END,
         finished_at = CASE WHEN permanent OR o.attempts >= last_attempt THEN now() END,
         -- 2, 4, 8 ... seconds up to an hour, each between half and all of it, so that edges do not march in step
         next_attempt_at = now() + make_interval(secs => least(2 ^ o.attempts, 3600) * (0.5 + random() / 2)),
         leased_until = NULL, leased_by = NULL, last_error = left(reason, 500)
   WHERE o.id = mail_id AND o.state = 'pending' AND o.leased_by = worker
  RETURNING o.state INTO state;
  RETURN state;
END
$$;
COMMENT ON FUNCTION auth_api.outbox_failed IS
  'the mail was not accepted: tried again with growing pauses, dead after the 12th try or at once when permanent. '
  'The state now; NULL: the lease had passed to another worker';
-- Calls to other services that were promised: written in the transaction that promises them, sent by any edge until they
-- are accepted. The sister of the outbox of mails.

CREATE TABLE auth.outbound_calls (
  id               text        NOT NULL DEFAULT auth.random_id(),
  target           text        NOT NULL,
  path             text        NOT NULL,
  body             bytea,
  after_id         text,
  user_id          text,
  state            text        NOT NULL DEFAULT 'pending',
  attempts         integer     NOT NULL DEFAULT 0,
  next_attempt_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
  leased_until     timestamptz,
  leased_by        text,
  last_error       text,
  created_at       timestamptz NOT NULL DEFAULT pg_catalog.now(),
  finished_at      timestamptz,
  CONSTRAINT outbound_calls_pkey PRIMARY KEY (id),
  CONSTRAINT outbound_calls_user_id_users_id_fk FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
  CONSTRAINT outbound_calls_state_is_known CHECK (state IN ('pending', 'sent', 'dead')),
  CONSTRAINT outbound_calls_has_body_while_pending CHECK (state <> 'pending' OR body IS NOT NULL)
) WITH (fillfactor = 80);
COMMENT ON TABLE auth.outbound_calls IS 'POSTs to send; `dead` after the last try, with the reason';
COMMENT ON COLUMN auth.outbound_calls.id IS 'goes along as Idempotency-Key: a call may arrive twice';
COMMENT ON COLUMN auth.outbound_calls.target IS 'which service; the edge knows its URL: credits';
COMMENT ON COLUMN auth.outbound_calls.body IS 'JSON, sealed in the context outbound_calls:id; gone once sent';
COMMENT ON COLUMN auth.outbound_calls.after_id IS 'the call that must have been accepted, or be dead, before this one goes';

CREATE INDEX outbound_calls_pending_idx ON auth.outbound_calls (target, next_attempt_at) WHERE state = 'pending';
CREATE INDEX outbound_calls_finished_at_idx ON auth.outbound_calls (finished_at) WHERE state <> 'pending';
CREATE INDEX outbound_calls_user_id_idx ON auth.outbound_calls (user_id);

SELECT pg_catalog.pg_extension_config_dump('auth.outbound_calls', '');

CREATE FUNCTION auth.outbound_queue(target text, path text, body json, user_id text, after text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  call_id constant text := auth.random_id();
BEGIN
  INSERT INTO auth.outbound_calls (id, target, path, body, after_id, user_id)
  VALUES (call_id, outbound_queue.target, outbound_queue.path,
          auth.seal(convert_to(body::text, 'UTF8'), 'outbound_calls:' || call_id), after, outbound_queue.user_id);
  RETURN call_id;
END
$$;
COMMENT ON FUNCTION auth.outbound_queue IS
  'promises a call to another service; it goes when the transaction commits, and never for a user that is none';

CREATE FUNCTION auth_api.outbound_claim(target text, worker text, most integer, lease_seconds integer) RETURNS TABLE (
    id text, path text, body text, attempt integer)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  unreadable_pause constant interval := '1 hour';
BEGIN
  RETURN QUERY
    WITH due AS (
      SELECT o.id FROM auth.outbound_calls o
       WHERE o.target = outbound_claim.target AND o.state = 'pending' AND o.next_attempt_at <= now()
         AND (o.leased_until IS NULL OR o.leased_until <= now())
         AND NOT EXISTS (SELECT FROM auth.outbound_calls before WHERE before.id = o.after_id AND before.state = 'pending')
       ORDER BY o.next_attempt_at
       LIMIT most FOR UPDATE SKIP LOCKED), opened AS MATERIALIZED (
      SELECT o.id, auth.unseal_or_null(o.body, 'outbound_calls:' || o.id) AS body
        FROM auth.outbound_calls o JOIN due ON due.id = o.id),
    claimed AS (
      UPDATE auth.outbound_calls o
         SET leased_until = now() + CASE WHEN x.body IS NULL THEN unreadable_pause ELSE make_interval(secs => lease_seconds) END,
             leased_by = CASE WHEN x.body IS NOT NULL THEN worker END,
             attempts = o.attempts + CASE WHEN x.body IS NULL THEN 0 ELSE 1 END,
             last_error = CASE WHEN x.body IS NULL THEN 'what is sealed does not open' ELSE o.last_error END
        FROM opened x WHERE o.id = x.id
      RETURNING o.id, o.path, x.body, o.attempts)
    SELECT o.id, o.path, convert_from(o.body, 'UTF8'), o.attempts FROM claimed o WHERE o.body IS NOT NULL;
END
$$;
COMMENT ON FUNCTION auth_api.outbound_claim IS
  'calls to a service that are due, leased to a worker; one that dies loses its lease and another sends them';

CREATE FUNCTION auth_api.outbound_done(call_id text, worker text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE auth.outbound_calls o
     SET state = 'sent', body = NULL, leased_until = NULL, leased_by = NULL, last_error = NULL, finished_at = now()
   WHERE o.id = call_id AND o.state = 'pending' AND o.leased_by = worker;
  RETURN FOUND;
END
$$;
COMMENT ON FUNCTION auth_api.outbound_done IS 'the call was accepted; false: the lease had passed to another worker';

CREATE FUNCTION auth_api.outbound_failed(call_id text, worker text, reason text, permanent boolean) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  last_attempt constant integer := 20;
  state text;
BEGIN
  UPDATE auth.outbound_calls o
     SET state = CASE WHEN permanent OR o.attempts >= last_attempt THEN 'dead' ELSE 'pending' END,
         finished_at = CASE WHEN permanent OR o.attempts >= last_attempt THEN now() END,
         -- 2, 4, 8 ... seconds up to an hour, each between half and all of it, so that edges do not march in step
         next_attempt_at = now() + make_interval(secs => least(2 ^ o.attempts, 3600) * (0.5 + random() / 2)),
         leased_until = NULL, leased_by = NULL, last_error = left(reason, 500)
   WHERE o.id = call_id AND o.state = 'pending' AND o.leased_by = worker
  RETURNING o.state INTO state;
  RETURN state;
END
$$;
COMMENT ON FUNCTION auth_api.outbound_failed IS
  'the call was not accepted: tried again with growing pauses, dead after the 20th try (some 10 hours) or at once when '
  'permanent. The state now; NULL: the lease had passed to another worker';
-- What the apps remember of a user: for all of them, for one, for one on a device.

CREATE FUNCTION auth.settings_default() RETURNS jsonb LANGUAGE sql IMMUTABLE
  RETURN '{"nav":{"desktopPosition":"top","sidebarCollapsed":false},"theme":{"mode":"system","colorScheme":"ocean"},"locale":"de"}'::jsonb;
COMMENT ON FUNCTION auth.settings_default IS 'what is shown of all apps until something is changed';

CREATE TABLE auth.user_settings (
  user_id          text        NOT NULL,
  global_settings  jsonb       NOT NULL DEFAULT auth.settings_default(),
  app_overrides    jsonb       NOT NULL DEFAULT '{}',
  device_settings  jsonb       NOT NULL DEFAULT '{}',
  created_at       timestamptz NOT NULL DEFAULT pg_catalog.now(),
  updated_at       timestamptz NOT NULL DEFAULT pg_catalog.now(),
  CONSTRAINT user_settings_pkey PRIMARY KEY (user_id),
  CONSTRAINT user_settings_user_id_users_id_fk FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
  CONSTRAINT user_settings_are_objects CHECK (
    pg_catalog.jsonb_typeof(global_settings) = 'object' AND pg_catalog.jsonb_typeof(app_overrides) = 'object'
    AND pg_catalog.jsonb_typeof(device_settings) = 'object'),
  -- A user may fill a row, not the disk.
  CONSTRAINT user_settings_size CHECK (
    pg_catalog.octet_length(global_settings::text) <= 65536 AND pg_catalog.octet_length(app_overrides::text) <= 65536
    AND pg_catalog.octet_length(device_settings::text) <= 65536)
);
COMMENT ON TABLE auth.user_settings IS 'one row a user, made with the first change; each column at most 64 KiB as text';
COMMENT ON COLUMN auth.user_settings.global_settings IS 'of all apps';
COMMENT ON COLUMN auth.user_settings.app_overrides IS 'app id → what it has otherwise';
COMMENT ON COLUMN auth.user_settings.device_settings IS
  'device id → {deviceName, deviceType, lastSeen, apps: {app id → settings}}';
SELECT pg_catalog.pg_extension_config_dump('auth.user_settings', '');
-- API keys: a user's own keys for the programs that work for them.

CREATE TABLE auth.api_keys (
  id                   text        NOT NULL DEFAULT auth.random_id(),
  user_id              text        NOT NULL,
  name                 text        NOT NULL,
  key_prefix           text        NOT NULL,
  key_digest           bytea       NOT NULL,
  scopes               text[]      NOT NULL DEFAULT '{stt,tts}',
  rate_limit_requests  integer     NOT NULL DEFAULT 60,
  rate_limit_window    integer     NOT NULL DEFAULT 60,
  created_at           timestamptz NOT NULL DEFAULT pg_catalog.now(),
  expires_at           timestamptz,
  last_used_at         timestamptz,
  revoked_at           timestamptz,
  CONSTRAINT api_keys_pkey PRIMARY KEY (id),
  CONSTRAINT api_keys_key_digest_unique UNIQUE (key_digest),
  CONSTRAINT api_keys_user_id_users_id_fk FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
  CONSTRAINT api_keys_key_digest_is_sha256 CHECK (pg_catalog.octet_length(key_digest) = 32),
  CONSTRAINT api_keys_rate_limit_is_positive CHECK (rate_limit_requests > 0 AND rate_limit_window > 0)
) WITH (fillfactor = 85);
COMMENT ON TABLE auth.api_keys IS 'keys by their SHA-256: the key itself was shown once, when it was made. One that was revoked or has '
  'expired stays for a year, to be seen';
COMMENT ON COLUMN auth.api_keys.key_prefix IS 'the first 8 characters behind sk_live_, for people to tell keys apart';
COMMENT ON COLUMN auth.api_keys.scopes IS 'what the services that ask may let it do';
COMMENT ON COLUMN auth.api_keys.rate_limit_requests IS
  'how many requests those services may take in rate_limit_window seconds; they count';
COMMENT ON COLUMN auth.api_keys.expires_at IS 'NULL: when it is revoked';
COMMENT ON COLUMN auth.api_keys.last_used_at IS 'to the minute';
CREATE INDEX api_keys_user_id_idx ON auth.api_keys (user_id, created_at);
CREATE INDEX api_keys_ended_idx ON auth.api_keys ((LEAST(revoked_at, expires_at)));
SELECT pg_catalog.pg_extension_config_dump('auth.api_keys', '');
-- Sessions: opening, finding, showing, ending.

CREATE FUNCTION auth.session_find(c auth.caller) RETURNS auth.sessions
  LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'mana_session_find';
COMMENT ON FUNCTION auth.session_find IS
  'the live session behind the cookie, or behind the access JWT''s sub and sid; a row of NULLs when there is none';

CREATE FUNCTION auth.session_hold(c auth.caller) RETURNS auth.sessions
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s auth.sessions := auth.session_find(c);
BEGIN
  PERFORM FROM auth.sessions x WHERE x.id = s.id FOR KEY SHARE;
  IF NOT FOUND THEN
    s := NULL;
  END IF;
  RETURN s;
END
$$;
COMMENT ON FUNCTION auth.session_hold IS
  'auth.session_find for who hangs something on the session: it cannot end before the transaction does';

CREATE FUNCTION auth.session_is_fresh(s auth.sessions) RETURNS boolean LANGUAGE sql STABLE
  RETURN s.created_at > pg_catalog.now() - INTERVAL '1 day';
COMMENT ON FUNCTION auth.session_is_fresh IS 'whether somebody signed in less than a day ago, for what a forgotten device must not do';

CREATE FUNCTION auth.user_find(id text) RETURNS auth.users
  LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'mana_user_find';
COMMENT ON FUNCTION auth.user_find IS 'a user; a row of NULLs when there is none';

CREATE FUNCTION auth.token_digest(token text) RETURNS bytea LANGUAGE sql STABLE
  RETURN CASE WHEN token OPERATOR(pg_catalog.~) '^[0-9a-f]{64}$' THEN pg_catalog.decode(token, 'hex')
              ELSE pg_catalog.sha256(pg_catalog.convert_to(token, 'UTF8')) END;
COMMENT ON FUNCTION auth.token_digest IS
  'digest of a token that came as it is, or as the hex of its SHA-256 (tokens have 32 characters, so neither is the other)';

CREATE FUNCTION auth.session_json(s auth.sessions, token json) RETURNS json LANGUAGE sql STABLE
  RETURN auth.json_object(
    'expiresAt', s.expires_at, 'token', token, 'createdAt', s.created_at, 'updatedAt', s.updated_at,
    'ipAddress', COALESCE(s.ip_address, ''), 'userAgent', COALESCE(s.user_agent, ''), 'userId', s.user_id,
    'activeOrganizationId', s.active_organization_id, 'id', s.id);
COMMENT ON FUNCTION auth.session_json IS
  'a session as clients see it; token: auth.presented_token() for the caller''s own, a handle for another';

CREATE FUNCTION auth.session_cookies(remember boolean) RETURNS text LANGUAGE sql IMMUTABLE
  RETURN CASE WHEN remember THEN E'session_token \x01 604800'
              ELSE E'session_token \x01 session\ndont_remember true session' END;
COMMENT ON FUNCTION auth.session_cookies IS 'cookies of a session that was just opened';

CREATE FUNCTION auth.session_cookies_cleared() RETURNS text LANGUAGE sql IMMUTABLE
  RETURN E'session_token - 0\nsession_data - 0\ndont_remember - 0';
COMMENT ON FUNCTION auth.session_cookies_cleared IS 'takes the cookies of a session away';

CREATE FUNCTION auth.device_kind(user_agent text) RETURNS text LANGUAGE sql IMMUTABLE
  RETURN pg_catalog.regexp_replace(user_agent, '[0-9._]+', '', 'g');
COMMENT ON FUNCTION auth.device_kind IS 'a user agent without its versions, which change every month';

CREATE FUNCTION auth.new_device_mail(c auth.caller, of_user_id text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  ways_in constant text[] := ARRAY['REGISTER', 'EMAIL_VERIFIED', 'LOGIN_SUCCESS', 'PASSKEY_LOGIN_SUCCESS'];
  seen boolean; -- NULL: nobody was ever here
BEGIN
  SELECT bool_or(auth.device_kind(e.user_agent) IS NOT DISTINCT FROM auth.device_kind(c.user_agent)) INTO seen
    FROM auth.security_events e WHERE e.user_id = of_user_id AND e.event_type = ANY (ways_in);
  IF NOT seen THEN
    PERFORM auth.mail_queue('new_device', u.email, u.locale, auth.json_object(
              'name', u.name, 'device', COALESCE(c.user_agent, '?'), 'ip', COALESCE(host(c.ip), '?')), u.id)
       FROM auth.users u WHERE u.id = of_user_id;
  END IF;
END
$$;
COMMENT ON FUNCTION auth.new_device_mail IS
  'tells a user that somebody got in with a kind of device that no event of theirs knows; before the event is written';

CREATE FUNCTION auth.session_open(c auth.caller, for_user_id text, remember boolean) RETURNS auth.sessions
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  most constant integer := current_setting('mana_auth.session_limit')::integer;
  s auth.sessions;
BEGIN
  PERFORM FROM auth.users u WHERE u.id = for_user_id FOR NO KEY UPDATE; -- sessions of one user are opened one at a time
  IF current_setting('mana_auth.new_device_mail')::boolean THEN
    PERFORM auth.new_device_mail(c, for_user_id);
  END IF;
  INSERT INTO auth.sessions (user_id, token_digest, expires_at, ip_address, user_agent, remember_me)
  VALUES (for_user_id, c.fresh_digest, now() + CASE WHEN remember THEN interval '7 days' ELSE interval '1 day' END,
          host(c.ip), c.user_agent, remember)
  RETURNING * INTO s;
  DELETE FROM auth.sessions x
   WHERE x.id IN (SELECT o.id FROM auth.sessions o WHERE o.user_id = for_user_id AND o.id <> s.id
                   ORDER BY o.created_at DESC, o.id OFFSET most - 1);
  RETURN s;
END
$$;
COMMENT ON FUNCTION auth.session_open IS
  'a new session for the token behind c.fresh_digest: 7 days, or 1 without remember; over the limit the oldest go';

CREATE FUNCTION auth.sessions_end(c auth.caller, of_user_id text, except_session_id text) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  ended bigint;
BEGIN
  -- what was allowed to clients there ends, too, with offline_access or without
  DELETE FROM auth.oauth_grants g WHERE g.user_id = of_user_id AND g.session_id IS DISTINCT FROM except_session_id;
  DELETE FROM auth.sessions s WHERE s.user_id = of_user_id AND s.id IS DISTINCT FROM except_session_id;
  GET DIAGNOSTICS ended = ROW_COUNT;
  IF ended > 0 THEN
    PERFORM auth.security_event(c, of_user_id, 'LOGOUT', auth.json_object('sessions', ended)::jsonb);
  END IF;
  RETURN ended;
END
$$;
COMMENT ON FUNCTION auth.sessions_end IS 'ends the sessions of a user, but for one; how many';

CREATE FUNCTION auth.session_get(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s auth.sessions;
  u auth.users;
  cookies text;
BEGIN
  IF c.session_digest IS NULL THEN
    RETURN auth.granted('null');
  END IF;
  s := auth.session_find(c);
  IF s.id IS NULL THEN
    DELETE FROM auth.sessions x WHERE x.token_digest = c.session_digest AND x.expires_at <= now();
    RETURN auth.granted('null', auth.session_cookies_cleared());
  END IF;
  u := auth.user_find(s.user_id);
  IF s.remember_me AND s.expires_at < now() + interval '6 days' AND (input ->> 'disableRefresh') IS DISTINCT FROM 'true' THEN
    UPDATE auth.sessions x SET expires_at = now() + interval '7 days', updated_at = now(), last_activity_at = now()
     WHERE x.id = s.id AND x.expires_at > now()
    RETURNING x.* INTO s;
    cookies := E'session_token \x03 604800';
  END IF;
  RETURN auth.granted(
    auth.json_object('session', auth.session_json(s, auth.presented_token()), 'user', auth.user_json(u)),
    cookies, auth.user_claims(u, s.id));
END
$$;
CREATE FUNCTION auth_api.session_get(c auth.caller, input jsonb) RETURNS auth.reply
  LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'mana_session_get';
COMMENT ON FUNCTION auth_api.session_get IS
  'GET /get-session: {session, user} or null. A session older than a day of its seven is extended (input disableRefresh: '
  'true leaves it); the cookies of a dead one are cleared';

CREATE FUNCTION auth_api.session_sign_out(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  ended text;
BEGIN
  DELETE FROM auth.sessions s WHERE s.token_digest = c.session_digest RETURNING s.user_id INTO ended;
  IF ended IS NOT NULL THEN
    PERFORM auth.security_event(c, ended, 'LOGOUT');
  END IF;
  RETURN auth.granted(auth.json_object('success', true), auth.session_cookies_cleared());
END
$$;
COMMENT ON FUNCTION auth_api.session_sign_out IS 'POST /sign-out: {"success":true}, with or without a session';

CREATE FUNCTION auth.token_issue(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s auth.sessions := auth.session_find(c);
  u auth.users;
BEGIN
  IF s.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  u := auth.user_find(s.user_id);
  RETURN auth.granted(auth.json_object('token', auth.access_token()), NULL, auth.user_claims(u, s.id));
END
$$;
CREATE FUNCTION auth_api.token_issue(c auth.caller, input jsonb) RETURNS auth.reply
  LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'mana_token_issue';
COMMENT ON FUNCTION auth_api.token_issue IS 'GET /token: an access JWT of a live session';
-- Browsers in which the second factor is not asked for: remembered with it, seen and ended by their user.

CREATE FUNCTION auth.trusted_device_add(c auth.caller, of_user_id text) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  most constant integer := 20;
  token constant text := auth.random_id(32);
BEGIN
  DELETE FROM auth.trusted_devices d WHERE d.id IN (
    SELECT o.id FROM auth.trusted_devices o WHERE o.user_id = of_user_id ORDER BY o.last_used_at DESC, o.id OFFSET most - 1);
  INSERT INTO auth.trusted_devices (user_id, token_digest, ip_address, user_agent, expires_at)
  VALUES (of_user_id, sha256(convert_to(token, 'UTF8')), host(c.ip), c.user_agent, now() + interval '30 days');
  PERFORM auth.security_event(c, of_user_id, 'TRUSTED_DEVICE_ADDED');
  RETURN token;
END
$$;
COMMENT ON FUNCTION auth.trusted_device_add IS 'trusts the browser of the caller for 30 days; the token for its cookie. Of more than twenty the one that was not used for '
  'longest goes';

CREATE FUNCTION auth.trusted_device_rotate(c auth.caller, of_user_id text, device_digest bytea) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  token constant text := auth.random_id(32);
BEGIN
  UPDATE auth.trusted_devices d
     SET token_digest = sha256(convert_to(token, 'UTF8')), ip_address = host(c.ip), user_agent = c.user_agent,
         last_used_at = now(), expires_at = now() + interval '30 days'
   WHERE d.token_digest = device_digest AND d.user_id = of_user_id AND d.expires_at > now();
  RETURN CASE WHEN FOUND THEN token END;
END
$$;
COMMENT ON FUNCTION auth.trusted_device_rotate IS
  'a new token for the cookie of a trusted browser, and 30 more days; NULL: it is not trusted by this user';

CREATE FUNCTION auth_api.trusted_device_list(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
BEGIN
  IF me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  RETURN auth.granted((
    SELECT auth.json_array_agg(auth.json_object(
             'id', d.id, 'ipAddress', d.ip_address, 'userAgent', d.user_agent, 'createdAt', d.created_at,
             'lastUsedAt', d.last_used_at, 'expiresAt', d.expires_at) ORDER BY d.last_used_at DESC, d.id)
      FROM auth.trusted_devices d WHERE d.user_id = me.user_id AND d.expires_at > now()));
END
$$;
COMMENT ON FUNCTION auth_api.trusted_device_list IS 'GET /api/v1/auth/trusted-devices: last used first';

CREATE FUNCTION auth_api.trusted_device_revoke(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
  ended bigint;
BEGIN
  IF me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  DELETE FROM auth.trusted_devices d WHERE d.user_id = me.user_id AND d.id = COALESCE(input ->> 'id', d.id);
  GET DIAGNOSTICS ended = ROW_COUNT;
  IF ended > 0 THEN
    PERFORM auth.security_event(c, me.user_id, 'TRUSTED_DEVICE_REVOKED', auth.json_object('devices', ended)::jsonb);
  ELSIF input ? 'id' THEN
    RETURN auth.refuse('NOT_FOUND', 'Trusted device not found');
  END IF;
  RETURN auth.granted(auth.json_object('success', true));
END
$$;
COMMENT ON FUNCTION auth_api.trusted_device_revoke IS
  'DELETE /api/v1/auth/trusted-devices/:id, and all of them without an id: there the second factor is asked for again';
-- Showing a second factor. Every way in asks auth.two_factor_gate before it opens a session; what it then takes is here.

CREATE FUNCTION auth.two_factor_context(user_id text) RETURNS text LANGUAGE sql IMMUTABLE
  RETURN 'two_factor_auth:' || user_id;
COMMENT ON FUNCTION auth.two_factor_context IS 'what a sealed secret is bound to';

CREATE FUNCTION auth.two_factor_code_digest(subject text, code text) RETURNS bytea
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN auth.hmac_sha256(convert_to(subject || ':' || code, 'UTF8'), auth.secret('two-factor-code'));
END
$$;
COMMENT ON FUNCTION auth.two_factor_code_digest IS 'how a short code is kept; subject: whose it is';

CREATE FUNCTION auth.two_factor_gate(c auth.caller, u auth.users, remember boolean, proven text, device_digest bytea)
  RETURNS auth.two_factor_gate LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  lifetime constant interval := '10 minutes';
  device_token text;
  methods json;
BEGIN
  IF NOT COALESCE(u.two_factor_enabled, false) THEN
    RETURN ROW(false, NULL, '')::auth.two_factor_gate;
  END IF;
  device_token := auth.trusted_device_rotate(c, u.id, device_digest);
  IF device_token IS NOT NULL THEN
    RETURN ROW(false, NULL, E'\ntrust_device ' || device_token || ' 2592000')::auth.two_factor_gate;
  END IF;
  SELECT to_json(array_remove(ARRAY[
           CASE WHEN f.confirmed_at IS NOT NULL THEN 'totp' END, CASE WHEN f.by_mail AND proven <> 'mail' THEN 'otp' END], NULL))
    INTO methods FROM auth.two_factor_auth f
   WHERE f.user_id = u.id AND (f.confirmed_at IS NOT NULL OR f.by_mail AND proven <> 'mail');
  IF methods IS NULL THEN
    RETURN ROW(true, NULL, NULL)::auth.two_factor_gate;
  END IF;
  INSERT INTO auth.two_factor_challenges (digest, user_id, proven, remember, expires_at)
  VALUES (c.fresh_digest, u.id, two_factor_gate.proven, two_factor_gate.remember, now() + lifetime);
  RETURN ROW(true, methods,
    CASE WHEN NOT remember THEN E'dont_remember true session\n' ELSE '' END
    || CASE WHEN device_digest IS NOT NULL THEN E'trust_device - 0\n' ELSE '' END
    || E'session_token - 0\nsession_data - 0\ntwo_factor \x01 600')::auth.two_factor_gate;
END
$$;
COMMENT ON FUNCTION auth.two_factor_gate IS
  'whether a user (locked) whose first factor is proven (password, mail, passkey) must show a second one: not in a browser that '
  'they trust. If so, a challenge is opened for the fresh token, which goes into a cookie';

CREATE FUNCTION auth.two_factor_asked(gate auth.two_factor_gate) RETURNS auth.reply LANGUAGE sql IMMUTABLE
  RETURN CASE WHEN gate.methods IS NULL THEN auth.refuse('TWO_FACTOR_REQUIRED')
              ELSE auth.granted(auth.json_object('twoFactorRedirect', true, 'twoFactorMethods', gate.methods), gate.cookies) END;
COMMENT ON FUNCTION auth.two_factor_asked IS 'the answer to a sign-in that is asked for its second factor';

CREATE FUNCTION auth.two_factor_page_url(gate auth.two_factor_gate, callback_url text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN CASE WHEN gate.methods IS NULL OR callback_url IS NULL THEN callback_url
              ELSE '/two-factor?' || auth.form_query('callbackURL', callback_url) END;
END
$$;
COMMENT ON FUNCTION auth.two_factor_page_url IS
  'our page that asks for the second factor before it leads on to a URL; the URL itself where the factor cannot be '
  'shown';

CREATE FUNCTION auth.two_factor_challenge(digest bytea) RETURNS auth.two_factor_challenges
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  challenge auth.two_factor_challenges;
BEGIN
  SELECT x.* INTO challenge FROM auth.two_factor_challenges x
   WHERE x.digest = two_factor_challenge.digest AND x.expires_at > now();
  RETURN challenge;
END
$$;
COMMENT ON FUNCTION auth.two_factor_challenge IS 'the sign-in behind the cookie; a row of NULLs: none, or it has ended';

CREATE FUNCTION auth.two_factor_locked_seconds(f auth.two_factor_auth) RETURNS integer LANGUAGE sql STABLE
  RETURN greatest(pg_catalog.ceil(EXTRACT(epoch FROM f.locked_until - pg_catalog.now()))::integer, 0);
COMMENT ON FUNCTION auth.two_factor_locked_seconds IS 'seconds until codes are looked at again; 0 or NULL: they are';

CREATE FUNCTION auth_api.two_factor_verify(
    c auth.caller, challenge_digest bytea, method text, code text, trust_device boolean, without_session boolean)
  RETURNS auth.reply LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  most constant integer := 5; -- wrong codes of one sign-in
  me auth.sessions := auth.session_find(c);
  challenge auth.two_factor_challenges;
  u auth.users;
  f auth.two_factor_auth;
  presented bytea; -- the digest of the token that came
BEGIN
  IF me.id IS NULL THEN
    challenge := auth.two_factor_challenge(challenge_digest);
  END IF;
  -- Of two codes of one user the second is looked at when the first is done with, and what it finds is asked for again.
  u := auth.user_lock(COALESCE(me.user_id, challenge.user_id));
  IF me.id IS NULL THEN
    challenge := auth.two_factor_challenge(challenge_digest);
  ELSE
    me := auth.session_find(c);
  END IF;
  presented := COALESCE(challenge.digest, me.token_digest);
  IF u.id IS NULL OR presented IS NULL THEN
    RETURN auth.refuse('INVALID_TWO_FACTOR_COOKIE');
  END IF;
  SELECT x.* INTO f FROM auth.two_factor_auth x WHERE x.user_id = u.id;
  IF method = 'any' THEN
    code := regexp_replace(code, '\s', '', 'g'); -- apps show codes in two halves
    method := auth.two_factor_method_of(f, presented, code);
  END IF;
  IF method = 'totp' AND (f.secret IS NULL OR challenge.digest IS NOT NULL AND f.confirmed_at IS NULL) THEN
    RETURN auth.refuse('TOTP_NOT_ENABLED');
  ELSIF f.user_id IS NULL THEN
    RETURN auth.refuse(CASE method WHEN 'backup' THEN 'BACKUP_CODES_NOT_ENABLED' ELSE 'TOTP_NOT_ENABLED' END);
  ELSIF auth.two_factor_locked_seconds(f) > 0 THEN
    RETURN auth.refuse('ACCOUNT_TEMPORARILY_LOCKED', NULL, auth.two_factor_locked_seconds(f));
  ELSIF challenge.failures >= most THEN
    DELETE FROM auth.two_factor_challenges x WHERE x.digest = challenge.digest;
    RETURN auth.two_factor_refused_for_good('TOO_MANY_ATTEMPTS_REQUEST_NEW_CODE');
  ELSIF method = 'otp' THEN
    CASE (SELECT x.failures >= most FROM auth.two_factor_codes x WHERE x.bearer = presented AND x.expires_at > now())
      WHEN true THEN
        DELETE FROM auth.two_factor_codes x WHERE x.bearer = presented;
        RETURN auth.refuse('TOO_MANY_ATTEMPTS_REQUEST_NEW_CODE');
      WHEN false THEN NULL;
      ELSE RETURN auth.refuse('OTP_HAS_EXPIRED');
    END CASE;
  END IF;
  IF NOT auth.two_factor_code_take(f, presented, method, code) THEN
    UPDATE auth.two_factor_challenges x SET failures = x.failures + 1 WHERE x.digest = challenge.digest;
    UPDATE auth.two_factor_codes x SET failures = x.failures + 1 WHERE x.bearer = presented;
    RETURN auth.two_factor_refused(c, u, f, method);
  END IF;
  UPDATE auth.two_factor_auth x SET failures = 0, locked_until = NULL WHERE x.user_id = u.id;
  IF without_session THEN
    RETURN auth.granted(auth.json_object('user', auth.user_json(u)));
  ELSIF challenge.digest IS NULL THEN
    RETURN auth.two_factor_confirmed(c, u, f, me, method);
  END IF;
  RETURN auth.two_factor_signed_in(c, u, challenge, method, trust_device);
END
$$;
COMMENT ON FUNCTION auth_api.two_factor_verify IS
  'POST /two-factor/verify-totp, -otp, -backup-code; method: totp, otp, backup, or any (whatever the code looks like). For the '
  'session of the caller, else for the sign-in behind the cookie, which it finishes. Five wrong codes end a sign-in, ten in a row '
  'lock the second factor';

CREATE FUNCTION auth.two_factor_method_of(f auth.two_factor_auth, bearer bytea, code text) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  wanted bytea;
BEGIN
  IF code !~ '^[0-9]{6}$' THEN
    RETURN 'backup';
  ELSIF f.confirmed_at IS NULL THEN
    RETURN 'otp';
  END IF;
  wanted := auth.two_factor_code_digest(encode(bearer, 'hex'), code);
  RETURN CASE WHEN EXISTS (SELECT FROM auth.two_factor_codes x
                            WHERE x.bearer = two_factor_method_of.bearer AND x.digest = wanted)
              THEN 'otp' ELSE 'totp' END;
END
$$;
COMMENT ON FUNCTION auth.two_factor_method_of IS
  'what a code that somebody has typed into the one field of our page is meant as';

CREATE FUNCTION auth.two_factor_code_take(f auth.two_factor_auth, bearer bytea, method text, code text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  wanted bytea;
BEGIN
  IF method = 'totp' THEN
    -- What was matched is taken by the statement that asks whether it still can be: a code works once.
    UPDATE auth.two_factor_auth x SET last_step = matched.step
      FROM (SELECT auth.totp_match(f.secret, auth.two_factor_context(f.user_id), code, now()) AS step) matched
     WHERE x.user_id = f.user_id AND x.last_step < matched.step;
  ELSIF method = 'otp' THEN
    wanted := auth.two_factor_code_digest(encode(two_factor_code_take.bearer, 'hex'), code);
    DELETE FROM auth.two_factor_codes x
     WHERE x.bearer = two_factor_code_take.bearer AND x.digest = wanted AND x.expires_at > now();
  ELSE
    wanted := auth.two_factor_code_digest(f.user_id, code);
    DELETE FROM auth.two_factor_backup_codes x WHERE x.user_id = f.user_id AND x.digest = wanted;
  END IF;
  RETURN FOUND;
END
$$;
COMMENT ON FUNCTION auth.two_factor_code_take IS 'takes a code, if it is right: it is used up, whoever else shows it';

CREATE FUNCTION auth.two_factor_refused(c auth.caller, u auth.users, f auth.two_factor_auth, method text) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  most constant integer := 10;
  locked constant interval := '15 minutes';
  longest constant interval := '1 day';
  now_failed constant integer := f.failures + 1;
  error constant text := CASE method WHEN 'backup' THEN 'INVALID_BACKUP_CODE' ELSE 'INVALID_CODE' END;
  seconds integer;
BEGIN
  UPDATE auth.two_factor_auth x
     SET failures = now_failed,
         locked_until = CASE WHEN now_failed % most = 0
                             THEN now() + least(locked * 2 ^ least(now_failed / most - 1, 10), longest) ELSE x.locked_until END
   WHERE x.user_id = f.user_id
  RETURNING auth.two_factor_locked_seconds(x) INTO seconds;
  PERFORM auth.security_event(c, f.user_id, 'LOGIN_FAILURE', auth.json_object('code', error, 'method', method)::jsonb);
  IF seconds > 0 THEN
    PERFORM auth.security_event(c, f.user_id, 'ACCOUNT_LOCKED', auth.json_object('seconds', seconds, 'method', method)::jsonb);
    PERFORM auth.mail_queue('two_factor_locked', u.email, u.locale,
                            auth.json_object('name', u.name, 'minutes', ceil(seconds / 60.0)::integer::text), u.id);
  END IF;
  RETURN auth.refuse(error);
END
$$;
COMMENT ON FUNCTION auth.two_factor_refused IS
  'a wrong code of a user (locked): counted and remembered. The tenth in a row locks for 15 minutes, each further tenth for twice '
  'as long, up to a day, and its owner is told: whoever guesses knows the password';

CREATE FUNCTION auth.two_factor_refused_for_good(error text) RETURNS auth.reply LANGUAGE sql IMMUTABLE
  RETURN ROW(error, NULL, NULL, NULL, NULL, NULL, 'two_factor - 0', NULL)::auth.reply;
COMMENT ON FUNCTION auth.two_factor_refused_for_good IS 'a refusal after which the sign-in begins anew';

CREATE FUNCTION auth.two_factor_confirmed(
    c auth.caller, u auth.users, f auth.two_factor_auth, me auth.sessions, method text)
  RETURNS auth.reply LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF method <> 'totp' OR f.confirmed_at IS NOT NULL THEN
    RETURN auth.granted(auth.json_object('token', auth.presented_token(), 'user', auth.user_json(u)));
  END IF;
  UPDATE auth.two_factor_auth x SET confirmed_at = now() WHERE x.user_id = u.id;
  u := auth.two_factor_enable(c, u, 'totp');
  PERFORM auth.session_rotate(c, me);
  RETURN auth.granted(auth.json_object('token', auth.fresh_token(), 'user', auth.user_json(u)),
                      auth.session_cookies(me.remember_me));
END
$$;
COMMENT ON FUNCTION auth.two_factor_confirmed IS
  'a right code of somebody signed in: the first of a new secret puts it in force, and the session gets a new token';

CREATE FUNCTION auth.two_factor_signed_in(
    c auth.caller, u auth.users, challenge auth.two_factor_challenges, method text, trust_device boolean)
  RETURNS auth.reply LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  DELETE FROM auth.two_factor_challenges x WHERE x.digest = challenge.digest;
  PERFORM auth.session_open(c, u.id, challenge.remember);
  PERFORM auth.security_event(c, u.id, 'LOGIN_SUCCESS',
                              auth.json_object('method', challenge.proven, 'secondFactor', method)::jsonb);
  IF method = 'backup' THEN
    PERFORM auth.mail_queue('backup_code_used', u.email, u.locale, auth.json_object('name', u.name, 'left', (
      SELECT count(*) FROM auth.two_factor_backup_codes x WHERE x.user_id = u.id)::text), u.id);
  END IF;
  RETURN auth.granted(
    auth.json_object('token', auth.fresh_token(), 'user', auth.user_json(u)),
    auth.session_cookies(challenge.remember) || E'\ntwo_factor - 0'
    || CASE WHEN trust_device THEN E'\ntrust_device ' || auth.trusted_device_add(c, u.id) || ' 2592000' ELSE '' END
    || CASE WHEN trust_device AND challenge.remember THEN E'\ndont_remember - 0' ELSE '' END);
END
$$;
COMMENT ON FUNCTION auth.two_factor_signed_in IS 'a right code of a sign-in: the session, and the browser trusted if wished';

CREATE FUNCTION auth_api.two_factor_send(c auth.caller, challenge_digest bytea) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  lifetime constant interval := '5 minutes';
  me constant auth.sessions := auth.session_find(c);
  challenge auth.two_factor_challenges;
  u auth.users;
  f auth.two_factor_auth;
  presented bytea := me.token_digest;
  code text;
  wait_seconds integer;
BEGIN
  IF me.id IS NULL THEN
    challenge := auth.two_factor_challenge(challenge_digest);
    presented := challenge.digest;
  END IF;
  u := auth.user_lock(COALESCE(me.user_id, challenge.user_id));
  SELECT x.* INTO f FROM auth.two_factor_auth x WHERE x.user_id = u.id;
  IF u.id IS NULL THEN
    RETURN auth.refuse('INVALID_TWO_FACTOR_COOKIE');
  ELSIF NOT COALESCE(f.by_mail, false) OR challenge.proven = 'mail' THEN
    RETURN auth.refuse('OTP_NOT_CONFIGURED');
  ELSIF auth.two_factor_locked_seconds(f) > 0 THEN
    RETURN auth.refuse('ACCOUNT_TEMPORARILY_LOCKED', NULL, auth.two_factor_locked_seconds(f));
  END IF;
  wait_seconds := auth.rate_limit_count('mail/otp', u.id);
  IF wait_seconds > 0 THEN
    RETURN auth.refuse('RATE_LIMITED', NULL, wait_seconds);
  END IF;
  -- 63 random bits modulo a million: no code is likelier than another by more than 2^-43
  code := lpad(((('x' || encode(auth.random_bytes(8), 'hex'))::bit(64)::bigint & 9223372036854775807) % 1000000)::text, 6, '0');
  INSERT INTO auth.two_factor_codes AS x (bearer, user_id, digest, expires_at)
  VALUES (presented, u.id, auth.two_factor_code_digest(encode(presented, 'hex'), code), now() + lifetime)
  ON CONFLICT ON CONSTRAINT two_factor_codes_pkey DO UPDATE
    SET digest = excluded.digest, failures = 0, expires_at = excluded.expires_at;
  PERFORM auth.mail_queue('otp', u.email, u.locale, auth.json_object('name', u.name, 'code', code), u.id);
  RETURN auth.granted(auth.json_object('status', true));
END
$$;
COMMENT ON FUNCTION auth_api.two_factor_send IS
  'POST /two-factor/send-otp: a code by mail for five minutes, to who has chosen that; the older one is dead. Never for a sign-in '
  'that began with a mail: the mailbox alone must not do';

CREATE FUNCTION auth_api.two_factor_page(c auth.caller, challenge_digest bytea) RETURNS TABLE (totp boolean, by_mail boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  challenge constant auth.two_factor_challenges := auth.two_factor_challenge(challenge_digest);
BEGIN
  RETURN QUERY SELECT f.confirmed_at IS NOT NULL, f.by_mail AND challenge.proven <> 'mail'
                 FROM auth.two_factor_auth f WHERE f.user_id = challenge.user_id;
END
$$;
COMMENT ON FUNCTION auth_api.two_factor_page IS 'what the page asks for; no row: no sign-in waits for a second factor';
-- Setting up a second factor and giving it up. The password is asked for again, by the edge, before any of it.

CREATE FUNCTION auth.session_rotate(c auth.caller, s auth.sessions) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  DELETE FROM auth.session_tokens t WHERE t.session_id = s.id;
  UPDATE auth.sessions x SET token_digest = c.fresh_digest, updated_at = now() WHERE x.id = s.id;
END
$$;
COMMENT ON FUNCTION auth.session_rotate IS
  'a new token for a session: who has learnt the old one, or a refresh token of it, is out. The session and what was allowed to '
  'clients in it stay';

CREATE FUNCTION auth.two_factor_enable(c auth.caller, u auth.users, method text) RETURNS auth.users
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  enabled auth.users;
BEGIN
  UPDATE auth.users x SET two_factor_enabled = true, updated_at = now() WHERE x.id = u.id RETURNING x.* INTO enabled;
  PERFORM auth.security_event(c, u.id, 'TWO_FACTOR_ENABLED', auth.json_object('method', method)::jsonb);
  PERFORM auth.mail_queue('two_factor_enabled', u.email, u.locale, auth.json_object('name', u.name), u.id);
  RETURN enabled;
END
$$;
COMMENT ON FUNCTION auth.two_factor_enable IS 'from here on a user (locked) is asked for the second factor; the owner is told';

CREATE FUNCTION auth.two_factor_remove(c auth.caller, u auth.users) RETURNS auth.users
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  disabled auth.users;
BEGIN
  DELETE FROM auth.two_factor_auth x WHERE x.user_id = u.id;
  DELETE FROM auth.two_factor_backup_codes x WHERE x.user_id = u.id;
  DELETE FROM auth.two_factor_codes x WHERE x.user_id = u.id;
  DELETE FROM auth.two_factor_challenges x WHERE x.user_id = u.id;
  DELETE FROM auth.trusted_devices x WHERE x.user_id = u.id;
  UPDATE auth.users x SET two_factor_enabled = false, updated_at = now() WHERE x.id = u.id RETURNING x.* INTO disabled;
  IF u.two_factor_enabled THEN
    PERFORM auth.security_event(c, u.id, 'TWO_FACTOR_DISABLED');
    PERFORM auth.mail_queue('two_factor_disabled', u.email, u.locale, auth.json_object('name', u.name), u.id);
  END IF;
  RETURN disabled;
END
$$;
COMMENT ON FUNCTION auth.two_factor_remove IS
  'wipes the second factor of a user (locked), with codes, challenges and trusted devices; the owner is told';

CREATE FUNCTION auth.two_factor_reset(user_id text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  u constant auth.users := auth.user_lock(two_factor_reset.user_id);
BEGIN
  IF NOT COALESCE(u.two_factor_enabled, false) THEN
    RETURN false;
  END IF;
  PERFORM auth.two_factor_remove(NULL, u);
  RETURN true;
END
$$;
COMMENT ON FUNCTION auth.two_factor_reset IS
  'for a DBA whose user has lost device and backup codes: the password is enough again. Leaves its event, and the owner is told; '
  'false: there was no second factor';

CREATE FUNCTION auth.two_factor_backup_codes_make(user_id text) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  how_many constant integer := 10;
  codes text[] := '{}';
  letters text;
BEGIN
  FOR i IN 1 .. how_many LOOP
    letters := auth.random_id(16);
    codes := codes || (substr(letters, 1, 5) || '-' || substr(letters, 6, 5));
  END LOOP;
  DELETE FROM auth.two_factor_backup_codes x WHERE x.user_id = two_factor_backup_codes_make.user_id;
  INSERT INTO auth.two_factor_backup_codes (user_id, digest)
  SELECT two_factor_backup_codes_make.user_id, auth.two_factor_code_digest(two_factor_backup_codes_make.user_id, code)
    FROM unnest(codes) code;
  RETURN to_json(codes);
END
$$;
COMMENT ON FUNCTION auth.two_factor_backup_codes_make IS 'ten new codes, shown this once; the older ones are dead';

CREATE FUNCTION auth_api.two_factor_enable(
    c auth.caller, password_version integer, verified boolean, method text, issuer text)
  RETURNS auth.reply LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me auth.sessions := auth.session_find(c);
  u constant auth.users := auth.user_lock(me.user_id);
  refusal auth.reply;
  sealed bytea;
BEGIN
  me := auth.session_find(c); -- the call before us may have given it another token
  IF u.id IS NULL OR me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  refusal := auth.password_refusal(c, u, password_version, verified, 'better-auth');
  IF refusal.refusal IS NOT NULL THEN
    RETURN refusal;
  ELSIF method = 'otp' THEN
    INSERT INTO auth.two_factor_auth (user_id, by_mail) VALUES (u.id, true)
    ON CONFLICT ON CONSTRAINT two_factor_auth_pkey DO UPDATE SET by_mail = true;
    PERFORM auth.two_factor_enable(c, u, 'otp');
    PERFORM auth.session_rotate(c, me);
    RETURN auth.granted(auth.json_object('method', 'otp'), auth.session_cookies(me.remember_me));
  ELSIF EXISTS (SELECT FROM auth.two_factor_auth x WHERE x.user_id = u.id AND x.confirmed_at IS NOT NULL) THEN
    RETURN auth.refuse('TOTP_ALREADY_ENABLED');
  END IF;
  INSERT INTO auth.two_factor_auth AS x (user_id, secret) VALUES (u.id, auth.totp_new(auth.two_factor_context(u.id)))
  ON CONFLICT ON CONSTRAINT two_factor_auth_pkey DO UPDATE SET secret = excluded.secret, last_step = 0
  RETURNING x.secret INTO sealed;
  RETURN auth.granted(auth.json_object(
    'method', 'totp', 'totpURI', auth.totp_uri(sealed, auth.two_factor_context(u.id), issuer, u.email),
    'backupCodes', auth.two_factor_backup_codes_make(u.id)));
END
$$;
COMMENT ON FUNCTION auth_api.two_factor_enable IS
  'POST /two-factor/enable: a secret for an authenticator app, in force once a code of it was shown, and backup codes; or codes '
  'by mail, in force at once';

CREATE FUNCTION auth_api.two_factor_disable(
    c auth.caller, password_version integer, verified boolean, device_digest bytea)
  RETURNS auth.reply LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me auth.sessions := auth.session_find(c);
  u constant auth.users := auth.user_lock(me.user_id);
  refusal auth.reply;
BEGIN
  me := auth.session_find(c);
  IF u.id IS NULL OR me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  refusal := auth.password_refusal(c, u, password_version, verified, 'better-auth');
  IF refusal.refusal IS NOT NULL THEN
    RETURN refusal;
  END IF;
  PERFORM auth.two_factor_remove(c, u);
  PERFORM auth.session_rotate(c, me);
  RETURN auth.granted(auth.json_object('status', true),
    auth.session_cookies(me.remember_me) || CASE WHEN device_digest IS NOT NULL THEN E'\ntrust_device - 0' ELSE '' END);
END
$$;
COMMENT ON FUNCTION auth_api.two_factor_disable IS 'POST /two-factor/disable: wipes the second factor, with a new token for the session';

CREATE FUNCTION auth_api.two_factor_totp_uri(c auth.caller, password_version integer, verified boolean, issuer text)
  RETURNS auth.reply LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
  u constant auth.users := auth.user_lock(me.user_id);
  refusal auth.reply;
  sealed bytea;
BEGIN
  IF u.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  refusal := auth.password_refusal(c, u, password_version, verified, 'better-auth');
  SELECT x.secret INTO sealed FROM auth.two_factor_auth x WHERE x.user_id = u.id;
  RETURN CASE
    WHEN refusal.refusal IS NOT NULL THEN refusal
    WHEN sealed IS NULL THEN auth.refuse('TOTP_NOT_ENABLED')
    ELSE auth.granted(auth.json_object('totpURI', auth.totp_uri(sealed, auth.two_factor_context(u.id), issuer, u.email))) END;
END
$$;
COMMENT ON FUNCTION auth_api.two_factor_totp_uri IS 'POST /two-factor/get-totp-uri: the secret again, for another app';

CREATE FUNCTION auth_api.two_factor_backup_codes(c auth.caller, password_version integer, verified boolean)
  RETURNS auth.reply LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
  u constant auth.users := auth.user_lock(me.user_id);
  refusal auth.reply;
BEGIN
  IF u.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  refusal := auth.password_refusal(c, u, password_version, verified, 'better-auth');
  IF refusal.refusal IS NOT NULL THEN
    RETURN refusal;
  ELSIF NOT COALESCE(u.two_factor_enabled, false) THEN
    RETURN auth.refuse('TWO_FACTOR_NOT_ENABLED');
  END IF;
  PERFORM auth.security_event(c, u.id, 'BACKUP_CODES_GENERATED');
  RETURN auth.granted(auth.json_object('status', true, 'backupCodes', auth.two_factor_backup_codes_make(u.id)));
END
$$;
COMMENT ON FUNCTION auth_api.two_factor_backup_codes IS 'POST /two-factor/generate-backup-codes';

CREATE FUNCTION auth.two_factor_sweep(batch integer) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  swept bigint := 0;
  n bigint;
BEGIN
  DELETE FROM auth.two_factor_challenges t WHERE t.digest IN (
    SELECT x.digest FROM auth.two_factor_challenges x WHERE x.expires_at < now()
     ORDER BY x.expires_at LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; swept := swept + n;
  DELETE FROM auth.two_factor_codes t WHERE t.bearer IN (
    SELECT x.bearer FROM auth.two_factor_codes x WHERE x.expires_at < now()
     ORDER BY x.expires_at LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; swept := swept + n;
  DELETE FROM auth.trusted_devices t WHERE t.id IN (
    SELECT x.id FROM auth.trusted_devices x WHERE x.expires_at < now()
     ORDER BY x.expires_at LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; swept := swept + n;
  RETURN swept;
END
$$;
COMMENT ON FUNCTION auth.two_factor_sweep IS 'the second factors'' part of auth.sweep';
-- Proving that an address is one's own: the links of verification mails, also of changes of address.

CREATE FUNCTION auth.verification_mail(u auth.users, callback_url text, OUT token text, OUT mail_id text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  token := auth.verification_issue('verify-email', u.id, auth.json_object('email', u.email), interval '1 hour');
  mail_id := auth.mail_queue('verify_email', u.email, u.locale, auth.json_object(
    'name', u.name, 'callbackURL', COALESCE(callback_url, '/'), 'token', token), u.id);
END
$$;
COMMENT ON FUNCTION auth.verification_mail IS 'promises the mail whose link proves the address; older links are dead';

CREATE FUNCTION auth_api.verification_send(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  address constant text := auth.email_normal(input ->> 'email');
  limited constant boolean := auth.rate_limit_count('mail/verify_email', address) > 0;
  u auth.users;
  token text;
  mail_id text;
BEGIN
  SELECT x.* INTO u FROM auth.users x
   WHERE x.email = address AND NOT x.email_verified AND x.deleted_at IS NULL AND NOT limited;
  u.email := address;
  SELECT m.token, m.mail_id INTO token, mail_id FROM auth.verification_mail(u, input ->> 'callbackURL') m;
  IF u.id IS NULL THEN
    PERFORM auth.mail_take_back(mail_id, 'verify-email', token);
  END IF;
  RETURN auth.granted(auth.json_object('status', true));
END
$$;
COMMENT ON FUNCTION auth_api.verification_send IS
  'POST /send-verification-email: a new link where the address is not verified yet; any other address costs the same work';

CREATE FUNCTION auth_api.verification_send_v1(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM auth_api.verification_send(c, input);
  RETURN auth.granted(auth.json_object('success', true));
END
$$;
COMMENT ON FUNCTION auth_api.verification_send_v1 IS 'POST /api/v1/auth/resend-verification';

CREATE FUNCTION auth_api.verification_verify_email(
    c auth.caller, token text, callback_url text, device_digest bytea DEFAULT NULL) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v auth.verification := auth.verification_consume('verify-email', token);
  change auth.verification;
  u auth.users;
BEGIN
  IF v.user_id IS NOT NULL THEN
    u := auth.email_verify(c, v.user_id, v.value::jsonb ->> 'email');
  ELSIF v.id IS NULL THEN
    change := auth.verification_consume('change-email', token);
    u := auth.email_change_finish(c, change.user_id, change.value::jsonb ->> 'email', change.value::jsonb ->> 'newEmail');
  END IF;
  IF u.id IS NULL THEN
    RETURN auth.verification_refused(
      CASE WHEN COALESCE(v.expires_at, change.expires_at) <= now() THEN 'TOKEN_EXPIRED' ELSE 'INVALID_TOKEN' END, callback_url);
  END IF;
  RETURN auth.verification_granted(c, u, change.id IS NOT NULL, callback_url, device_digest);
END
$$;
COMMENT ON FUNCTION auth_api.verification_verify_email IS
  'GET /verify-email: takes the token, marks the address as verified (or changes it) and signs in; 302 to the callback, or '
  'JSON without';

CREATE FUNCTION auth_api.verification_verify_email_legacy(
    c auth.caller, email text, update_to text, expires_at bigint, callback_url text, device_digest bytea DEFAULT NULL)
  RETURNS auth.reply LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  address constant text := auth.email_normal(email);
  owner auth.users;
  u auth.users;
BEGIN
  IF expires_at IS NULL OR to_timestamp(expires_at) <= now() THEN
    RETURN auth.verification_refused('TOKEN_EXPIRED', callback_url);
  END IF;
  SELECT x.* INTO owner FROM auth.users x WHERE x.email = address;
  owner := auth.user_lock(owner.id);
  IF owner.id IS NULL OR owner.email <> address THEN
    RETURN auth.verification_refused('INVALID_TOKEN', callback_url);
  ELSIF update_to IS NOT NULL THEN
    u := auth.email_change_finish(c, owner.id, address, auth.email_normal(update_to));
  ELSIF NOT owner.email_verified THEN
    u := auth.email_verify(c, owner.id, address);
  ELSE
    RETURN auth.granted(CASE WHEN callback_url IS NULL THEN auth.json_object('status', true, 'user', NULL::text) END,
                        status => CASE WHEN callback_url IS NOT NULL THEN 302 END, location => callback_url);
  END IF;
  IF u.id IS NULL THEN
    RETURN auth.verification_refused('INVALID_TOKEN', callback_url);
  END IF;
  RETURN auth.verification_granted(c, u, update_to IS NOT NULL, callback_url, device_digest);
END
$$;
COMMENT ON FUNCTION auth_api.verification_verify_email_legacy IS
  'GET /verify-email with a link of the service before us, a JWT that the edge has verified: it opens a session only where the '
  'address was not verified yet, for nothing tells whether it was used before';

CREATE FUNCTION auth.email_verify(c auth.caller, of_user_id text, address text) RETURNS auth.users
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  u auth.users;
BEGIN
  UPDATE auth.users x SET email_verified = true, updated_at = now()
   WHERE x.id = of_user_id AND x.email = address
  RETURNING x.* INTO u;
  IF u.id IS NOT NULL THEN
    PERFORM auth.security_event(c, u.id, 'EMAIL_VERIFIED');
  END IF;
  RETURN u;
END
$$;
COMMENT ON FUNCTION auth.email_verify IS 'marks the address as verified; a row of NULLs: it is no longer the user''s';

CREATE FUNCTION auth.verification_granted(
    c auth.caller, u auth.users, changed boolean, callback_url text, device_digest bytea)
  RETURNS auth.reply LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
  mine constant boolean := changed AND me.user_id IS NOT DISTINCT FROM u.id AND c.session_digest IS NOT NULL;
  gate auth.two_factor_gate;
BEGIN
  IF NOT mine THEN
    gate := auth.two_factor_gate(c, u, true, 'mail', device_digest);
    IF gate.asked THEN
      RETURN auth.granted(
        CASE WHEN callback_url IS NULL THEN auth.json_object(
          'status', true, 'user', CASE WHEN changed THEN auth.user_json(u) END, 'twoFactorRedirect', gate.methods IS NOT NULL,
          'twoFactorMethods', COALESCE(gate.methods, '[]')) END,
        gate.cookies, NULL, CASE WHEN callback_url IS NOT NULL THEN 302 END, auth.two_factor_page_url(gate, callback_url));
    END IF;
    PERFORM auth.session_open(c, u.id, true);
  END IF;
  RETURN auth.granted(
    CASE WHEN callback_url IS NULL
         THEN auth.json_object('status', true, 'user', CASE WHEN changed THEN auth.user_json(u) END) END,
    CASE WHEN NOT mine THEN auth.session_cookies(true) || gate.cookies WHEN me.remember_me THEN E'session_token \x03 604800' END,
    NULL, CASE WHEN callback_url IS NOT NULL THEN 302 END, callback_url);
END
$$;
COMMENT ON FUNCTION auth.verification_granted IS
  'the answer to a good link: signed in, if no second factor is asked for; who changed the address in this browser keeps the '
  'session';

CREATE FUNCTION auth.verification_refused(problem text, callback_url text) RETURNS auth.reply
LANGUAGE sql IMMUTABLE
  RETURN CASE WHEN callback_url IS NOT NULL
              THEN auth.granted(NULL, status => 302, location => auth.url_with(callback_url, 'error', problem))
              ELSE auth.refuse_as(401, CASE problem WHEN 'TOKEN_EXPIRED' THEN 'Token expired' ELSE 'Invalid token' END, problem)
         END;
COMMENT ON FUNCTION auth.verification_refused IS 'the answer to a link that is used, expired or made up';
-- Signing up with a password.

CREATE FUNCTION auth.signup_refusal() RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  most constant integer := current_setting('mana_auth.signup_daily_max')::integer;
  midnight constant timestamptz := date_trunc('day', now(), 'UTC') + interval '24 hours';
BEGIN
  IF most > 0 THEN
    PERFORM pg_advisory_xact_lock(hashtextextended('auth.signup_daily_max', 0));
    IF (SELECT count(*) FROM auth.security_events e
         WHERE e.event_type = 'REGISTER' AND e.created_at >= midnight - interval '24 hours') >= most THEN
      RETURN auth.refuse('SIGNUP_LIMIT_REACHED',
        'Das tägliche Registrierungslimit ist erreicht. Versuche es morgen wieder.',
        ceil(extract(epoch FROM midnight - now()))::integer);
    END IF;
  END IF;
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.signup_refusal IS 'why nobody can sign up today (UTC); NULL: they can';

CREATE FUNCTION auth.sign_up_done(c auth.caller, u auth.users, email text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM auth.security_event(c, u.id, 'REGISTER');
  PERFORM auth.outbound_queue('credits', '/api/v1/internal/gifts/redeem-pending',
    auth.json_object('userId', u.id, 'email', sign_up_done.email), u.id,
    after => auth.outbound_queue('credits', '/api/v1/internal/credits/init', auth.json_object('userId', u.id), u.id));
END
$$;
COMMENT ON FUNCTION auth.sign_up_done IS 'what follows on a new account, however it was made; email: as it was typed';

CREATE FUNCTION auth_api.sign_up(
    c auth.caller, email text, name text, image text, password_hash text, callback_url text, locale text)
  RETURNS auth.reply LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  address constant text := auth.email_normal(email);
  refusal auth.reply := auth.signup_refusal();
  u auth.users;
BEGIN
  IF refusal.refusal IS NOT NULL THEN
    RETURN refusal;
  END IF;
  INSERT INTO auth.users AS x (name, email, image, locale)
  VALUES (sign_up.name, address, sign_up.image, sign_up.locale)
  ON CONFLICT ON CONSTRAINT users_email_unique DO NOTHING
  RETURNING x.* INTO u;
  IF u.id IS NULL THEN
    RETURN auth.sign_up_again(c, address, name, image);
  END IF;
  INSERT INTO auth.accounts (account_id, provider_id, user_id, password) VALUES (u.id, 'credential', u.id, password_hash);
  PERFORM auth.verification_mail(u, callback_url);
  PERFORM auth.sign_up_done(c, u, sign_up.email);
  RETURN auth.granted(auth.json_object('token', NULL::text, 'user', auth.user_json(u)));
END
$$;
COMMENT ON FUNCTION auth_api.sign_up IS
  'POST /sign-up/email: user, password account, verification mail and the calls to mana-credits in one transaction; '
  '{"token":null,"user"}. A known address gets the same answer about a user that does not exist, and its owner a mail';

CREATE FUNCTION auth.sign_up_again(c auth.caller, address text, name text, image text) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  phantom auth.users;
  owner auth.users;
  token text;
  mail text;
BEGIN
  IF current_setting('mana_auth.signup_duplicate') = 'conflict' THEN
    RETURN auth.refuse('EMAIL_ALREADY_REGISTERED');
  END IF;
  SELECT u.* INTO owner FROM auth.users u WHERE u.email = address;
  token := auth.verification_issue('decoy', NULL, auth.json_object('email', address), interval '1 hour');
  mail := auth.mail_queue('existing_account', address, owner.locale, auth.json_object('name', owner.name), owner.id);
  IF auth.rate_limit_count('mail/existing_account', address) > 0 THEN
    PERFORM auth.mail_take_back(mail, 'decoy', token);
  ELSE
    PERFORM auth.mail_take_back(NULL, 'decoy', token);
  END IF;
  phantom.id := auth.random_id();
  phantom.name := name;
  phantom.email := address;
  phantom.email_verified := false;
  phantom.image := image;
  phantom.created_at := now();
  phantom.updated_at := now();
  phantom.access_tier := 'public';
  RETURN auth.granted(auth.json_object('token', NULL::text, 'user', auth.user_json(phantom)));
END
$$;
COMMENT ON FUNCTION auth.sign_up_again IS 'the answer to a sign-up with a known address, and the mail to its owner; a token is made and taken back, for a new address '
  'costs one too';
-- Signing in with a password. Two calls, because the edge hashes between them.

CREATE FUNCTION auth_api.sign_in_lookup(c auth.caller, email text) RETURNS TABLE (
    user_id text, password text, password_version integer, locked_seconds integer)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  address constant text := auth.email_normal(email);
  refusal constant auth.reply := auth.lockout_refusal(c, address);
BEGIN
  RETURN QUERY
    SELECT a.user_id, a.password, a.password_version, COALESCE(refusal.retry_after_seconds, 0)
      FROM (VALUES (1)) one
      LEFT JOIN auth.users u ON u.email = address AND u.deleted_at IS NULL
      LEFT JOIN auth.accounts a ON a.user_id = u.id AND a.provider_id = 'credential' AND a.account_id = u.id;
END
$$;
COMMENT ON FUNCTION auth_api.sign_in_lookup IS
  'one row: what the edge verifies a password against, NULLs where there is none (it hashes a dummy), and how long the '
  'address or the client is locked';

CREATE FUNCTION auth_api.sign_in_finish(
    c auth.caller, email text, user_id text, password_version integer, verified boolean, new_hash text,
    remember boolean, callback_url text, dialect text, device_digest bytea DEFAULT NULL,
    device_id text DEFAULT NULL, device_name text DEFAULT NULL)
  RETURNS auth.reply LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  address constant text := auth.email_normal(email);
  refusal constant auth.reply := auth.lockout_refusal(c, address);
  u auth.users;
  granted auth.reply;
BEGIN
  IF refusal.refusal IS NOT NULL THEN
    RETURN refusal;
  ELSIF verified THEN
    u := auth.user_lock(sign_in_finish.user_id); -- a change of the password, or of the address, is now before us or after
  END IF;
  IF u.id IS NULL OR u.email <> address OR NOT EXISTS (
      SELECT FROM auth.accounts a WHERE a.user_id = u.id AND a.provider_id = 'credential'
         AND a.password_version = sign_in_finish.password_version) THEN
    RETURN auth.password_refused(c, address, sign_in_finish.user_id,
                                 CASE dialect WHEN 'v1' THEN 'INVALID_CREDENTIALS' ELSE 'INVALID_EMAIL_OR_PASSWORD' END);
  ELSIF NOT u.email_verified THEN
    PERFORM auth.security_event(c, u.id, 'LOGIN_FAILURE', '{"code":"EMAIL_NOT_VERIFIED"}');
    RETURN auth.refuse('EMAIL_NOT_VERIFIED');
  END IF;
  IF new_hash IS NOT NULL THEN
    UPDATE auth.accounts a SET password = new_hash WHERE a.user_id = u.id AND a.provider_id = 'credential';
  END IF;
  PERFORM auth.lockout_clear(address);
  granted := auth.sign_in_granted(c, u, remember, callback_url, dialect, device_digest);
  UPDATE auth.sessions s SET device_id = sign_in_finish.device_id, device_name = sign_in_finish.device_name
   WHERE s.token_digest = c.fresh_digest AND (sign_in_finish.device_id IS NOT NULL OR sign_in_finish.device_name IS NOT NULL);
  RETURN granted;
END
$$;
COMMENT ON FUNCTION auth_api.sign_in_finish IS
  'POST /sign-in/email after the password was verified or not: lockout, events, rehash and the session (or the challenge of '
  'a second factor, but in a browser whose cookie device_digest is of, if trusted) in one transaction. '
  'Refuses a password that was verified against a version that has changed since. An app names its device for the list';

CREATE FUNCTION auth.sign_in_granted(
    c auth.caller, u auth.users, remember boolean, callback_url text, dialect text, device_digest bytea)
  RETURNS auth.reply LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  gate constant auth.two_factor_gate := auth.two_factor_gate(c, u, remember, 'password', device_digest);
  cookies constant text := auth.session_cookies(remember) || gate.cookies;
  s auth.sessions;
BEGIN
  IF gate.asked THEN
    RETURN auth.two_factor_asked(gate);
  END IF;
  s := auth.session_open(c, u.id, remember);
  PERFORM auth.security_event(c, u.id, 'LOGIN_SUCCESS');
  RETURN CASE
    WHEN dialect = 'v1' THEN auth.granted(
      auth.json_object('redirect', false, 'token', auth.fresh_token(), 'user', auth.user_json(u),
                       'accessToken', auth.access_token(), 'refreshToken', auth.fresh_token()),
      cookies, auth.user_claims(u, s.id))
    WHEN callback_url IS NULL THEN auth.granted(
      auth.json_object('redirect', false, 'token', auth.fresh_token(), 'user', auth.user_json(u)),
      cookies)
    ELSE auth.granted(
      auth.json_object('redirect', true, 'token', auth.fresh_token(), 'url', callback_url, 'user', auth.user_json(u)),
      cookies, location => callback_url) END;
END
$$;
COMMENT ON FUNCTION auth.sign_in_granted IS 'the password is right: the session, and what the client reads; or the second factor first';
-- Signing in by a link in a mail. The link proves the address and nothing else: who has a second factor is asked for it.

CREATE FUNCTION auth_api.magic_link_send(
    c auth.caller, email text, name text, callback_url text, new_user_url text, error_url text, locale text)
  RETURNS auth.reply LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  lifetime constant interval := '10 minutes';
  address constant text := auth.email_normal(email);
  token constant text := auth.random_id(32);
  u auth.users;
BEGIN
  IF auth.rate_limit_count('mail/magic_link', address) = 0 THEN
    SELECT x.* INTO u FROM auth.users x WHERE x.email = address;
    INSERT INTO auth.magic_links AS l (email, digest, name, expires_at)
    VALUES (address, sha256(convert_to(token, 'UTF8')), COALESCE(magic_link_send.name, ''), now() + lifetime)
    ON CONFLICT ON CONSTRAINT magic_links_pkey DO UPDATE
      SET digest = excluded.digest, name = excluded.name, expires_at = excluded.expires_at, created_at = now();
    PERFORM auth.mail_queue('magic_link', address, COALESCE(u.locale, magic_link_send.locale), auth.json_object(
      'name', COALESCE(u.name, ''), 'token', token, 'callbackURL', COALESCE(callback_url, '/'),
      'newUserCallbackURL', COALESCE(new_user_url, ''), 'errorCallbackURL', COALESCE(error_url, '')), u.id);
  END IF;
  RETURN auth.granted(auth.json_object('status', true));
END
$$;
COMMENT ON FUNCTION auth_api.magic_link_send IS
  'POST /sign-in/magic-link: a mail with a link for ten minutes; the older link of the address is dead. Known or not, an address '
  'gets the same answer and the same mail, and at most three of them a minute';

CREATE FUNCTION auth_api.magic_link_verify(
    c auth.caller, token text, callback_url text, new_user_url text, error_url text, locale text,
    device_digest bytea DEFAULT NULL)
  RETURNS auth.reply LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  presented constant bytea := sha256(convert_to(token, 'UTF8'));
  u auth.users := auth.magic_link_owner((SELECT l.email FROM auth.magic_links l WHERE l.digest = presented));
  link auth.magic_links;
  refusal auth.reply;
  gate auth.two_factor_gate;
  is_new boolean := false;
BEGIN
  DELETE FROM auth.magic_links l WHERE l.digest = presented RETURNING l.* INTO link;
  IF link.email IS NULL OR link.expires_at <= now() THEN
    RETURN auth.magic_link_refused(error_url, 'INVALID_TOKEN');
  ELSIF u.id IS NULL THEN
    refusal := auth.signup_refusal();
    IF refusal.refusal IS NOT NULL THEN
      RETURN auth.magic_link_refused(error_url, refusal.refusal);
    END IF;
    INSERT INTO auth.users AS x (name, email, email_verified, locale) VALUES (link.name, link.email, true, magic_link_verify.locale)
    ON CONFLICT ON CONSTRAINT users_email_unique DO NOTHING
    RETURNING x.* INTO u;
    is_new := u.id IS NOT NULL;
    IF is_new THEN
      PERFORM auth.sign_up_done(c, u, link.email);
    ELSE
      u := auth.magic_link_owner(link.email); -- somebody signed up with the address just now
    END IF;
  END IF;
  IF u.id IS NULL THEN
    RETURN auth.magic_link_refused(error_url, 'INVALID_TOKEN');
  ELSIF NOT u.email_verified THEN
    u := auth.account_claim(c, u);
  END IF;
  gate := auth.two_factor_gate(c, u, true, 'mail', device_digest);
  IF gate.asked THEN
    RETURN CASE WHEN gate.methods IS NULL THEN auth.magic_link_refused(error_url, 'TWO_FACTOR_REQUIRED')
                WHEN callback_url IS NULL THEN auth.two_factor_asked(gate)
                ELSE auth.granted(NULL, gate.cookies, NULL, 302, auth.two_factor_page_url(gate, callback_url)) END;
  END IF;
  RETURN auth.magic_link_granted(c, u, gate, CASE WHEN is_new THEN COALESCE(new_user_url, callback_url) ELSE callback_url END);
END
$$;
COMMENT ON FUNCTION auth_api.magic_link_verify IS
  'GET and POST /magic-link/verify: takes the token and signs in, after the second factor of who has one; an address without account gets one. 302 to the callback, or '
  'JSON without. An account that somebody else may have made with the address beforehand is made its owner''s alone';

CREATE FUNCTION auth.magic_link_owner(address text) RETURNS auth.users
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  u auth.users := auth.user_lock((SELECT x.id FROM auth.users x WHERE x.email = address));
BEGIN
  RETURN CASE WHEN u.email = address THEN u END;
END
$$;
COMMENT ON FUNCTION auth.magic_link_owner IS 'whose address it is, locked; a row of NULLs: nobody''s, or no longer theirs';

CREATE FUNCTION auth.account_claim(c auth.caller, u auth.users) RETURNS auth.users
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  claimed auth.users;
BEGIN
  DELETE FROM auth.accounts a WHERE a.user_id = u.id;
  PERFORM auth.sessions_end(c, u.id, NULL);
  DELETE FROM auth.verification v WHERE v.user_id = u.id;
  UPDATE auth.users x SET email_verified = true, updated_at = now() WHERE x.id = u.id RETURNING x.* INTO claimed;
  PERFORM auth.security_event(c, u.id, 'EMAIL_VERIFIED', '{"by":"magic-link","removed":"ways in from before"}');
  RETURN claimed;
END
$$;
COMMENT ON FUNCTION auth.account_claim IS
  'the owner of an address has come to an account that nobody had proven to be theirs: whoever made it may wait for this with a '
  'password, so every way in and every session from before goes';

CREATE FUNCTION auth.magic_link_granted(c auth.caller, u auth.users, gate auth.two_factor_gate, callback_url text)
  RETURNS auth.reply LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_open(c, u.id, true);
BEGIN
  PERFORM auth.security_event(c, u.id, 'LOGIN_SUCCESS', '{"method":"magic-link"}');
  RETURN auth.granted(
    CASE WHEN callback_url IS NULL THEN auth.json_object(
      'token', auth.fresh_token(), 'user', auth.user_json(u), 'session', auth.session_json(s, auth.fresh_token())) END,
    auth.session_cookies(true) || gate.cookies, NULL, CASE WHEN callback_url IS NOT NULL THEN 302 END, callback_url);
END
$$;
COMMENT ON FUNCTION auth.magic_link_granted IS 'the answer to a good link: signed in';

CREATE FUNCTION auth.magic_link_refused(error_url text, problem text) RETURNS auth.reply LANGUAGE sql IMMUTABLE
  RETURN auth.granted(NULL, status => 302, location => auth.url_with(error_url, 'error', problem));
COMMENT ON FUNCTION auth.magic_link_refused IS 'the answer to a link that is used, expired or made up';
-- The encryption vault: custody of each user's master key (MK). The MK itself is nowhere; a row holds wraps of it.

CREATE TABLE auth.encryption_vaults (
  user_id                  text        NOT NULL,
  wrapped_mk               text,
  wrap_iv                  text,
  format_version           smallint    NOT NULL DEFAULT 2,
  kek_id                   text        NOT NULL DEFAULT 'env-v1',
  commitment               bytea,
  generation               integer     NOT NULL DEFAULT 1,
  recovery_wrapped_mk      text,
  recovery_iv              text,
  recovery_format_version  smallint    NOT NULL DEFAULT 1,
  recovery_generation      integer,
  recovery_set_at          timestamptz,
  zero_knowledge           boolean     NOT NULL DEFAULT false,
  created_at               timestamptz NOT NULL DEFAULT pg_catalog.now(),
  rotated_at               timestamptz,
  CONSTRAINT encryption_vaults_pkey PRIMARY KEY (user_id),
  CONSTRAINT encryption_vaults_user_id_users_id_fk FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
  CONSTRAINT encryption_vaults_has_wrap CHECK (wrapped_mk IS NOT NULL OR recovery_wrapped_mk IS NOT NULL),
  CONSTRAINT encryption_vaults_wrap_iv_pair CHECK (
    (wrapped_mk IS NULL) = (wrap_iv IS NULL) AND (recovery_wrapped_mk IS NULL) = (recovery_iv IS NULL)),
  CONSTRAINT encryption_vaults_zk_consistency CHECK (
    zero_knowledge = (wrapped_mk IS NULL) AND (NOT zero_knowledge OR recovery_wrapped_mk IS NOT NULL)),
  -- 64 and 16 of these characters are 48 and 12 bytes, in the one way that base64 (RFC 4648 §4) allows.
  CONSTRAINT encryption_vaults_wrap_size CHECK (
    wrapped_mk ~ '^[A-Za-z0-9+/]{64}$' AND wrap_iv ~ '^[A-Za-z0-9+/]{16}$'),
  CONSTRAINT encryption_vaults_recovery_size CHECK (
    recovery_wrapped_mk ~ '^[A-Za-z0-9+/]{64}$' AND recovery_iv ~ '^[A-Za-z0-9+/]{16}$'),
  CONSTRAINT encryption_vaults_recovery_is_current CHECK (
    recovery_generation IS NULL OR recovery_generation = generation),
  CONSTRAINT encryption_vaults_commitment_is_hmac CHECK (pg_catalog.octet_length(commitment) = 32),
  CONSTRAINT encryption_vaults_format_is_known CHECK (format_version IN (1, 2))
) WITH (fillfactor = 90);
COMMENT ON TABLE auth.encryption_vaults IS
  'master keys, wrapped: by the service (wrapped_mk, under a KEK) and by the user (recovery_wrapped_mk, under a recovery code)';
COMMENT ON COLUMN auth.encryption_vaults.wrapped_mk IS
  'base64 of AES-256-GCM ciphertext and tag (48 bytes) of the MK; NULL in zero-knowledge mode: the service cannot open it';
COMMENT ON COLUMN auth.encryption_vaults.wrap_iv IS 'base64 of the 12-byte IV';
COMMENT ON COLUMN auth.encryption_vaults.format_version IS
  '1: no AAD, as written by the service before us; 2: AAD of table, version, kek id and user id, so a wrap opens only in its row';
COMMENT ON COLUMN auth.encryption_vaults.kek_id IS 'which key of the ring opens it';
COMMENT ON COLUMN auth.encryption_vaults.commitment IS
  'HMAC of the MK: a client that hands the MK back (leaving zero-knowledge) must hand back the same; NULL: older row';
COMMENT ON COLUMN auth.encryption_vaults.generation IS 'counts master keys; a recovery wrap of an older one is refused';
COMMENT ON COLUMN auth.encryption_vaults.recovery_wrapped_mk IS
  'made in the browser: the MK under HKDF(recovery code, mana-recovery-v1); this service cannot open it';

CREATE INDEX encryption_vaults_kek_id_idx ON auth.encryption_vaults (kek_id) WHERE wrapped_mk IS NOT NULL;

ALTER TABLE auth.encryption_vaults ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth.encryption_vaults FORCE ROW LEVEL SECURITY;
CREATE POLICY encryption_vaults_user_isolation ON auth.encryption_vaults
  USING (user_id = auth.identity() OR auth.identity() = '*') WITH CHECK (user_id = auth.identity() OR auth.identity() = '*');
COMMENT ON POLICY encryption_vaults_user_isolation ON auth.encryption_vaults IS
  'defence in depth below the routines; * is maintenance (rewrap, checks)';

SELECT pg_catalog.pg_extension_config_dump('auth.encryption_vaults', '');
-- The vault's trail: a row for every call but status, granted or refused. Append-only, a month a partition.

-- A domain and not a constraint of the table: that would be read anew for each row.
CREATE DOMAIN auth.vault_action AS text CONSTRAINT encryption_vault_audit_action_is_known CHECK (VALUE IN (
  'init', 'fetch', 'rotate', 'failed_fetch', 'recovery_set', 'recovery_clear', 'zk_enable', 'zk_disable', 'rewrap', 'erase'));
COMMENT ON DOMAIN auth.vault_action IS 'what was asked of a vault';

CREATE TABLE auth.encryption_vault_audit (
  id          text        NOT NULL,
  user_id     text        NOT NULL,
  action      auth.vault_action NOT NULL,
  ip_address  text,
  user_agent  text,
  context     text,
  status      integer     NOT NULL,
  request_id  text,
  created_at  timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  mac         bytea       NOT NULL
) PARTITION BY RANGE (created_at);
COMMENT ON TABLE auth.encryption_vault_audit IS
  'who asked for what of a vault, and what came of it. No foreign key: a trail outlives its user';
COMMENT ON COLUMN auth.encryption_vault_audit.status IS 'HTTP status that the caller was meant to see';
COMMENT ON COLUMN auth.encryption_vault_audit.context IS 'why, where the action and status do not say it';
COMMENT ON COLUMN auth.encryption_vault_audit.mac IS
  'HMAC-SHA-256 over the other columns under the audit key, which is sealed under the key ring: a row changed or made by '
  'somebody without it shows (auth.vault_audit_verify)';

ALTER TABLE auth.encryption_vault_audit ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth.encryption_vault_audit FORCE ROW LEVEL SECURITY;
CREATE POLICY encryption_vault_audit_user_isolation ON auth.encryption_vault_audit
  USING (user_id = auth.identity() OR auth.identity() = '*') WITH CHECK (user_id = auth.identity() OR auth.identity() = '*');
CREATE POLICY encryption_vault_audit_auditor ON auth.encryption_vault_audit FOR SELECT TO auth_auditor USING (true);

SELECT pg_catalog.pg_extension_config_dump('auth.encryption_vault_audit', '');

CREATE TABLE auth.vault_audit_seals (
  number      bigint      NOT NULL,
  kind        text        NOT NULL,
  since       timestamptz NOT NULL,
  until       timestamptz NOT NULL,
  row_count   bigint      NOT NULL,
  digest      bytea       NOT NULL,
  sealed_at   timestamptz NOT NULL DEFAULT pg_catalog.now(),
  mac         bytea       NOT NULL,
  CONSTRAINT vault_audit_seals_pkey PRIMARY KEY (number),
  CONSTRAINT vault_audit_seals_kind_is_known CHECK (kind IN ('sealed', 'dropped')),
  CONSTRAINT vault_audit_seals_has_extent CHECK (since < until)
);
COMMENT ON TABLE auth.vault_audit_seals IS
  'what the trail held from since to until when that was over, and which months were dropped: each entry''s MAC covers the one '
  'before, so that a row or an entry which is missing later shows (auth.vault_audit_verify)';
SELECT pg_catalog.pg_extension_config_dump('auth.vault_audit_seals', '');

CREATE FUNCTION auth.vault_audit_partition_name(month timestamptz) RETURNS text LANGUAGE sql STABLE
  RETURN 'encryption_vault_audit_' || pg_catalog.to_char(month AT TIME ZONE 'UTC', 'YYYYMM');

CREATE FUNCTION auth.vault_audit_make_partitions(months_ahead integer DEFAULT 3, months_back integer DEFAULT 0) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  -- Without time zone: adding a month to a timestamptz counts the month of the session's zone.
  first_month constant timestamp := date_trunc('month', now() AT TIME ZONE 'UTC');
  month timestamptz;
  name text;
  made integer := 0;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('auth.vault_audit_make_partitions', 0));
  FOR i IN -months_back..months_ahead LOOP
    month := (first_month + make_interval(months => i)) AT TIME ZONE 'UTC';
    name := auth.vault_audit_partition_name(month);
    CONTINUE WHEN to_regclass('auth.' || name) IS NOT NULL;
    EXECUTE format('CREATE TABLE auth.%I PARTITION OF auth.encryption_vault_audit FOR VALUES FROM (%L) TO (%L)',
                   name, month, (first_month + make_interval(months => i + 1)) AT TIME ZONE 'UTC');
    EXECUTE format('ALTER TABLE auth.%I OWNER TO auth_owner', name);
    EXECUTE format('ALTER TABLE auth.%I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE auth.%I FORCE ROW LEVEL SECURITY', name);
    -- Indexes are made on the partitions alone: a dump could not be restored with one on the parent as well.
    EXECUTE format('CREATE INDEX %I ON auth.%I (user_id, created_at)', name || '_user_id_idx', name);
    EXECUTE format('CREATE INDEX %I ON auth.%I USING brin (created_at)', name || '_created_at_idx', name);
    made := made + 1;
  END LOOP;
  RETURN made;
END
$$;
COMMENT ON FUNCTION auth.vault_audit_make_partitions IS
  'makes the audit''s months up to months_ahead, and back to months_back for an import; how many were missing. There is no default partition: without a month nothing '
  'can be audited, and without an audit row no key is handed out. None belongs to the extension: a dump has them as tables of '
  'its own, and a month can be dropped';
-- Writing and checking the vault's trail.

CREATE FUNCTION auth.vault_audit_mac(a auth.encryption_vault_audit) RETURNS bytea
  LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'mana_vault_audit_mac';
COMMENT ON FUNCTION auth.vault_audit_mac IS 'what the mac of a row must be';

CREATE FUNCTION auth.vault_audit_write(c auth.caller, user_id text, action auth.vault_action, context text, status integer) RETURNS void
  LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'mana_vault_audit_write';
COMMENT ON FUNCTION auth.vault_audit_write IS
  'one row of the trail; the identity of the transaction must be the user''s. Warns when there is no next month to write to';

CREATE FUNCTION auth.vault_audit_settled() RETURNS timestamptz
  LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'mana_vault_audit_settled';
COMMENT ON FUNCTION auth.vault_audit_settled IS
  'a time before which no row will be added any more: who writes one holds a lock from before its time is taken to the commit';

CREATE FUNCTION auth.vault_audit_digest(since timestamptz, until timestamptz, OUT row_count bigint, OUT digest bytea)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  SELECT count(*), sha256(convert_to(coalesce(string_agg(a.id, ',' ORDER BY a.created_at, a.id), ''), 'UTF8'))
    INTO row_count, digest FROM auth.encryption_vault_audit a WHERE a.created_at >= since AND a.created_at < until;
END
$$;
COMMENT ON FUNCTION auth.vault_audit_digest IS 'which rows there are in a time; what is in them their own MACs cover';

CREATE FUNCTION auth.vault_audit_seal_mac(s auth.vault_audit_seals, previous bytea) RETURNS bytea
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN auth.hmac_sha256(
    convert_to(auth.json_object('number', s.number, 'kind', s.kind, 'since', extract(epoch FROM s.since),
      'until', extract(epoch FROM s.until), 'rows', s.row_count, 'digest', encode(s.digest, 'hex'),
      'previous', encode(previous, 'hex'))::text, 'UTF8'), auth.secret('audit'));
END
$$;

CREATE FUNCTION auth.vault_audit_seal_add(s auth.vault_audit_seals) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  previous record;
BEGIN
  SELECT x.number, x.mac INTO previous FROM auth.vault_audit_seals x ORDER BY x.number DESC LIMIT 1;
  s.number := coalesce(previous.number, 0) + 1;
  s.sealed_at := now();
  s.mac := auth.vault_audit_seal_mac(s, previous.mac);
  INSERT INTO auth.vault_audit_seals SELECT s.*;
  RAISE LOG 'vault audit: entry % (%) up to %, % rows, MAC %', s.number, s.kind, s.until, s.row_count, encode(s.mac, 'hex');
END
$$;
COMMENT ON FUNCTION auth.vault_audit_seal_add IS
  'one entry of the chain, also written to the server''s log: who keeps the log elsewhere can tell that the chain was cut short';

CREATE FUNCTION auth.vault_audit_seal(at_least interval DEFAULT '10 minutes') RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
  settled timestamptz;
  s auth.vault_audit_seals;
  sealed bigint := 0;
BEGIN
  settled := auth.vault_audit_settled();
  PERFORM auth.identity_assume('*');
  LOCK TABLE auth.vault_audit_seals IN SHARE ROW EXCLUSIVE MODE;
  s.kind := 'sealed';
  s.since := coalesce((SELECT max(x.until) FROM auth.vault_audit_seals x WHERE x.kind = 'sealed'),
                      date_trunc('month', (SELECT min(a.created_at) FROM auth.encryption_vault_audit a), 'UTC'));
  WHILE s.since + at_least < settled LOOP -- never across months, so that a month can be dropped
    s.until := least(settled, (date_trunc('month', s.since AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC');
    SELECT d.row_count, d.digest INTO s.row_count, s.digest FROM auth.vault_audit_digest(s.since, s.until) d;
    PERFORM auth.vault_audit_seal_add(s);
    sealed := sealed + s.row_count;
    s.since := s.until;
  END LOOP;
  RETURN sealed;
EXCEPTION WHEN lock_not_available THEN
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.vault_audit_seal IS
  'remembers which rows there are up to now, unless the last time is younger than at_least; how many. NULL: not '
  'now, somebody has been writing for two seconds. Edges call it every minute';

CREATE FUNCTION auth.vault_audit_verify(since timestamptz DEFAULT '-infinity', until timestamptz DEFAULT 'infinity')
RETURNS TABLE (id text, at timestamptz, problem text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s auth.vault_audit_seals;
  previous auth.vault_audit_seals;
  d record;
BEGIN
  PERFORM auth.identity_assume('*');
  RETURN QUERY
    SELECT a.id, a.created_at, 'changed or forged' FROM auth.encryption_vault_audit a
     WHERE a.created_at >= vault_audit_verify.since AND a.created_at < vault_audit_verify.until
       AND a.mac IS DISTINCT FROM auth.vault_audit_mac(ROW(a.*)::auth.encryption_vault_audit);
  FOR s IN SELECT x.* FROM auth.vault_audit_seals x ORDER BY x.number LOOP
    IF s.number <> coalesce(previous.number, 0) + 1 THEN
      RETURN QUERY SELECT NULL::text, s.since, format('entries before number %s are missing', s.number);
    ELSIF s.mac <> auth.vault_audit_seal_mac(s, previous.mac) THEN
      RETURN QUERY SELECT NULL::text, s.since, format('entry number %s was changed or forged', s.number);
    END IF;
    previous := s;
    CONTINUE WHEN s.kind = 'dropped' OR s.since >= vault_audit_verify.until OR s.until <= vault_audit_verify.since
               OR EXISTS (SELECT FROM auth.vault_audit_seals x WHERE x.kind = 'dropped' AND s.since >= x.since AND s.until <= x.until);
    SELECT x.row_count, x.digest INTO d FROM auth.vault_audit_digest(s.since, s.until) x;
    IF d.row_count <> s.row_count OR d.digest <> s.digest THEN
      RETURN QUERY SELECT NULL::text, s.since, format('%s rows up to %s when they were sealed, now %s or others',
                                                      s.row_count, s.until, d.row_count);
    END IF;
  END LOOP;
END
$$;
COMMENT ON FUNCTION auth.vault_audit_verify IS
  'rows only when something is wrong: a row changed, forged or put to another time; a sealed row gone or added; an entry of the '
  'chain of seals changed or gone';

CREATE FUNCTION auth.vault_audit_drop(month timestamptz) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  name constant text := auth.vault_audit_partition_name(month);
  s auth.vault_audit_seals;
BEGIN
  s.kind := 'dropped';
  s.since := date_trunc('month', month, 'UTC');
  s.until := (date_trunc('month', month AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC';
  IF s.until > now() THEN
    RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = 'the month is not over';
  END IF;
  PERFORM auth.vault_audit_seal('0');
  SET LOCAL lock_timeout = '2s';
  EXECUTE format('DROP TABLE auth.%I', name);
  SELECT coalesce(sum(x.row_count), 0), sha256(coalesce(string_agg(x.mac, '' ORDER BY x.number), '')) INTO s.row_count, s.digest
    FROM auth.vault_audit_seals x WHERE x.kind = 'sealed' AND x.since >= s.since AND x.until <= s.until;
  PERFORM auth.vault_audit_seal_add(s);
  RETURN s.row_count;
END
$$;
COMMENT ON FUNCTION auth.vault_audit_drop IS
  'retention: drops the month that a time lies in, whole, and notes it in the chain of seals; how many rows it had';

CREATE FUNCTION auth.vault_audit_pseudonymize(for_user_id text, pseudonym text) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  a auth.encryption_vault_audit;
  rows bigint := 0;
BEGIN
  PERFORM auth.vault_hold(for_user_id);
  PERFORM auth.identity_assume('*');
  FOR a IN SELECT x.* FROM auth.encryption_vault_audit x WHERE x.user_id = for_user_id LOOP
    a.user_id := pseudonym;
    a.ip_address := NULL;
    a.user_agent := NULL;
    UPDATE auth.encryption_vault_audit x SET user_id = pseudonym, ip_address = NULL, user_agent = NULL, mac = auth.vault_audit_mac(a)
     WHERE x.id = a.id AND x.created_at = a.created_at;
    rows := rows + 1;
  END LOOP;
  RETURN rows;
END
$$;
COMMENT ON FUNCTION auth.vault_audit_pseudonymize IS
  'at erasure: the trail stays under a pseudonym, without address and user agent; its MACs are made anew, seals stay valid';
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
BEGIN
  IF EXISTS (SELECT FROM auth.users u WHERE u.id = c.user_id) THEN
    PERFORM auth.identity_assume(c.user_id);
    PERFORM auth.vault_audit_write(c, c.user_id, action, 'session-over', 401);
  END IF;
  RETURN ROW(auth.refuse('UNAUTHORIZED', 'Invalid or expired token'), NULL, NULL)::auth.vault_reply;
END
$$;
COMMENT ON FUNCTION auth.vault_nobody IS
  'the session behind the token is over: that somebody still tries it belongs in the user''s trail. An erased user has none';

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
  SELECT u.id, w.wrapped_mk, w.wrap_iv, w.format_version, w.kek_id, w.commitment FROM auth.users u WHERE u.id = for_user_id
  ON CONFLICT ON CONSTRAINT encryption_vaults_pkey DO NOTHING
  RETURNING x.* INTO v;
  RETURN v;
END
$$;
COMMENT ON FUNCTION auth.vault_create IS 'a vault with a new key; a row of NULLs: a parallel call was first, or the user is gone';

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
  w := auth.vault_mint(me.user_id);
  UPDATE auth.encryption_vaults x
     SET wrapped_mk = w.wrapped_mk, wrap_iv = w.wrap_iv, format_version = w.format_version, kek_id = w.kek_id,
         commitment = w.commitment, generation = x.generation + 1, rotated_at = now(),
         recovery_wrapped_mk = NULL, recovery_iv = NULL, recovery_set_at = NULL, recovery_generation = NULL
   WHERE x.user_id = me.user_id
  RETURNING x.* INTO v;
  PERFORM auth.vault_seen(me, v);
  RETURN auth.vault_grant(c, me.user_id, 'rotate', NULL, 200, auth.vault_key_body(v), auth.vault_wrap_of(v));
END
$$;
COMMENT ON FUNCTION auth.vault_rotate IS 'POST /rotate: a new key; the recovery wrap of the old one goes';
-- The user's own wrap of the master key, and the mode in which it is the only one.

CREATE FUNCTION auth.vault_set_recovery(c auth.caller, input jsonb) RETURNS auth.vault_reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  -- What can only be base64 of 48, 12 and 32 bytes, and in the one way that RFC 4648 §4 allows.
  wrap constant text := auth.json_string(input -> 'recoveryWrappedMk', '^[A-Za-z0-9+/]{64}$');
  iv constant text := auth.json_string(input -> 'recoveryIv', '^[A-Za-z0-9+/]{16}$');
  commitment constant text := auth.json_string(input -> 'commitment', '^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$');
  me constant auth.sessions := auth.vault_session(c);
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
  END IF;
  UPDATE auth.encryption_vaults x
     SET recovery_wrapped_mk = wrap, recovery_iv = iv, recovery_format_version = 1, recovery_set_at = now(),
         recovery_generation = x.generation
   WHERE x.user_id = me.user_id;
  RETURN auth.vault_grant(c, me.user_id, 'recovery_set', NULL, 200, auth.json_object('ok', true));
END
$$;
COMMENT ON FUNCTION auth.vault_set_recovery IS
  'POST /recovery-wrap: stores the wrap that the browser made; 409 when it need not be of the present key';

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
  END IF;
  v := auth.vault_committed(c, v); -- the last chance to learn which key this is: without it any key would do to come back
  IF v.commitment IS NULL THEN
    RETURN auth.vault_refuse(c, v.user_id, 'zk_enable', 'unwrap-failed', 500, 'INTERNAL');
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
  ELSIF v.commitment <> w.commitment THEN -- NULL: a row of the service before us, which never saw it
    RETURN auth.vault_refuse(c, v.user_id, 'zk_disable', 'other-key', 400, 'BAD_REQUEST', 'masterKey is not the key of this vault');
  END IF;
  UPDATE auth.encryption_vaults x
     SET wrapped_mk = w.wrapped_mk, wrap_iv = w.wrap_iv, format_version = w.format_version, kek_id = w.kek_id,
         commitment = w.commitment, zero_knowledge = false
   WHERE x.user_id = v.user_id;
  RETURN auth.vault_grant(c, v.user_id, 'zk_disable', NULL, 200, done);
END
$$;
-- The doors. auth_api.vault_* are procedures that commit before they disclose.

CREATE FUNCTION auth.vault_failed(c auth.caller, input jsonb, routine text, sqlstate text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.vault_session(c);
  action constant text := CASE routine
    WHEN 'vault_init' THEN 'init' WHEN 'vault_key' THEN 'failed_fetch' WHEN 'vault_rotate' THEN 'rotate'
    WHEN 'vault_set_recovery' THEN 'recovery_set' WHEN 'vault_clear_recovery' THEN 'recovery_clear'
    WHEN 'vault_zero_knowledge' THEN auth.vault_zk_action(input) END;
BEGIN
  IF me.id IS NOT NULL THEN
    PERFORM auth.vault_audit_write(c, me.user_id, action, 'failed-' || sqlstate, 500);
  END IF;
END
$$;
COMMENT ON FUNCTION auth.vault_failed IS 'the row of a call that raised: all else that it did is undone';

-- The committing procedures: extension/vault.c runs the routine of the same name in schema auth.
DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['vault_init', 'vault_key', 'vault_rotate', 'vault_set_recovery', 'vault_clear_recovery',
                              'vault_zero_knowledge'] LOOP
    EXECUTE format(
      'CREATE PROCEDURE auth_api.%1$I(c auth.caller, input jsonb, OUT refusal text, OUT message text, '
      'OUT retry_after_seconds integer, OUT status integer, OUT body text) '
      'LANGUAGE c AS ''MODULE_PATHNAME'', ''mana_vault_call''', name);
    EXECUTE format('COMMENT ON PROCEDURE auth_api.%1$I IS %2$L', name,
      'runs auth.' || name || ', commits its row of the trail, and only then discloses a key; not inside a transaction block');
  END LOOP;
END
$$;
-- Moving sealed values to another key: what must be done before a key may leave the ring. Vaults have their own way (vault_admin).

CREATE FUNCTION auth.reseal(sealed bytea, context text) RETURNS bytea
  LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'mana_reseal';
COMMENT ON FUNCTION auth.reseal IS 'the same value under the active key; as it is, if it is under that key already';

CREATE FUNCTION auth.sealed_key_id(sealed bytea) RETURNS text LANGUAGE sql IMMUTABLE STRICT
  RETURN pg_catalog.convert_from(pg_catalog.substr(sealed, 3, pg_catalog.get_byte(sealed, 1)), 'UTF8');
COMMENT ON FUNCTION auth.sealed_key_id IS 'which key of the ring opens a sealed value';

CREATE FUNCTION auth.sealed_counts() RETURNS TABLE (what text, kek_id text, sealed bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY
    SELECT x.what, auth.sealed_key_id(x.value), count(*) FROM (
      SELECT 'secrets', s.sealed FROM auth.secrets s
      UNION ALL SELECT 'jwks', k.private_key FROM auth.jwks k
      UNION ALL SELECT 'two_factor_auth', f.secret FROM auth.two_factor_auth f
      UNION ALL SELECT 'outbox', o.args FROM auth.outbox o
      UNION ALL SELECT 'outbound_calls', o.body FROM auth.outbound_calls o
      UNION ALL SELECT 'erasures', e.farewell FROM auth.erasures e) x (what, value)
     WHERE x.value IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2;
END
$$;
COMMENT ON FUNCTION auth.sealed_counts IS 'sealed values by table and key: also the progress of auth.vault_rewrap';

CREATE FUNCTION auth.reseal_batch(batch integer) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  active constant text := auth.kek_active_id();
  moved bigint := 0;
  n bigint;
BEGIN
  UPDATE auth.secrets t SET sealed = auth.reseal(t.sealed, 'secrets:' || t.name) WHERE t.name IN (
    SELECT x.name FROM auth.secrets x WHERE auth.sealed_key_id(x.sealed) <> active LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; moved := moved + n;
  UPDATE auth.jwks t SET private_key = auth.reseal(t.private_key, 'jwks:' || t.id) WHERE t.id IN (
    SELECT x.id FROM auth.jwks x WHERE auth.sealed_key_id(x.private_key) <> active LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; moved := moved + n;
  UPDATE auth.two_factor_auth t SET secret = auth.reseal(t.secret, auth.two_factor_context(t.user_id)) WHERE t.user_id IN (
    SELECT x.user_id FROM auth.two_factor_auth x WHERE auth.sealed_key_id(x.secret) <> active LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; moved := moved + n;
  UPDATE auth.outbox t SET args = auth.reseal(t.args, 'outbox:' || t.id) WHERE t.id IN (
    SELECT x.id FROM auth.outbox x WHERE auth.sealed_key_id(x.args) <> active LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; moved := moved + n;
  UPDATE auth.outbound_calls t SET body = auth.reseal(t.body, 'outbound_calls:' || t.id) WHERE t.id IN (
    SELECT x.id FROM auth.outbound_calls x WHERE auth.sealed_key_id(x.body) <> active LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; moved := moved + n;
  UPDATE auth.erasures t SET farewell = auth.reseal(t.farewell, 'erasures:' || t.id) WHERE t.id IN (
    SELECT x.id FROM auth.erasures x WHERE auth.sealed_key_id(x.farewell) <> active LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; moved := moved + n;
  RETURN moved;
END
$$;
COMMENT ON FUNCTION auth.reseal_batch IS
  'one transaction of auth.vault_rewrap: moves at most batch values of each table to the active key; how many';
-- What a DBA does with vaults: move them to another key, count them, check them.

CREATE PROCEDURE auth.vault_rewrap(batch integer DEFAULT 500)
LANGUAGE plpgsql AS $$
DECLARE
  active text := auth.kek_active_id();
  last_user text := '';
  r record;
BEGIN
  IF active IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'MA503', MESSAGE = 'there is no key ring', HINT = 'Set mana_auth.kek_file and reload.';
  END IF;
  LOOP
    SELECT * INTO r FROM auth.vault_rewrap_batch(last_user, batch);
    EXIT WHEN r.last_user IS NULL;
    last_user := r.last_user;
    COMMIT;
  END LOOP;
  WHILE auth.reseal_batch(batch) > 0 LOOP
    COMMIT;
  END LOOP;
END
$$;
COMMENT ON PROCEDURE auth.vault_rewrap IS
  'moves all wraps to the active key and the present format, and whatever else is sealed to that key, `batch` rows a transaction; '
  'may be stopped and called again';

CREATE FUNCTION auth.vault_rewrap_batch(after_user text, batch integer, OUT last_user text, OUT moved integer, OUT failed integer)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v auth.encryption_vaults;
  w auth.vault_wrap;
BEGIN
  PERFORM auth.identity_assume('*');
  moved := 0;
  failed := 0;
  FOR v IN SELECT x.* FROM auth.encryption_vaults x
            WHERE x.user_id > after_user AND x.wrapped_mk IS NOT NULL
              AND (x.kek_id <> auth.kek_active_id() OR x.format_version < 2 OR x.commitment IS NULL)
            ORDER BY x.user_id LIMIT batch FOR UPDATE LOOP
    last_user := v.user_id;
    w := auth.vault_rewrapped(v.user_id, auth.vault_wrap_of(v));
    IF w.wrapped_mk IS NULL THEN
      failed := failed + 1;
      RAISE WARNING 'the vault of user % does not open with key %', v.user_id, v.kek_id;
      CONTINUE;
    END IF;
    PERFORM auth.vault_rewrap_one(NULL, v, w);
    moved := moved + 1;
  END LOOP;
END
$$;
COMMENT ON FUNCTION auth.vault_rewrap_batch IS 'one transaction of auth.vault_rewrap';

CREATE FUNCTION auth.vault_counts() RETURNS TABLE (state text, kek_id text, format_version smallint, vaults bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM auth.identity_assume('*');
  RETURN QUERY
    SELECT CASE WHEN v.zero_knowledge THEN 'zero-knowledge' WHEN v.recovery_wrapped_mk IS NOT NULL THEN 'standard with recovery'
                ELSE 'standard' END,
           CASE WHEN v.wrapped_mk IS NOT NULL THEN v.kek_id END, v.format_version, count(*)
      FROM auth.encryption_vaults v GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
END
$$;
COMMENT ON FUNCTION auth.vault_counts IS 'vaults by state, key and format: also the progress of auth.vault_rewrap';

CREATE FUNCTION auth.vault_retire_kek(id text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  vaults bigint;
  others bigint;
BEGIN
  PERFORM auth.identity_assume('*');
  SELECT count(*) INTO vaults FROM auth.encryption_vaults v WHERE v.kek_id = id AND v.wrapped_mk IS NOT NULL;
  SELECT COALESCE(sum(s.sealed), 0) INTO others FROM auth.sealed_counts() s WHERE s.kek_id = id;
  IF vaults + others > 0 OR id = auth.kek_active_id() THEN
    RAISE EXCEPTION USING ERRCODE = 'object_in_use',
      MESSAGE = CASE WHEN id = auth.kek_active_id() THEN format('key %s is active', id)
                     ELSE format('key %s is needed by %s vaults and %s other values', id, vaults, others) END,
      HINT = 'Put another key first in the ring, reload, and CALL auth.vault_rewrap().';
  END IF;
END
$$;
COMMENT ON FUNCTION auth.vault_retire_kek IS 'raises unless a key may be taken out of the ring: it is not active, and no vault and no other sealed value needs it';

CREATE FUNCTION auth.vault_check() RETURNS TABLE (user_id text, problem text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM auth.identity_assume('*');
  RETURN QUERY
    SELECT v.user_id, 'its wrap does not open with key ' || v.kek_id FROM auth.encryption_vaults v
     WHERE v.wrapped_mk IS NOT NULL AND (auth.vault_rewrapped(v.user_id, auth.vault_wrap_of(v))).wrapped_mk IS NULL
    UNION ALL
    SELECT v.user_id, 'it is neither standard nor zero-knowledge' FROM auth.encryption_vaults v
     WHERE v.zero_knowledge <> (v.wrapped_mk IS NULL) OR v.zero_knowledge AND v.recovery_wrapped_mk IS NULL
    UNION ALL
    SELECT v.user_id, 'its recovery wrap is of an older key' FROM auth.encryption_vaults v
     WHERE v.recovery_generation <> v.generation
    UNION ALL
    SELECT v.user_id, 'its user is gone' FROM auth.encryption_vaults v
     WHERE NOT EXISTS (SELECT FROM auth.users u WHERE u.id = v.user_id);
END
$$;
COMMENT ON FUNCTION auth.vault_check IS 'rows only when something is wrong, with the constraints off as well';

CREATE FUNCTION auth.vault_trail(for_user_id text, since timestamptz DEFAULT '-infinity', until timestamptz DEFAULT 'infinity')
RETURNS TABLE (at timestamptz, action text, status integer, context text, ip_address text, user_agent text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM auth.identity_assume(for_user_id);
  RETURN QUERY
    SELECT a.created_at, a.action::text, a.status, a.context, a.ip_address, a.user_agent FROM auth.encryption_vault_audit a
     WHERE a.user_id = for_user_id AND a.created_at >= since AND a.created_at < until ORDER BY a.created_at;
END
$$;
COMMENT ON FUNCTION auth.vault_trail IS 'what happened to a user''s vault, in order';
-- A user's own sessions: seeing them, ending them. The token of another session is never shown; its id serves as a handle.

CREATE FUNCTION auth.session_token_shown(c auth.caller, s auth.sessions) RETURNS json LANGUAGE sql STABLE
  RETURN CASE WHEN s.token_digest = c.session_digest THEN auth.presented_token() ELSE pg_catalog.to_json(s.id) END;
COMMENT ON FUNCTION auth.session_token_shown IS 'the real token of the session whose cookie was presented, else the handle';

CREATE FUNCTION auth_api.session_list(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
BEGIN
  IF me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  ELSIF NOT auth.session_is_fresh(me) THEN
    RETURN auth.refuse('SESSION_NOT_FRESH');
  END IF;
  RETURN auth.granted((
    SELECT auth.json_array_agg(auth.session_json(s, auth.session_token_shown(c, s)) ORDER BY s.created_at, s.id)
      FROM auth.sessions s WHERE s.user_id = me.user_id AND s.expires_at > now()));
END
$$;
COMMENT ON FUNCTION auth_api.session_list IS
  'GET /list-sessions, by a fresh session: the live ones; token is the real one for the caller''s own and a handle for the others';

CREATE FUNCTION auth_api.session_list_v1(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
BEGIN
  IF me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  RETURN auth.granted((
    SELECT auth.json_array_agg(auth.json_object(
             'id', s.id, 'userId', s.user_id, 'current', s.id = me.id, 'ipAddress', s.ip_address,
             'userAgent', s.user_agent, 'deviceId', s.device_id, 'deviceName', s.device_name, 'createdAt', s.created_at,
             'lastActivityAt', s.last_activity_at, 'expiresAt', s.expires_at) ORDER BY s.last_activity_at DESC, s.id)
      FROM auth.sessions s WHERE s.user_id = me.user_id AND s.expires_at > now()));
END
$$;
COMMENT ON FUNCTION auth_api.session_list_v1 IS 'GET /api/v1/auth/sessions: the devices that are signed in, last used first';

CREATE FUNCTION auth.session_end(c auth.caller, of_user_id text, session_id text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  DELETE FROM auth.sessions s WHERE s.id = session_end.session_id AND s.user_id = of_user_id;
  IF FOUND THEN
    PERFORM auth.security_event(c, of_user_id, 'LOGOUT', '{"by":"revoke"}');
  END IF;
  RETURN FOUND;
END
$$;
COMMENT ON FUNCTION auth.session_end IS 'ends one session of a user; false: it is none of theirs';

CREATE FUNCTION auth_api.session_revoke(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
  digest constant bytea := auth.token_digest(input ->> 'token');
BEGIN
  IF me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  PERFORM auth.session_end(c, me.user_id, s.id)
     FROM auth.sessions s
    WHERE s.user_id = me.user_id AND (s.token_digest = digest OR sha256(convert_to(s.id, 'UTF8')) = digest);
  RETURN auth.granted(auth.json_object('status', true));
END
$$;
COMMENT ON FUNCTION auth_api.session_revoke IS
  'POST /revoke-session: input token is a session token or a handle, or the SHA-256 of either; what is not the caller''s stays';

CREATE FUNCTION auth_api.session_revoke_id(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
BEGIN
  IF me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  ELSIF NOT auth.session_end(c, me.user_id, input ->> 'id') THEN
    RETURN auth.refuse('NOT_FOUND', 'Session not found');
  END IF;
  RETURN auth.granted(auth.json_object('success', true));
END
$$;
COMMENT ON FUNCTION auth_api.session_revoke_id IS 'DELETE /api/v1/auth/sessions/:id';

CREATE FUNCTION auth_api.session_revoke_all(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
BEGIN
  IF me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  PERFORM auth.sessions_end(c, me.user_id, NULL);
  RETURN auth.granted(auth.json_object('status', true));
END
$$;
COMMENT ON FUNCTION auth_api.session_revoke_all IS 'POST /revoke-sessions: all of them, the caller''s too';

CREATE FUNCTION auth_api.session_revoke_others(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
BEGIN
  IF me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  PERFORM auth.sessions_end(c, me.user_id, me.id);
  RETURN auth.granted(auth.json_object('status', true));
END
$$;
COMMENT ON FUNCTION auth_api.session_revoke_others IS 'POST /revoke-other-sessions';

CREATE FUNCTION auth_api.session_update(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
BEGIN
  RETURN CASE WHEN me.id IS NULL THEN auth.refuse('UNAUTHORIZED') ELSE auth.refuse_as(400, 'No fields to update') END;
END
$$;
COMMENT ON FUNCTION auth_api.session_update IS 'POST /update-session: a session has no field that its user may set';
-- A user's own account: name and picture, address, ways in.

CREATE FUNCTION auth_api.user_update(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
  forbidden text;
BEGIN
  IF me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  ELSIF input ? 'email' THEN
    RETURN auth.refuse('EMAIL_CAN_NOT_BE_UPDATED');
  END IF;
  SELECT k INTO forbidden FROM jsonb_object_keys(input) k WHERE k NOT IN ('name', 'image') ORDER BY k LIMIT 1;
  IF forbidden IS NOT NULL THEN
    RETURN auth.refuse('FIELD_NOT_ALLOWED', forbidden || ' is not allowed to be set');
  ELSIF NOT input ?| ARRAY['name', 'image'] THEN
    RETURN auth.refuse_as(400, 'No fields to update');
  END IF;
  UPDATE auth.users u
     SET name = COALESCE(input ->> 'name', u.name),
         image = CASE WHEN input ? 'image' THEN input ->> 'image' ELSE u.image END, updated_at = now()
   WHERE u.id = me.user_id;
  PERFORM auth.security_event(c, me.user_id, 'PROFILE_UPDATED');
  RETURN auth.granted(auth.json_object('status', true),
                      CASE WHEN c.session_digest IS NOT NULL AND me.remember_me THEN E'session_token \x03 604800' END);
END
$$;
COMMENT ON FUNCTION auth_api.user_update IS 'POST /update-user: name, image; any other declared field is refused by name';

CREATE FUNCTION auth_api.user_update_v1(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  r auth.reply := auth_api.user_update(c, input);
  me constant auth.sessions := auth.session_find(c);
BEGIN
  IF r.status = 400 THEN
    RETURN auth.refuse('VALIDATION', r.body::json ->> 'message');
  ELSIF r.refusal IS NULL THEN
    r.body := (SELECT auth.json_object('success', true, 'status', true, 'user', auth.user_json(u))
                 FROM auth.users u WHERE u.id = me.user_id);
  END IF;
  RETURN r;
END
$$;
COMMENT ON FUNCTION auth_api.user_update_v1 IS 'POST /api/v1/auth/profile: the same, with the user as it is now';

CREATE FUNCTION auth_api.user_profile(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
  u auth.users;
BEGIN
  IF s.id IS NULL THEN
    RETURN CASE WHEN c.session_id IS NULL THEN auth.granted('null') ELSE auth.refuse('UNAUTHORIZED') END;
  END IF;
  SELECT x.* INTO STRICT u FROM auth.users x WHERE x.id = s.user_id;
  RETURN auth.granted(auth.json_object(
    'session', auth.session_json(s, auth.session_token_shown(c, s)), 'user', auth.user_json(u),
    'id', u.id, 'name', u.name, 'email', u.email, 'emailVerified', u.email_verified, 'image', u.image, 'role', u.role,
    'createdAt', u.created_at), NULL, auth.user_claims(u, s.id));
END
$$;
COMMENT ON FUNCTION auth_api.user_profile IS
  'GET /api/v1/auth/profile: {session, user} as Better Auth says it, and the flat fields that the apps read';

CREATE FUNCTION auth_api.user_change_email(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
  u constant auth.users := auth.user_lock(me.user_id);
  address constant text := auth.email_normal(input ->> 'newEmail');
  wait_seconds integer;
  token text;
  mail text;
BEGIN
  IF u.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  ELSIF u.email = address THEN
    RETURN auth.refuse_as(400, 'Email is the same');
  END IF;
  wait_seconds := auth.rate_limit_count('mail/change_email', u.id);
  IF wait_seconds > 0 THEN
    RETURN auth.refuse('RATE_LIMITED', NULL, wait_seconds);
  END IF;
  PERFORM auth.security_event(c, u.id, 'EMAIL_CHANGE_REQUESTED', auth.json_object('newEmail', address)::jsonb);
  token := auth.verification_issue('change-email', u.id, auth.json_object('email', u.email, 'newEmail', address),
                                   interval '1 hour');
  mail := auth.mail_queue('change_email', address, u.locale, auth.json_object(
    'name', u.name, 'newEmail', address, 'callbackURL', COALESCE(input ->> 'callbackURL', '/'), 'token', token), u.id);
  IF EXISTS (SELECT FROM auth.users x WHERE x.email = address) OR auth.rate_limit_count('mail/change_email', address) > 0 THEN
    PERFORM auth.mail_take_back(mail, 'change-email', token);
  END IF;
  RETURN auth.granted(auth.json_object('status', true));
END
$$;
COMMENT ON FUNCTION auth_api.user_change_email IS
  'POST /change-email: a mail to the new address, whose link changes it; a taken address gets the same answer and no mail';

CREATE FUNCTION auth_api.user_change_email_v1(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  r auth.reply := auth_api.user_change_email(c, input);
BEGIN
  IF r.status = 400 THEN
    RETURN auth.refuse('VALIDATION', r.body::json ->> 'message');
  ELSIF r.refusal IS NULL THEN
    r.body := auth.json_object('success', true, 'message', 'Verification email sent to new address');
  END IF;
  RETURN r;
END
$$;
COMMENT ON FUNCTION auth_api.user_change_email_v1 IS 'POST /api/v1/auth/change-email';

CREATE FUNCTION auth.email_change_finish(c auth.caller, of_user_id text, old_email text, new_email text) RETURNS auth.users
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  u auth.users;
BEGIN
  UPDATE auth.users x SET email = new_email, email_verified = true, updated_at = now()
   WHERE x.id = of_user_id AND x.email = old_email
     AND NOT EXISTS (SELECT FROM auth.users taken WHERE taken.email = new_email)
  RETURNING x.* INTO u;
  IF u.id IS NOT NULL THEN
    PERFORM auth.verification_revoke_all(u.id);
    PERFORM auth.security_event(c, u.id, 'EMAIL_CHANGED');
    PERFORM auth.mail_queue('email_changed', old_email, u.locale, auth.json_object('name', u.name), u.id);
  END IF;
  RETURN u;
EXCEPTION WHEN unique_violation THEN
  RETURN NULL; -- somebody signed up with the address just now
END
$$;
COMMENT ON FUNCTION auth.email_change_finish IS
  'the link of a change of address was opened: links from before die, the old address is told. A row of NULLs: the new one is '
  'taken by now, or the old one has changed since';

CREATE FUNCTION auth_api.account_list(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
BEGIN
  IF me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  RETURN auth.granted((
    SELECT auth.json_array_agg(auth.json_object(
             'accountId', a.account_id, 'providerId', a.provider_id, 'userId', a.user_id, 'createdAt', a.created_at,
             'updatedAt', a.updated_at, 'id', a.id,
             'scopes', to_jsonb(COALESCE(string_to_array(a.scope, ','), ARRAY[]::text[]))) ORDER BY a.created_at, a.id)
      FROM auth.accounts a WHERE a.user_id = me.user_id));
END
$$;
COMMENT ON FUNCTION auth_api.account_list IS 'GET /list-accounts: the ways in';

CREATE FUNCTION auth_api.account_unlink(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
  u constant auth.users := auth.user_lock(me.user_id); -- of two parallel calls the second sees what the first left
BEGIN
  IF u.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  ELSIF NOT auth.session_is_fresh(me) THEN
    RETURN auth.refuse('SESSION_NOT_FRESH');
  ELSIF (SELECT count(*) FROM auth.accounts a WHERE a.user_id = u.id) <= 1 THEN
    RETURN auth.refuse('FAILED_TO_UNLINK_LAST_ACCOUNT');
  END IF;
  DELETE FROM auth.accounts a
   WHERE a.user_id = u.id
     AND CASE WHEN input ? 'providerId' THEN a.provider_id = input ->> 'providerId' AND a.account_id = input ->> 'accountId'
              ELSE a.id = input ->> 'accountId' END;
  IF NOT FOUND THEN
    RETURN auth.refuse('ACCOUNT_NOT_FOUND');
  END IF;
  RETURN auth.granted(auth.json_object('status', true));
END
$$;
COMMENT ON FUNCTION auth_api.account_unlink IS
  'POST /unlink-account, never the last way in, by a fresh session: accountId is the row''s id, or with providerId (clients of '
  'Better Auth 1.6) the id that the provider gave';

CREATE FUNCTION auth.account_provider_refusal(c auth.caller, input jsonb, part text, message text, code text) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
  provider text;
BEGIN
  IF me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  ELSIF (input ? 'accountId') = (input ? 'useAccountCookie') OR input -> 'useAccountCookie' <> 'true' THEN
    RETURN auth.refuse('VALIDATION_ERROR', '[' || part || '] Invalid input');
  END IF;
  SELECT a.provider_id INTO provider FROM auth.accounts a WHERE a.user_id = me.user_id AND a.id = input ->> 'accountId';
  RETURN CASE WHEN provider IS NULL THEN auth.refuse('ACCOUNT_NOT_FOUND')
              ELSE auth.refuse_as(400, format(message, provider), code) END;
END
$$;
COMMENT ON FUNCTION auth.account_provider_refusal IS
  'why there is nothing to ask a provider about an account: there are none, a password is the only kind of account';

CREATE FUNCTION auth_api.account_tokens(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN auth.account_provider_refusal(c, input, 'body', 'Provider %s is not supported.', 'PROVIDER_NOT_SUPPORTED');
END
$$;
COMMENT ON FUNCTION auth_api.account_tokens IS 'POST /get-access-token, /refresh-token: what a provider gave, of which there are none';

CREATE FUNCTION auth_api.account_info(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN auth.account_provider_refusal(
    c, input, 'query', 'Account is not associated with a configured social provider.', 'PROVIDER_NOT_CONFIGURED');
END
$$;
COMMENT ON FUNCTION auth_api.account_info IS 'GET /account-info: what a provider says, of which there are none';

CREATE FUNCTION auth_api.security_event_list(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
BEGIN
  IF me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  RETURN auth.granted((
    SELECT auth.json_array_agg(auth.json_object(
             'id', e.id, 'user_id', e.user_id, 'event_type', e.event_type, 'ip_address', e.ip_address,
             'user_agent', e.user_agent, 'metadata', e.metadata, 'created_at', e.created_at) ORDER BY e.created_at DESC, e.id)
      FROM (SELECT x.* FROM auth.security_events x WHERE x.user_id = me.user_id ORDER BY x.created_at DESC
             LIMIT least(greatest(COALESCE((input ->> 'limit')::numeric, 50), 1), 200)::integer) e));
END
$$;
COMMENT ON FUNCTION auth_api.security_event_list IS 'GET /api/v1/auth/security-events: newest first; limit 1 to 200, default 50';
-- How apps without cookies stay signed in: a refresh token is exchanged for an access JWT and the next refresh token.
--
-- The token that opened a session is the first of its chain. Exchanging it leaves the cookie of that token alone: a cookie
-- carries our signature, which a script that stole the bare token cannot make, and the bare token is dead from then on.

CREATE FUNCTION auth.session_extend(s auth.sessions) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF s.remember_me AND s.expires_at < now() + interval '6 days' THEN
    UPDATE auth.sessions x SET expires_at = now() + interval '7 days', updated_at = now(), last_activity_at = now()
     WHERE x.id = s.id;
  END IF;
END
$$;
COMMENT ON FUNCTION auth.session_extend IS 'a session that is used more than a day after its last extension lives 7 days from now';

CREATE FUNCTION auth.session_token_add(s auth.sessions, fresh_digest bytea) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  most_unspent constant integer := 20;
BEGIN
  DELETE FROM auth.session_tokens t
   WHERE t.digest IN (SELECT x.digest FROM auth.session_tokens x WHERE x.session_id = s.id AND x.spent_at IS NULL
                       ORDER BY x.issued_at DESC, x.digest OFFSET most_unspent - 1);
  INSERT INTO auth.session_tokens (digest, session_id) VALUES (fresh_digest, s.id);
END
$$;
COMMENT ON FUNCTION auth.session_token_add IS 'one more refresh token of a session; of the unspent ones the oldest go';

CREATE FUNCTION auth.session_tokens_reply(c auth.caller, s auth.sessions) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  u auth.users;
BEGIN
  SELECT x.* INTO STRICT u FROM auth.users x WHERE x.id = s.user_id;
  PERFORM auth.session_token_add(s, c.fresh_digest);
  PERFORM auth.session_extend(s);
  RETURN auth.granted(auth.json_object('accessToken', auth.access_token(), 'refreshToken', auth.fresh_token()),
                      NULL, auth.user_claims(u, s.id));
END
$$;
COMMENT ON FUNCTION auth.session_tokens_reply IS '{"accessToken","refreshToken"} of a session';

CREATE FUNCTION auth_api.session_refresh(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  grace constant interval := '30 seconds';
  presented constant bytea := auth.token_digest(input ->> 'refreshToken');
  s auth.sessions;
  spent timestamptz;
BEGIN
  IF presented IS NULL THEN
    s := auth.session_hold(c);
  ELSE
    -- The session's row is the mutex: of two refreshes with one token the second sees it spent.
    SELECT x.* INTO s FROM auth.sessions x
     WHERE (x.token_digest = presented OR x.id = (SELECT t.session_id FROM auth.session_tokens t WHERE t.digest = presented))
       AND x.expires_at > now()
       FOR NO KEY UPDATE;
  END IF;
  IF s.id IS NULL THEN
    RETURN auth.refuse('TOKEN_EXPIRED', 'Session expired');
  END IF;
  IF presented IS NOT NULL THEN
    SELECT t.spent_at INTO spent FROM auth.session_tokens t WHERE t.digest = presented;
    IF spent < now() - grace THEN
      DELETE FROM auth.sessions x WHERE x.id = s.id;
      PERFORM auth.security_event(c, s.user_id, 'REFRESH_TOKEN_REUSED', auth.json_object('session', s.id)::jsonb);
      RETURN auth.refuse('TOKEN_EXPIRED', 'Session expired');
    END IF;
    INSERT INTO auth.session_tokens AS t (digest, session_id, issued_at, spent_at)
    VALUES (presented, s.id, s.created_at, now())
    ON CONFLICT ON CONSTRAINT session_tokens_pkey DO UPDATE SET spent_at = COALESCE(t.spent_at, now());
  END IF;
  RETURN auth.session_tokens_reply(c, s);
END
$$;
COMMENT ON FUNCTION auth_api.session_refresh IS
  'POST /api/v1/auth/refresh: by the cookie, or by refreshToken (or its SHA-256), which is then spent. One that was spent more '
  'than half a minute ago ends its session: it was stolen. Within it parallel tabs get one each';

CREATE FUNCTION auth_api.session_to_token(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_hold(c);
BEGIN
  IF s.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED', 'No valid session');
  END IF;
  RETURN auth.session_tokens_reply(c, s);
END
$$;
COMMENT ON FUNCTION auth_api.session_to_token IS
  'POST /api/v1/auth/session-to-token: tokens for an app from the shared cookie, whose own token no script gets to see';

CREATE FUNCTION auth_api.session_log_out(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  presented constant bytea := auth.token_digest(input ->> 'refreshToken');
  s auth.sessions;
BEGIN
  FOR s IN
    DELETE FROM auth.sessions x
     WHERE x.id IN (SELECT y.id FROM auth.sessions y WHERE y.token_digest IN (c.session_digest, presented)
                    UNION ALL SELECT t.session_id FROM auth.session_tokens t WHERE t.digest = presented
                    UNION ALL SELECT y.id FROM auth.sessions y WHERE y.id = c.session_id AND y.user_id = c.user_id)
    RETURNING x.*
  LOOP
    PERFORM auth.security_event(c, s.user_id, 'LOGOUT');
  END LOOP;
  RETURN auth.granted(auth.json_object('success', true), auth.session_cookies_cleared());
END
$$;
COMMENT ON FUNCTION auth_api.session_log_out IS
  'POST /api/v1/auth/logout: ends the sessions of the cookie, of the access JWT and of refreshToken (or its SHA-256)';

CREATE FUNCTION auth_api.session_is_live(c auth.caller) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (auth.session_find(c)).id IS NOT NULL;
END
$$;
COMMENT ON FUNCTION auth_api.session_is_live IS
  'POST /api/v1/auth/validate: whether the session behind a verified access JWT still lives';
-- Passwords: asking for the present one, changing it, setting a new one after it was forgotten. The edge hashes and
-- verifies; what was verified counts only while password_version is still the one that was read.

CREATE FUNCTION auth_api.password_lookup(c auth.caller) RETURNS TABLE (
    user_id text, password text, password_version integer, email text, name text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
BEGIN
  RETURN QUERY
    SELECT u.id, a.password, a.password_version, u.email, u.name
      FROM auth.users u LEFT JOIN auth.accounts a ON a.user_id = u.id AND a.provider_id = 'credential'
     WHERE u.id = me.user_id;
END
$$;
COMMENT ON FUNCTION auth_api.password_lookup IS
  'what the caller''s present password is verified against (NULL: none); no row: no live session';

CREATE FUNCTION auth.password_refusal(
    c auth.caller, u auth.users, password_version integer, verified boolean, dialect text) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  refusal constant auth.reply := auth.lockout_refusal(c, u.email);
BEGIN
  IF refusal.refusal IS NOT NULL THEN
    RETURN refusal;
  ELSIF verified AND EXISTS (
      SELECT FROM auth.accounts a WHERE a.user_id = u.id AND a.provider_id = 'credential'
         AND a.password_version = password_refusal.password_version) THEN
    PERFORM auth.lockout_clear(u.email);
    RETURN NULL;
  END IF;
  RETURN auth.password_refused(c, u.email, u.id, CASE dialect WHEN 'v1' THEN 'INVALID_CREDENTIALS' ELSE 'INVALID_PASSWORD' END);
END
$$;
COMMENT ON FUNCTION auth.password_refusal IS
  'why the password that the user (locked) gave again does not count, if so: it is wrong, it was changed meanwhile, or the '
  'address is locked; counted like a sign-in. A row of NULLs: it counts';

CREATE FUNCTION auth_api.password_verify(c auth.caller, password_version integer, verified boolean) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
  u constant auth.users := auth.user_lock(me.user_id);
  refusal auth.reply;
BEGIN
  IF u.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  refusal := auth.password_refusal(c, u, password_version, verified, 'better-auth');
  RETURN CASE WHEN refusal.refusal IS NULL THEN auth.granted(auth.json_object('status', true)) ELSE refusal END;
END
$$;
COMMENT ON FUNCTION auth_api.password_verify IS 'POST /verify-password, after it was verified or not';

CREATE FUNCTION auth_api.password_change(
    c auth.caller, password_version integer, verified boolean, new_hash text, revoke_others boolean, dialect text)
  RETURNS auth.reply LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
  u constant auth.users := auth.user_lock(me.user_id);
  refusal auth.reply;
BEGIN
  IF u.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  refusal := auth.password_refusal(c, u, password_version, verified, dialect);
  IF refusal.refusal IS NOT NULL THEN
    RETURN refusal;
  END IF;
  PERFORM auth.password_set(c, u, new_hash, 'PASSWORD_CHANGED', CASE WHEN NOT revoke_others THEN me.id END);
  IF dialect = 'v1' OR NOT revoke_others THEN
    RETURN auth.granted(CASE WHEN dialect = 'v1' THEN auth.json_object('success', true)
                             ELSE auth.json_object('token', NULL::text, 'user', auth.user_json(u)) END);
  END IF;
  PERFORM auth.session_open(c, u.id, me.remember_me);
  RETURN auth.granted(auth.json_object('token', auth.fresh_token(), 'user', auth.user_json(u)),
                      auth.session_cookies(me.remember_me));
END
$$;
COMMENT ON FUNCTION auth_api.password_change IS
  'POST /change-password, after the present one was verified or not. The other sessions end in any case; with revoke_others '
  'the caller''s gets a new token too';

CREATE FUNCTION auth.password_set(c auth.caller, u auth.users, new_hash text, event text, except_session_id text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO auth.accounts AS a (account_id, provider_id, user_id, password) VALUES (u.id, 'credential', u.id, new_hash)
  ON CONFLICT ON CONSTRAINT accounts_provider_id_account_id_unique DO UPDATE
    SET password = EXCLUDED.password, password_version = a.password_version + 1, updated_at = now();
  PERFORM auth.sessions_end(c, u.id, except_session_id);
  PERFORM auth.verification_revoke_all(u.id);
  PERFORM auth.security_event(c, u.id, event);
  PERFORM auth.mail_queue('password_changed', u.email, u.locale, auth.json_object('name', u.name), u.id);
END
$$;
COMMENT ON FUNCTION auth.password_set IS
  'a new password of a user (locked): sessions but one, links and trusted devices from before are dead, the owner is told';

CREATE FUNCTION auth_api.password_request_reset(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  address constant text := auth.email_normal(input ->> 'email');
  limited constant boolean := auth.rate_limit_count('mail/reset_password', address) > 0;
  u auth.users;
  token text;
  mail text;
BEGIN
  SELECT x.* INTO u FROM auth.users x WHERE x.email = address AND x.deleted_at IS NULL AND NOT limited;
  token := auth.verification_issue('reset-password', u.id, auth.json_object('email', address), interval '1 hour');
  mail := auth.mail_queue('reset_password', address, u.locale, auth.json_object(
    'name', u.name, 'callbackURL', COALESCE(input ->> 'redirectTo', '/reset-password'), 'token', token), u.id);
  IF u.id IS NULL THEN
    PERFORM auth.mail_take_back(mail, 'reset-password', token);
  END IF;
  PERFORM auth.security_event(c, u.id, 'PASSWORD_RESET_REQUESTED');
  RETURN auth.granted(auth.json_object('status', true,
    'message', 'If this email exists in our system, check your email for the reset link'));
END
$$;
COMMENT ON FUNCTION auth_api.password_request_reset IS
  'POST /request-password-reset: a mail with a link for one hour; older links die. An unknown address costs the same work';

CREATE FUNCTION auth_api.password_request_reset_v1(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM auth_api.password_request_reset(c, input);
  RETURN auth.granted(auth.json_object('success', true));
END
$$;
COMMENT ON FUNCTION auth_api.password_request_reset_v1 IS 'POST /api/v1/auth/forgot-password';

CREATE FUNCTION auth_api.password_reset_link(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v constant auth.verification := auth.verification_find('reset-password', input ->> 'token');
BEGIN
  RETURN auth.granted(NULL, status => 302, location =>
    CASE WHEN v.expires_at > now() THEN auth.url_with(input ->> 'callbackURL', 'token', input ->> 'token')
         ELSE auth.url_with(input ->> 'callbackURL', 'error', 'INVALID_TOKEN') END);
END
$$;
COMMENT ON FUNCTION auth_api.password_reset_link IS
  'GET /reset-password/:token: sends the browser on to the page that asks for the new password; uses nothing up';

CREATE FUNCTION auth_api.password_reset_lookup(c auth.caller, token text) RETURNS TABLE (email text, name text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v constant auth.verification := auth.verification_find('reset-password', token);
BEGIN
  RETURN QUERY SELECT u.email, u.name FROM auth.users u WHERE u.id = v.user_id AND v.expires_at > now();
END
$$;
COMMENT ON FUNCTION auth_api.password_reset_lookup IS
  'whom a token is for, so that the new password is judged by address and name; no row: it is dead, and nothing is worth hashing';

CREATE FUNCTION auth_api.password_reset(c auth.caller, token text, new_hash text, dialect text) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v constant auth.verification := auth.verification_consume('reset-password', token);
  u auth.users;
BEGIN
  SELECT x.* INTO u FROM auth.users x WHERE x.id = v.user_id AND x.email = v.value::jsonb ->> 'email';
  IF u.id IS NULL THEN
    RETURN CASE WHEN dialect <> 'v1' THEN auth.refuse('INVALID_TOKEN')
                WHEN v.expires_at <= now() THEN auth.refuse('TOKEN_EXPIRED')
                ELSE auth.refuse('TOKEN_INVALID', 'Invalid token') END;
  END IF;
  PERFORM auth.password_set(c, u, new_hash, 'PASSWORD_RESET_COMPLETED', NULL);
  PERFORM auth.lockout_clear(u.email);
  RETURN auth.granted(CASE WHEN dialect = 'v1' THEN auth.json_object('success', true) ELSE auth.json_object('status', true) END);
END
$$;
COMMENT ON FUNCTION auth_api.password_reset IS
  'POST /reset-password: takes the token, sets the password, ends all sessions, unlocks the address';
-- Settings: read, merged under the lock of their row, so that of two patches none is lost.

CREATE FUNCTION auth.jsonb_merged(was jsonb, given jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  member record;
BEGIN
  IF jsonb_typeof(was) IS DISTINCT FROM 'object' OR jsonb_typeof(given) <> 'object' THEN
    RETURN given;
  END IF;
  FOR member IN SELECT x.key, x.value FROM jsonb_each(given) x LOOP
    was := was || jsonb_build_object(member.key, auth.jsonb_merged(was -> member.key, member.value));
  END LOOP;
  RETURN was;
END
$$;
COMMENT ON FUNCTION auth.jsonb_merged IS 'objects are merged, at every depth; arrays, scalars and null replace what was';

CREATE FUNCTION auth.settings_lock(c auth.caller) RETURNS auth.user_settings
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  u constant auth.users := auth.user_lock((auth.session_find(c)).user_id);
  s auth.user_settings;
BEGIN
  IF u.id IS NOT NULL THEN
    INSERT INTO auth.user_settings AS x (user_id) VALUES (u.id) ON CONFLICT ON CONSTRAINT user_settings_pkey DO NOTHING;
    SELECT x.* INTO STRICT s FROM auth.user_settings x WHERE x.user_id = u.id;
  END IF;
  RETURN s;
END
$$;
COMMENT ON FUNCTION auth.settings_lock IS
  'the settings of the caller, with the user locked until the transaction ends; a row of NULLs: nobody is signed in';

CREATE FUNCTION auth.settings_shown(s auth.user_settings) RETURNS auth.reply LANGUAGE sql STABLE
  RETURN auth.granted(auth.json_object(
    'success', true, 'globalSettings', s.global_settings, 'appOverrides', s.app_overrides, 'deviceSettings', s.device_settings));
COMMENT ON FUNCTION auth.settings_shown IS 'what every route of settings answers: all of them';

CREATE FUNCTION auth.settings_store(s auth.user_settings) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF s.user_id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  UPDATE auth.user_settings x
     SET global_settings = s.global_settings, app_overrides = s.app_overrides, device_settings = s.device_settings,
         updated_at = now()
   WHERE x.user_id = s.user_id;
  RETURN auth.settings_shown(s);
EXCEPTION WHEN check_violation THEN
  RETURN auth.refuse('SETTINGS_TOO_LARGE');
END
$$;
COMMENT ON FUNCTION auth.settings_store IS
  'keeps what was changed of auth.settings_lock, and shows all; refuses what is too large, and nobody''s';

CREATE FUNCTION auth_api.settings_get(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
  s auth.user_settings;
BEGIN
  IF me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  SELECT x.* INTO s FROM auth.user_settings x WHERE x.user_id = me.user_id;
  IF s.user_id IS NULL THEN
    s.global_settings := auth.settings_default();
    s.app_overrides := '{}';
    s.device_settings := '{}';
  END IF;
  RETURN auth.settings_shown(s);
END
$$;
COMMENT ON FUNCTION auth_api.settings_get IS 'GET /api/v1/settings: the defaults, until something is changed';

CREATE FUNCTION auth_api.settings_patch_global(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s auth.user_settings := auth.settings_lock(c);
BEGIN
  s.global_settings := auth.jsonb_merged(s.global_settings, input -> 'settings');
  RETURN auth.settings_store(s);
END
$$;
COMMENT ON FUNCTION auth_api.settings_patch_global IS 'PATCH /api/v1/settings/global; input settings: the body';

CREATE FUNCTION auth_api.settings_patch_app(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s auth.user_settings := auth.settings_lock(c);
BEGIN
  s.app_overrides := auth.jsonb_merged(s.app_overrides, jsonb_build_object(input ->> 'appId', input -> 'settings'));
  RETURN auth.settings_store(s);
END
$$;
COMMENT ON FUNCTION auth_api.settings_patch_app IS 'PATCH /api/v1/settings/app/:appId; input settings: the body';

CREATE FUNCTION auth_api.settings_delete_app(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s auth.user_settings := auth.settings_lock(c);
BEGIN
  s.app_overrides := s.app_overrides - (input ->> 'appId');
  RETURN auth.settings_store(s);
END
$$;
COMMENT ON FUNCTION auth_api.settings_delete_app IS 'DELETE /api/v1/settings/app/:appId';

CREATE FUNCTION auth.devices_kept(devices jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  most constant integer := 50;
BEGIN
  RETURN devices - ARRAY(SELECT d.key FROM jsonb_each(devices) d ORDER BY d.value ->> 'lastSeen' DESC, d.key OFFSET most);
END
$$;
COMMENT ON FUNCTION auth.devices_kept IS 'of many devices the fifty that were seen last: a browser that forgets itself comes back as another';

CREATE FUNCTION auth_api.settings_patch_device(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s auth.user_settings := auth.settings_lock(c);
  app constant text := input ->> 'appId';
  device jsonb := COALESCE(s.device_settings -> (input ->> 'deviceId'), '{"deviceName":"Unknown","deviceType":"desktop","apps":{}}');
BEGIN
  device := device || jsonb_build_object(
    'deviceName', COALESCE(input -> 'deviceName', device -> 'deviceName'),
    'deviceType', COALESCE(input -> 'deviceType', device -> 'deviceType'),
    'lastSeen', auth.json_object('at', now()) -> 'at',
    -- an app's settings on a device replace one another whole, member by member
    'apps', device -> 'apps' || jsonb_build_object(app, COALESCE(device -> 'apps' -> app, '{}') || COALESCE(input -> 'settings', '{}')));
  s.device_settings := auth.devices_kept(s.device_settings || jsonb_build_object(input ->> 'deviceId', device));
  RETURN auth.settings_store(s);
END
$$;
COMMENT ON FUNCTION auth_api.settings_patch_device IS
  'PATCH /api/v1/settings/device/:deviceId/:appId: {deviceName?, deviceType?, settings?}; the device was seen now';

CREATE FUNCTION auth_api.settings_delete_device(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s auth.user_settings := auth.settings_lock(c);
BEGIN
  s.device_settings := s.device_settings - (input ->> 'deviceId');
  RETURN auth.settings_store(s);
END
$$;
COMMENT ON FUNCTION auth_api.settings_delete_device IS 'DELETE /api/v1/settings/device/:deviceId';

CREATE FUNCTION auth_api.settings_list_devices(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
BEGIN
  IF me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  RETURN auth.granted(auth.json_object('success', true, 'devices', (
    SELECT auth.json_array_agg(auth.json_object(
             'deviceId', d.key, 'deviceName', d.value -> 'deviceName', 'deviceType', d.value -> 'deviceType',
             'lastSeen', d.value -> 'lastSeen', 'appCount', (SELECT count(*) FROM jsonb_object_keys(d.value -> 'apps')))
             ORDER BY d.value ->> 'lastSeen' DESC, d.key)
      FROM auth.user_settings x, jsonb_each(x.device_settings) d WHERE x.user_id = me.user_id)));
END
$$;
COMMENT ON FUNCTION auth_api.settings_list_devices IS 'GET /api/v1/settings/devices: what was seen last comes first';
-- API keys: made, listed, revoked by their user; validated for the services that were handed one.

CREATE FUNCTION auth.api_key_json(k auth.api_keys) RETURNS json LANGUAGE sql STABLE
  RETURN auth.json_object('id', k.id, 'name', k.name, 'keyPrefix', k.key_prefix, 'scopes', pg_catalog.to_jsonb(k.scopes),
                          'createdAt', k.created_at, 'lastUsedAt', k.last_used_at, 'revokedAt', k.revoked_at,
                          'expiresAt', k.expires_at);

CREATE FUNCTION auth.api_key_is_good(k auth.api_keys) RETURNS boolean LANGUAGE sql STABLE
  RETURN k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > pg_catalog.now());

CREATE FUNCTION auth_api.api_key_list(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
BEGIN
  IF me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  RETURN auth.granted((SELECT auth.json_array_agg(auth.api_key_json(k) ORDER BY k.created_at DESC, k.id)
                         FROM auth.api_keys k WHERE k.user_id = me.user_id));
END
$$;
COMMENT ON FUNCTION auth_api.api_key_list IS 'GET /api/v1/api-keys: the revoked ones, too';

CREATE FUNCTION auth_api.api_key_create(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  keys_max constant integer := 100;
  u constant auth.users := auth.user_lock((auth.session_find(c)).user_id); -- keys of one user are made one at a time
  secret constant text := encode(auth.random_bytes(32), 'hex');
  k auth.api_keys;
BEGIN
  IF u.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED'); -- or their erasure has just begun
  END IF;
  IF (SELECT count(*) >= keys_max FROM auth.api_keys x WHERE x.user_id = u.id AND auth.api_key_is_good(x)) THEN
    RETURN auth.refuse('API_KEY_LIMIT_REACHED');
  END IF;
  INSERT INTO auth.api_keys AS x (user_id, name, key_prefix, key_digest, expires_at, scopes)
  VALUES (u.id, input ->> 'name', left(secret, 8), sha256(convert_to('sk_live_' || secret, 'UTF8')),
          now() + make_interval(secs => (input ->> 'expiresIn')::bigint),
          COALESCE((SELECT array_agg(DISTINCT s ORDER BY s)
                      FROM jsonb_array_elements_text(CASE jsonb_typeof(input -> 'scopes') WHEN 'string' THEN jsonb_build_array(input -> 'scopes')
                                                     ELSE input -> 'scopes' END) s), '{stt,tts}'))
  RETURNING x.* INTO k;
  PERFORM auth.security_event(c, u.id, 'API_KEY_CREATED', auth.json_object('keyPrefix', k.key_prefix)::jsonb);
  RETURN auth.granted(auth.json_object(
    'id', k.id, 'userId', k.user_id, 'name', k.name, 'keyPrefix', k.key_prefix, 'scopes', to_jsonb(k.scopes),
    'rateLimitRequests', k.rate_limit_requests, 'rateLimitWindow', k.rate_limit_window, 'createdAt', k.created_at,
    'lastUsedAt', k.last_used_at, 'revokedAt', k.revoked_at, 'expiresAt', k.expires_at, 'key', 'sk_live_' || secret), status => 201);
END
$$;
COMMENT ON FUNCTION auth_api.api_key_create IS 'POST /api/v1/api-keys: the key is shown this once, and good for expiresIn seconds or until it is revoked; at '
  'most 100 are good at once';

CREATE FUNCTION auth_api.api_key_revoke(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
  k auth.api_keys;
BEGIN
  IF me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  SELECT x.* INTO k FROM auth.api_keys x WHERE x.id = input ->> 'id' AND x.user_id = me.user_id FOR UPDATE;
  IF k.id IS NULL THEN
    RETURN auth.refuse('NOT_FOUND', 'API key not found');
  ELSIF k.revoked_at IS NULL THEN
    UPDATE auth.api_keys x SET revoked_at = now() WHERE x.id = k.id;
    PERFORM auth.security_event(c, me.user_id, 'API_KEY_REVOKED', auth.json_object('keyPrefix', k.key_prefix)::jsonb);
  END IF;
  RETURN auth.granted('{"success":true}');
END
$$;
COMMENT ON FUNCTION auth_api.api_key_revoke IS 'DELETE /api/v1/api-keys/:id; again does nothing. The row stays a year, to be seen';

CREATE FUNCTION auth_api.api_key_validate(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  k auth.api_keys;
BEGIN
  SELECT x.* INTO k FROM auth.api_keys x WHERE x.key_digest = decode(input ->> 'apiKey', 'hex') AND auth.api_key_is_good(x);
  IF k.id IS NULL THEN
    RETURN auth.granted('{"valid":false}');
  ELSIF input ->> 'scope' <> ALL (k.scopes) THEN
    RETURN auth.granted('{"valid":false,"reason":"scope_denied"}');
  END IF;
  IF k.last_used_at IS NULL OR k.last_used_at < now() - interval '1 minute' THEN
    UPDATE auth.api_keys x SET last_used_at = now() WHERE x.id = k.id;
  END IF;
  RETURN auth.granted(auth.json_object(
    'valid', true, 'userId', k.user_id, 'scopes', to_jsonb(k.scopes),
    'rateLimit', auth.json_object('requests', k.rate_limit_requests, 'window', k.rate_limit_window)));
END
$$;
COMMENT ON FUNCTION auth_api.api_key_validate IS
  'POST /api/v1/api-keys/validate: {apiKey, scope?}, of whoever was handed a key; apiKey comes as the hex of its SHA-256. The key is '
  'all the proof there is, and has 256 bits';
-- Deleting one's own account: by the password, by a fresh session, or by a link that was mailed. What is left is a trail
-- under a pseudonym.

CREATE FUNCTION auth.user_delete_refusal(
    c auth.caller, me auth.sessions, u auth.users, password_version integer, verified boolean, token text, callback_url text,
    dialect text) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  refusal constant auth.reply := auth.organization_release_refusal(u.id);
BEGIN
  IF u.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  ELSIF refusal.refusal IS NOT NULL THEN
    RETURN refusal;
  ELSIF auth.admin_is_last(u.id) THEN
    RETURN auth.refuse('LAST_ADMIN');
  ELSIF verified IS NOT NULL THEN
    RETURN auth.password_refusal(c, u, password_version, verified, dialect);
  ELSIF token IS NOT NULL THEN
    RETURN CASE WHEN (auth.verification_consume('delete-account', token, u.id)).user_id IS NULL
                THEN auth.refuse('INVALID_TOKEN') END;
  ELSIF NOT auth.session_is_fresh(me) AND callback_url IS NOT NULL THEN
    RETURN auth.user_delete_mail(u, callback_url);
  ELSIF NOT auth.session_is_fresh(me) THEN
    RETURN auth.refuse('SESSION_EXPIRED');
  END IF;
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.user_delete_refusal IS
  'what is answered instead of deleting, a mail that was promised included; a row of NULLs: go on. Asked for are the password '
  '(verified or not), the token of a mail, or without either (NULL) a session younger than a day; an older one that names a '
  'callback URL is mailed a link';

CREATE FUNCTION auth_api.user_delete(
    c auth.caller, password_version integer, verified boolean, token text, callback_url text, dialect text)
  RETURNS auth.reply LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
  u constant auth.users := auth.user_lock_to_end(me.user_id);
  instead constant auth.reply := auth.user_delete_refusal(c, me, u, password_version, verified, token, callback_url, dialect);
BEGIN
  IF instead.refusal IS NOT NULL OR instead.body IS NOT NULL THEN
    RETURN instead;
  END IF;
  PERFORM auth.user_erase(c, u);
  RETURN auth.granted(
    CASE WHEN dialect = 'v1' THEN auth.json_object('success', true)
         ELSE auth.json_object('success', true, 'message', 'User deleted') END, auth.session_cookies_cleared());
END
$$;
COMMENT ON FUNCTION auth_api.user_delete IS
  'POST /delete-user: begins the erasure (auth.user_erase) on the conditions of auth.user_delete_refusal';

CREATE FUNCTION auth_api.erasure_start(
    c auth.caller, password_version integer, verified boolean, token text, callback_url text, worker text, lease_seconds integer,
    OUT refusal text, OUT message text, OUT retry_after_seconds integer, OUT status integer, OUT body text, OUT location text,
    OUT cookies text, OUT claims text, OUT erasure_id text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
  u constant auth.users := auth.user_lock_to_end(me.user_id);
  instead constant auth.reply := auth.user_delete_refusal(c, me, u, password_version, verified, token, callback_url, 'v1');
BEGIN
  IF instead.refusal IS NOT NULL OR instead.body IS NOT NULL THEN
    refusal := instead.refusal;
    message := instead.message;
    retry_after_seconds := instead.retry_after_seconds;
    status := instead.status;
    body := instead.body;
    RETURN;
  END IF;
  erasure_id := auth.user_erase(c, u);
  PERFORM auth.erasure_lease(erasure_id, worker, lease_seconds);
  cookies := auth.session_cookies_cleared();
END
$$;
COMMENT ON FUNCTION auth_api.erasure_start IS
  'DELETE /me/data and DELETE /api/v1/auth/account: the same, and the erasure''s id. Its sources are leased to the worker, '
  'which asks each of them once before it answers';

CREATE FUNCTION auth.user_delete_mail(u auth.users, callback_url text) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  wait_seconds constant integer := auth.rate_limit_count('mail/delete_account', u.id);
BEGIN
  IF wait_seconds > 0 THEN
    RETURN auth.refuse('RATE_LIMITED', NULL, wait_seconds);
  END IF;
  PERFORM auth.mail_queue('delete_account', u.email, u.locale, auth.json_object(
    'name', u.name, 'callbackURL', callback_url,
    'token', auth.verification_issue('delete-account', u.id, auth.json_object('email', u.email), interval '1 day')), u.id);
  RETURN auth.granted(auth.json_object('success', true, 'message', 'Verification email sent'));
END
$$;
COMMENT ON FUNCTION auth.user_delete_mail IS 'promises the mail whose link deletes the account, in a browser that is signed in';

CREATE FUNCTION auth_api.user_delete_callback(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
  u constant auth.users := auth.user_lock_to_end(me.user_id);
  refusal auth.reply;
BEGIN
  IF u.id IS NULL THEN
    RETURN auth.refuse_as(404, 'Failed to get user info', 'FAILED_TO_GET_USER_INFO');
  END IF;
  refusal := auth.organization_release_refusal(u.id);
  IF refusal.refusal IS NOT NULL THEN
    RETURN refusal; -- the link stays good for when that is settled
  ELSIF auth.admin_is_last(u.id) THEN
    RETURN auth.refuse('LAST_ADMIN');
  ELSIF (auth.verification_consume('delete-account', input ->> 'token', u.id)).user_id IS NULL THEN
    RETURN auth.refuse_as(404, 'Invalid token', 'INVALID_TOKEN');
  END IF;
  PERFORM auth.user_erase(c, u);
  RETURN CASE WHEN input ->> 'callbackURL' IS NULL
              THEN auth.granted(auth.json_object('success', true, 'message', 'User deleted'), auth.session_cookies_cleared())
              ELSE auth.granted(NULL, auth.session_cookies_cleared(), NULL, 302, input ->> 'callbackURL') END;
END
$$;
COMMENT ON FUNCTION auth_api.user_delete_callback IS
  'GET /delete-user/callback: the link of the mail, with the session of the same user; a scanner of mails has none';
-- How many may still sign up today.

CREATE FUNCTION auth_api.signup_status(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  most constant integer := current_setting('mana_auth.signup_daily_max')::integer;
  today constant timestamptz := date_trunc('day', now(), 'UTC');
  made bigint;
BEGIN
  IF most = 0 THEN
    RETURN auth.granted(auth.json_object('registrationOpen', true, 'spotsRemaining', NULL::integer, 'totalToday', 0,
                                         'limit', 0, 'resetsAt', ''));
  END IF;
  SELECT count(*) INTO made FROM auth.security_events e WHERE e.event_type = 'REGISTER' AND e.created_at >= today;
  RETURN auth.granted(auth.json_object('registrationOpen', made < most, 'spotsRemaining', greatest(most - made, 0),
    'totalToday', made, 'limit', most, 'resetsAt', today + interval '24 hours'));
END
$$;
COMMENT ON FUNCTION auth_api.signup_status IS 'GET /api/v1/auth/signup-status';
-- What has expired is removed in small batches, so that no sweep holds anybody up. How long what is kept:

CREATE FUNCTION auth.sweep(batch integer DEFAULT 1000) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  attempts_kept constant interval := '1 day';
  spent_kept constant interval := '30 days';
  delivered_kept constant interval := '7 days';
  dead_kept constant interval := '90 days';
  promises_kept constant interval := '30 days';
  events_kept constant interval := '1 year';
  erasures_kept constant interval := '3 years';
  invitations_kept constant interval := '90 days';
  api_keys_kept constant interval := '1 year';
  swept bigint := 0;
  n bigint;
BEGIN
  DELETE FROM auth.sessions s WHERE s.id IN (
    SELECT x.id FROM auth.sessions x WHERE x.expires_at < now() ORDER BY x.expires_at LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; swept := swept + n;
  DELETE FROM auth.session_tokens t WHERE t.digest IN (
    SELECT x.digest FROM auth.session_tokens x
     WHERE x.spent_at < now() - spent_kept AND NOT EXISTS (SELECT FROM auth.sessions s WHERE s.token_digest = x.digest)
     ORDER BY x.spent_at LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; swept := swept + n;
  DELETE FROM auth.verification v WHERE v.id IN (
    SELECT x.id FROM auth.verification x WHERE x.expires_at < now() ORDER BY x.expires_at LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; swept := swept + n;
  DELETE FROM auth.magic_links l WHERE l.email IN (
    SELECT x.email FROM auth.magic_links x WHERE x.expires_at < now() ORDER BY x.expires_at LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; swept := swept + n;
  DELETE FROM auth.passkey_challenges v WHERE v.cookie_digest IN (
    SELECT x.cookie_digest FROM auth.passkey_challenges x WHERE x.expires_at < now()
     ORDER BY x.expires_at LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; swept := swept + n;
  DELETE FROM auth.login_attempts l WHERE l.id IN (
    SELECT x.id FROM auth.login_attempts x WHERE x.attempted_at < now() - attempts_kept
     ORDER BY x.attempted_at LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; swept := swept + n;
  DELETE FROM auth.lockouts l WHERE l.email IN (
    SELECT x.email FROM auth.lockouts x
     WHERE x.failed_at < now() - attempts_kept ORDER BY x.failed_at LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; swept := swept + n;
  DELETE FROM auth.outbox o WHERE o.id IN (
    SELECT x.id FROM auth.outbox x
     WHERE x.state <> 'pending' AND x.finished_at < now() - CASE x.state WHEN 'dead' THEN dead_kept ELSE delivered_kept END
     ORDER BY x.finished_at LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; swept := swept + n;
  -- what nobody was set up to send
  UPDATE auth.outbox o SET state = 'dead', args = NULL, finished_at = now(), last_error = 'nobody sent it' WHERE o.id IN (
    SELECT x.id FROM auth.outbox x
     WHERE x.state = 'pending' AND x.next_attempt_at < now() - promises_kept LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; swept := swept + n;
  UPDATE auth.outbound_calls o SET state = 'dead', body = NULL, finished_at = now(), last_error = 'nobody sent it' WHERE o.id IN (
    SELECT x.id FROM auth.outbound_calls x
     WHERE x.state = 'pending' AND x.next_attempt_at < now() - promises_kept LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; swept := swept + n;
  DELETE FROM auth.outbound_calls o WHERE o.id IN (
    SELECT x.id FROM auth.outbound_calls x
     WHERE x.state <> 'pending' AND x.finished_at < now() - CASE x.state WHEN 'dead' THEN dead_kept ELSE delivered_kept END
     ORDER BY x.finished_at LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; swept := swept + n;
  DELETE FROM auth.security_events e WHERE e.id IN (
    SELECT x.id FROM auth.security_events x WHERE x.created_at < now() - events_kept
     ORDER BY x.created_at LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; swept := swept + n;
  DELETE FROM auth.invitations i WHERE i.id IN (
    SELECT x.id FROM auth.invitations x WHERE x.expires_at < now() - invitations_kept
     ORDER BY x.expires_at LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; swept := swept + n;
  DELETE FROM auth.api_keys k WHERE k.id IN (
    SELECT x.id FROM auth.api_keys x WHERE LEAST(x.revoked_at, x.expires_at) < now() - api_keys_kept
     ORDER BY LEAST(x.revoked_at, x.expires_at) LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; swept := swept + n;
  DELETE FROM auth.jwks k WHERE k.expires_at <= now();
  GET DIAGNOSTICS n = ROW_COUNT; swept := swept + n;
  DELETE FROM auth.erasures e WHERE e.id IN (
    SELECT x.id FROM auth.erasures x WHERE x.completed_at < now() - erasures_kept
     ORDER BY x.completed_at LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; swept := swept + n;
  PERFORM auth.vault_audit_make_partitions();
  PERFORM auth.vault_audit_seal();
  swept := swept + auth.two_factor_sweep(batch);
  swept := swept + auth.oidc_sweep(batch);
  RETURN swept;
END
$$;
COMMENT ON FUNCTION auth.sweep IS
  'removes what has expired, at most batch rows of a kind, makes the audit''s next months and seals it; called by edges every minute. '
  'A spent refresh token is kept for a month, the first of a session as long as the session: it must not count as new again';

CREATE FUNCTION auth_api.sweep() RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtextextended('auth.sweep', 0)) THEN
    RETURN 0; -- another edge is at it
  END IF;
  RETURN auth.sweep();
END
$$;
COMMENT ON FUNCTION auth_api.sweep IS 'auth.sweep, by one edge at a time; above 0: call again soon';
-- Roles in organizations and what each may do. What is built in stands in a view, so that a new version may change it; the
-- tables hold what a DBA says, and no build is needed for that:
--   INSERT INTO auth.organization_roles (role, rank) VALUES ('treasurer', 600);
--   INSERT INTO auth.organization_permissions (role, resource, action) VALUES ('treasurer', 'credits', 'allocate');
--   INSERT INTO auth.organization_permissions (role, resource, action, granted) VALUES ('admin', 'ac', 'delete', false);
-- A role is given by who stands at least as high, so one that may do what admins may not belongs above them.
-- auth.organization_role_permissions shows what that adds up to.

CREATE TABLE auth.organization_roles (
  role  text    NOT NULL,
  rank  integer NOT NULL,
  CONSTRAINT organization_roles_pkey PRIMARY KEY (role),
  CONSTRAINT organization_roles_role_is_a_word CHECK (role OPERATOR(pg_catalog.~) '^[a-z][a-z0-9_-]{0,31}$'),
  CONSTRAINT organization_roles_rank_is_below_owner CHECK (
    CASE role WHEN 'owner' THEN rank = 1000 WHEN 'admin' THEN rank = 500 WHEN 'member' THEN rank = 100
              ELSE rank BETWEEN 1 AND 999 END)
);
COMMENT ON TABLE auth.organization_roles IS
  'roles that a member of an organization can have; owner, admin and member are always there, with these ranks';
COMMENT ON COLUMN auth.organization_roles.rank IS 'nobody changes a member, or gives a role, that stands above their own';
INSERT INTO auth.organization_roles (role, rank) VALUES ('owner', 1000), ('admin', 500), ('member', 100);

CREATE FUNCTION auth.organization_roles_keep() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF OLD.role IN ('owner', 'admin', 'member') THEN
    RAISE EXCEPTION 'role "%" is built in', OLD.role USING ERRCODE = 'restrict_violation';
  ELSIF EXISTS (SELECT FROM auth.members m WHERE OLD.role = ANY (string_to_array(m.role, ',')))
        OR EXISTS (SELECT FROM auth.invitations i
                    WHERE i.status = 'pending' AND OLD.role = ANY (string_to_array(i.role, ','))) THEN
    RAISE EXCEPTION 'role "%" is in use', OLD.role USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END
$$;
COMMENT ON FUNCTION auth.organization_roles_keep IS 'a role that is built in, or that somebody has, stays what it is called';
CREATE TRIGGER organization_roles_keep BEFORE DELETE OR UPDATE OF role ON auth.organization_roles
  FOR EACH ROW EXECUTE FUNCTION auth.organization_roles_keep();

CREATE VIEW auth.organization_permissions_built_in (role, resource, action) AS VALUES
  ('owner', 'organization', 'update'), ('owner', 'organization', 'delete'),
  ('owner', 'member', 'create'), ('owner', 'member', 'update'), ('owner', 'member', 'delete'),
  ('owner', 'invitation', 'create'), ('owner', 'invitation', 'cancel'),
  ('owner', 'team', 'create'), ('owner', 'team', 'update'), ('owner', 'team', 'delete'),
  ('owner', 'ac', 'create'), ('owner', 'ac', 'read'), ('owner', 'ac', 'update'), ('owner', 'ac', 'delete'),
  ('owner', 'credits', 'allocate'), ('owner', 'credits', 'view_all'), ('owner', 'credits', 'view_own'),
  ('admin', 'organization', 'update'),
  ('admin', 'member', 'create'), ('admin', 'member', 'update'), ('admin', 'member', 'delete'),
  ('admin', 'invitation', 'create'), ('admin', 'invitation', 'cancel'),
  ('admin', 'team', 'create'), ('admin', 'team', 'update'), ('admin', 'team', 'delete'),
  ('admin', 'ac', 'create'), ('admin', 'ac', 'read'), ('admin', 'ac', 'update'), ('admin', 'ac', 'delete'),
  ('admin', 'credits', 'view_all'), ('admin', 'credits', 'view_own'),
  ('member', 'ac', 'read'), ('member', 'credits', 'view_own');
COMMENT ON VIEW auth.organization_permissions_built_in IS
  'Better Auth''s default access control, and the credits:* permissions of the service before us';

CREATE TABLE auth.organization_permissions (
  role      text    NOT NULL,
  resource  text    NOT NULL,
  action    text    NOT NULL,
  granted   boolean NOT NULL DEFAULT true,
  CONSTRAINT organization_permissions_pkey PRIMARY KEY (role, resource, action),
  CONSTRAINT organization_permissions_role_fk FOREIGN KEY (role) REFERENCES auth.organization_roles (role)
    ON DELETE CASCADE ON UPDATE CASCADE
);
COMMENT ON TABLE auth.organization_permissions IS 'what a role may do beyond what is built in; granted = false takes a permission away';

CREATE VIEW auth.organization_role_permissions AS
  SELECT b.role, b.resource, b.action FROM auth.organization_permissions_built_in b
   WHERE NOT EXISTS (SELECT FROM auth.organization_permissions p
                      WHERE p.role = b.role AND p.resource = b.resource AND p.action = b.action AND NOT p.granted)
   UNION
  SELECT p.role, p.resource, p.action FROM auth.organization_permissions p WHERE p.granted;
COMMENT ON VIEW auth.organization_role_permissions IS 'what each role may do';

-- The three built-in roles come with the extension and cannot differ, so that leaving them out of a dump loses nothing.
SELECT pg_catalog.pg_extension_config_dump('auth.organization_roles', 'WHERE role NOT IN (''owner'', ''admin'', ''member'')');
SELECT pg_catalog.pg_extension_config_dump('auth.organization_permissions', '');
-- Organizations. Whoever changes members or invitations of one locks its row first (auth.organization_lock).

CREATE FUNCTION auth.slug_normal(slug text) RETURNS text LANGUAGE sql IMMUTABLE STRICT
  RETURN pg_catalog.lower(pg_catalog.normalize(slug, 'NFKC') COLLATE pg_catalog."und-x-icu") COLLATE pg_catalog."C";
COMMENT ON FUNCTION auth.slug_normal IS
  'what must be unique of a slug: its letters, whatever their case and form, in a database of any locale';

CREATE TABLE auth.organizations (
  id          text        NOT NULL DEFAULT auth.random_id(),
  name        text        NOT NULL,
  slug        text        NOT NULL,
  logo        text,
  metadata    jsonb,
  created_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
  updated_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
  CONSTRAINT organizations_pkey PRIMARY KEY (id),
  CONSTRAINT organizations_name_is_not_empty CHECK (name <> ''),
  CONSTRAINT organizations_slug_is_not_empty CHECK (slug <> '')
);
COMMENT ON TABLE auth.organizations IS 'tenants';
CREATE UNIQUE INDEX organizations_slug_unique ON auth.organizations (auth.slug_normal(slug));

SELECT pg_catalog.pg_extension_config_dump('auth.organizations', '');
-- Who belongs to which organization, in which roles.

CREATE TABLE auth.members (
  id               text        NOT NULL DEFAULT auth.random_id(),
  organization_id  text        NOT NULL,
  user_id          text        NOT NULL,
  role             text        NOT NULL,
  created_at       timestamptz NOT NULL DEFAULT pg_catalog.now(),
  CONSTRAINT members_pkey PRIMARY KEY (id),
  CONSTRAINT members_once_per_organization UNIQUE (organization_id, user_id),
  CONSTRAINT members_organization_id_fk FOREIGN KEY (organization_id) REFERENCES auth.organizations (id) ON DELETE CASCADE,
  CONSTRAINT members_user_id_fk FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
  CONSTRAINT members_role_is_not_empty CHECK (role <> '')
);
COMMENT ON TABLE auth.members IS 'one row a user and organization';
COMMENT ON COLUMN auth.members.role IS 'comma list of auth.organization_roles';
CREATE INDEX members_user_id_idx ON auth.members (user_id);

SELECT pg_catalog.pg_extension_config_dump('auth.members', '');
-- Invitations: bound to an address, used once, over after 48 hours.

CREATE TABLE auth.invitations (
  id               text        NOT NULL DEFAULT auth.random_id(),
  organization_id  text        NOT NULL,
  email            text        NOT NULL,
  role             text        NOT NULL,
  status           text        NOT NULL DEFAULT 'pending',
  expires_at       timestamptz NOT NULL DEFAULT pg_catalog.now() + interval '48 hours',
  created_at       timestamptz NOT NULL DEFAULT pg_catalog.now(),
  inviter_id       text        NOT NULL,
  CONSTRAINT invitations_pkey PRIMARY KEY (id),
  CONSTRAINT invitations_organization_id_fk FOREIGN KEY (organization_id) REFERENCES auth.organizations (id) ON DELETE CASCADE,
  CONSTRAINT invitations_inviter_id_fk FOREIGN KEY (inviter_id) REFERENCES auth.users (id) ON DELETE CASCADE,
  CONSTRAINT invitations_email_is_lower_case CHECK (email = pg_catalog.lower(email)),
  CONSTRAINT invitations_status_is_known CHECK (status IN ('pending', 'accepted', 'rejected', 'canceled'))
);
COMMENT ON TABLE auth.invitations IS 'who was asked into an organization';
CREATE UNIQUE INDEX invitations_one_pending_per_address ON auth.invitations (organization_id, email) WHERE status = 'pending';
CREATE INDEX invitations_email_idx ON auth.invitations (email) WHERE status = 'pending';
CREATE INDEX invitations_expires_at_idx ON auth.invitations (expires_at);
CREATE INDEX invitations_organization_id_idx ON auth.invitations (organization_id, created_at);
CREATE INDEX invitations_inviter_id_idx ON auth.invitations (inviter_id);

SELECT pg_catalog.pg_extension_config_dump('auth.invitations', '');
-- What the roles of a member add up to.

CREATE FUNCTION auth.role_list(role jsonb) RETURNS text LANGUAGE sql IMMUTABLE
  RETURN (
    SELECT pg_catalog.string_agg(w.word, ',' ORDER BY w.n)
      FROM (SELECT pg_catalog.btrim(p.part) AS word, pg_catalog.min(p.n) AS n
              FROM pg_catalog.unnest(pg_catalog.string_to_array(
                     CASE pg_catalog.jsonb_typeof(role_list.role)
                       WHEN 'string' THEN role_list.role #>> '{}'
                       WHEN 'array' THEN (SELECT pg_catalog.string_agg(e.element, ',' ORDER BY e.n)
                                            FROM pg_catalog.jsonb_array_elements_text(role_list.role)
                                                 WITH ORDINALITY e (element, n)) END, ','))
                   WITH ORDINALITY p (part, n)
             WHERE pg_catalog.btrim(p.part) <> '' GROUP BY 1) w);
COMMENT ON FUNCTION auth.role_list IS 'a role, or several, as the comma list that is stored, each once; NULL: none';

CREATE FUNCTION auth.role_unknown(role text) RETURNS text LANGUAGE sql STABLE
  RETURN (SELECT pg_catalog.string_agg(r.word, ', ' ORDER BY r.n)
            FROM pg_catalog.unnest(pg_catalog.string_to_array(role, ',')) WITH ORDINALITY r (word, n)
           WHERE NOT EXISTS (SELECT FROM auth.organization_roles k WHERE k.role = r.word));
COMMENT ON FUNCTION auth.role_unknown IS 'those of a comma list that are no roles; NULL: all are';

CREATE FUNCTION auth.role_rank(role text) RETURNS integer LANGUAGE sql STABLE
  RETURN COALESCE((SELECT pg_catalog.max(k.rank) FROM auth.organization_roles k
                    WHERE k.role = ANY (pg_catalog.string_to_array(role_rank.role, ','))), 0);
COMMENT ON FUNCTION auth.role_rank IS 'rank of the highest role of a comma list; 0: none';

CREATE FUNCTION auth.role_has(role text, word text) RETURNS boolean LANGUAGE sql IMMUTABLE
  RETURN COALESCE(word = ANY (pg_catalog.string_to_array(role, ',')), false);
COMMENT ON FUNCTION auth.role_has IS 'whether a role is one of a comma list';

CREATE FUNCTION auth.role_is_owner(role text) RETURNS boolean LANGUAGE sql IMMUTABLE
  RETURN auth.role_has(role, 'owner');

CREATE FUNCTION auth.role_may(role text, resource text, action text) RETURNS boolean LANGUAGE sql STABLE
  RETURN EXISTS (SELECT FROM auth.organization_role_permissions p
                  WHERE p.role = ANY (pg_catalog.string_to_array(role_may.role, ','))
                    AND p.resource = role_may.resource AND p.action = role_may.action);
COMMENT ON FUNCTION auth.role_may IS 'whether one of the roles of a comma list has a permission';

CREATE FUNCTION auth.role_may_all(role text, permissions jsonb) RETURNS boolean LANGUAGE sql STABLE
  RETURN permissions <> '{}' AND EXISTS (
    SELECT FROM pg_catalog.unnest(pg_catalog.string_to_array(role, ',')) r
     WHERE NOT EXISTS (
       SELECT FROM pg_catalog.jsonb_each(permissions) w (resource, actions), pg_catalog.jsonb_array_elements_text(w.actions) a
        WHERE NOT EXISTS (SELECT FROM auth.organization_role_permissions p
                           WHERE p.role = r AND p.resource = w.resource AND p.action = a)));
COMMENT ON FUNCTION auth.role_may_all IS 'whether a single one of the roles has all of {resource: [action, ..]}; nothing asked, nothing granted';
-- Organizations: made, changed, ended, chosen as the active one. Refusals are Better Auth's, whose statuses differ by route.

CREATE FUNCTION auth.organization_json(o auth.organizations, metadata json) RETURNS json LANGUAGE sql STABLE
  RETURN auth.json_object('name', o.name, 'slug', o.slug, 'logo', o.logo, 'createdAt', o.created_at,
                          'metadata', metadata, 'id', o.id);

CREATE FUNCTION auth.metadata_text(metadata jsonb) RETURNS json LANGUAGE sql STABLE
  RETURN CASE WHEN metadata IS NOT NULL
              THEN pg_catalog.to_json(pg_catalog.regexp_replace(auth.json_object('m', metadata)::text, '^\{"m":(.*)\}$', '\1')) END;
COMMENT ON FUNCTION auth.metadata_text IS
  'metadata as a JSON string, as every answer but those of create and update has it; null where there is none';

CREATE FUNCTION auth.organization_lock(organization_id text) RETURNS auth.organizations
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  o auth.organizations;
BEGIN
  SELECT x.* INTO o FROM auth.organizations x WHERE x.id = organization_lock.organization_id FOR NO KEY UPDATE;
  RETURN o;
END
$$;
COMMENT ON FUNCTION auth.organization_lock IS
  'the organization, locked until the transaction ends, so that of two who change its members the second sees what the first did';

CREATE FUNCTION auth.organization_meant(input jsonb, s auth.sessions) RETURNS text LANGUAGE sql STABLE
  RETURN CASE WHEN input ->> 'organizationSlug' <> ''
              THEN COALESCE((SELECT o.id FROM auth.organizations o
                              WHERE auth.slug_normal(o.slug) = auth.slug_normal(input ->> 'organizationSlug')), '')
              ELSE COALESCE(NULLIF(input ->> 'organizationId', ''), s.active_organization_id) END;
COMMENT ON FUNCTION auth.organization_meant IS
  'id of the organization that is named, else of the active one; empty: no such slug; NULL: none is active';

CREATE FUNCTION auth.member_of(organization_id text, user_id text) RETURNS auth.members
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  m auth.members;
BEGIN
  SELECT x.* INTO m FROM auth.members x
   WHERE x.organization_id = member_of.organization_id AND x.user_id = member_of.user_id;
  RETURN m;
END
$$;

CREATE FUNCTION auth.organization_limit_is_reached(of_user_id text) RETURNS boolean LANGUAGE sql STABLE
  RETURN pg_catalog.current_setting('mana_auth.organization_limit')::integer BETWEEN 1 AND
         (SELECT pg_catalog.count(*) FROM auth.members m WHERE m.user_id = of_user_id);
COMMENT ON FUNCTION auth.organization_limit_is_reached IS
  'whether a user is in as many organizations as one may be; to be asked under auth.user_lock';

CREATE FUNCTION auth_api.organization_create(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
  o auth.organizations;
  m auth.members;
BEGIN
  IF (auth.user_lock(s.user_id)).id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  ELSIF auth.organization_limit_is_reached(s.user_id) THEN
    RETURN auth.refuse_as(403, 'You have reached the maximum number of organizations',
                          'YOU_HAVE_REACHED_THE_MAXIMUM_NUMBER_OF_ORGANIZATIONS');
  END IF;
  INSERT INTO auth.organizations (name, slug, logo, metadata)
  VALUES (input ->> 'name', input ->> 'slug', input ->> 'logo', NULLIF(input -> 'metadata', 'null'))
  ON CONFLICT (auth.slug_normal(slug)) DO NOTHING RETURNING * INTO o;
  IF o.id IS NULL THEN
    RETURN auth.refuse('ORGANIZATION_ALREADY_EXISTS');
  END IF;
  INSERT INTO auth.members (organization_id, user_id, role) VALUES (o.id, s.user_id, 'owner') RETURNING * INTO m;
  IF NOT COALESCE((input ->> 'keepCurrentActiveOrganization')::boolean, false) THEN
    UPDATE auth.sessions x SET active_organization_id = o.id WHERE x.id = s.id;
  END IF;
  PERFORM auth.security_event(c, s.user_id, 'ORG_CREATED', auth.json_object('organizationId', o.id)::jsonb);
  RETURN auth.granted(auth.json_object('name', o.name, 'slug', o.slug, 'logo', o.logo, 'createdAt', o.created_at,
    'metadata', o.metadata, 'id', o.id, 'members', (SELECT auth.json_array_agg(auth.member_json(m)))));
END
$$;
COMMENT ON FUNCTION auth_api.organization_create IS 'POST /organization/create: its maker owns it, and it becomes the active one';

CREATE FUNCTION auth_api.organization_check_slug(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
BEGIN
  IF s.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  ELSIF EXISTS (SELECT FROM auth.organizations o WHERE auth.slug_normal(o.slug) = auth.slug_normal(input ->> 'slug')) THEN
    RETURN auth.refuse('ORGANIZATION_SLUG_ALREADY_TAKEN');
  END IF;
  RETURN auth.granted(auth.json_object('status', true));
END
$$;
COMMENT ON FUNCTION auth_api.organization_check_slug IS 'POST /organization/check-slug: whether a slug is free';

CREATE FUNCTION auth_api.organization_update(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
  data constant jsonb := input -> 'data';
  o auth.organizations;
  me auth.members;
BEGIN
  IF s.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  ELSIF auth.organization_meant(input, s) IS NULL THEN
    RETURN auth.refuse('ORGANIZATION_NOT_FOUND');
  END IF;
  o := auth.organization_lock(auth.organization_meant(input, s));
  me := auth.member_of(o.id, s.user_id);
  IF me.id IS NULL THEN
    RETURN auth.refuse_as(400, 'User is not a member of the organization', 'USER_IS_NOT_A_MEMBER_OF_THE_ORGANIZATION');
  ELSIF NOT auth.role_may(me.role, 'organization', 'update') THEN
    RETURN auth.refuse_as(403, 'You are not allowed to update this organization', 'YOU_ARE_NOT_ALLOWED_TO_UPDATE_THIS_ORGANIZATION');
  END IF;
  UPDATE auth.organizations x
     SET name = COALESCE(data ->> 'name', x.name), slug = COALESCE(data ->> 'slug', x.slug),
         logo = CASE WHEN data ? 'logo' THEN data ->> 'logo' ELSE x.logo END,
         metadata = CASE WHEN data ? 'metadata' THEN NULLIF(data -> 'metadata', 'null') ELSE x.metadata END,
         updated_at = now()
   WHERE x.id = o.id RETURNING x.* INTO o;
  RETURN auth.granted(auth.organization_json(o, o.metadata::json));
EXCEPTION WHEN unique_violation THEN
  RETURN auth.refuse('ORGANIZATION_SLUG_ALREADY_TAKEN');
END
$$;
COMMENT ON FUNCTION auth_api.organization_update IS 'POST /organization/update: name, slug, logo, metadata';

CREATE FUNCTION auth.organization_end(c auth.caller, of_organization_id text, by_user_id text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE auth.sessions x SET active_organization_id = NULL
   WHERE x.active_organization_id = of_organization_id
     AND x.user_id IN (SELECT m.user_id FROM auth.members m WHERE m.organization_id = of_organization_id);
  DELETE FROM auth.organizations x WHERE x.id = of_organization_id;
  PERFORM auth.security_event(c, by_user_id, 'ORG_DELETED', auth.json_object('organizationId', of_organization_id)::jsonb);
END
$$;
COMMENT ON FUNCTION auth.organization_end IS 'an organization with its members and invitations; its row is locked by the caller';

CREATE FUNCTION auth_api.organization_delete(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
  o auth.organizations;
  me auth.members;
BEGIN
  IF s.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  SELECT x.* INTO o FROM auth.organizations x WHERE x.id = input ->> 'organizationId' FOR UPDATE;
  me := auth.member_of(o.id, s.user_id);
  IF me.id IS NULL THEN
    RETURN auth.refuse_as(400, 'User is not a member of the organization', 'USER_IS_NOT_A_MEMBER_OF_THE_ORGANIZATION');
  ELSIF NOT auth.role_may(me.role, 'organization', 'delete') THEN
    RETURN auth.refuse_as(403, 'You are not allowed to delete this organization', 'YOU_ARE_NOT_ALLOWED_TO_DELETE_THIS_ORGANIZATION');
  END IF;
  PERFORM auth.organization_end(c, o.id, s.user_id);
  RETURN auth.granted(auth.organization_json(o, auth.metadata_text(o.metadata)));
END
$$;
COMMENT ON FUNCTION auth_api.organization_delete IS 'POST /organization/delete: with its members and invitations';

CREATE FUNCTION auth_api.organization_set_active(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
  cookie constant text := CASE WHEN s.remember_me THEN E'session_token \x03 604800' ELSE E'session_token \x03 session' END;
  chosen constant text := auth.organization_meant(
    CASE WHEN input ->> 'organizationId' <> '' THEN input - 'organizationSlug' ELSE input END, s);
  o auth.organizations;
BEGIN
  IF s.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  ELSIF input -> 'organizationId' = 'null' THEN
    UPDATE auth.sessions x SET active_organization_id = NULL WHERE x.id = s.id;
    RETURN auth.granted('null', cookie);
  ELSIF chosen IS NULL THEN
    RETURN auth.granted('null');
  ELSIF chosen = '' THEN
    RETURN auth.refuse('ORGANIZATION_NOT_FOUND');
  END IF;
  SELECT x.* INTO o FROM auth.organizations x WHERE x.id = chosen FOR SHARE; -- nobody is removed between the question and the answer
  IF (auth.member_of(chosen, s.user_id)).id IS NULL THEN
    RETURN auth.refuse('USER_IS_NOT_A_MEMBER_OF_THE_ORGANIZATION');
  END IF;
  UPDATE auth.sessions x SET active_organization_id = o.id WHERE x.id = s.id;
  RETURN auth.granted(auth.organization_json(o, auth.metadata_text(o.metadata)), cookie);
END
$$;
COMMENT ON FUNCTION auth_api.organization_set_active IS 'POST /organization/set-active: null for none; a refusal changes nothing';

CREATE FUNCTION auth_api.organization_list(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
BEGIN
  IF s.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  RETURN auth.granted((
    SELECT auth.json_array_agg(auth.organization_json(o, auth.metadata_text(o.metadata)) ORDER BY m.created_at, m.id)
      FROM auth.members m JOIN auth.organizations o ON o.id = m.organization_id WHERE m.user_id = s.user_id));
END
$$;
COMMENT ON FUNCTION auth_api.organization_list IS 'GET /organization/list: those of the caller';

CREATE FUNCTION auth_api.organization_get(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
  chosen constant text := auth.organization_meant(input, s);
  me constant auth.members := auth.member_of(chosen, s.user_id);
  o auth.organizations;
BEGIN
  IF s.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  ELSIF chosen IS NULL THEN
    RETURN auth.granted('null');
  ELSIF chosen = '' THEN
    RETURN auth.refuse('ORGANIZATION_NOT_FOUND');
  ELSIF me.id IS NULL THEN
    RETURN auth.refuse('USER_IS_NOT_A_MEMBER_OF_THE_ORGANIZATION');
  END IF;
  SELECT x.* INTO STRICT o FROM auth.organizations x WHERE x.id = chosen;
  RETURN auth.granted(auth.organization_json(o, auth.metadata_text(o.metadata)));
END
$$;
COMMENT ON FUNCTION auth_api.organization_get IS 'GET /organization/get-organization';

CREATE FUNCTION auth_api.organization_get_full(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
  chosen constant text := auth.organization_meant(input, s);
  me constant auth.members := auth.member_of(chosen, s.user_id);
  o auth.organizations;
BEGIN
  IF s.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  ELSIF chosen IS NULL THEN
    RETURN auth.granted('null');
  ELSIF chosen = '' THEN
    RETURN auth.refuse('ORGANIZATION_NOT_FOUND');
  ELSIF me.id IS NULL THEN
    RETURN auth.refuse('USER_IS_NOT_A_MEMBER_OF_THE_ORGANIZATION');
  END IF;
  SELECT x.* INTO STRICT o FROM auth.organizations x WHERE x.id = chosen;
  RETURN auth.granted(auth.json_object('name', o.name, 'slug', o.slug, 'logo', o.logo, 'createdAt', o.created_at,
    'metadata', auth.metadata_text(o.metadata), 'id', o.id,
    'invitations', (SELECT auth.json_array_agg(auth.invitation_json(i) ORDER BY i.created_at, i.id)
                      FROM auth.invitations i WHERE i.organization_id = o.id AND auth.invitation_is_shown(i, me)),
    'members', (SELECT auth.json_array_agg(auth.member_user_json(m) ORDER BY m.created_at, m.id)
                  FROM (SELECT x.* FROM auth.members x WHERE x.organization_id = o.id
                         ORDER BY x.created_at, x.id LIMIT (input ->> 'membersLimit')::bigint) m)));
END
$$;
COMMENT ON FUNCTION auth_api.organization_get_full IS 'GET /organization/get-full-organization: with its members, and its invitations as far as the caller may see them';
-- Members: who they are, which roles they have, how they go. An organization is never without an owner: whoever would take
-- the last one away holds the lock on the organization while the owners are counted; a trigger has the last word.

CREATE FUNCTION auth.member_json(m auth.members) RETURNS json LANGUAGE sql STABLE
  RETURN auth.json_object('organizationId', m.organization_id, 'userId', m.user_id, 'role', m.role,
                          'createdAt', m.created_at, 'id', m.id);

CREATE FUNCTION auth.member_user_json(m auth.members) RETURNS json LANGUAGE sql STABLE
  RETURN (SELECT auth.json_object('organizationId', m.organization_id, 'userId', m.user_id, 'role', m.role,
                   'createdAt', m.created_at, 'id', m.id, 'user',
                   auth.json_object('id', u.id, 'name', u.name, 'email', u.email, 'image', u.image))
            FROM auth.users u WHERE u.id = m.user_id);

CREATE FUNCTION auth.member_is_last_owner(m auth.members) RETURNS boolean LANGUAGE sql STABLE
  RETURN auth.role_is_owner(m.role) AND NOT EXISTS (
    SELECT FROM auth.members x WHERE x.organization_id = m.organization_id AND x.id <> m.id AND auth.role_is_owner(x.role));
COMMENT ON FUNCTION auth.member_is_last_owner IS 'to be asked under auth.organization_lock';

CREATE FUNCTION auth.members_keep_an_owner() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM FROM auth.organizations o WHERE o.id = OLD.organization_id FOR NO KEY UPDATE;
  IF FOUND AND NOT EXISTS (SELECT FROM auth.members x
                            WHERE x.organization_id = OLD.organization_id AND auth.role_is_owner(x.role)) THEN
    RAISE EXCEPTION 'an organization would be without an owner'
      USING ERRCODE = 'restrict_violation', DETAIL = format('Organization "%s".', OLD.organization_id), HINT = 'Call auth.organization_release_user before a user is deleted.';
  END IF;
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.members_keep_an_owner IS 'asked when a transaction ends, so that ownership can pass within one';
CREATE CONSTRAINT TRIGGER members_keep_an_owner AFTER DELETE OR UPDATE OF role, organization_id ON auth.members
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (auth.role_is_owner(OLD.role))
  EXECUTE FUNCTION auth.members_keep_an_owner();

CREATE FUNCTION auth.member_end(m auth.members) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  DELETE FROM auth.members x WHERE x.id = m.id AND x.organization_id = m.organization_id;
  UPDATE auth.sessions x SET active_organization_id = NULL
   WHERE x.user_id = m.user_id AND x.active_organization_id = m.organization_id;
END
$$;

CREATE FUNCTION auth_api.member_get_active(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
  me constant auth.members := auth.member_of(s.active_organization_id, s.user_id);
BEGIN
  IF s.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  ELSIF s.active_organization_id IS NULL THEN
    RETURN auth.refuse('NO_ACTIVE_ORGANIZATION');
  ELSIF me.id IS NULL THEN
    RETURN auth.refuse('MEMBER_NOT_FOUND');
  END IF;
  RETURN auth.granted(auth.member_user_json(me));
END
$$;
COMMENT ON FUNCTION auth_api.member_get_active IS 'GET /organization/get-active-member';

CREATE FUNCTION auth_api.member_get_active_role(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
  chosen constant text := auth.organization_meant(input, s);
  me constant auth.members := auth.member_of(chosen, s.user_id);
  them auth.members;
BEGIN
  IF s.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  ELSIF chosen IS NULL THEN
    RETURN auth.refuse('NO_ACTIVE_ORGANIZATION');
  ELSIF chosen = '' THEN
    RETURN auth.refuse('ORGANIZATION_NOT_FOUND');
  ELSIF me.id IS NULL THEN
    RETURN auth.refuse('YOU_ARE_NOT_A_MEMBER_OF_THIS_ORGANIZATION');
  END IF;
  them := auth.member_of(chosen, COALESCE(input ->> 'userId', s.user_id));
  IF them.id IS NULL THEN
    RETURN auth.refuse_as(403, 'You are not a member of this organization', 'YOU_ARE_NOT_A_MEMBER_OF_THIS_ORGANIZATION');
  END IF;
  RETURN auth.granted(auth.json_object('role', them.role));
END
$$;
COMMENT ON FUNCTION auth_api.member_get_active_role IS 'GET /organization/get-active-member-role: the caller''s, or a fellow member''s';

CREATE FUNCTION auth.member_matches(m auth.members, input jsonb) RETURNS boolean LANGUAGE sql STABLE
  RETURN (SELECT CASE COALESCE(input ->> 'filterOperator', 'eq')
                   WHEN 'eq' THEN v = w WHEN 'ne' THEN v <> w
                   WHEN 'lt' THEN v < w WHEN 'lte' THEN v <= w WHEN 'gt' THEN v > w WHEN 'gte' THEN v >= w
                   WHEN 'contains' THEN pg_catalog.strpos(v, w) > 0
                   WHEN 'starts_with' THEN pg_catalog.starts_with(v, w)
                   WHEN 'ends_with' THEN pg_catalog.right(v, pg_catalog.length(w)) = w
                   WHEN 'in' THEN v = ANY (pg_catalog.string_to_array(w, ','))
                   WHEN 'not_in' THEN v <> ALL (pg_catalog.string_to_array(w, ',')) ELSE false END
            FROM (SELECT CASE input ->> 'filterField'
                           WHEN 'id' THEN m.id WHEN 'userId' THEN m.user_id WHEN 'role' THEN m.role
                           WHEN 'organizationId' THEN m.organization_id WHEN 'createdAt' THEN auth.iso(m.created_at) END AS v,
                         COALESCE(input ->> 'filterValue', '') AS w) x);
COMMENT ON FUNCTION auth.member_matches IS 'whether filterField, filterOperator and filterValue let a member through';

CREATE FUNCTION auth_api.member_list(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
  chosen constant text := auth.organization_meant(input, s);
  down constant boolean := COALESCE(input ->> 'sortDirection', 'asc') = 'desc';
BEGIN
  IF s.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  ELSIF chosen IS NULL THEN
    RETURN auth.refuse('NO_ACTIVE_ORGANIZATION');
  ELSIF chosen = '' THEN
    RETURN auth.refuse('ORGANIZATION_NOT_FOUND');
  ELSIF (auth.member_of(chosen, s.user_id)).id IS NULL THEN
    RETURN auth.refuse('YOU_ARE_NOT_A_MEMBER_OF_THIS_ORGANIZATION');
  END IF;
  RETURN auth.granted((
    WITH matching AS (
      SELECT m AS member, CASE input ->> 'sortBy' WHEN 'role' THEN m.role WHEN 'userId' THEN m.user_id WHEN 'id' THEN m.id
                                                  ELSE auth.iso(m.created_at) END AS k, m.created_at AS at, m.id
        FROM auth.members m
       WHERE m.organization_id = chosen AND (input ->> 'filterField' IS NULL OR auth.member_matches(m, input))),
    numbered AS (
      SELECT x.member, row_number() OVER (ORDER BY CASE WHEN down THEN x.k END DESC, CASE WHEN NOT down THEN x.k END, x.at, x.id) AS n
        FROM matching x)
    SELECT auth.json_object(
      'members', (SELECT auth.json_array_agg(auth.member_user_json(p.member) ORDER BY p.n)
                    FROM (SELECT x.member, x.n FROM numbered x ORDER BY x.n
                           LIMIT NULLIF((input ->> 'limit')::bigint, 0) OFFSET COALESCE((input ->> 'offset')::bigint, 0)) p),
      'total', (SELECT count(*) FROM matching))));
END
$$;
COMMENT ON FUNCTION auth_api.member_list IS 'GET /organization/list-members: limit, offset, sort, filter; all of them without limit';

CREATE FUNCTION auth_api.member_update_role(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
  wanted constant text := auth.role_list(input -> 'role');
  o auth.organizations;
  me auth.members;
  them auth.members;
BEGIN
  IF s.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  ELSIF auth.organization_meant(input, s) IS NULL THEN
    RETURN auth.refuse('NO_ACTIVE_ORGANIZATION');
  END IF;
  o := auth.organization_lock(auth.organization_meant(input, s));
  me := auth.member_of(o.id, s.user_id);
  IF me.id IS NULL THEN
    RETURN auth.refuse('MEMBER_NOT_FOUND');
  END IF;
  SELECT x.* INTO them FROM auth.members x WHERE x.id = input ->> 'memberId' AND x.organization_id = o.id;
  IF them.id IS NULL THEN
    RETURN auth.refuse('MEMBER_NOT_FOUND');
  ELSIF NOT auth.role_may(me.role, 'member', 'update') THEN
    RETURN auth.refuse('YOU_ARE_NOT_ALLOWED_TO_UPDATE_THIS_MEMBER');
  ELSIF wanted IS NULL THEN
    RETURN auth.refuse('ROLE_NOT_FOUND');
  ELSIF auth.role_unknown(wanted) IS NOT NULL THEN
    RETURN auth.granted(auth.json_object('code', 'ROLE_NOT_FOUND', 'message', 'ROLE_NOT_FOUND: ' || auth.role_unknown(wanted)),
                        status => 400);
  ELSIF greatest(auth.role_rank(them.role), auth.role_rank(wanted)) > auth.role_rank(me.role) THEN
    RETURN auth.refuse('YOU_ARE_NOT_ALLOWED_TO_UPDATE_THIS_MEMBER');
  ELSIF NOT auth.role_is_owner(wanted) AND auth.member_is_last_owner(them) THEN
    RETURN auth.refuse('YOU_CANNOT_LEAVE_THE_ORGANIZATION_WITHOUT_AN_OWNER');
  END IF;
  UPDATE auth.members x SET role = wanted WHERE x.id = them.id AND x.organization_id = o.id RETURNING x.* INTO them;
  PERFORM auth.security_event(c, them.user_id, 'ORG_ROLE_CHANGED',
            auth.json_object('organizationId', o.id, 'role', wanted, 'by', s.user_id)::jsonb);
  RETURN auth.granted(auth.member_json(them));
END
$$;
COMMENT ON FUNCTION auth_api.member_update_role IS
  'POST /organization/update-member-role: neither a member nor a role above the caller''s own; the last owner stays one';

CREATE FUNCTION auth_api.member_remove(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
  who constant text := input ->> 'memberIdOrEmail';
  o auth.organizations;
  me auth.members;
  them auth.members;
  body json;
BEGIN
  IF s.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  ELSIF auth.organization_meant(input, s) IS NULL THEN
    RETURN auth.refuse('ORGANIZATION_NOT_FOUND');
  END IF;
  o := auth.organization_lock(auth.organization_meant(input, s));
  me := auth.member_of(o.id, s.user_id);
  IF me.id IS NULL THEN
    RETURN auth.refuse('MEMBER_NOT_FOUND');
  END IF;
  SELECT x.* INTO them FROM auth.members x JOIN auth.users u ON u.id = x.user_id
   WHERE x.organization_id = o.id AND (x.id = who OR u.email = auth.email_normal(who));
  IF them.id IS NULL THEN
    RETURN auth.refuse('MEMBER_NOT_FOUND');
  ELSIF NOT auth.role_may(me.role, 'member', 'delete') THEN
    RETURN auth.refuse_as(403, 'You are not allowed to delete this member', 'YOU_ARE_NOT_ALLOWED_TO_DELETE_THIS_MEMBER');
  ELSIF auth.member_is_last_owner(them) THEN
    RETURN auth.refuse('YOU_CANNOT_LEAVE_THE_ORGANIZATION_AS_THE_ONLY_OWNER');
  ELSIF auth.role_rank(them.role) > auth.role_rank(me.role) THEN
    RETURN auth.refuse_as(403, 'You are not allowed to delete this member', 'YOU_ARE_NOT_ALLOWED_TO_DELETE_THIS_MEMBER');
  END IF;
  body := auth.json_object('member', auth.member_user_json(them));
  PERFORM auth.member_end(them);
  PERFORM auth.security_event(c, them.user_id, 'ORG_MEMBER_REMOVED',
            auth.json_object('organizationId', o.id, 'by', s.user_id)::jsonb);
  RETURN auth.granted(body);
END
$$;
COMMENT ON FUNCTION auth_api.member_remove IS 'POST /organization/remove-member: nobody above the caller, never the last owner';

CREATE FUNCTION auth_api.member_leave(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
  o auth.organizations;
  me auth.members;
BEGIN
  IF s.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  o := auth.organization_lock(input ->> 'organizationId');
  me := auth.member_of(o.id, s.user_id);
  IF me.id IS NULL THEN
    RETURN auth.refuse('MEMBER_NOT_FOUND');
  ELSIF auth.member_is_last_owner(me) THEN
    RETURN auth.refuse('YOU_CANNOT_LEAVE_THE_ORGANIZATION_AS_THE_ONLY_OWNER');
  END IF;
  PERFORM auth.member_end(me);
  PERFORM auth.security_event(c, s.user_id, 'ORG_LEFT', auth.json_object('organizationId', o.id)::jsonb);
  RETURN auth.granted(auth.member_user_json(me));
END
$$;
COMMENT ON FUNCTION auth_api.member_leave IS 'POST /organization/leave';

CREATE FUNCTION auth.json_is_strings(value jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE
  RETURN pg_catalog.jsonb_typeof(value) = 'array'
         AND NOT pg_catalog.jsonb_path_exists(value, 'strict $[*] ? (@.type() <> "string")');
COMMENT ON FUNCTION auth.json_is_strings IS 'whether a JSON value is an array of strings';

CREATE FUNCTION auth_api.member_has_permission(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
  asked constant jsonb := COALESCE(input -> 'permissions', input -> 'permission');
  chosen constant text := auth.organization_meant(input, s);
  me constant auth.members := auth.member_of(chosen, s.user_id);
BEGIN
  IF s.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  ELSIF jsonb_typeof(asked) IS DISTINCT FROM 'object'
        OR input ?& ARRAY['permission', 'permissions']
        OR EXISTS (SELECT FROM jsonb_each(asked) a WHERE NOT auth.json_is_strings(a.value)) THEN
    RETURN auth.refuse('VALIDATION_ERROR', '[body] Invalid input');
  ELSIF chosen IS NULL THEN
    RETURN auth.refuse('NO_ACTIVE_ORGANIZATION');
  ELSIF me.id IS NULL THEN
    RETURN auth.refuse_as(401, 'User is not a member of the organization', 'USER_IS_NOT_A_MEMBER_OF_THE_ORGANIZATION');
  END IF;
  RETURN auth.granted(auth.json_object('error', NULL::text, 'success', auth.role_may_all(me.role, asked)));
END
$$;
COMMENT ON FUNCTION auth_api.member_has_permission IS 'POST /organization/has-permission';

CREATE FUNCTION auth_api.member_internal(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  m constant auth.members := auth.member_of(input ->> 'orgId', input ->> 'userId');
BEGIN
  RETURN auth.granted(auth.json_object('isMember', m.id IS NOT NULL, 'role', COALESCE(m.role, '')));
END
$$;
COMMENT ON FUNCTION auth_api.member_internal IS 'GET /api/v1/internal/org/:orgId/member/:userId, for other services';

CREATE FUNCTION auth_api.membership_internal(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN auth.granted(auth.json_object('userId', input ->> 'userId', 'memberships', (
    SELECT auth.json_array_agg(auth.json_object('organizationId', m.organization_id, 'role', m.role) ORDER BY m.created_at, m.id)
      FROM auth.members m WHERE m.user_id = input ->> 'userId')));
END
$$;
COMMENT ON FUNCTION auth_api.membership_internal IS 'GET /api/v1/internal/users/:userId/memberships, for other services';
-- A user who goes for good leaves no organization without an owner. One that they own alone passes to its longest-standing
-- admin, who is told, or ends when nobody else is in it; where there is nobody to pass it to, they cannot go yet, and are told why.

CREATE FUNCTION auth.organization_heir(m auth.members) RETURNS auth.members
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  heir auth.members;
BEGIN
  SELECT x.* INTO heir FROM auth.members x
   WHERE x.organization_id = m.organization_id AND x.id <> m.id AND auth.role_has(x.role, 'admin')
   ORDER BY x.created_at, x.id LIMIT 1;
  RETURN heir;
END
$$;
COMMENT ON FUNCTION auth.organization_heir IS 'who owns the organization after its only owner; a row of NULLs: nobody';

CREATE FUNCTION auth.organization_blocking(of_user_id text) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM FROM auth.organizations o
   WHERE o.id IN (SELECT m.organization_id FROM auth.members m WHERE m.user_id = of_user_id) ORDER BY o.id FOR UPDATE;
  RETURN (
    SELECT auth.json_array_agg(auth.json_object('id', o.id, 'name', o.name, 'slug', o.slug) ORDER BY o.name, o.id)
      FROM auth.members m JOIN auth.organizations o ON o.id = m.organization_id
     WHERE m.user_id = of_user_id AND auth.member_is_last_owner(m) AND (auth.organization_heir(m)).id IS NULL
       AND EXISTS (SELECT FROM auth.members x WHERE x.organization_id = o.id AND x.id <> m.id));
END
$$;
COMMENT ON FUNCTION auth.organization_blocking IS
  'locks the organizations of a user, and says which of them would be without an owner: [{id, name, slug}, ..]. Called under '
  'auth.user_lock, so that the user joins no other meanwhile';

CREATE FUNCTION auth.organization_release_refusal(of_user_id text) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  names constant text := (SELECT string_agg(b ->> 'name', ', ' ORDER BY n)
                            FROM json_array_elements(auth.organization_blocking(of_user_id)) WITH ORDINALITY x (b, n));
BEGIN
  IF names IS NOT NULL THEN
    RETURN auth.refuse('LAST_OWNER_OF_ORGANIZATION',
      'You are the only owner of ' || names || ': make another member its owner, or delete it, first');
  END IF;
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.organization_release_refusal IS 'why a user cannot be deleted yet; NULL: they can, and the locks are held';

CREATE FUNCTION auth.organization_release_user(c auth.caller, of_user_id text) RETURNS json
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  blocked constant json := auth.organization_blocking(of_user_id);
  handed_over json[] := '{}';
  deleted json[] := '{}';
  memberships bigint;
  invitations bigint;
  m auth.members;
  heir auth.members;
BEGIN
  IF json_array_length(blocked) > 0 THEN
    RETURN auth.json_object('handedOver', '[]'::json, 'deleted', '[]'::json, 'memberships', 0, 'invitations', 0, 'blocked', blocked);
  END IF;
  FOR m IN SELECT x.* FROM auth.members x WHERE x.user_id = of_user_id AND auth.member_is_last_owner(x)
            ORDER BY x.organization_id LOOP
    heir := auth.organization_heir(m);
    IF heir.id IS NULL THEN
      PERFORM auth.organization_end(c, m.organization_id, of_user_id);
      deleted := deleted || to_json(m.organization_id);
    ELSE
      UPDATE auth.members x SET role = array_to_string(array_replace(string_to_array(x.role, ','), 'admin', 'owner'), ',')
       WHERE x.id = heir.id AND x.organization_id = m.organization_id;
      PERFORM auth.security_event(c, heir.user_id, 'ORG_OWNERSHIP_INHERITED',
                auth.json_object('organizationId', m.organization_id)::jsonb);
      PERFORM auth.mail_queue('organization_inherited', u.email, u.locale,
                auth.json_object('name', u.name, 'organization', o.name), u.id)
         FROM auth.users u, auth.organizations o WHERE u.id = heir.user_id AND o.id = m.organization_id;
      handed_over := handed_over || auth.json_object('organizationId', m.organization_id, 'userId', heir.user_id);
    END IF;
  END LOOP;
  DELETE FROM auth.members x WHERE x.user_id = of_user_id;
  GET DIAGNOSTICS memberships = ROW_COUNT;
  DELETE FROM auth.invitations i USING auth.users u
   WHERE u.id = of_user_id AND (i.email = u.email OR i.inviter_id = u.id);
  GET DIAGNOSTICS invitations = ROW_COUNT;
  RETURN auth.json_object('handedOver', array_to_json(handed_over), 'deleted', array_to_json(deleted),
                          'memberships', memberships, 'invitations', invitations, 'blocked', blocked);
END
$$;
COMMENT ON FUNCTION auth.organization_release_user IS
  'takes a user out of all organizations, with the invitations to them and from them: {handedOver: [{organizationId, userId}], '
  'deleted: [organizationId], memberships, invitations, blocked: [{id, name, slug}]}. When some are blocked, nothing was done. '
  'Called under auth.user_lock';
-- Invitations. What an invitation gives is judged again when it is accepted: its inviter must still be one who may give it.

CREATE FUNCTION auth.invitation_json(i auth.invitations) RETURNS json LANGUAGE sql STABLE
  RETURN auth.json_object('organizationId', i.organization_id, 'email', i.email, 'role', i.role, 'status', i.status,
                          'expiresAt', i.expires_at, 'createdAt', i.created_at, 'inviterId', i.inviter_id, 'id', i.id);

CREATE FUNCTION auth.member_may_invite(m auth.members, role text) RETURNS boolean LANGUAGE sql STABLE
  RETURN auth.role_may(m.role, 'invitation', 'create') AND auth.role_rank(role) <= auth.role_rank(m.role);
COMMENT ON FUNCTION auth.member_may_invite IS 'whether a member may invite somebody into a role: none above their own';

CREATE FUNCTION auth.invitation_is_shown(i auth.invitations, m auth.members) RETURNS boolean LANGUAGE sql STABLE
  RETURN auth.member_may_invite(m, i.role);
COMMENT ON FUNCTION auth.invitation_is_shown IS
  'whether a member sees an invitation: its id is the link, so only who could have given it does';

CREATE FUNCTION auth_api.invitation_create(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
  wanted constant text := auth.role_list(input -> 'role');
  address constant text := auth.email_normal(input ->> 'email');
  maximum constant integer := current_setting('mana_auth.invitation_limit')::integer;
  o auth.organizations;
  me auth.members;
  i auth.invitations;
  inviter auth.users;
  language text;
  wait_seconds integer;
BEGIN
  IF s.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  ELSIF auth.organization_meant(input, s) IS NULL THEN
    RETURN auth.refuse('ORGANIZATION_NOT_FOUND');
  END IF;
  o := auth.organization_lock(auth.organization_meant(input, s));
  me := auth.member_of(o.id, s.user_id);
  IF me.id IS NULL THEN
    RETURN auth.refuse('MEMBER_NOT_FOUND');
  ELSIF NOT auth.role_may(me.role, 'invitation', 'create') THEN
    RETURN auth.refuse_as(403, 'You are not allowed to invite users to this organization',
                          'YOU_ARE_NOT_ALLOWED_TO_INVITE_USERS_TO_THIS_ORGANIZATION');
  ELSIF wanted IS NULL THEN
    RETURN auth.refuse('ROLE_NOT_FOUND');
  ELSIF auth.role_unknown(wanted) IS NOT NULL THEN
    RETURN auth.refuse_as(400, 'ROLE_NOT_FOUND: ' || auth.role_unknown(wanted));
  ELSIF NOT auth.member_may_invite(me, wanted) THEN
    RETURN auth.refuse_as(403, 'You are not allowed to invite a user with this role',
                          'YOU_ARE_NOT_ALLOWED_TO_INVITE_USER_WITH_THIS_ROLE');
  ELSIF EXISTS (SELECT FROM auth.members m JOIN auth.users u ON u.id = m.user_id
                 WHERE m.organization_id = o.id AND u.email = address) THEN
    RETURN auth.refuse('USER_IS_ALREADY_A_MEMBER_OF_THIS_ORGANIZATION');
  END IF;
  UPDATE auth.invitations x SET status = 'canceled'
   WHERE x.organization_id = o.id AND x.email = address AND x.status = 'pending' AND x.expires_at <= now();
  SELECT x.* INTO i FROM auth.invitations x WHERE x.organization_id = o.id AND x.email = address AND x.status = 'pending';
  IF i.id IS NOT NULL AND NOT COALESCE((input ->> 'resend')::boolean, false) THEN
    RETURN auth.refuse('USER_IS_ALREADY_INVITED_TO_THIS_ORGANIZATION');
  ELSIF i.id IS NULL AND (SELECT count(*) FROM auth.invitations x
                           WHERE x.organization_id = o.id AND x.status = 'pending' AND x.expires_at > now()) >= maximum THEN
    RETURN auth.refuse_as(403, 'Invitation limit reached', 'INVITATION_LIMIT_REACHED');
  END IF;
  wait_seconds := greatest(auth.rate_limit_count('invitation', s.user_id), auth.rate_limit_count('mail/invitation', address));
  IF wait_seconds > 0 THEN
    RETURN auth.refuse('RATE_LIMITED', NULL, wait_seconds);
  ELSIF i.id IS NULL THEN
    INSERT INTO auth.invitations (organization_id, email, role, inviter_id)
    VALUES (o.id, address, wanted, s.user_id) RETURNING * INTO i;
  ELSE -- the last to ask vouches for it
    UPDATE auth.invitations x SET expires_at = now() + interval '48 hours', role = wanted, inviter_id = s.user_id
     WHERE x.id = i.id RETURNING x.* INTO i;
  END IF;
  SELECT x.* INTO STRICT inviter FROM auth.users x WHERE x.id = s.user_id;
  language := COALESCE((SELECT x.locale FROM auth.users x WHERE x.email = address), inviter.locale);
  PERFORM auth.mail_queue('invitation', address, language, auth.json_object(
    'name', '', 'organization', o.name, 'inviter', auth.inviter_name(inviter.name, language), 'invitationId', i.id));
  PERFORM auth.security_event(c, s.user_id, 'ORG_INVITED', auth.json_object('organizationId', o.id, 'role', i.role)::jsonb);
  RETURN auth.granted(auth.invitation_json(i));
END
$$;
COMMENT ON FUNCTION auth_api.invitation_create IS
  'POST /organization/invite-member: one pending invitation an address; resend makes it fresh and mails again';

CREATE FUNCTION auth.inviter_name(name text, language text) RETURNS text LANGUAGE sql IMMUTABLE
  RETURN COALESCE(NULLIF(name, ''), CASE language WHEN 'en' THEN 'A member of the team' ELSE 'Ein Teammitglied' END);
COMMENT ON FUNCTION auth.inviter_name IS 'who invites, to who is invited';

CREATE FUNCTION auth.invitation_lock(invitation_id text) RETURNS auth.invitations
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  i auth.invitations;
BEGIN
  PERFORM auth.organization_lock((SELECT x.organization_id FROM auth.invitations x WHERE x.id = invitation_lock.invitation_id));
  SELECT x.* INTO i FROM auth.invitations x
   WHERE x.id = invitation_lock.invitation_id AND x.status = 'pending' AND x.expires_at > now();
  RETURN i;
END
$$;
COMMENT ON FUNCTION auth.invitation_lock IS 'an invitation that is still open, its organization locked; a row of NULLs: none';

CREATE FUNCTION auth.invitation_refusal(u auth.users, i auth.invitations) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF i.email <> u.email THEN
    RETURN auth.refuse('YOU_ARE_NOT_THE_RECIPIENT_OF_THE_INVITATION');
  ELSIF NOT u.email_verified THEN
    RETURN auth.refuse_as(403, 'Email verification required before accepting or rejecting invitation',
                          'EMAIL_VERIFICATION_REQUIRED_BEFORE_ACCEPTING_OR_REJECTING_INVITATION');
  END IF;
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.invitation_refusal IS 'why an invitation is not this user''s to answer; NULL: it is';

CREATE FUNCTION auth_api.invitation_accept(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
  u auth.users;
  i auth.invitations;
  m auth.members;
  refusal auth.reply;
  maximum constant integer := current_setting('mana_auth.member_limit')::integer;
BEGIN
  u := auth.user_lock(s.user_id);
  IF u.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  i := auth.invitation_lock(input ->> 'invitationId');
  IF i.id IS NULL THEN
    RETURN auth.refuse('INVITATION_NOT_FOUND');
  END IF;
  refusal := auth.invitation_refusal(u, i);
  IF NOT (refusal IS NULL) THEN
    RETURN refusal;
  ELSIF NOT auth.member_may_invite(auth.member_of(i.organization_id, i.inviter_id), i.role) THEN
    RETURN auth.refuse('INVITATION_NOT_FOUND'); -- who invited could not do so any more
  ELSIF auth.organization_limit_is_reached(u.id) THEN
    RETURN auth.refuse_as(403, 'You have reached the maximum number of organizations',
                          'YOU_HAVE_REACHED_THE_MAXIMUM_NUMBER_OF_ORGANIZATIONS');
  ELSIF (SELECT count(*) FROM auth.members x WHERE x.organization_id = i.organization_id) >= maximum THEN
    RETURN auth.refuse_as(403, 'Organization membership limit reached', 'ORGANIZATION_MEMBERSHIP_LIMIT_REACHED');
  END IF;
  INSERT INTO auth.members (organization_id, user_id, role) VALUES (i.organization_id, u.id, i.role)
  ON CONFLICT (organization_id, user_id) DO NOTHING RETURNING * INTO m;
  IF m.id IS NULL THEN
    RETURN auth.refuse('USER_IS_ALREADY_A_MEMBER_OF_THIS_ORGANIZATION');
  END IF;
  UPDATE auth.invitations x SET status = 'accepted' WHERE x.id = i.id RETURNING x.* INTO i;
  UPDATE auth.sessions x SET active_organization_id = i.organization_id WHERE x.id = s.id;
  PERFORM auth.security_event(c, u.id, 'ORG_JOINED', auth.json_object('organizationId', i.organization_id, 'role', i.role)::jsonb);
  RETURN auth.granted(auth.json_object('invitation', auth.invitation_json(i), 'member', auth.member_json(m)));
END
$$;
COMMENT ON FUNCTION auth_api.invitation_accept IS 'POST /organization/accept-invitation: once, by who has its verified address';

CREATE FUNCTION auth_api.invitation_reject(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
  u auth.users;
  i auth.invitations;
  refusal auth.reply;
BEGIN
  u := auth.user_lock(s.user_id);
  IF u.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  i := auth.invitation_lock(input ->> 'invitationId');
  IF i.id IS NULL THEN
    RETURN auth.refuse('INVITATION_NOT_FOUND', 'Invitation not found!');
  END IF;
  refusal := auth.invitation_refusal(u, i);
  IF NOT (refusal IS NULL) THEN
    RETURN refusal;
  END IF;
  UPDATE auth.invitations x SET status = 'rejected' WHERE x.id = i.id RETURNING x.* INTO i;
  RETURN auth.granted(auth.json_object('invitation', auth.invitation_json(i), 'member', NULL::text));
END
$$;
COMMENT ON FUNCTION auth_api.invitation_reject IS 'POST /organization/reject-invitation';

CREATE FUNCTION auth_api.invitation_cancel(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
  i auth.invitations;
  me auth.members;
BEGIN
  IF s.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  i := auth.invitation_lock(input ->> 'invitationId');
  me := auth.member_of(i.organization_id, s.user_id);
  IF i.id IS NULL THEN
    RETURN auth.refuse('INVITATION_NOT_FOUND');
  ELSIF me.id IS NULL THEN
    RETURN auth.refuse('MEMBER_NOT_FOUND');
  ELSIF NOT auth.role_may(me.role, 'invitation', 'cancel') OR auth.role_rank(i.role) > auth.role_rank(me.role) THEN
    RETURN auth.refuse('YOU_ARE_NOT_ALLOWED_TO_CANCEL_THIS_INVITATION');
  END IF;
  UPDATE auth.invitations x SET status = 'canceled' WHERE x.id = i.id RETURNING x.* INTO i;
  RETURN auth.granted(auth.invitation_json(i));
END
$$;
COMMENT ON FUNCTION auth_api.invitation_cancel IS 'POST /organization/cancel-invitation: none into a role above the caller''s own';

CREATE FUNCTION auth_api.invitation_get(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
  u auth.users;
  i auth.invitations;
BEGIN
  IF s.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  SELECT x.* INTO STRICT u FROM auth.users x WHERE x.id = s.user_id;
  SELECT x.* INTO i FROM auth.invitations x WHERE x.id = input ->> 'id' AND x.status = 'pending' AND x.expires_at > now();
  IF i.id IS NULL THEN
    RETURN auth.refuse_as(400, 'Invitation not found!');
  ELSIF i.email <> u.email THEN
    RETURN auth.refuse('YOU_ARE_NOT_THE_RECIPIENT_OF_THE_INVITATION');
  ELSIF NOT u.email_verified THEN
    RETURN auth.refuse('EMAIL_VERIFICATION_REQUIRED_FOR_INVITATION');
  ELSIF NOT auth.member_may_invite(auth.member_of(i.organization_id, i.inviter_id), i.role) THEN
    RETURN auth.refuse_as(400, 'Inviter is no longer a member of the organization',
                          'INVITER_IS_NO_LONGER_A_MEMBER_OF_THE_ORGANIZATION');
  END IF;
  RETURN (SELECT auth.granted(auth.json_object(
            'organizationId', i.organization_id, 'email', i.email, 'role', i.role, 'status', i.status,
            'expiresAt', i.expires_at, 'createdAt', i.created_at, 'inviterId', i.inviter_id, 'id', i.id,
            'organizationName', o.name, 'organizationSlug', o.slug, 'inviterEmail', v.email))
            FROM auth.organizations o, auth.users v WHERE o.id = i.organization_id AND v.id = i.inviter_id);
END
$$;
COMMENT ON FUNCTION auth_api.invitation_get IS 'GET /organization/get-invitation: to who has its verified address, as long as its inviter could still give it';

CREATE FUNCTION auth_api.invitation_page(c auth.caller, invitation_id text)
  RETURNS TABLE (state text, organization text, inviter text, email text)
  LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
  u auth.users;
  i auth.invitations;
BEGIN
  IF s.id IS NULL THEN
    RETURN QUERY SELECT 'signed_out', NULL::text, NULL::text, NULL::text;
    RETURN;
  END IF;
  SELECT x.* INTO STRICT u FROM auth.users x WHERE x.id = s.user_id;
  SELECT x.* INTO i FROM auth.invitations x WHERE x.id = invitation_id;
  state := CASE
    WHEN i.id IS NULL THEN 'gone'
    WHEN i.email <> u.email THEN 'other'
    WHEN NOT u.email_verified THEN 'unverified'
    WHEN i.status = 'rejected' THEN 'rejected'
    WHEN (auth.member_of(i.organization_id, u.id)).id IS NOT NULL THEN 'member'
    WHEN i.status <> 'pending' OR i.expires_at <= now()
         OR NOT auth.member_may_invite(auth.member_of(i.organization_id, i.inviter_id), i.role) THEN 'gone'
    ELSE 'open' END;
  email := u.email;
  IF state IN ('open', 'member', 'rejected') THEN
    SELECT o.name INTO STRICT organization FROM auth.organizations o WHERE o.id = i.organization_id;
    SELECT auth.inviter_name(v.name, u.locale) INTO STRICT inviter FROM auth.users v WHERE v.id = i.inviter_id;
  END IF;
  RETURN NEXT;
END
$$;
COMMENT ON FUNCTION auth_api.invitation_page IS
  'what the page of an invitation shows: open, member, rejected, with the organization and who invites; gone, other, '
  'unverified, signed_out, with neither';

CREATE FUNCTION auth_api.invitation_list(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
  chosen constant text := auth.organization_meant(input, s);
  me constant auth.members := auth.member_of(chosen, s.user_id);
BEGIN
  IF s.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  ELSIF chosen IS NULL THEN
    RETURN auth.refuse_as(400, 'Organization ID is required');
  ELSIF me.id IS NULL THEN
    RETURN auth.refuse('YOU_ARE_NOT_A_MEMBER_OF_THIS_ORGANIZATION');
  ELSIF NOT auth.role_may(me.role, 'invitation', 'create') THEN
    RETURN auth.refuse('YOU_ARE_NOT_ALLOWED_TO_LIST_INVITATIONS');
  END IF;
  RETURN auth.granted((SELECT auth.json_array_agg(auth.invitation_json(i) ORDER BY i.created_at, i.id)
                         FROM auth.invitations i WHERE i.organization_id = chosen AND auth.invitation_is_shown(i, me)));
END
$$;
COMMENT ON FUNCTION auth_api.invitation_list IS
  'GET /organization/list-invitations: those that the caller could have given, whatever became of them';

CREATE FUNCTION auth_api.invitation_list_own(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
  u auth.users;
BEGIN
  IF s.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  ELSIF input ? 'email' THEN
    RETURN auth.refuse_as(400, 'User email cannot be passed for client side API calls.');
  END IF;
  SELECT x.* INTO STRICT u FROM auth.users x WHERE x.id = s.user_id;
  IF NOT u.email_verified THEN
    RETURN auth.refuse('EMAIL_VERIFICATION_REQUIRED_FOR_INVITATION');
  END IF;
  RETURN auth.granted((
    SELECT auth.json_array_agg(auth.json_object(
             'organizationId', i.organization_id, 'email', i.email, 'role', i.role, 'status', i.status,
             'expiresAt', i.expires_at, 'createdAt', i.created_at, 'inviterId', i.inviter_id, 'id', i.id,
             'organizationName', o.name) ORDER BY i.created_at, i.id)
      FROM auth.invitations i JOIN auth.organizations o ON o.id = i.organization_id
     WHERE i.email = u.email AND i.status = 'pending' AND i.expires_at > now()));
END
$$;
COMMENT ON FUNCTION auth_api.invitation_list_own IS
  'GET /organization/list-user-invitations: open ones to the caller''s verified address';
-- What a client may say of itself (RFC 7591, section 2; OpenID Connect Dynamic Client Registration, section 2).

CREATE FUNCTION auth.oidc_redirect_uri_is_sound(uri text) RETURNS boolean LANGUAGE sql IMMUTABLE
  RETURN uri ~ '^[A-Za-z][A-Za-z0-9+.-]*:[^[:space:][:cntrl:]#\\"<>*]+$' AND pg_catalog.length(uri) <= 2048
         AND uri !~* '^(javascript|data|vbscript|file|about|blob|filesystem|view-source):'
         AND (uri ~* '^https://[^/?@]+([/?]|$)'
              OR uri ~* '^http://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?([/?]|$)'
              OR uri ~ '^[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+:/');
COMMENT ON FUNCTION auth.oidc_redirect_uri_is_sound IS
  'https; http on this machine''s loopback; or an app''s own scheme in reverse domain notation (RFC 8252, section 7.1). '
  'No fragment (RFC 6749, section 3.1.2), no wildcard, no user information';

CREATE FUNCTION auth.oidc_jwk_is_usable(key jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE
  RETURN COALESCE(
    NOT key ?| '{d,p,q,dp,dq,qi,oth,k}' AND COALESCE(key ->> 'use', 'sig') = 'sig'
    AND CASE key ->> 'kty'
          WHEN 'RSA' THEN key ->> 'n' ~ '^[A-Za-z0-9_-]+$' AND pg_catalog.length(key ->> 'n') BETWEEN 342 AND 1366
                          AND key ->> 'e' ~ '^[A-Za-z0-9_-]{3,6}$' AND COALESCE(key ->> 'alg', 'RS256') IN ('RS256', 'PS256')
          WHEN 'EC' THEN key ->> 'crv' = 'P-256' AND key ->> 'x' ~ '^[A-Za-z0-9_-]{43}$' AND key ->> 'y' ~ '^[A-Za-z0-9_-]{43}$'
                         AND COALESCE(key ->> 'alg', 'ES256') = 'ES256'
          WHEN 'OKP' THEN key ->> 'crv' = 'Ed25519' AND key ->> 'x' ~ '^[A-Za-z0-9_-]{43}$'
                          AND COALESCE(key ->> 'alg', 'EdDSA') = 'EdDSA'
        END, false);
COMMENT ON FUNCTION auth.oidc_jwk_is_usable IS
  'a public key by which an edge can verify: RSA of 2048 to 8192 bits, P-256 or Ed25519. A private or symmetric one is refused, '
  'so that nobody leaves it here';

CREATE FUNCTION auth.oidc_jwks_is_usable(jwks jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE
  RETURN CASE WHEN jwks IS NULL THEN NULL
              WHEN pg_catalog.jsonb_typeof(jwks -> 'keys') IS DISTINCT FROM 'array' THEN false
              ELSE (SELECT pg_catalog.count(*) BETWEEN 1 AND 16 AND pg_catalog.bool_and(auth.oidc_jwk_is_usable(k))
                           AND pg_catalog.count(k ->> 'kid') = pg_catalog.count(DISTINCT k ->> 'kid')
                      FROM pg_catalog.jsonb_array_elements(jwks -> 'keys') k) END;
COMMENT ON FUNCTION auth.oidc_jwks_is_usable IS 'a JWK Set (RFC 7517, section 5) of 1 to 16 usable keys, no two of one kid; NULL of none';

CREATE FUNCTION auth.oidc_text_array(value jsonb) RETURNS text[] LANGUAGE sql IMMUTABLE
  RETURN CASE WHEN pg_catalog.jsonb_typeof(value) = 'array'
              THEN ARRAY(SELECT x FROM pg_catalog.jsonb_array_elements_text(value) WITH ORDINALITY e (x, i) ORDER BY i) END;
COMMENT ON FUNCTION auth.oidc_text_array IS 'a JSON array of strings; NULL for anything else';

CREATE FUNCTION auth.oidc_metadata_fault(m jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  bad text;
BEGIN
  SELECT name INTO bad
    FROM unnest('{redirect_uris,post_logout_redirect_uris,grant_types,response_types,contacts}'::text[]) name
   WHERE m ? name AND (jsonb_typeof(m -> name) <> 'array'
                       OR EXISTS (SELECT FROM jsonb_array_elements(m -> name) x WHERE jsonb_typeof(x) <> 'string'));
  IF FOUND THEN
    RETURN bad || ' must be an array of strings';
  END IF;
  SELECT name INTO bad FROM unnest('{client_uri,logo_uri,tos_uri,policy_uri}'::text[]) name
   WHERE m ->> name !~* '^https?://[^[:space:][:cntrl:]\\"<>]+$';
  IF FOUND THEN
    RETURN bad || ' must be a URL';
  ELSIF m ->> 'scope' !~ '^[!#-\[\]-~]+( [!#-\[\]-~]+)*$' THEN
    RETURN 'scope must be names with a space between them';
  ELSIF m ? 'response_types' AND m -> 'response_types' <> '["code"]' THEN
    RETURN 'response_types must be ["code"]';
  ELSIF m ? 'jwks' AND NOT COALESCE(auth.oidc_jwks_is_usable(m -> 'jwks'), false) THEN
    RETURN 'jwks must be a set of public keys: RSA of 2048 bits or more, P-256 or Ed25519';
  END IF;
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.oidc_metadata_fault IS 'what is wrong with the metadata of a client, redirect URIs aside; NULL: nothing';

CREATE FUNCTION auth.oidc_metadata_redirect_fault(m jsonb) RETURNS text LANGUAGE sql IMMUTABLE
  RETURN (SELECT pg_catalog.min(uri) FROM pg_catalog.unnest(
            auth.oidc_text_array(m -> 'redirect_uris') || auth.oidc_text_array(m -> 'post_logout_redirect_uris')) uri
           WHERE NOT auth.oidc_redirect_uri_is_sound(uri));
COMMENT ON FUNCTION auth.oidc_metadata_redirect_fault IS 'a redirect URI that is not allowed; NULL: none';
-- What the OpenID provider keeps: clients, what users allowed them, and digests of codes and tokens.

CREATE TABLE auth.oauth_clients (
  id                          text        NOT NULL DEFAULT auth.random_id(),
  name                        text        NOT NULL,
  uri                         text,
  secret_digest               bytea,
  auth_method                 text        NOT NULL DEFAULT 'client_secret_basic',
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
    CHECK (auth_method IN ('client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none')),
  CONSTRAINT oauth_clients_grant_types_are_known
    CHECK (grant_types <@ '{authorization_code,refresh_token,client_credentials}'::text[]),
  CONSTRAINT oauth_clients_scopes_are_names -- scope-token of RFC 6749, section 3.3
    CHECK (scopes = '{}' OR pg_catalog.array_to_string(scopes, E'\n', '') ~ '^[!#-\[\]-~]+(\n[!#-\[\]-~]+)*$'),
  CONSTRAINT oauth_clients_id_token_alg_is_known CHECK (id_token_alg IN ('EdDSA', 'ES256', 'RS256')),
  CONSTRAINT oauth_clients_secret_goes_with_method
    CHECK (disabled OR (secret_digest IS NOT NULL) = (auth_method IN ('client_secret_basic', 'client_secret_post'))),
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
COMMENT ON COLUMN auth.oauth_clients.auth_method IS 'the one way in which the client authenticates; none: a public client, with PKCE';
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
-- What the parts of the OpenID provider share: URLs, errors, clients and their redirects, living grants.

CREATE FUNCTION auth.form_encode(value text) RETURNS text LANGUAGE sql IMMUTABLE STRICT
  RETURN (SELECT COALESCE(pg_catalog.string_agg(
                   CASE WHEN b = 32 THEN '+'
                        WHEN b BETWEEN 48 AND 57 OR b BETWEEN 65 AND 90 OR b BETWEEN 97 AND 122 OR b IN (42, 45, 46, 95)
                          THEN pg_catalog.chr(b)
                        ELSE '%' || pg_catalog.upper(pg_catalog.lpad(pg_catalog.to_hex(b), 2, '0')) END, '' ORDER BY i), '')
            FROM (SELECT i, pg_catalog.get_byte(bytes, i) AS b
                    FROM (SELECT pg_catalog.convert_to(value, 'UTF8') AS bytes) v,
                         pg_catalog.generate_series(0, pg_catalog.octet_length(bytes) - 1) i) each_byte);
COMMENT ON FUNCTION auth.form_encode IS 'a value in a query, as application/x-www-form-urlencoded (URL standard, section 5.2)';

CREATE FUNCTION auth.form_query(VARIADIC pairs text[]) RETURNS text LANGUAGE sql IMMUTABLE
  RETURN (SELECT COALESCE(pg_catalog.string_agg(pairs[i] || '=' || auth.form_encode(pairs[i + 1]), '&' ORDER BY i), '')
            FROM pg_catalog.generate_series(1, pg_catalog.cardinality(pairs), 2) i WHERE pairs[i + 1] IS NOT NULL);
COMMENT ON FUNCTION auth.form_query IS 'name=value&... of names and values in turn; NULLs are left out';

CREATE FUNCTION auth.url_with_query(url text, query text, in_fragment boolean DEFAULT false) RETURNS text LANGUAGE sql IMMUTABLE
  RETURN CASE WHEN in_fragment THEN url || '#' || query
              ELSE url || CASE WHEN pg_catalog.strpos(url, '?') > 0 THEN '&' ELSE '?' END || query END;
COMMENT ON FUNCTION auth.url_with_query IS 'adds parameters to a registered redirect URI, which has no fragment and may have a query';

CREATE FUNCTION auth.oidc_refuse(status integer, error text, description text) RETURNS auth.reply LANGUAGE sql IMMUTABLE
  RETURN auth.granted(auth.json_object('error_description', description, 'error', error), status => status);
COMMENT ON FUNCTION auth.oidc_refuse IS 'an error in the form of RFC 6749, section 5.2';

CREATE FUNCTION auth.oidc_redirect(location text) RETURNS auth.reply LANGUAGE sql IMMUTABLE
  RETURN ROW(NULL, NULL, NULL, 302, NULL, location, NULL, NULL)::auth.reply;
COMMENT ON FUNCTION auth.oidc_redirect IS
  'where the browser goes next. A path of ours that ends in &sig= is signed by the edge, which has the secret of cookies';

CREATE FUNCTION auth.oidc_client_find(client_id text) RETURNS auth.oauth_clients
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  client auth.oauth_clients;
BEGIN
  SELECT x.* INTO client FROM auth.oauth_clients x WHERE x.id = oidc_client_find.client_id AND NOT x.disabled;
  RETURN client;
END
$$;
COMMENT ON FUNCTION auth.oidc_client_find IS 'a client that may act; a row of NULLs when there is none';

CREATE FUNCTION auth.oidc_redirect_uri_is_registered(registered text[], given text) RETURNS boolean LANGUAGE sql IMMUTABLE
  RETURN COALESCE(given = ANY (registered)
    -- RFC 8252, section 7.3: "The authorization server MUST allow any port to be specified at the time of the request for
    -- loopback IP redirect URIs". Of the two forms only the port is dropped, and only from a literal loopback address.
    OR (given ~ '^http://(127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?(/[^\\]*)?$'
        AND EXISTS (SELECT FROM pg_catalog.unnest(registered) r
                     WHERE r ~ '^http://(127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?(/|$)'
                       AND pg_catalog.regexp_replace(r, '^(http://(127\.0\.0\.1|\[::1\]))(:[0-9]{1,5})?', '\1')
                         = pg_catalog.regexp_replace(given, '^(http://(127\.0\.0\.1|\[::1\]))(:[0-9]{1,5})?', '\1'))), false);
COMMENT ON FUNCTION auth.oidc_redirect_uri_is_registered IS
  'RFC 9700, section 2.1: "authorization servers MUST utilize exact string matching"; but for the port of loopback addresses';

CREATE FUNCTION auth.oidc_grant_lives(g auth.oauth_grants) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN g.id IS NOT NULL
     AND EXISTS (SELECT FROM auth.users u WHERE u.id = g.user_id AND u.deleted_at IS NULL)
     AND EXISTS (SELECT FROM auth.oauth_clients o WHERE o.id = g.client_id AND NOT o.disabled)
     AND ('offline_access' = ANY (g.scopes)
          OR EXISTS (SELECT FROM auth.sessions s WHERE s.id = g.session_id AND s.expires_at > now()));
END
$$;
COMMENT ON FUNCTION auth.oidc_grant_lives IS
  'whether its tokens are good: as long as the session, or longer where the user allowed offline_access';

CREATE FUNCTION auth.oidc_user_claims(u auth.users, scopes text[]) RETURNS json LANGUAGE sql STABLE
  RETURN pg_catalog.json_strip_nulls(auth.json_object(
    'name', CASE WHEN 'profile' = ANY (scopes) THEN u.name END,
    'picture', CASE WHEN 'profile' = ANY (scopes) THEN u.image END,
    'given_name', CASE WHEN 'profile' = ANY (scopes) AND u.name ~ '\S\s+\S'
                       THEN pg_catalog.regexp_replace(pg_catalog.btrim(u.name), '\s+\S+$', '') END,
    'family_name', CASE WHEN 'profile' = ANY (scopes) AND u.name ~ '\S\s+\S'
                        THEN pg_catalog.substring(u.name, '(\S+)\s*$') END,
    'email', CASE WHEN 'email' = ANY (scopes) THEN u.email END,
    'email_verified', CASE WHEN 'email' = ANY (scopes) THEN u.email_verified END));
COMMENT ON FUNCTION auth.oidc_user_claims IS 'OpenID Connect Core, section 5.4: what the scopes profile and email ask for';

CREATE FUNCTION auth.json_joined(a json, b json) RETURNS text LANGUAGE sql IMMUTABLE
  RETURN CASE WHEN b::text = '{}' THEN a::text
              ELSE pg_catalog.rtrim(a::text, '}') || ',' || pg_catalog.ltrim(b::text, '{') END;
COMMENT ON FUNCTION auth.json_joined IS 'the members of two flat objects in one';

CREATE FUNCTION auth.epoch(t timestamptz) RETURNS bigint LANGUAGE sql STABLE STRICT
  RETURN pg_catalog.floor(EXTRACT(epoch FROM t))::bigint;
COMMENT ON FUNCTION auth.epoch IS 'NumericDate (RFC 7519)';
-- The authorization endpoint: who asks, for what, and whether the user is there and agrees. Decides everything; the edge only
-- redirects, and signs the query of a request that has to wait for a sign-in or a consent.

CREATE FUNCTION auth.oidc_error_page(issuer text, error text, description text) RETURNS auth.reply LANGUAGE sql IMMUTABLE
  RETURN auth.oidc_redirect(issuer || '/api/auth/error?' || auth.form_query('error', error, 'error_description', description));
COMMENT ON FUNCTION auth.oidc_error_page IS
  'RFC 6749, section 4.1.2.1: with a bad client or redirect URI "the authorization server SHOULD inform the resource owner of '
  'the error and MUST NOT automatically redirect the user-agent to the invalid redirection URI"';

CREATE FUNCTION auth.oidc_answer_error(input jsonb, issuer text, error text, description text) RETURNS auth.reply
LANGUAGE sql IMMUTABLE
  RETURN auth.oidc_redirect(auth.url_with_query(
    input ->> 'redirect_uri',
    auth.form_query('error', error, 'error_description', description, 'state', input ->> 'state', 'iss', issuer),
    COALESCE(input ->> 'response_type', '') ~ 'token'));
COMMENT ON FUNCTION auth.oidc_answer_error IS
  'tells the client, at a redirect URI that was proved; iss as RFC 9207 wants it. Who asked for an implicit answer looks for it '
  'in the fragment (RFC 6749, section 4.2.2.1)';

CREATE FUNCTION auth.oidc_wait(input jsonb, page text) RETURNS auth.reply LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  query text := auth.form_query(
    'response_type', input ->> 'response_type', 'redirect_uri', input ->> 'redirect_uri', 'scope', input ->> 'scope',
    'state', input ->> 'state', 'client_id', input ->> 'client_id', 'prompt', input ->> 'prompt',
    'max_age', input ->> 'max_age', 'login_hint', input ->> 'login_hint', 'ui_locales', input ->> 'ui_locales',
    'code_challenge', input ->> 'code_challenge', 'code_challenge_method', input ->> 'code_challenge_method',
    'nonce', input ->> 'nonce', 'resource', input ->> 'resource',
    'exp', auth.epoch(now() + interval '10 minutes')::text,
    'ba_iat', floor(extract(epoch FROM now()) * 1000)::bigint::text);
BEGIN
  RETURN auth.oidc_redirect(page || '?' || query || (
    SELECT string_agg('&ba_param=' || name, '' ORDER BY name)
      FROM (SELECT split_part(pair, '=', 1) AS name FROM unnest(string_to_array(query, '&')) pair
             UNION SELECT 'ba_param') names) || '&sig=');
END
$$;
COMMENT ON FUNCTION auth.oidc_wait IS
  'to a page of ours with the whole request, its time and its end, which the edge signs; Better Auth''s form';

CREATE FUNCTION auth.oidc_scopes(scope text) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  word text;
  words text[] := '{}';
BEGIN
  FOREACH word IN ARRAY string_to_array(scope, ' ') LOOP
    IF word <> '' AND word <> ALL (words) THEN
      words := words || word;
    END IF;
  END LOOP;
  RETURN words;
END
$$;
COMMENT ON FUNCTION auth.oidc_scopes IS 'a scope parameter as a list, each once, in its order';

CREATE FUNCTION auth.oidc_code_issue(
    client auth.oauth_clients, s auth.sessions, input jsonb, scopes text[], issuer text) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  code constant text := auth.random_id(32);
  grant_id constant text := auth.random_id();
BEGIN
  INSERT INTO auth.oauth_grants (id, client_id, user_id, session_id, sid, scopes, resource, nonce, auth_time)
  VALUES (grant_id, client.id, s.user_id, s.id, s.id, scopes, input ->> 'resource', input ->> 'nonce', s.created_at);
  INSERT INTO auth.oauth_codes (digest, grant_id, redirect_uri, code_challenge, expires_at)
  VALUES (auth.token_digest(code), grant_id, input ->> 'redirect_uri',
          decode(translate(input ->> 'code_challenge', '-_', '+/') || '=', 'base64'), now() + interval '5 minutes');
  RETURN auth.oidc_redirect(auth.url_with_query(
    input ->> 'redirect_uri', auth.form_query('code', code, 'state', input ->> 'state', 'iss', issuer)));
END
$$;
COMMENT ON FUNCTION auth.oidc_code_issue IS 'a code for what the user allows a client in this session';

CREATE FUNCTION auth.oidc_decide(
    c auth.caller, input jsonb, issuer text, since timestamptz, hint_sub text, consented text[])
  RETURNS auth.reply LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  client constant auth.oauth_clients := auth.oidc_client_find(input ->> 'client_id');
  s constant auth.sessions := auth.session_hold(c); -- who signs out meanwhile is asked to sign in, as who did before
  prompts constant text[] := string_to_array(COALESCE(input ->> 'prompt', ''), ' ');
  wished text[] := auth.oidc_scopes(COALESCE(input ->> 'scope', 'openid'));
  wrong text;
  signed_in_since constant boolean := COALESCE(s.created_at >= since, false);
BEGIN
  IF client.id IS NULL THEN
    RETURN auth.oidc_error_page(issuer, 'invalid_client', 'client_id is required');
  ELSIF NOT auth.oidc_redirect_uri_is_registered(client.redirect_uris, input ->> 'redirect_uri') THEN
    RETURN auth.oidc_error_page(issuer, 'invalid_redirect', 'invalid redirect uri');
  ELSIF input ->> 'request' IS NOT NULL THEN
    RETURN auth.oidc_answer_error(input, issuer, 'request_not_supported', 'request objects are not supported');
  ELSIF input ->> 'request_uri' IS NOT NULL THEN
    RETURN auth.oidc_answer_error(input, issuer, 'request_uri_not_supported', 'request objects are not supported');
  ELSIF input ->> 'response_type' IS NULL THEN
    RETURN auth.oidc_answer_error(input, issuer, 'invalid_request', 'response_type is required');
  ELSIF input ->> 'response_type' <> 'code' THEN
    RETURN auth.oidc_answer_error(input, issuer, 'unsupported_response_type', 'response_type must be one of: code');
  ELSIF COALESCE(input ->> 'response_mode', 'query') <> 'query' THEN
    RETURN auth.oidc_answer_error(input, issuer, 'invalid_request', 'response_mode must be one of: query');
  ELSIF NOT 'authorization_code' = ANY (client.grant_types) THEN
    RETURN auth.oidc_answer_error(input, issuer, 'unauthorized_client', 'client may not use the authorization code grant');
  END IF;

  SELECT string_agg(x, ' ' ORDER BY i) INTO wrong
    FROM unnest(wished) WITH ORDINALITY asked (x, i) WHERE x <> ALL (client.scopes);
  IF wrong IS NOT NULL THEN
    RETURN auth.oidc_answer_error(input, issuer, 'invalid_scope', 'The following scopes are invalid: ' || wrong);
  ELSIF cardinality(wished) = 0 THEN
    RETURN auth.oidc_answer_error(input, issuer, 'invalid_scope', 'no scope is named');
  ELSIF ((auth.oidc_target(client.id, NULL, input ->> 'resource', wished)).refusal).status IS NOT NULL THEN
    RETURN auth.oidc_answer_error(input, issuer, 'invalid_target', 'requested resource is not open to this client, or not for these scopes');
  ELSIF COALESCE(input ->> 'code_challenge_method', CASE WHEN input ? 'code_challenge' THEN 'plain' END) <> 'S256' THEN
    -- RFC 7636, section 4.3: the method "defaults to "plain" if not present", and plain proves nothing to who read the request
    RETURN auth.oidc_answer_error(input, issuer, 'invalid_request', 'code_challenge_method must be one of: S256');
  ELSIF input ->> 'code_challenge' !~ '^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$' THEN
    RETURN auth.oidc_answer_error(input, issuer, 'invalid_request', 'code_challenge must be a SHA-256 in base64url');
  ELSIF input ->> 'code_challenge' IS NULL AND input ->> 'code_challenge_method' IS NOT NULL THEN
    RETURN auth.oidc_answer_error(input, issuer, 'invalid_request', 'code_challenge is required with code_challenge_method');
  ELSIF input ->> 'code_challenge' IS NULL AND client.auth_method = 'none' THEN
    RETURN auth.oidc_answer_error(input, issuer, 'invalid_request', 'pkce is required for public clients');
  ELSIF input ->> 'code_challenge' IS NULL AND client.require_pkce THEN
    RETURN auth.oidc_answer_error(input, issuer, 'invalid_request', 'pkce is required for this client');
  ELSIF input ->> 'max_age' !~ '^[0-9]{1,9}$' THEN
    RETURN auth.oidc_answer_error(input, issuer, 'invalid_request', 'max_age must be a number of seconds');
  ELSIF NOT prompts <@ '{none,login,consent,create,select_account}'::text[] THEN
    RETURN auth.oidc_answer_error(input, issuer, 'invalid_request', 'prompt must be of: login consent create select_account none');
  ELSIF 'none' = ANY (prompts) AND cardinality(prompts) > 1 THEN
    -- OpenID Connect Core, section 3.1.2.1: "If this parameter contains none with any other value, an error is returned."
    RETURN auth.oidc_answer_error(input, issuer, 'invalid_request', 'prompt none must stand alone');
  END IF;

  IF s.id IS NULL
     OR (prompts && '{login,create,select_account}'::text[] AND NOT signed_in_since)
     OR (s.created_at + make_interval(secs => (input ->> 'max_age')::integer) <= now() AND NOT signed_in_since)
     OR hint_sub <> s.user_id THEN
    -- section 3.1.2.6, login_required: "the Authentication Request cannot be completed without displaying a user interface"
    RETURN CASE WHEN 'none' = ANY (prompts)
                THEN auth.oidc_answer_error(input, issuer, 'login_required', 'authentication required')
                ELSE auth.oidc_wait(input, CASE WHEN 'create' = ANY (prompts) THEN '/sign-up' ELSE '/login' END) END;
  END IF;

  IF consented IS NOT NULL THEN
    wished := (SELECT array_agg(x ORDER BY i) FROM unnest(wished) WITH ORDINALITY asked (x, i) WHERE x = ANY (consented));
  ELSIF ('consent' = ANY (prompts) OR NOT client.skip_consent AND NOT EXISTS (
           SELECT FROM auth.oauth_consents o
            WHERE o.user_id = s.user_id AND o.client_id = client.id AND o.scopes @> wished)) THEN
    RETURN CASE WHEN 'none' = ANY (prompts)
                THEN auth.oidc_answer_error(input, issuer, 'consent_required', 'End-User consent is required')
                ELSE auth.oidc_wait(input, '/consent') END;
  END IF;
  RETURN auth.oidc_code_issue(client, s, input, wished, issuer);
END
$$;
COMMENT ON FUNCTION auth.oidc_decide IS
  'what becomes of an authorization request: an error, a sign-in, a consent or a code. since: when the request first came, if it '
  'comes again with our signature (a session opened after it satisfies prompt=login); consented: scopes allowed just now';

CREATE FUNCTION auth_api.oidc_authorize(c auth.caller, input jsonb, issuer text, hint_sub text, repeated text DEFAULT NULL)
RETURNS auth.reply LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  client auth.oauth_clients;
BEGIN
  IF repeated IS NULL THEN
    RETURN auth.oidc_decide(c, input - '{ba_iat,exp,sig}'::text[], issuer, NULL, hint_sub, NULL);
  END IF;
  -- RFC 6749, section 3.1: "Request and response parameters MUST NOT be included more than once."
  client := auth.oidc_client_find(input ->> 'client_id');
  IF repeated IN ('client_id', 'redirect_uri')
     OR NOT auth.oidc_redirect_uri_is_registered(client.redirect_uris, input ->> 'redirect_uri') THEN
    RETURN auth.oidc_error_page(issuer, 'invalid_request', repeated || ' is given more than once');
  ELSIF repeated = 'resource' THEN
    RETURN auth.oidc_answer_error(input, issuer, 'invalid_target', 'one resource a request'); -- RFC 8707 would allow more
  END IF;
  RETURN auth.oidc_answer_error(input, issuer, 'invalid_request', repeated || ' is given more than once');
END
$$;
COMMENT ON FUNCTION auth_api.oidc_authorize IS
  'GET and POST /oauth2/authorize; hint_sub: sub of an id_token_hint of ours; repeated: a parameter that came twice';

CREATE FUNCTION auth.oidc_request_since(input jsonb) RETURNS timestamptz LANGUAGE sql STABLE
  RETURN CASE WHEN input ->> 'exp' ~ '^[0-9]{1,12}$' AND input ->> 'ba_iat' ~ '^[0-9]{1,15}$'
                   AND (input ->> 'exp')::bigint > EXTRACT(epoch FROM pg_catalog.now())
              THEN pg_catalog.to_timestamp((input ->> 'ba_iat')::bigint / 1000.0) END;
COMMENT ON FUNCTION auth.oidc_request_since IS 'when a signed request came; NULL: it has expired';

CREATE FUNCTION auth_api.oidc_continue(c auth.caller, input jsonb, issuer text) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  since constant timestamptz := auth.oidc_request_since(input);
BEGIN
  IF since IS NULL THEN
    RETURN auth.oidc_refuse(400, 'invalid_request', 'the request has expired');
  END IF;
  RETURN auth.oidc_decide(c, input - '{ba_iat,exp,sig}'::text[], issuer, since, NULL, NULL);
END
$$;
COMMENT ON FUNCTION auth_api.oidc_continue IS
  'goes on after a sign-in with a request whose signature the edge has verified; all else about it is asked again';

CREATE FUNCTION auth_api.oidc_consent(c auth.caller, input jsonb, issuer text, accept boolean, scope text) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  since constant timestamptz := auth.oidc_request_since(input);
  s constant auth.sessions := auth.session_find(c);
  client constant auth.oauth_clients := auth.oidc_client_find(input ->> 'client_id');
  asked constant text[] := auth.oidc_scopes(COALESCE(input ->> 'scope', 'openid'));
  allowed constant text[] := COALESCE(auth.oidc_scopes(scope), asked);
BEGIN
  IF since IS NULL THEN
    RETURN auth.oidc_refuse(400, 'invalid_request', 'the request has expired');
  ELSIF s.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  ELSIF client.id IS NULL OR NOT auth.oidc_redirect_uri_is_registered(client.redirect_uris, input ->> 'redirect_uri') THEN
    RETURN auth.oidc_error_page(issuer, 'invalid_client', 'client_id is required');
  ELSIF NOT accept THEN
    RETURN auth.oidc_answer_error(input, issuer, 'access_denied', 'User denied access');
  ELSIF NOT allowed <@ asked THEN
    RETURN auth.oidc_refuse(400, 'invalid_request', 'Scope not originally requested');
  ELSIF cardinality(allowed) = 0 THEN
    RETURN auth.oidc_refuse(400, 'invalid_request', 'no scope is allowed');
  END IF;
  INSERT INTO auth.oauth_consents AS o (user_id, client_id, scopes) VALUES (s.user_id, client.id, allowed)
  ON CONFLICT ON CONSTRAINT oauth_consents_pkey DO UPDATE
    SET scopes = (SELECT array_agg(DISTINCT x) FROM unnest(o.scopes || excluded.scopes) x), updated_at = now();
  RETURN auth.oidc_decide(c, input - '{ba_iat,exp,sig}'::text[], issuer, since, NULL, allowed);
END
$$;
COMMENT ON FUNCTION auth_api.oidc_consent IS
  'POST /oauth2/consent, for a request whose signature the edge has verified; scope: the part that the user allows (NULL: all)';
-- Access tokens for a protected resource that is named (RFC 8707): JWTs (RFC 9068) which the edge signs and nobody stores.

CREATE FUNCTION auth.oidc_resource_register(
    identifier text, name text, clients text[] DEFAULT '{}', scopes text[] DEFAULT NULL,
    access_token_ttl interval DEFAULT '1 hour', signing_alg text DEFAULT 'EdDSA', disabled boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO auth.oauth_resources AS r (identifier, name, scopes, access_token_ttl, signing_alg, disabled)
  VALUES (identifier, name, scopes, access_token_ttl, signing_alg, disabled)
  ON CONFLICT ON CONSTRAINT oauth_resources_pkey DO UPDATE
    SET name = excluded.name, scopes = excluded.scopes, access_token_ttl = excluded.access_token_ttl,
        signing_alg = excluded.signing_alg, disabled = excluded.disabled;
  DELETE FROM auth.oauth_client_resources l WHERE l.resource = identifier AND l.client_id <> ALL (clients);
  INSERT INTO auth.oauth_client_resources (client_id, resource) SELECT DISTINCT x, identifier FROM unnest(clients) x
  ON CONFLICT DO NOTHING;
END
$$;
COMMENT ON FUNCTION auth.oidc_resource_register IS
  'a protected resource, and the clients that may have tokens for it; said again, it is as it was said last. disabled: no more '
  'tokens for it, but those that are out still introspect';

CREATE FUNCTION auth.oidc_target(
    client_id text, authorized text, asked text, granted text[], OUT target auth.oauth_resources, OUT scopes text[], OUT refusal auth.reply)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  scopes := granted;
  IF asked IS NULL AND authorized IS NULL THEN
    RETURN;
  ELSIF asked <> authorized THEN
    -- RFC 8707, section 2.2: a resource of a token request is one "of the resources originally granted"
    refusal := auth.oidc_refuse(400, 'invalid_target', 'requested resource not authorized');
    RETURN;
  END IF;
  SELECT r.* INTO target
    FROM auth.oauth_resources r JOIN auth.oauth_client_resources l ON l.resource = r.identifier AND l.client_id = oidc_target.client_id
   WHERE r.identifier = COALESCE(asked, authorized) AND NOT r.disabled;
  IF NOT FOUND THEN
    refusal := auth.oidc_refuse(400, 'invalid_target', 'requested resource is not open to this client');
  ELSIF target.scopes IS NOT NULL THEN
    scopes := COALESCE((SELECT array_agg(x ORDER BY i) FROM unnest(granted) WITH ORDINALITY g (x, i) WHERE x = ANY (target.scopes)), '{}');
    IF cardinality(granted) > 0 AND cardinality(scopes) = 0 THEN
      refusal := auth.oidc_refuse(400, 'invalid_scope', 'none of the requested scopes are allowed for the resource');
    END IF;
  END IF;
END
$$;
COMMENT ON FUNCTION auth.oidc_target IS
  'the resource that an access token is for, and what is left of the scopes there; no resource: none was named. One a request: '
  '"access tokens [should] be restricted to a certain resource server (audience restriction), preferably to a single" one (RFC 9700, '
  'section 2.3)';

CREATE FUNCTION auth.oidc_access_jwt(
    target auth.oauth_resources, client_id text, sub text, sid text, grant_id text, scopes text[], issuer text, expires timestamptz)
  RETURNS text LANGUAGE sql VOLATILE
  RETURN target.signing_alg || ' at+jwt ' || pg_catalog.json_strip_nulls(auth.json_object(
    'iss', issuer, 'sub', sub,
    'aud', CASE WHEN 'openid' = ANY (scopes)
                THEN pg_catalog.jsonb_build_array(target.identifier, issuer || '/api/auth/oauth2/userinfo')
                ELSE pg_catalog.to_jsonb(target.identifier) END,
    'client_id', client_id, 'azp', client_id, 'scope', pg_catalog.array_to_string(scopes, ' '), 'sid', sid,
    'iat', auth.epoch(pg_catalog.now()), 'exp', auth.epoch(expires),
    'jti', CASE WHEN grant_id IS NULL THEN auth.random_id() ELSE grant_id || '.' || auth.random_id(16) END));
COMMENT ON FUNCTION auth.oidc_access_jwt IS
  'what the edge signs (RFC 9068, section 2.2): algorithm, type and claims. jti begins with the grant, so that introspection and '
  'userinfo know of a revocation';

CREATE FUNCTION auth.oidc_jwt_grant(claims jsonb) RETURNS auth.oauth_grants
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  g auth.oauth_grants;
BEGIN
  SELECT x.* INTO g FROM auth.oauth_grants x
   WHERE x.id = split_part(claims ->> 'jti', '.', 1) AND x.client_id = claims ->> 'client_id' AND x.user_id = claims ->> 'sub';
  RETURN g;
END
$$;
COMMENT ON FUNCTION auth.oidc_jwt_grant IS 'the grant that a JWT of ours came of; a row of NULLs: it is revoked, or there was none';

CREATE FUNCTION auth.oidc_jwt_introspect(asks text, claims jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  of_client constant text := claims ->> 'client_id';
BEGIN
  IF asks <> of_client
     AND NOT EXISTS (SELECT FROM auth.oauth_client_resources l WHERE l.client_id = asks AND claims -> 'aud' ? l.resource)
     OR (CASE WHEN claims ->> 'sub' = of_client THEN (auth.oidc_client_find(of_client)).id IS NULL
              ELSE NOT auth.oidc_grant_lives(auth.oidc_jwt_grant(claims)) END) THEN
    RETURN auth.granted('{"active":false}');
  END IF;
  RETURN auth.granted(('{"active":true,"token_type":"Bearer"}'::jsonb || claims)::json);
END
$$;
COMMENT ON FUNCTION auth.oidc_jwt_introspect IS
  'RFC 7662 of a JWT whose signature and time the edge has verified: for its client, and for the clients of its resource';
-- The token endpoint: one call, one transaction, for each grant. Tokens are made here and leave as they are once; rows keep digests.

CREATE FUNCTION auth.oidc_client_authenticate(
    method text, client_id text, secret_digest bytea, assertion_jti text, assertion_exp bigint,
    OUT client auth.oauth_clients, OUT refusal auth.reply)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF client_id IS NULL THEN
    refusal := auth.oidc_refuse(401, 'invalid_client', 'missing required credentials');
    RETURN;
  END IF;
  client := auth.oidc_client_find(client_id);
  IF client.id IS NULL THEN
    refusal := auth.oidc_refuse(401, 'invalid_client', 'invalid client_id');
  ELSIF client.auth_method <> method THEN
    refusal := auth.oidc_refuse(CASE method WHEN 'client_secret_basic' THEN 401 ELSE 400 END, 'invalid_client',
                                'client registered for ' || client.auth_method || ' cannot use ' || method);
  ELSIF method IN ('client_secret_basic', 'client_secret_post')
        AND client.secret_digest IS DISTINCT FROM oidc_client_authenticate.secret_digest THEN
    -- digests are compared: how far two of them agree says nothing about the secret
    refusal := auth.oidc_refuse(401, 'invalid_client', 'invalid client_secret');
  ELSIF method = 'private_key_jwt' THEN
    -- RFC 7523, section 3: "The authorization server MAY ensure that JWTs are not replayed by maintaining the set of used jti"
    INSERT INTO auth.oauth_client_assertions (client_id, jti, expires_at)
    VALUES (client.id, assertion_jti, to_timestamp(assertion_exp)) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
      refusal := auth.oidc_refuse(401, 'invalid_client', 'assertion was used before');
    END IF;
  END IF;
END
$$;
COMMENT ON FUNCTION auth.oidc_client_authenticate IS
  'the client, or why not. The edge has taken the secret''s SHA-256, or verified the assertion''s signature and claims';

CREATE FUNCTION auth_api.oidc_client_keys(client_id text) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (auth.oidc_client_find(client_id)).jwks;
END
$$;
COMMENT ON FUNCTION auth_api.oidc_client_keys IS 'the public keys by which the edge verifies a client''s assertion; NULL: none';

CREATE FUNCTION auth.oidc_id_token_claims(g auth.oauth_grants, u auth.users, issuer text, with_nonce text) RETURNS text
LANGUAGE sql STABLE
  RETURN auth.json_joined(
    pg_catalog.json_strip_nulls(auth.json_object(
      'auth_time', auth.epoch(g.auth_time), 'acr', '0', 'iss', issuer, 'sub', u.id, 'aud', g.client_id, 'nonce', with_nonce,
      'iat', auth.epoch(pg_catalog.now()), 'exp', auth.epoch(pg_catalog.now() + interval '1 hour'), 'sid', g.sid)),
    auth.oidc_user_claims(u, g.scopes));
COMMENT ON FUNCTION auth.oidc_id_token_claims IS
  'OpenID Connect Core, section 2. No at_hash: optional with a code, and no hash belongs to EdDSA that all clients agree on';

CREATE FUNCTION auth.oidc_tokens_issue(
    g auth.oauth_grants, scopes text[], refresh boolean, issuer text, with_nonce text, target auth.oauth_resources, target_scopes text[])
  RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  opaque constant boolean := target.identifier IS NULL;
  access_token constant text := CASE WHEN opaque THEN auth.random_id(32) END;
  refresh_token constant text := CASE WHEN refresh THEN auth.random_id(32) END;
  life constant interval := COALESCE(target.access_token_ttl, '1 hour');
  expires constant timestamptz := now() + life;
  openid constant boolean := 'openid' = ANY (scopes);
  signed text; -- a line each, in the order of their marks
  u auth.users;
  body text;
BEGIN
  SELECT x.* INTO STRICT u FROM auth.users x WHERE x.id = g.user_id;
  IF opaque THEN
    INSERT INTO auth.oauth_access_tokens (digest, grant_id, client_id, scopes, expires_at)
    VALUES (auth.token_digest(access_token), g.id, g.client_id, scopes, expires);
  ELSE
    signed := auth.oidc_access_jwt(target, g.client_id, g.user_id, g.sid, g.id, target_scopes, issuer, expires);
  END IF;
  IF refresh THEN
    INSERT INTO auth.oauth_refresh_tokens (digest, grant_id, expires_at)
    VALUES (auth.token_digest(refresh_token), g.id, now() + interval '30 days');
  END IF;
  g.scopes := scopes;
  body := '{"access_token":' || COALESCE(to_json(access_token), auth.access_token())::text || ',' || ltrim(json_strip_nulls(
    auth.json_object(
      'expires_in', extract(epoch FROM life)::integer, 'expires_at', auth.epoch(expires), 'token_type', 'Bearer',
      'refresh_token', refresh_token, 'scope', array_to_string(target_scopes, ' ')))::text, '{');
  IF openid THEN
    body := rtrim(body, '}') || ',"id_token":' || auth.access_token()::text || '}';
    signed := concat_ws(E'\n', signed, (SELECT o.id_token_alg FROM auth.oauth_clients o WHERE o.id = g.client_id)
                                        || ' ' || auth.oidc_id_token_claims(g, u, issuer, with_nonce));
  END IF;
  RETURN ROW(NULL, NULL, NULL, 200, body, NULL, NULL, signed)::auth.reply;
END
$$;
COMMENT ON FUNCTION auth.oidc_tokens_issue IS
  'the tokens of a grant (RFC 6749, section 5.1). claims are the JWTs among them, a line each: algorithm, type where it is not JWT, '
  'and an object, which the edge signs as it is';

CREATE FUNCTION auth.oidc_code_redeem(client auth.oauth_clients, input jsonb, issuer text) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  code auth.oauth_codes;
  g auth.oauth_grants;
  aimed record;
  verifier constant bytea := decode(input ->> 'code_verifier', 'hex'); -- its SHA-256
BEGIN
  IF input ->> 'code' IS NULL THEN
    RETURN auth.oidc_refuse(400, 'invalid_request', 'code is required');
  END IF;
  -- the lock of the grant stands for its whole family: nobody locks a code or a token, so that no two wait for each other
  SELECT x.* INTO g FROM auth.oauth_grants x
   WHERE x.id = (SELECT o.grant_id FROM auth.oauth_codes o WHERE o.digest = decode(input ->> 'code', 'hex')) FOR UPDATE;
  SELECT x.* INTO code FROM auth.oauth_codes x WHERE x.digest = decode(input ->> 'code', 'hex');
  IF g.id IS NULL OR code.expires_at <= now() AND code.spent_at IS NULL THEN
    RETURN auth.oidc_refuse(400, 'invalid_grant', 'invalid code');
  ELSIF g.client_id <> client.id THEN
    RETURN auth.oidc_refuse(400, 'invalid_grant', 'invalid client_id');
  ELSIF code.spent_at IS NOT NULL THEN
    -- RFC 6749, section 4.1.2: "If an authorization code is used more than once, the authorization server MUST deny the
    -- request and SHOULD revoke (when possible) all tokens previously issued based on that authorization code."
    DELETE FROM auth.oauth_grants x WHERE x.id = g.id;
    RETURN auth.oidc_refuse(400, 'invalid_grant', 'invalid code');
  END IF;
  UPDATE auth.oauth_codes x SET spent_at = now() WHERE x.digest = code.digest; -- whatever follows, it is used
  IF code.redirect_uri IS DISTINCT FROM input ->> 'redirect_uri' THEN
    RETURN auth.oidc_refuse(400, 'invalid_grant', 'redirect_uri mismatch');
  ELSIF code.code_challenge IS NOT NULL AND verifier IS NULL THEN
    RETURN auth.oidc_refuse(400, 'invalid_grant', 'code_verifier required because PKCE was used in authorization');
  ELSIF code.code_challenge IS NULL AND verifier IS NOT NULL THEN
    -- RFC 9700, section 2.1.1: "ensure that if there was no code_challenge in the authorization request, a request to the token
    -- endpoint containing a code_verifier is rejected" (PKCE downgrade)
    RETURN auth.oidc_refuse(400, 'invalid_grant', 'code_verifier provided but PKCE was not used in authorization');
  ELSIF code.code_challenge <> verifier THEN
    -- RFC 7636, section 4.6: "If the values are not equal, an error response indicating "invalid_grant""
    RETURN auth.oidc_refuse(400, 'invalid_grant', 'code verification failed');
  ELSIF NOT EXISTS (SELECT FROM auth.sessions s WHERE s.id = g.session_id AND s.expires_at > now())
        OR NOT auth.oidc_grant_lives(g) THEN
    RETURN auth.oidc_refuse(400, 'invalid_grant', 'session not found');
  END IF;
  aimed := auth.oidc_target(client.id, g.resource, input ->> 'resource', g.scopes);
  IF (aimed.refusal).status IS NOT NULL THEN
    RETURN aimed.refusal;
  END IF;
  RETURN auth.oidc_tokens_issue(
    g, g.scopes, 'offline_access' = ANY (g.scopes) AND 'refresh_token' = ANY (client.grant_types), issuer, g.nonce, aimed.target, aimed.scopes);
END
$$;
COMMENT ON FUNCTION auth.oidc_code_redeem IS 'a code for tokens, once (RFC 6749, section 4.1.3; RFC 7636, section 4.6)';

CREATE FUNCTION auth.oidc_refresh(client auth.oauth_clients, input jsonb, issuer text) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  token auth.oauth_refresh_tokens;
  g auth.oauth_grants;
  aimed record;
  scopes text[];
BEGIN
  IF input ->> 'refresh_token' IS NULL THEN
    RETURN auth.oidc_refuse(400, 'invalid_request', 'refresh_token is required');
  END IF;
  SELECT x.* INTO g FROM auth.oauth_grants x
   WHERE x.id = (SELECT t.grant_id FROM auth.oauth_refresh_tokens t WHERE t.digest = decode(input ->> 'refresh_token', 'hex'))
     FOR UPDATE;
  SELECT x.* INTO token FROM auth.oauth_refresh_tokens x WHERE x.digest = decode(input ->> 'refresh_token', 'hex');
  scopes := COALESCE(auth.oidc_scopes(input ->> 'scope'), g.scopes);
  IF g.id IS NULL OR g.client_id <> client.id THEN
    -- RFC 9700, section 4.14.2: bound to the client; another one learns nothing of it, and ends nothing with it
    RETURN auth.oidc_refuse(400, 'invalid_grant', 'session not found');
  ELSIF token.spent_at IS NOT NULL THEN
    -- RFC 9700, section 4.14.2: "it will revoke the active refresh token", for one of the two presenters is a thief
    DELETE FROM auth.oauth_grants x WHERE x.id = g.id;
    RETURN auth.oidc_refuse(400, 'invalid_grant', 'invalid refresh token');
  ELSIF token.expires_at <= now() OR NOT auth.oidc_grant_lives(g) THEN
    RETURN auth.oidc_refuse(400, 'invalid_grant', 'invalid refresh token');
  ELSIF NOT scopes <@ g.scopes OR cardinality(scopes) = 0 THEN
    -- RFC 6749, section 6: "The requested scope MUST NOT include any scope not originally granted by the resource owner"
    RETURN auth.oidc_refuse(400, 'invalid_scope', 'scope was not granted');
  END IF;
  aimed := auth.oidc_target(client.id, g.resource, input ->> 'resource', scopes);
  IF (aimed.refusal).status IS NOT NULL THEN
    RETURN aimed.refusal;
  END IF;
  UPDATE auth.oauth_refresh_tokens x SET spent_at = now() WHERE x.digest = token.digest;
  RETURN auth.oidc_tokens_issue(g, scopes, true, issuer, NULL, aimed.target, aimed.scopes);
END
$$;
COMMENT ON FUNCTION auth.oidc_refresh IS 'a refresh token for the next and an access token (RFC 6749, section 6), rotated';

CREATE FUNCTION auth.oidc_client_token(client auth.oauth_clients, input jsonb, issuer text) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  of_users constant text[] := '{openid,profile,email,offline_access}';
  scopes constant text[] := COALESCE(
    auth.oidc_scopes(input ->> 'scope'), (SELECT array_agg(x) FROM unnest(client.scopes) x WHERE x <> ALL (of_users)), '{}');
  access_token text;
  life interval := '1 hour';
  aimed record;
BEGIN
  IF NOT scopes <@ client.scopes OR scopes && of_users THEN
    RETURN auth.oidc_refuse(400, 'invalid_scope', 'scope is not open to this client itself');
  END IF;
  IF input ? 'resource' THEN
    aimed := auth.oidc_target(client.id, NULL, input ->> 'resource', scopes);
    IF (aimed.refusal).status IS NOT NULL THEN
      RETURN aimed.refusal;
    END IF;
    life := (aimed.target).access_token_ttl;
    RETURN auth.granted(
      auth.json_object(
        'access_token', auth.access_token(), 'expires_in', extract(epoch FROM life)::integer, 'expires_at', auth.epoch(now() + life),
        'token_type', 'Bearer', 'scope', array_to_string(aimed.scopes, ' ')),
      claims => auth.oidc_access_jwt(aimed.target, client.id, client.id, NULL, NULL, aimed.scopes, issuer, now() + life));
  END IF;
  access_token := auth.random_id(32);
  INSERT INTO auth.oauth_access_tokens (digest, client_id, scopes, expires_at)
  VALUES (auth.token_digest(access_token), client.id, scopes, now() + life);
  RETURN auth.granted(auth.json_object(
    'access_token', access_token, 'expires_in', 3600, 'expires_at', auth.epoch(now() + life),
    'token_type', 'Bearer', 'scope', array_to_string(scopes, ' ')));
END
$$;
COMMENT ON FUNCTION auth.oidc_client_token IS
  'a token of the client''s own (RFC 6749, section 4.4), without a refresh token and without scopes that speak of a user';

CREATE FUNCTION auth_api.oidc_token(
    c auth.caller, input jsonb, issuer text,
    method text, client_id text, secret_digest bytea, assertion_jti text, assertion_exp bigint) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  asked constant text := input ->> 'grant_type';
  who record;
BEGIN
  who := auth.oidc_client_authenticate(method, client_id, secret_digest, assertion_jti, assertion_exp);
  IF asked IS NULL THEN
    RETURN auth.oidc_refuse(400, 'invalid_request', 'grant_type is required');
  ELSIF asked NOT IN ('authorization_code', 'refresh_token', 'client_credentials') THEN
    RETURN auth.oidc_refuse(400, 'unsupported_grant_type', 'unsupported grant_type ' || asked);
  ELSIF (who.refusal).status IS NOT NULL THEN
    RETURN who.refusal;
  ELSIF asked <> ALL ((who.client).grant_types) THEN
    RETURN auth.oidc_refuse(400, 'unauthorized_client', 'client may not use the grant ' || asked);
  END IF;
  RETURN CASE asked WHEN 'authorization_code' THEN auth.oidc_code_redeem(who.client, input, issuer)
                    WHEN 'refresh_token' THEN auth.oidc_refresh(who.client, input, issuer)
                    ELSE auth.oidc_client_token(who.client, input, issuer) END;
END
$$;
COMMENT ON FUNCTION auth_api.oidc_token IS
  'POST /oauth2/token; code, refresh_token and code_verifier come as the hex of their SHA-256';
-- What is done with tokens: userinfo, introspection, revocation; and the end of a session at a client's wish.

CREATE FUNCTION auth_api.oidc_userinfo(c auth.caller, token_digest bytea, issuer text, claims jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  token auth.oauth_access_tokens;
  g auth.oauth_grants;
  u auth.users;
BEGIN
  IF claims IS NULL THEN
    SELECT x.* INTO token FROM auth.oauth_access_tokens x WHERE x.digest = token_digest AND x.expires_at > now();
    SELECT x.* INTO g FROM auth.oauth_grants x WHERE x.id = token.grant_id;
  ELSIF claims -> 'aud' ? (issuer || '/api/auth/oauth2/userinfo') THEN
    g := auth.oidc_jwt_grant(claims);
    token.scopes := string_to_array(claims ->> 'scope', ' ');
  END IF;
  IF NOT auth.oidc_grant_lives(g) THEN
    RETURN auth.oidc_refuse(401, 'invalid_token', 'Invalid access token');
  ELSIF NOT 'openid' = ANY (token.scopes) THEN
    RETURN auth.oidc_refuse(403, 'insufficient_scope', 'scope openid is required');
  END IF;
  SELECT x.* INTO STRICT u FROM auth.users x WHERE x.id = g.user_id;
  RETURN auth.granted(auth.json_joined(auth.json_object('sub', u.id), auth.oidc_user_claims(u, token.scopes))::json);
END
$$;
COMMENT ON FUNCTION auth_api.oidc_userinfo IS
  'GET and POST /oauth2/userinfo (OpenID Connect Core, section 5.3); claims: of a JWT that the edge has verified, where the token is one';

CREATE FUNCTION auth_api.oidc_introspect(
    c auth.caller, input jsonb, issuer text,
    method text, client_id text, secret_digest bytea, assertion_jti text, assertion_exp bigint, claims jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  who constant record := auth.oidc_client_authenticate(method, client_id, secret_digest, assertion_jti, assertion_exp);
  wanted constant bytea := decode(input ->> 'token', 'hex');
  access auth.oauth_access_tokens;
  refresh auth.oauth_refresh_tokens;
  g auth.oauth_grants;
BEGIN
  IF (who.refusal).status IS NOT NULL THEN
    RETURN who.refusal;
  ELSIF wanted IS NULL THEN
    RETURN auth.oidc_refuse(400, 'invalid_request', 'token is required');
  ELSIF claims IS NOT NULL THEN
    RETURN auth.oidc_jwt_introspect((who.client).id, claims);
  END IF;
  SELECT x.* INTO access FROM auth.oauth_access_tokens x WHERE x.digest = wanted AND x.expires_at > now();
  IF access.digest IS NULL THEN
    SELECT x.* INTO refresh FROM auth.oauth_refresh_tokens x
     WHERE x.digest = wanted AND x.expires_at > now() AND x.spent_at IS NULL;
  END IF;
  SELECT x.* INTO g FROM auth.oauth_grants x WHERE x.id = COALESCE(access.grant_id, refresh.grant_id);
  -- RFC 7662, section 2.2: "the authorization server SHOULD NOT include any additional information about an inactive token"
  IF COALESCE(access.client_id, g.client_id) IS DISTINCT FROM (who.client).id
     OR (access.digest IS NULL OR access.grant_id IS NOT NULL) AND NOT auth.oidc_grant_lives(g) THEN
    RETURN auth.granted('{"active":false}');
  END IF;
  IF refresh.digest IS NOT NULL THEN
    RETURN auth.granted(auth.json_object(
      'active', true, 'client_id', g.client_id, 'iss', issuer, 'sub', g.user_id, 'sid', g.sid, 'exp', auth.epoch(refresh.expires_at),
      'iat', auth.epoch(refresh.issued_at), 'scope', array_to_string(g.scopes, ' '), 'token_type', 'Bearer'));
  END IF;
  RETURN auth.granted(json_strip_nulls(auth.json_object(
    'active', true, 'iss', issuer, 'client_id', access.client_id, 'azp', access.client_id, 'sub', COALESCE(g.user_id, access.client_id),
    'sid', g.sid, 'exp', auth.epoch(access.expires_at), 'iat', auth.epoch(access.issued_at),
    'scope', array_to_string(access.scopes, ' '), 'token_type', 'Bearer')));
END
$$;
COMMENT ON FUNCTION auth_api.oidc_introspect IS
  'POST /oauth2/introspect (RFC 7662): a client asks about its own tokens; the token comes as the hex of its SHA-256, and with the '
  'claims where it is a JWT that the edge has verified';

CREATE FUNCTION auth_api.oidc_revoke(
    c auth.caller, input jsonb,
    method text, client_id text, secret_digest bytea, assertion_jti text, assertion_exp bigint, claims jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  who constant record := auth.oidc_client_authenticate(method, client_id, secret_digest, assertion_jti, assertion_exp);
  wanted constant bytea := decode(input ->> 'token', 'hex');
BEGIN
  IF (who.refusal).status IS NOT NULL THEN
    RETURN who.refusal;
  ELSIF wanted IS NULL THEN
    RETURN auth.oidc_refuse(400, 'invalid_request', 'token is required');
  ELSIF claims IS NOT NULL THEN
    -- RFC 7009, section 2.2.1; 200 would say that it is good no more
    RETURN auth.oidc_refuse(400, 'unsupported_token_type', 'a JWT is good until it expires; revoke the refresh token');
  END IF;
  -- RFC 7009, section 2.1: "If the particular token is a refresh token [..], then the authorization server SHOULD also
  -- invalidate all access tokens based on the same authorization grant"
  DELETE FROM auth.oauth_grants g
   USING auth.oauth_refresh_tokens t WHERE t.digest = wanted AND g.id = t.grant_id AND g.client_id = (who.client).id;
  DELETE FROM auth.oauth_access_tokens t WHERE t.digest = wanted AND t.client_id = (who.client).id;
  -- section 2.2: "The authorization server responds with HTTP status code 200 if the token has been revoked successfully or if
  -- the client submitted an invalid token."
  RETURN auth.granted(NULL);
END
$$;
COMMENT ON FUNCTION auth_api.oidc_revoke IS 'POST /oauth2/revoke (RFC 7009), of a client''s own tokens';

CREATE FUNCTION auth.oidc_end_session_refuse(description text) RETURNS auth.reply LANGUAGE sql IMMUTABLE
  RETURN auth.granted(auth.json_object('error', 'invalid_request', 'error_description', description), status => 400);
COMMENT ON FUNCTION auth.oidc_end_session_refuse IS 'a logout that cannot be';

CREATE FUNCTION auth_api.oidc_end_session(
    c auth.caller, input jsonb, issuer text, hint_client text, hint_sub text, hint_sid text, confirmed boolean) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
  client auth.oauth_clients := auth.oidc_client_find(COALESCE(hint_client, input ->> 'client_id'));
  back constant text := NULLIF(input ->> 'post_logout_redirect_uri', ''); -- a form sends what is absent as empty
  ended text;
BEGIN
  IF hint_client <> input ->> 'client_id' THEN
    -- RP-Initiated Logout, section 2: "the OP MUST verify that the Client Identifier matches the one used when issuing the ID Token"
    RETURN auth.oidc_end_session_refuse('client_id does not match the id_token_hint');
  ELSIF s.id IS NULL AND hint_sub IS NULL THEN
    RETURN auth.oidc_end_session_refuse('No active session is available for logout');
  ELSIF back IS NOT NULL AND (client.id IS NULL OR back <> ALL (client.post_logout_redirect_uris)) THEN
    -- section 3: "The OP MUST NOT perform post-logout redirection if the value supplied does not exactly match one"
    RETURN auth.oidc_end_session_refuse('post_logout_redirect_uri is not registered');
  ELSIF s.id IS NOT NULL AND NOT confirmed AND (hint_sub IS NULL OR hint_sub <> s.user_id) THEN
    -- section 2: the OP "MUST ask the End-User this question if an id_token_hint was not provided or if the supplied ID Token
    -- does not belong to the current OP session"
    RETURN auth.oidc_redirect('/sign-out?' || auth.form_query(
      'client_id', client.id, 'post_logout_redirect_uri', back, 'state', input ->> 'state'));
  END IF;
  DELETE FROM auth.sessions x
   WHERE x.id = s.id AND (confirmed OR x.user_id = hint_sub) OR x.id = hint_sid AND x.user_id = hint_sub
  RETURNING x.user_id INTO ended;
  IF ended IS NOT NULL THEN
    PERFORM auth.security_event(c, ended, 'LOGOUT', auth.json_object('client', client.id)::jsonb);
  END IF;
  RETURN ROW(NULL, NULL, NULL, 302, NULL,
             CASE WHEN back IS NULL THEN '/signed-out'
                  WHEN COALESCE(input ->> 'state', '') = '' THEN back
                  ELSE auth.url_with_query(back, auth.form_query('state', input ->> 'state')) END,
             auth.session_cookies_cleared(), NULL)::auth.reply;
END
$$;
COMMENT ON FUNCTION auth_api.oidc_end_session IS
  'RP-Initiated Logout; the hint''s claims are of an id_token that the edge has verified, expired or not';
-- What is left of expired authorizations is removed in small batches.

CREATE FUNCTION auth.oidc_sweep(batch integer) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  swept bigint := 0;
  n bigint;
BEGIN
  -- rows that somebody holds are left for the next time: whoever ends a family holds its grant, then waits for its tokens
  DELETE FROM auth.oauth_access_tokens t WHERE t.digest IN (
    SELECT x.digest FROM auth.oauth_access_tokens x WHERE x.expires_at < now() ORDER BY x.expires_at LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; swept := swept + n;
  DELETE FROM auth.oauth_refresh_tokens t WHERE t.digest IN (
    SELECT x.digest FROM auth.oauth_refresh_tokens x WHERE x.expires_at < now() ORDER BY x.expires_at LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; swept := swept + n;
  DELETE FROM auth.oauth_client_assertions a WHERE (a.client_id, a.jti) IN (
    SELECT x.client_id, x.jti FROM auth.oauth_client_assertions x WHERE x.expires_at < now()
     ORDER BY x.expires_at LIMIT batch FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT; swept := swept + n;
  DELETE FROM auth.oauth_grants g WHERE g.id IN (
    SELECT x.id FROM auth.oauth_codes c JOIN auth.oauth_grants x ON x.id = c.grant_id
     WHERE c.expires_at < now() - interval '1 day'
       AND NOT EXISTS (SELECT FROM auth.oauth_access_tokens t WHERE t.grant_id = x.id)
       AND NOT EXISTS (SELECT FROM auth.oauth_refresh_tokens t WHERE t.grant_id = x.id)
     ORDER BY c.expires_at LIMIT batch FOR UPDATE OF x SKIP LOCKED);
  GET DIAGNOSTICS n = ROW_COUNT;
  RETURN swept + n;
END
$$;
COMMENT ON FUNCTION auth.oidc_sweep IS
  'removes what has expired, at most batch rows of a kind; how many. A spent code stays as long as its grant has a token that its '
  'replay would have to revoke, a spent refresh token until it would have expired';
-- Clients: registered by a DBA, or by the environment of the edges; and how they are shown.

CREATE FUNCTION auth.oidc_client_register(
    name                       text,
    redirect_uris              text[],
    client_id                  text    DEFAULT NULL,
    auth_method                text    DEFAULT 'client_secret_basic',
    secret                     text    DEFAULT NULL,
    secret_digest              text    DEFAULT NULL,
    post_logout_redirect_uris  text[]  DEFAULT '{}',
    scopes                     text[]  DEFAULT '{openid,profile,email,offline_access}',
    grant_types                text[]  DEFAULT '{authorization_code,refresh_token}',
    skip_consent               boolean DEFAULT false,
    require_pkce               boolean DEFAULT false,
    jwks                       jsonb   DEFAULT NULL,
    uri                        text    DEFAULT NULL,
    created_by                 text    DEFAULT NULL,
    id_token_alg               text    DEFAULT 'EdDSA',
    scope_words                jsonb   DEFAULT '{}',
    details                    jsonb   DEFAULT '{}',
    OUT id                     text,
    OUT client_secret          text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  bad text;
BEGIN
  SELECT x INTO bad FROM unnest(redirect_uris || post_logout_redirect_uris) x WHERE NOT auth.oidc_redirect_uri_is_sound(x);
  IF FOUND THEN
    RAISE EXCEPTION 'redirect URI "%" is not allowed', bad
      USING ERRCODE = 'MA400', HINT = 'https, http on loopback, or a reverse-domain scheme of an app; no fragment, no wildcard.';
  END IF;
  id := COALESCE(client_id, auth.random_id());
  IF auth_method IN ('client_secret_basic', 'client_secret_post') AND secret_digest IS NULL THEN
    client_secret := COALESCE(secret, auth.random_id(48));
  END IF;
  INSERT INTO auth.oauth_clients AS o (
    id, name, uri, secret_digest, auth_method, jwks, redirect_uris, post_logout_redirect_uris, grant_types, scopes,
    require_pkce, skip_consent, created_by, id_token_alg, scope_words, details)
  VALUES (
    id, oidc_client_register.name, oidc_client_register.uri,
    CASE WHEN client_secret IS NOT NULL THEN sha256(convert_to(client_secret, 'UTF8'))
         WHEN oidc_client_register.secret_digest IS NOT NULL
           THEN decode(translate(oidc_client_register.secret_digest, '-_', '+/') || '=', 'base64') END,
    oidc_client_register.auth_method, oidc_client_register.jwks, oidc_client_register.redirect_uris,
    oidc_client_register.post_logout_redirect_uris, oidc_client_register.grant_types, oidc_client_register.scopes,
    oidc_client_register.require_pkce, oidc_client_register.skip_consent, oidc_client_register.created_by,
    oidc_client_register.id_token_alg, oidc_client_register.scope_words,
    oidc_client_register.details);
  IF secret IS NOT NULL THEN
    client_secret := NULL;
  END IF;
END
$$;
COMMENT ON FUNCTION auth.oidc_client_register IS
  'a new relying party; shows its secret this once, when it made it. secret_digest: base64url(SHA-256), as Better Auth 1.7 stores it';

CREATE FUNCTION auth.oidc_client_rotate_secret(client_id text) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  secret constant text := auth.random_id(48);
BEGIN
  UPDATE auth.oauth_clients x SET secret_digest = sha256(convert_to(secret, 'UTF8')), updated_at = now()
   WHERE x.id = client_id AND x.secret_digest IS NOT NULL;
  RETURN CASE WHEN FOUND THEN secret END;
END
$$;
COMMENT ON FUNCTION auth.oidc_client_rotate_secret IS 'a new secret in place of the old one; NULL: no such client, or it has no secret';

CREATE FUNCTION auth_api.oidc_configure(client_id text, name text, secret_digest bytea, redirect_uris text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  uris constant text[] := string_to_array(redirect_uris, ',');
BEGIN
  INSERT INTO auth.oauth_clients AS o (id, name, secret_digest, redirect_uris, skip_consent, configured, disabled)
  VALUES (client_id, oidc_configure.name, oidc_configure.secret_digest, uris, true, true, oidc_configure.secret_digest IS NULL)
  ON CONFLICT ON CONSTRAINT oauth_clients_pkey DO UPDATE
    SET name = excluded.name, secret_digest = excluded.secret_digest, redirect_uris = excluded.redirect_uris,
        disabled = excluded.disabled, updated_at = now()
    WHERE o.configured
      AND (o.name, o.secret_digest, o.redirect_uris, o.disabled)
          IS DISTINCT FROM (excluded.name, excluded.secret_digest, excluded.redirect_uris, excluded.disabled);
END
$$;
COMMENT ON FUNCTION auth_api.oidc_configure IS
  'a client from the environment, written by every edge as it starts: the same row however many do. Without a secret it is '
  'disabled; a client that somebody registered under this id is left alone';

CREATE FUNCTION auth.oidc_client_json(o auth.oauth_clients, secret text DEFAULT NULL) RETURNS json LANGUAGE sql STABLE
  RETURN pg_catalog.json_strip_nulls(auth.json_object(
    'client_id', o.id, 'client_secret', secret,
    'client_secret_expires_at', CASE WHEN secret IS NOT NULL THEN 0 END,
    'scope', pg_catalog.array_to_string(o.scopes, ' '),
    'client_id_issued_at', auth.epoch(o.created_at), 'client_name', o.name, 'client_uri', o.uri,
    'logo_uri', o.details -> 'logo_uri', 'contacts', o.details -> 'contacts', 'tos_uri', o.details -> 'tos_uri',
    'policy_uri', o.details -> 'policy_uri', 'jwks', o.jwks,
    'software_id', o.details -> 'software_id', 'software_version', o.details -> 'software_version',
    'redirect_uris', pg_catalog.to_jsonb(o.redirect_uris),
    'post_logout_redirect_uris', pg_catalog.to_jsonb(o.post_logout_redirect_uris),
    'token_endpoint_auth_method', o.auth_method, 'grant_types', pg_catalog.to_jsonb(o.grant_types),
    'response_types', CASE WHEN 'authorization_code' = ANY (o.grant_types) THEN '["code"]'::jsonb ELSE '[]'::jsonb END,
    'id_token_signed_response_alg', o.id_token_alg, 'disabled', o.disabled, 'skip_consent', o.skip_consent,
    'require_pkce', o.require_pkce OR o.auth_method = 'none'));
COMMENT ON FUNCTION auth.oidc_client_json IS 'a client in the words of RFC 7591';
-- The management of clients over HTTP, for administrators; and what everybody may know of a client.

CREATE FUNCTION auth.oidc_caller_is_admin(c auth.caller) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN EXISTS (SELECT FROM auth.users u
                  WHERE u.id = (auth.session_find(c)).user_id AND u.role = 'admin' AND u.deleted_at IS NULL);
END
$$;
COMMENT ON FUNCTION auth.oidc_caller_is_admin IS 'whether a living session of an administrator calls';

CREATE FUNCTION auth.oidc_metadata_refusal(m jsonb) RETURNS auth.reply LANGUAGE sql IMMUTABLE
  RETURN CASE WHEN auth.oidc_metadata_fault(m) IS NOT NULL
              THEN auth.oidc_refuse(400, 'invalid_client_metadata', auth.oidc_metadata_fault(m))
              WHEN auth.oidc_metadata_redirect_fault(m) IS NOT NULL
              THEN auth.oidc_refuse(400, 'invalid_redirect_uri', 'redirect URI is not allowed: ' || auth.oidc_metadata_redirect_fault(m))
         END;
COMMENT ON FUNCTION auth.oidc_metadata_refusal IS 'RFC 7591, section 3.2.2; all NULL: nothing is wrong';

CREATE FUNCTION auth.oidc_metadata_details(m jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE
  RETURN (SELECT COALESCE(pg_catalog.jsonb_object_agg(name, value), '{}') FROM pg_catalog.jsonb_each(m) d (name, value)
           WHERE name = ANY ('{logo_uri,contacts,tos_uri,policy_uri,software_id,software_version}'::text[]));
COMMENT ON FUNCTION auth.oidc_metadata_details IS 'the part of the metadata on which nothing depends';

CREATE FUNCTION auth_api.oidc_client_create(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  refusal constant auth.reply := auth.oidc_metadata_refusal(input);
  made record;
  o auth.oauth_clients;
BEGIN
  IF NOT auth.oidc_caller_is_admin(c) THEN
    RETURN auth.granted('{"error":"access_denied","error_description":"Client registration is disabled"}', status => 403);
  ELSIF refusal.status IS NOT NULL THEN
    RETURN refusal;
  ELSIF NOT input ? 'redirect_uris' AND input -> 'grant_types' IS DISTINCT FROM '["client_credentials"]' THEN
    RETURN auth.oidc_refuse(400, 'invalid_redirect_uri', 'redirect_uris is required');
  END IF;
  BEGIN
    made := auth.oidc_client_register(
      name => COALESCE(input ->> 'client_name', 'client'),
      redirect_uris => COALESCE(auth.oidc_text_array(input -> 'redirect_uris'), '{}'),
      auth_method => COALESCE(input ->> 'token_endpoint_auth_method', 'client_secret_basic'),
      post_logout_redirect_uris => COALESCE(auth.oidc_text_array(input -> 'post_logout_redirect_uris'), '{}'),
      scopes => COALESCE(string_to_array(input ->> 'scope', ' '), '{openid,profile,email,offline_access}'),
      grant_types => COALESCE(auth.oidc_text_array(input -> 'grant_types'), '{authorization_code,refresh_token}'),
      skip_consent => COALESCE((input ->> 'skip_consent')::boolean, false),
      require_pkce => COALESCE((input ->> 'require_pkce')::boolean, false),
      jwks => input -> 'jwks',
      uri => input ->> 'client_uri',
      created_by => (auth.session_find(c)).user_id,
      id_token_alg => COALESCE(input ->> 'id_token_signed_response_alg', 'EdDSA'),
      details => auth.oidc_metadata_details(input));
  EXCEPTION WHEN check_violation THEN
    RETURN auth.oidc_refuse(400, 'invalid_client_metadata', 'the combination of grants, keys and authentication is not allowed');
  END;
  SELECT x.* INTO STRICT o FROM auth.oauth_clients x WHERE x.id = made.id;
  RETURN auth.granted(auth.oidc_client_json(o, made.client_secret), status => 201);
END
$$;
COMMENT ON FUNCTION auth_api.oidc_client_create IS
  'POST /oauth2/create-client and /oauth2/register (RFC 7591), for administrators: nobody else may put a client in front of users';

CREATE FUNCTION auth_api.oidc_client_update(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  m constant jsonb := input -> 'update';
  refusal constant auth.reply := auth.oidc_metadata_refusal(m);
  o auth.oauth_clients;
BEGIN
  IF NOT auth.oidc_caller_is_admin(c) THEN
    RETURN auth.refuse('FORBIDDEN');
  END IF;
  SELECT x.* INTO o FROM auth.oauth_clients x WHERE x.id = input ->> 'client_id' FOR UPDATE;
  IF o.id IS NULL THEN
    RETURN auth.oidc_refuse(404, 'not_found', 'client not found');
  ELSIF o.configured THEN
    RETURN auth.oidc_refuse(400, 'invalid_client', 'trusted clients must be updated manually');
  ELSIF refusal.status IS NOT NULL THEN
    RETURN refusal;
  END IF;
  BEGIN
    UPDATE auth.oauth_clients x
       SET name = COALESCE(m ->> 'client_name', x.name), uri = COALESCE(m ->> 'client_uri', x.uri),
           redirect_uris = COALESCE(auth.oidc_text_array(m -> 'redirect_uris'), x.redirect_uris),
           post_logout_redirect_uris = COALESCE(auth.oidc_text_array(m -> 'post_logout_redirect_uris'), x.post_logout_redirect_uris),
           scopes = COALESCE(string_to_array(m ->> 'scope', ' '), x.scopes),
           grant_types = COALESCE(auth.oidc_text_array(m -> 'grant_types'), x.grant_types),
           jwks = COALESCE(m -> 'jwks', x.jwks),
           id_token_alg = COALESCE(m ->> 'id_token_signed_response_alg', x.id_token_alg),
           skip_consent = COALESCE((m ->> 'skip_consent')::boolean, x.skip_consent),
           require_pkce = COALESCE((m ->> 'require_pkce')::boolean, x.require_pkce),
           disabled = COALESCE((m ->> 'disabled')::boolean, x.disabled),
           details = x.details || auth.oidc_metadata_details(m), updated_at = now()
     WHERE x.id = o.id RETURNING x.* INTO o;
  EXCEPTION WHEN check_violation THEN
    RETURN auth.oidc_refuse(400, 'invalid_client_metadata', 'the combination of grants, keys and authentication is not allowed');
  END;
  -- what a client may no longer ask for, it no longer has
  DELETE FROM auth.oauth_grants g WHERE g.client_id = o.id AND NOT g.scopes <@ o.scopes;
  DELETE FROM auth.oauth_access_tokens t WHERE t.client_id = o.id AND NOT t.scopes <@ o.scopes;
  RETURN auth.granted(auth.oidc_client_json(o));
END
$$;
COMMENT ON FUNCTION auth_api.oidc_client_update IS
  'POST /oauth2/update-client, for administrators: what is not named stays as it was. The secret has a routine of its own';

CREATE FUNCTION auth_api.oidc_client_get(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  o auth.oauth_clients;
BEGIN
  IF NOT auth.oidc_caller_is_admin(c) THEN
    RETURN auth.refuse('FORBIDDEN');
  END IF;
  SELECT x.* INTO o FROM auth.oauth_clients x WHERE x.id = input ->> 'client_id';
  IF o.id IS NULL THEN
    RETURN auth.oidc_refuse(404, 'not_found', 'client not found');
  END IF;
  RETURN auth.granted(auth.oidc_client_json(o));
END
$$;
COMMENT ON FUNCTION auth_api.oidc_client_get IS 'GET /oauth2/get-client, for administrators';

CREATE FUNCTION auth_api.oidc_client_list(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT auth.oidc_caller_is_admin(c) THEN
    RETURN auth.refuse('FORBIDDEN');
  END IF;
  RETURN auth.granted((SELECT auth.json_array_agg(auth.oidc_client_json(o) ORDER BY o.created_at, o.id) FROM auth.oauth_clients o));
END
$$;
COMMENT ON FUNCTION auth_api.oidc_client_list IS 'GET /oauth2/get-clients, for administrators';

CREATE FUNCTION auth_api.oidc_client_public(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  o constant auth.oauth_clients := auth.oidc_client_find(input ->> 'client_id');
BEGIN
  IF o.id IS NULL THEN
    RETURN auth.oidc_refuse(404, 'not_found', 'client not found');
  END IF;
  RETURN auth.granted(json_strip_nulls(auth.json_object(
    'client_id', o.id, 'client_name', o.name, 'client_uri', o.uri, 'logo_uri', o.details -> 'logo_uri',
    'contacts', o.details -> 'contacts', 'tos_uri', o.details -> 'tos_uri', 'policy_uri', o.details -> 'policy_uri')));
END
$$;
COMMENT ON FUNCTION auth_api.oidc_client_public IS
  'GET /oauth2/public-client, and POST /oauth2/public-client-prelogin for who shows a request that we have signed: what a consent '
  'page shows';

CREATE FUNCTION auth_api.oidc_client_delete(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT auth.oidc_caller_is_admin(c) THEN
    RETURN auth.refuse('FORBIDDEN');
  END IF;
  DELETE FROM auth.oauth_clients x WHERE x.id = input ->> 'client_id' AND NOT x.configured;
  IF NOT FOUND THEN
    RETURN auth.oidc_refuse(404, 'not_found', 'client not found');
  END IF;
  RETURN auth.granted(NULL);
END
$$;
COMMENT ON FUNCTION auth_api.oidc_client_delete IS 'POST /oauth2/delete-client: the client, with all its tokens and consents';

CREATE FUNCTION auth_api.oidc_client_rotate(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  o auth.oauth_clients;
  secret text;
BEGIN
  IF NOT auth.oidc_caller_is_admin(c) THEN
    RETURN auth.refuse('FORBIDDEN');
  END IF;
  SELECT x.* INTO o FROM auth.oauth_clients x WHERE x.id = input ->> 'client_id' AND NOT x.configured;
  secret := auth.oidc_client_rotate_secret(o.id);
  IF secret IS NULL THEN
    RETURN auth.oidc_refuse(404, 'not_found', 'client not found');
  END IF;
  RETURN auth.granted(auth.oidc_client_json(o, secret));
END
$$;
COMMENT ON FUNCTION auth_api.oidc_client_rotate IS 'POST /oauth2/client/rotate-secret, for administrators';

-- What users have allowed: seen, narrowed and withdrawn by them; and what is asked on the consent page.

CREATE FUNCTION auth.oidc_consent_json(o auth.oauth_consents) RETURNS json LANGUAGE sql STABLE
  RETURN auth.json_object('id', o.id, 'clientId', o.client_id, 'userId', o.user_id, 'scopes', pg_catalog.to_jsonb(o.scopes),
                          'createdAt', o.created_at, 'updatedAt', o.updated_at);
COMMENT ON FUNCTION auth.oidc_consent_json IS 'a consent as Better Auth shows it';

CREATE FUNCTION auth_api.oidc_consent_list(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
BEGIN
  IF s.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  RETURN auth.granted((
    SELECT auth.json_array_agg(auth.oidc_consent_json(o) ORDER BY o.created_at, o.id)
      FROM auth.oauth_consents o WHERE o.user_id = s.user_id));
END
$$;
COMMENT ON FUNCTION auth_api.oidc_consent_list IS 'GET /oauth2/get-consents: what the caller has allowed, to whom';

CREATE FUNCTION auth_api.oidc_consent_get(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
  o auth.oauth_consents;
BEGIN
  IF s.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  SELECT x.* INTO o FROM auth.oauth_consents x WHERE x.id = input ->> 'id' AND x.user_id = s.user_id;
  IF o.id IS NULL THEN
    RETURN auth.oidc_refuse(404, 'not_found', 'no consent'); -- nor is it said whether somebody else has it
  END IF;
  RETURN auth.granted(auth.oidc_consent_json(o));
END
$$;
COMMENT ON FUNCTION auth_api.oidc_consent_get IS 'GET /oauth2/get-consent: one of the caller''s own';

CREATE FUNCTION auth_api.oidc_consent_update(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
  asked constant text[] := auth.oidc_text_array(input -> 'update' -> 'scopes');
  o auth.oauth_consents;
BEGIN
  IF s.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  SELECT x.* INTO o FROM auth.oauth_consents x WHERE x.id = input ->> 'id' AND x.user_id = s.user_id FOR UPDATE;
  IF o.id IS NULL THEN
    RETURN auth.oidc_refuse(404, 'not_found', 'no consent');
  ELSIF asked IS NULL OR cardinality(asked) = 0
        OR NOT asked <@ (SELECT x.scopes FROM auth.oauth_clients x WHERE x.id = o.client_id) THEN
    RETURN auth.oidc_refuse(400, 'invalid_request', 'unable to provide scopes to ' || o.client_id);
  END IF;
  UPDATE auth.oauth_consents x
     SET scopes = (SELECT array_agg(scope ORDER BY i) FROM (
                     SELECT scope, min(n) AS i FROM unnest(asked) WITH ORDINALITY w (scope, n) GROUP BY scope) once),
         updated_at = now()
   WHERE x.id = o.id RETURNING x.* INTO o;
  DELETE FROM auth.oauth_grants g WHERE g.user_id = s.user_id AND g.client_id = o.client_id AND NOT g.scopes <@ o.scopes;
  RETURN auth.granted(auth.oidc_consent_json(o));
END
$$;
COMMENT ON FUNCTION auth_api.oidc_consent_update IS
  'POST /oauth2/update-consent: other scopes, of those that the client may ask for. What goes beyond them is withdrawn at once';

CREATE FUNCTION auth_api.oidc_consent_delete(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
  withdrawn auth.oauth_consents;
BEGIN
  IF s.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  DELETE FROM auth.oauth_consents o WHERE o.id = input ->> 'id' AND o.user_id = s.user_id RETURNING o.* INTO withdrawn;
  IF withdrawn.id IS NULL THEN
    RETURN auth.oidc_refuse(404, 'not_found', 'no consent');
  END IF;
  DELETE FROM auth.oauth_grants g WHERE g.user_id = s.user_id AND g.client_id = withdrawn.client_id;
  RETURN auth.granted(NULL);
END
$$;
COMMENT ON FUNCTION auth_api.oidc_consent_delete IS 'POST /oauth2/delete-consent: withdrawn, with all tokens that came of it';

CREATE FUNCTION auth_api.oidc_client_name(client_id text) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (auth.oidc_client_find(client_id)).name;
END
$$;
COMMENT ON FUNCTION auth_api.oidc_client_name IS 'for whom a sign-in page asks, once the edge has verified that the client asked us';

CREATE FUNCTION auth_api.oidc_consent_page(c auth.caller, client_id text, scope text, language text)
RETURNS TABLE (client_name text, email text, scope_words text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY
    SELECT o.name, u.email,
           (SELECT string_agg(COALESCE(translate(o.scope_words -> s ->> language, E'\n', ' '), ''), E'\n' ORDER BY i)
              FROM unnest(string_to_array(scope, ' ')) WITH ORDINALITY asked (s, i))
      FROM auth.oauth_clients o, auth.users u
     WHERE o.id = oidc_consent_page.client_id AND NOT o.disabled AND u.id = (auth.session_find(c)).user_id;
END
$$;
COMMENT ON FUNCTION auth_api.oidc_consent_page IS
  'who asks whom, and what scopes of the client''s own mean, a line each; no row: no such client, or nobody is signed in';
-- Passkeys (Web Authentication): public keys of users, and the challenges that wait for an answer.

CREATE TABLE auth.passkeys (
  id             text        NOT NULL DEFAULT auth.random_id(),
  name           text,
  public_key     text        NOT NULL,
  user_id        text        NOT NULL,
  credential_id  text        NOT NULL,
  counter        bigint      NOT NULL DEFAULT 0,
  device_type    text        NOT NULL,
  backed_up      boolean     NOT NULL DEFAULT false,
  transports     text,
  created_at     timestamptz NOT NULL DEFAULT pg_catalog.now(),
  aaguid         text,
  user_handle    text,
  last_used_at   timestamptz,
  CONSTRAINT passkeys_pkey PRIMARY KEY (id),
  CONSTRAINT passkeys_credential_id_unique UNIQUE (credential_id),
  CONSTRAINT passkeys_user_id_users_id_fk FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
  CONSTRAINT passkeys_counter_has_32_bits CHECK (counter BETWEEN 0 AND 4294967295),
  CONSTRAINT passkeys_device_type_is_known CHECK (device_type IN ('singleDevice', 'multiDevice'))
) WITH (fillfactor = 85);
COMMENT ON TABLE auth.passkeys IS 'ways in without a password: the private key never leaves its authenticator';
COMMENT ON COLUMN auth.passkeys.public_key IS 'COSE (RFC 9053) in base64';
COMMENT ON COLUMN auth.passkeys.credential_id IS 'the authenticator''s name for the key, in base64url';
COMMENT ON COLUMN auth.passkeys.counter IS
  'signatures so far; one that does not count further was made by a copy. 0: the authenticator does not count';
COMMENT ON COLUMN auth.passkeys.device_type IS 'multiDevice: the key may be backed up; backed_up: it is';
COMMENT ON COLUMN auth.passkeys.transports IS 'how a browser reaches the authenticator, by comma: internal,hybrid';
COMMENT ON COLUMN auth.passkeys.aaguid IS 'model of the authenticator';
COMMENT ON COLUMN auth.passkeys.user_handle IS
  'what the authenticator was told to call the user; NULL: a key of the service before us, which did not keep it';
CREATE INDEX passkeys_user_id_idx ON auth.passkeys (user_id, created_at);
SELECT pg_catalog.pg_extension_config_dump('auth.passkeys', '');

CREATE TABLE auth.passkey_challenges (
  cookie_digest     bytea       NOT NULL,
  challenge_digest  bytea       NOT NULL,
  ceremony          text        NOT NULL,
  user_id           text,
  expires_at        timestamptz NOT NULL DEFAULT pg_catalog.now() + interval '5 minutes',
  CONSTRAINT passkey_challenges_pkey PRIMARY KEY (cookie_digest),
  CONSTRAINT passkey_challenges_user_id_users_id_fk FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE,
  CONSTRAINT passkey_challenges_ceremony_is_known CHECK (ceremony IN ('registration', 'authentication'))
);
COMMENT ON TABLE auth.passkey_challenges IS 'single use: taken by the DELETE that finds them';
COMMENT ON COLUMN auth.passkey_challenges.cookie_digest IS 'SHA-256 of the cookie that ties the challenge to one browser';
COMMENT ON COLUMN auth.passkey_challenges.challenge_digest IS 'SHA-256 of the challenge as it was sent, in base64url';
COMMENT ON COLUMN auth.passkey_challenges.user_id IS
  'whose passkeys may answer: in a registration who is signed in; else NULL: anybody''s, unless the options named some';
CREATE INDEX passkey_challenges_user_id_idx ON auth.passkey_challenges (user_id);
CREATE INDEX passkey_challenges_expires_at_idx ON auth.passkey_challenges (expires_at);
SELECT pg_catalog.pg_extension_config_dump('auth.passkey_challenges', '');
-- A user's passkeys: asking for a new one, keeping it, listing, renaming, deleting. The edge has verified what an
-- authenticator answered, but for the challenge: that is known here alone.

CREATE FUNCTION auth.base64url(bytes bytea) RETURNS text LANGUAGE sql IMMUTABLE STRICT
  RETURN pg_catalog.translate(pg_catalog.encode(bytes, 'base64'), E'+/=\n', '-_');
COMMENT ON FUNCTION auth.base64url IS 'RFC 4648 section 5, without padding';

CREATE FUNCTION auth.passkey_json(p auth.passkeys) RETURNS json LANGUAGE sql STABLE
  RETURN auth.json_object(
    'name', p.name, 'publicKey', p.public_key, 'userId', p.user_id, 'credentialID', p.credential_id, 'counter', p.counter,
    'deviceType', p.device_type, 'backedUp', p.backed_up, 'transports', p.transports, 'createdAt', p.created_at,
    'aaguid', p.aaguid, 'id', p.id);
COMMENT ON FUNCTION auth.passkey_json IS 'a passkey as clients see it';

CREATE FUNCTION auth.passkey_descriptors(of_user_id text) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (
    SELECT auth.json_array_agg(
             CASE WHEN p.transports IS NULL THEN auth.json_object('id', p.credential_id, 'type', 'public-key')
                  ELSE auth.json_object('id', p.credential_id, 'transports', to_json(string_to_array(p.transports, ',')),
                                        'type', 'public-key') END ORDER BY p.created_at, p.id)
      FROM auth.passkeys p WHERE p.user_id = of_user_id);
END
$$;
COMMENT ON FUNCTION auth.passkey_descriptors IS 'the passkeys of a user, as browsers are told about them';

CREATE FUNCTION auth.passkey_challenge_issue(c auth.caller, ceremony text, for_user_id text) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  challenge constant text := auth.base64url(auth.random_bytes(32));
BEGIN
  INSERT INTO auth.passkey_challenges (cookie_digest, challenge_digest, ceremony, user_id)
  VALUES (c.fresh_digest, sha256(convert_to(challenge, 'UTF8')), passkey_challenge_issue.ceremony, for_user_id);
  RETURN challenge;
END
$$;
COMMENT ON FUNCTION auth.passkey_challenge_issue IS 'a new challenge for the browser that gets the fresh token as its cookie';

CREATE FUNCTION auth.passkey_challenge_cookie() RETURNS text LANGUAGE sql IMMUTABLE
  RETURN E'better-auth-passkey \x01 300';
COMMENT ON FUNCTION auth.passkey_challenge_cookie IS 'the cookie that ties a challenge to its browser';

CREATE FUNCTION auth.passkey_challenge_consume(cookie_digest bytea, ceremony text) RETURNS auth.passkey_challenges
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  taken auth.passkey_challenges;
BEGIN
  DELETE FROM auth.passkey_challenges x WHERE x.cookie_digest = passkey_challenge_consume.cookie_digest RETURNING x.* INTO taken;
  IF taken.expires_at <= now() OR taken.ceremony <> passkey_challenge_consume.ceremony THEN
    RETURN NULL;
  END IF;
  RETURN taken;
END
$$;
COMMENT ON FUNCTION auth.passkey_challenge_consume IS
  'takes the challenge of a cookie: it is gone whoever else asks, and whatever comes of it. A row of NULLs: unknown, used, '
  'expired, or of the other ceremony';

CREATE FUNCTION auth.passkey_refusal(me auth.sessions) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  fresh constant interval := '1 day';
  most constant integer := 50;
BEGIN
  IF me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  ELSIF me.created_at <= now() - fresh THEN
    RETURN auth.refuse('SESSION_NOT_FRESH');
  ELSIF (SELECT count(*) FROM auth.passkeys p WHERE p.user_id = me.user_id) >= most THEN
    RETURN auth.refuse('PASSKEY_LIMIT_REACHED');
  END IF;
  RETURN NULL;
END
$$;
COMMENT ON FUNCTION auth.passkey_refusal IS
  'why this session may not add a passkey: a new way in wants a session younger than a day. A row of NULLs: go on';

CREATE FUNCTION auth_api.passkey_register_options(c auth.caller, rp_id text, rp_name text, name text, attachment text)
RETURNS auth.reply LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
  refusal constant auth.reply := auth.passkey_refusal(me);
  u auth.users;
  selection json;
BEGIN
  IF refusal.refusal IS NOT NULL THEN
    RETURN refusal;
  END IF;
  SELECT x.* INTO STRICT u FROM auth.users x WHERE x.id = me.user_id;
  selection := CASE WHEN attachment IS NULL
    THEN auth.json_object('residentKey', 'preferred', 'userVerification', 'preferred', 'requireResidentKey', false)
    ELSE auth.json_object('residentKey', 'preferred', 'userVerification', 'preferred', 'authenticatorAttachment', attachment,
                          'requireResidentKey', false) END;
  RETURN auth.granted(auth.json_object(
    'challenge', auth.passkey_challenge_issue(c, 'registration', u.id),
    'rp', auth.json_object('name', rp_name, 'id', rp_id),
    'user', auth.json_object('id', auth.base64url(convert_to(u.id, 'UTF8')), 'name', COALESCE(NULLIF(name, ''), u.email),
                             'displayName', u.email),
    'pubKeyCredParams', '[{"alg":-8,"type":"public-key"},{"alg":-7,"type":"public-key"},{"alg":-257,"type":"public-key"}]'::json,
    'timeout', 60000, 'attestation', 'none', 'excludeCredentials', auth.passkey_descriptors(u.id),
    'authenticatorSelection', selection, 'extensions', '{"credProps":true}'::json, 'hints', '[]'::json),
    auth.passkey_challenge_cookie());
END
$$;
COMMENT ON FUNCTION auth_api.passkey_register_options IS
  'GET /passkey/generate-register-options: what a browser makes a passkey of the caller from';

CREATE FUNCTION auth_api.passkey_register(
    c auth.caller, cookie_digest bytea, challenge_digest bytea, credential_id text, public_key text, counter bigint,
    device_type text, backed_up boolean, transports text, aaguid text, name text, open_session boolean)
RETURNS auth.reply LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
  u constant auth.users := auth.user_lock(me.user_id);
  refusal constant auth.reply := auth.passkey_refusal(me);
  asked auth.passkey_challenges;
  p auth.passkeys;
  s auth.sessions;
BEGIN
  IF refusal.refusal IS NOT NULL THEN
    RETURN refusal;
  END IF;
  asked := auth.passkey_challenge_consume(passkey_register.cookie_digest, 'registration');
  IF asked.cookie_digest IS NULL THEN
    RETURN auth.refuse('CHALLENGE_NOT_FOUND');
  ELSIF asked.user_id <> u.id THEN
    RETURN auth.refuse('YOU_ARE_NOT_ALLOWED_TO_REGISTER_THIS_PASSKEY');
  ELSIF public_key IS NULL OR asked.challenge_digest <> passkey_register.challenge_digest THEN
    RETURN auth.refuse('FAILED_TO_VERIFY_REGISTRATION');
  END IF;
  INSERT INTO auth.passkeys AS x
    (name, public_key, user_id, credential_id, counter, device_type, backed_up, transports, aaguid, user_handle)
  VALUES (NULLIF(passkey_register.name, ''), passkey_register.public_key, u.id, passkey_register.credential_id,
          passkey_register.counter, passkey_register.device_type, passkey_register.backed_up,
          NULLIF(passkey_register.transports, ''), passkey_register.aaguid, u.id)
      ON CONFLICT ON CONSTRAINT passkeys_credential_id_unique DO NOTHING
  RETURNING x.* INTO p;
  IF p.id IS NULL THEN
    RETURN auth.refuse('PREVIOUSLY_REGISTERED');
  END IF;
  PERFORM auth.security_event(c, u.id, 'PASSKEY_REGISTERED', auth.json_object('passkeyId', p.id)::jsonb);
  PERFORM auth.mail_queue('passkey_added', u.email, u.locale, auth.json_object('name', u.name), u.id);
  IF NOT open_session THEN
    RETURN auth.granted(auth.passkey_json(p));
  END IF;
  s := auth.session_open(c, u.id, true);
  RETURN auth.granted(
    auth.json_object(
      'name', p.name, 'publicKey', p.public_key, 'userId', p.user_id, 'credentialID', p.credential_id, 'counter', p.counter,
      'deviceType', p.device_type, 'backedUp', p.backed_up, 'transports', p.transports, 'createdAt', p.created_at,
      'aaguid', p.aaguid, 'id', p.id, 'session', auth.session_json(s, auth.fresh_token()), 'user', auth.user_json(u)),
    auth.session_cookies(true));
END
$$;
COMMENT ON FUNCTION auth_api.passkey_register IS
  'POST /passkey/verify-registration: keeps the key that the edge has verified (NULL: it could not), if it answers the challenge '
  'of this browser and this user';

CREATE FUNCTION auth_api.passkey_list(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
BEGIN
  IF me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  RETURN auth.granted((
    SELECT auth.json_array_agg(auth.passkey_json(p) ORDER BY p.created_at, p.id) FROM auth.passkeys p WHERE p.user_id = me.user_id));
END
$$;
COMMENT ON FUNCTION auth_api.passkey_list IS 'GET /passkey/list-user-passkeys';

CREATE FUNCTION auth_api.passkey_list_v1(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
BEGIN
  IF me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  RETURN auth.granted((
    SELECT auth.json_array_agg(
             auth.json_object(
               'name', p.name, 'publicKey', p.public_key, 'userId', p.user_id, 'credentialID', p.credential_id,
               'counter', p.counter, 'deviceType', p.device_type, 'backedUp', p.backed_up, 'transports', p.transports,
               'createdAt', p.created_at, 'aaguid', p.aaguid, 'id', p.id, 'friendlyName', p.name, 'lastUsedAt', p.last_used_at)
             ORDER BY p.created_at, p.id)
      FROM auth.passkeys p WHERE p.user_id = me.user_id));
END
$$;
COMMENT ON FUNCTION auth_api.passkey_list_v1 IS
  'GET /api/v1/auth/passkeys: the same, with the name as older apps call it, and when each was used last';

CREATE FUNCTION auth_api.passkey_delete(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
BEGIN
  IF me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  END IF;
  DELETE FROM auth.passkeys p WHERE p.id = input ->> 'id' AND p.user_id = me.user_id;
  IF NOT FOUND THEN
    RETURN auth.refuse('PASSKEY_NOT_FOUND');
  END IF;
  PERFORM auth.security_event(c, me.user_id, 'PASSKEY_DELETED', auth.json_object('passkeyId', input ->> 'id')::jsonb);
  RETURN auth.granted(auth.json_object('status', true));
END
$$;
COMMENT ON FUNCTION auth_api.passkey_delete IS 'POST /passkey/delete-passkey {id}: one of the caller''s own';

CREATE FUNCTION auth_api.passkey_update(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
  called constant text := regexp_replace(COALESCE(input ->> 'name', input ->> 'friendlyName'), '^\s+|\s+$', '', 'g');
  p auth.passkeys;
BEGIN
  IF me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED');
  ELSIF called IS NULL OR called = '' THEN
    RETURN auth.refuse('VALIDATION_ERROR', '[body.name] Too small: expected string to have >=1 characters');
  END IF;
  UPDATE auth.passkeys x SET name = called WHERE x.id = input ->> 'id' AND x.user_id = me.user_id RETURNING x.* INTO p;
  IF p.id IS NULL THEN
    RETURN auth.refuse('PASSKEY_NOT_FOUND');
  END IF;
  PERFORM auth.security_event(c, me.user_id, 'PASSKEY_RENAMED', auth.json_object('passkeyId', p.id)::jsonb);
  RETURN auth.granted(auth.json_object('passkey', auth.passkey_json(p)));
END
$$;
COMMENT ON FUNCTION auth_api.passkey_update IS 'POST /passkey/update-passkey {id, name}: a new name for one of the caller''s own';
-- Signing in with a passkey. Nobody says who they are beforehand: the key that answers does, so that there is nothing to
-- enumerate. Two calls, because the edge verifies between them; the second takes the challenge.

CREATE FUNCTION auth_api.passkey_authenticate_options(c auth.caller, rp_id text) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
  known constant json := auth.passkey_descriptors(me.user_id);
  named constant boolean := json_array_length(known) > 0;
  challenge constant text := auth.passkey_challenge_issue(c, 'authentication', CASE WHEN named THEN me.user_id END);
BEGIN
  RETURN auth.granted(
    CASE WHEN named
         THEN auth.json_object('rpId', rp_id, 'challenge', challenge, 'allowCredentials', known, 'timeout', 60000,
                               'userVerification', 'preferred')
         ELSE auth.json_object('rpId', rp_id, 'challenge', challenge, 'timeout', 60000, 'userVerification', 'preferred') END,
    auth.passkey_challenge_cookie());
END
$$;
COMMENT ON FUNCTION auth_api.passkey_authenticate_options IS
  'GET /passkey/generate-authenticate-options: any passkey of this service; of who is signed in already, theirs';

CREATE FUNCTION auth_api.passkey_sign_in_lookup(c auth.caller, credential_id text) RETURNS TABLE (id text, public_key text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY SELECT p.id, p.public_key FROM auth.passkeys p WHERE p.credential_id = passkey_sign_in_lookup.credential_id;
END
$$;
COMMENT ON FUNCTION auth_api.passkey_sign_in_lookup IS 'the key that the edge verifies a signature by; no row: none of ours';

CREATE FUNCTION auth.passkey_refused(c auth.caller, p auth.passkeys, error text, status integer, dialect text) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF p.id IS NOT NULL THEN
    PERFORM auth.rate_limit_count('passkey_failure', p.id);
  END IF;
  PERFORM auth.security_event(c, p.user_id, 'PASSKEY_LOGIN_FAILURE', auth.json_object('code', error, 'passkeyId', p.id)::jsonb);
  RETURN CASE
    WHEN dialect = 'v1' THEN auth.refuse('PASSKEY_VERIFICATION_FAILED')
    WHEN error = 'PASSKEY_NOT_FOUND' THEN auth.refuse_as(status, 'Passkey not found', error)
    ELSE auth.refuse_as(status, 'Authentication failed', 'AUTHENTICATION_FAILED') END;
END
$$;
COMMENT ON FUNCTION auth.passkey_refused IS 'an answer that does not sign in: counted for its passkey, remembered, refused';

CREATE FUNCTION auth_api.passkey_sign_in(
    c auth.caller, cookie_digest bytea, challenge_digest bytea, passkey_id text, outcome text, user_handle text,
    counter bigint, user_verified boolean, backed_up boolean, dialect text, device_digest bytea)
RETURNS auth.reply LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  asked constant auth.passkey_challenges := auth.passkey_challenge_consume(passkey_sign_in.cookie_digest, 'authentication');
  wait_seconds constant integer := auth.rate_limit_wait('passkey_failure', passkey_id);
  p auth.passkeys;
  u auth.users;
  gate auth.two_factor_gate := ROW(false, NULL, '');
BEGIN
  IF asked.cookie_digest IS NULL THEN
    RETURN auth.refuse('CHALLENGE_NOT_FOUND');
  ELSIF wait_seconds > 0 THEN
    RETURN auth.refuse('RATE_LIMITED', NULL, wait_seconds);
  END IF;
  SELECT x.* INTO p FROM auth.passkeys x WHERE x.id = passkey_id;
  u := auth.user_lock(p.user_id);
  SELECT x.* INTO p FROM auth.passkeys x WHERE x.id = passkey_id AND x.user_id = u.id; -- what it is now, behind the lock
  IF p.id IS NULL THEN
    RETURN auth.passkey_refused(c, p, 'PASSKEY_NOT_FOUND', 401, dialect);
  ELSIF outcome = 'bad_signature' THEN
    RETURN auth.passkey_refused(c, p, 'SIGNATURE', 401, dialect);
  ELSIF outcome <> 'valid' OR asked.challenge_digest <> passkey_sign_in.challenge_digest THEN
    RETURN auth.passkey_refused(c, p, 'MISMATCH', 400, dialect);
  ELSIF asked.user_id <> u.id OR passkey_sign_in.user_handle <> p.user_handle
     OR (asked.user_id IS NULL AND p.user_handle IS NOT NULL AND passkey_sign_in.user_handle IS NULL) THEN
    RETURN auth.passkey_refused(c, p, 'USER', 400, dialect);
  ELSIF (p.counter > 0 OR passkey_sign_in.counter > 0) AND passkey_sign_in.counter <= p.counter THEN
    RETURN auth.passkey_refused(c, p, 'COUNTER', 400, dialect);
  END IF;
  UPDATE auth.passkeys x SET counter = passkey_sign_in.counter, backed_up = passkey_sign_in.backed_up, last_used_at = now()
   WHERE x.id = p.id;
  IF NOT u.email_verified THEN
    PERFORM auth.security_event(c, u.id, 'PASSKEY_LOGIN_FAILURE', '{"code":"EMAIL_NOT_VERIFIED"}');
    RETURN auth.refuse('EMAIL_NOT_VERIFIED');
  ELSIF NOT user_verified THEN -- a touch proves that somebody has the key; a PIN or a finger, that it is theirs
    gate := auth.two_factor_gate(c, u, true, 'passkey', device_digest);
  END IF;
  RETURN CASE WHEN gate.asked THEN auth.two_factor_asked(gate) ELSE auth.passkey_granted(c, u, p.id, dialect, gate.cookies) END;
END
$$;
COMMENT ON FUNCTION auth_api.passkey_sign_in IS
  'POST /passkey/verify-authentication after the edge has verified (outcome valid, mismatch or bad_signature): the challenge, the '
  'user, the counter, and the session (or the challenge of a second factor, where the authenticator has not asked for one '
  'itself) in one transaction';

CREATE FUNCTION auth.passkey_granted(c auth.caller, u auth.users, passkey_id text, dialect text, more_cookies text)
RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_open(c, u.id, true);
BEGIN
  PERFORM auth.security_event(c, u.id, 'PASSKEY_LOGIN_SUCCESS', auth.json_object('passkeyId', passkey_id)::jsonb);
  IF dialect = 'v1' THEN
    RETURN auth.granted(
      auth.json_object('session', auth.session_json(s, auth.fresh_token()), 'user', auth.user_json(u),
                       'accessToken', auth.access_token(), 'refreshToken', auth.fresh_token()),
      auth.session_cookies(true) || more_cookies, auth.user_claims(u, s.id));
  END IF;
  RETURN auth.granted(
    auth.json_object('session', auth.session_json(s, auth.fresh_token()), 'user', auth.user_json(u)),
    auth.session_cookies(true) || more_cookies);
END
$$;
COMMENT ON FUNCTION auth.passkey_granted IS 'the user is who holds the key: the session, and what the client reads';
-- Erasures (GDPR, article 17): one row a user who goes, one a source that holds something of them. An erasure outlives crashes
-- of everybody involved, and is not over before each source has said that nothing is left.

CREATE TABLE auth.erasures (
  id              text        NOT NULL DEFAULT auth.random_id(),
  user_id         text,
  pseudonym       text        NOT NULL DEFAULT 'erased-' || auth.random_id(24),
  requested_by    text        NOT NULL,
  request_id      text,
  farewell        bytea,
  sessions_count  bigint      NOT NULL,
  accounts_count  bigint      NOT NULL,
  requested_at    timestamptz NOT NULL DEFAULT pg_catalog.now(),
  completed_at    timestamptz,
  CONSTRAINT erasures_pkey PRIMARY KEY (id),
  CONSTRAINT erasures_user_id_unique UNIQUE (user_id),
  CONSTRAINT erasures_complete_ones_name_nobody CHECK (completed_at IS NULL OR (user_id IS NULL AND farewell IS NULL)),
  CONSTRAINT erasures_pending_ones_name_somebody CHECK (completed_at IS NOT NULL OR user_id IS NOT NULL)
);
COMMENT ON TABLE auth.erasures IS 'who goes or has gone; a complete one names nobody any more';
COMMENT ON COLUMN auth.erasures.id IS 'known to who asked for it alone: it opens GET /me/data/erasure/:id when no session is left';
COMMENT ON COLUMN auth.erasures.user_id IS
  'no foreign key: the other sources are asked by it also when our own rows have gone before them. NULL: complete';
COMMENT ON COLUMN auth.erasures.pseudonym IS 'what stands for the user in the trails that stay';
COMMENT ON COLUMN auth.erasures.requested_by IS 'self, or admin: and the id of the admin';
COMMENT ON COLUMN auth.erasures.farewell IS
  'address, name and language for the mail at the end, sealed in the context erasures:id; gone once it is promised';
CREATE INDEX erasures_completed_at_idx ON auth.erasures (completed_at);

CREATE TABLE auth.erasure_sources (
  erasure_id       text        NOT NULL,
  source           text        NOT NULL,
  state            text        NOT NULL DEFAULT 'pending',
  found_count      bigint,
  deleted_count    bigint,
  attempts         integer     NOT NULL DEFAULT 0,
  next_attempt_at  timestamptz NOT NULL DEFAULT pg_catalog.now(),
  leased_until     timestamptz,
  leased_by        text,
  last_error       text,
  finished_at      timestamptz,
  CONSTRAINT erasure_sources_pkey PRIMARY KEY (erasure_id, source),
  CONSTRAINT erasure_sources_erasure_id_erasures_id_fk FOREIGN KEY (erasure_id) REFERENCES auth.erasures (id) ON DELETE CASCADE,
  CONSTRAINT erasure_sources_source_is_known CHECK (source IN ('sync', 'credits', 'subscriptions', 'auth')),
  CONSTRAINT erasure_sources_state_is_known CHECK (state IN ('pending', 'done', 'absent')),
  CONSTRAINT erasure_sources_done_ones_say_how_many CHECK ((state = 'done') = (deleted_count IS NOT NULL))
) WITH (fillfactor = 80);
COMMENT ON TABLE auth.erasure_sources IS 'where something of the user is; each is asked until it says that nothing is left';
COMMENT ON COLUMN auth.erasure_sources.state IS 'absent: this installation has no such service, so nobody was asked';
COMMENT ON COLUMN auth.erasure_sources.found_count IS
  'what there was before the first try, so that a try whose answer was lost does not make it zero; NULL: not looked yet';
COMMENT ON COLUMN auth.erasure_sources.last_error IS 'why the last try failed, for people';
CREATE INDEX erasure_sources_pending_idx ON auth.erasure_sources (next_attempt_at) WHERE state = 'pending';

CREATE TABLE auth.erasure_echoes (
  user_id  text        NOT NULL,
  due_at   timestamptz NOT NULL,
  CONSTRAINT erasure_echoes_pkey PRIMARY KEY (user_id)
);
COMMENT ON TABLE auth.erasure_echoes IS
  'the sync service believes an access JWT until it expires, without asking us: what a device of the user still sends there '
  'after the erasure is deleted once more, when no such JWT can be left';
CREATE INDEX erasure_echoes_due_at_idx ON auth.erasure_echoes (due_at);

SELECT pg_catalog.pg_extension_config_dump('auth.erasures', '');
SELECT pg_catalog.pg_extension_config_dump('auth.erasure_sources', '');
SELECT pg_catalog.pg_extension_config_dump('auth.erasure_echoes', '');

CREATE VIEW auth.erasure_overview AS
  SELECT e.id, e.user_id, e.requested_by, e.requested_at, e.completed_at, s.source, s.state, s.deleted_count, s.attempts,
         CASE WHEN s.state = 'pending' THEN s.next_attempt_at END AS next_attempt_at, s.last_error
    FROM auth.erasures e JOIN auth.erasure_sources s ON s.erasure_id = e.id;
COMMENT ON VIEW auth.erasure_overview IS 'for admins: what is erased, what is not yet, and why not';
-- Erasing a user (GDPR, article 17). Who asks is signed out at once and for good: what opened the account is gone before the
-- answer. Then every source is asked, by any edge, until nothing is left there; our own rows go last, for without them nobody
-- could tell whose the others were. Each step is idempotent, so that a crash anywhere costs a second try and nothing else.

CREATE FUNCTION auth.user_erase(c auth.caller, u auth.users, requested_by text DEFAULT 'self') RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  erasure_id constant text := auth.random_id();
  jwt_lifetime constant interval := '20 minutes'; -- 15, and a clock that is wrong
  services constant text[] := string_to_array(current_setting('mana_auth.erasure_services'), ',');
  told_until timestamptz;
BEGIN
  IF json_array_length(auth.organization_release_user(c, u.id) -> 'blocked') > 0 THEN
    RAISE EXCEPTION 'the user is the only owner of an organization'
      USING ERRCODE = 'restrict_violation', DETAIL = format('User "%s".', u.id), HINT = 'Ask auth.organization_release_refusal first.';
  END IF;
  PERFORM auth.vault_hold(u.id);
  INSERT INTO auth.erasures (id, user_id, requested_by, request_id, farewell, sessions_count, accounts_count)
  VALUES (erasure_id, u.id, user_erase.requested_by, c.request_id,
          auth.seal(convert_to(auth.json_object('email', u.email, 'name', u.name, 'locale', u.locale)::text, 'UTF8'),
                    'erasures:' || erasure_id),
          (SELECT count(*) FROM auth.sessions s WHERE s.user_id = u.id),
          (SELECT count(*) FROM auth.accounts a WHERE a.user_id = u.id));
  PERFORM auth.identity_assume('*'); -- the trail of the vault is below row-level security
  PERFORM auth.vault_audit_write(c, u.id, 'erase', NULL, 200);
  -- A call that an edge has in its hands may still arrive: mana-credits is asked to forget when that is over.
  SELECT max(o.leased_until) INTO told_until FROM auth.outbound_calls o WHERE o.user_id = u.id AND o.state = 'pending';
  INSERT INTO auth.erasure_sources (erasure_id, source, state, next_attempt_at) VALUES
    (erasure_id, 'sync', CASE WHEN auth.sync_is_declared() THEN 'pending' ELSE 'absent' END, now()),
    (erasure_id, 'credits', CASE WHEN 'credits' = ANY (services) THEN 'pending' ELSE 'absent' END, COALESCE(told_until, now())),
    (erasure_id, 'subscriptions', CASE WHEN 'subscriptions' = ANY (services) THEN 'pending' ELSE 'absent' END, now()),
    (erasure_id, 'auth', 'pending', now());
  IF auth.sync_is_declared() THEN
    INSERT INTO auth.erasure_echoes (user_id, due_at) VALUES (u.id, now() + jwt_lifetime);
  END IF;
  PERFORM auth.erasure_shut_out(u);
  IF auth.erasure_auth_is_due(erasure_id) THEN
    PERFORM auth.erasure_auth_run(erasure_id);
  END IF;
  RETURN erasure_id;
END
$$;
COMMENT ON FUNCTION auth.user_erase IS
  'begins the erasure of a user, who is locked; its id. Where no other service holds anything it is over at once. What stays is '
  'the vault''s trail and the events, under a pseudonym, and that this id was deleted; of organizations what '
  'auth.organization_release_user says';

CREATE FUNCTION auth.erasure_lease(of_erasure_id text, worker text, lease_seconds integer) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE auth.erasure_sources s SET leased_by = worker, leased_until = now() + make_interval(secs => lease_seconds)
   WHERE s.erasure_id = of_erasure_id AND s.state = 'pending';
END
$$;
COMMENT ON FUNCTION auth.erasure_lease IS 'gives all sources to the worker that began the erasure, and asks each of them before it answers';

CREATE FUNCTION auth.erasure_shut_out(u auth.users) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM auth.lockout_clear(u.email);
  DELETE FROM auth.magic_links l WHERE l.email = u.email;
  DELETE FROM auth.outbox o WHERE o.user_id = u.id OR o.recipient = u.email;
  DELETE FROM auth.outbound_calls o WHERE o.user_id = u.id;
  DELETE FROM auth.oauth_grants g WHERE g.user_id = u.id;
  DELETE FROM auth.sessions s WHERE s.user_id = u.id;
  DELETE FROM auth.accounts a WHERE a.user_id = u.id;
  DELETE FROM auth.passkeys p WHERE p.user_id = u.id;
  DELETE FROM auth.api_keys k WHERE k.user_id = u.id;
  DELETE FROM auth.passkey_challenges p WHERE p.user_id = u.id;
  DELETE FROM auth.two_factor_challenges t WHERE t.user_id = u.id;
  DELETE FROM auth.verification v WHERE v.user_id = u.id;
  UPDATE auth.users x
     SET deleted_at = now(), email = lower(e.pseudonym) || '@erased.invalid', email_verified = false, name = '', image = NULL,
         two_factor_enabled = false, updated_at = now()
    FROM auth.erasures e WHERE x.id = u.id AND e.user_id = u.id;
END
$$;
COMMENT ON FUNCTION auth.erasure_shut_out IS
  'takes away all that signs in and all that names the person; the address is free again. The rest of the rows goes at the end';

CREATE FUNCTION auth.erasure_auth_is_due(of_erasure_id text) RETURNS boolean LANGUAGE sql STABLE
  RETURN NOT EXISTS (SELECT FROM auth.erasure_sources s
                      WHERE s.erasure_id = of_erasure_id AND s.source <> 'auth' AND s.state = 'pending')
      OR EXISTS (SELECT FROM auth.erasures e
                  WHERE e.id = of_erasure_id AND e.requested_at < pg_catalog.now() - INTERVAL '1 day');
COMMENT ON FUNCTION auth.erasure_auth_is_due IS
  'our own rows wait for the other sources, but for no longer than a day: whom a service fails does not stay with us for it';

CREATE FUNCTION auth.erasure_auth_run(of_erasure_id text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  e auth.erasures;
BEGIN
  SELECT x.* INTO STRICT e FROM auth.erasures x WHERE x.id = of_erasure_id;
  PERFORM auth.identity_assume('*');
  PERFORM auth.vault_audit_pseudonymize(e.user_id, e.pseudonym);
  UPDATE auth.security_events v SET user_id = e.pseudonym, ip_address = NULL, user_agent = NULL, metadata = NULL
   WHERE v.user_id = e.user_id;
  DELETE FROM auth.users u WHERE u.id = e.user_id;
  INSERT INTO auth.security_events (user_id, event_type) VALUES (e.user_id, 'ACCOUNT_DELETED');
  PERFORM auth.erasure_source_done(e.id, 'auth', e.sessions_count + e.accounts_count + 1);
END
$$;
COMMENT ON FUNCTION auth.erasure_auth_run IS 'our own rows: the user and all that belongs to them';

CREATE FUNCTION auth.erasure_source_done(of_erasure_id text, of_source text, deleted bigint) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  e auth.erasures;
  farewell json;
BEGIN
  SELECT x.* INTO STRICT e FROM auth.erasures x WHERE x.id = of_erasure_id FOR UPDATE; -- of two last ones, one completes it
  UPDATE auth.erasure_sources s
     SET state = 'done', deleted_count = greatest(COALESCE(s.found_count, 0), deleted), leased_until = NULL, leased_by = NULL,
         last_error = NULL, finished_at = now()
   WHERE s.erasure_id = e.id AND s.source = of_source AND s.state = 'pending';
  IF EXISTS (SELECT FROM auth.erasure_sources s WHERE s.erasure_id = e.id AND s.state = 'pending') THEN
    RETURN;
  END IF;
  farewell := convert_from(auth.unseal(e.farewell, 'erasures:' || e.id), 'UTF8')::json;
  PERFORM auth.mail_queue('account_deleted', farewell ->> 'email', farewell ->> 'locale',
                          auth.json_object('name', farewell ->> 'name'));
  UPDATE auth.erasures x SET completed_at = now(), user_id = NULL, farewell = NULL WHERE x.id = e.id;
END
$$;
COMMENT ON FUNCTION auth.erasure_source_done IS
  'nothing is left in a source; when it was the last one, the erasure is complete and its mail promised, once';
-- What an edge does for an erasure: it claims a source for as long as a lease lasts, asks it, and says what came of it. An edge that
-- dies loses its lease, and another one asks again.

CREATE FUNCTION auth_api.erasure_claim(worker text, lease_seconds integer, only_id text)
  RETURNS TABLE (erasure_id text, source text, user_id text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY
    WITH due AS (
      SELECT s.erasure_id, s.source FROM auth.erasure_sources s
       WHERE s.state = 'pending' AND s.next_attempt_at <= now()
         AND (s.leased_until IS NULL OR s.leased_until <= now() OR (s.leased_by = worker AND s.attempts = 0))
         AND (only_id IS NULL OR s.erasure_id = only_id)
         AND (s.source <> 'auth' OR auth.erasure_auth_is_due(s.erasure_id))
       ORDER BY s.next_attempt_at, s.erasure_id, s.source
       LIMIT 1 FOR UPDATE SKIP LOCKED)
    UPDATE auth.erasure_sources s
       SET leased_until = now() + make_interval(secs => lease_seconds), leased_by = worker, attempts = s.attempts + 1
      FROM due, auth.erasures e
     WHERE s.erasure_id = due.erasure_id AND s.source = due.source AND e.id = due.erasure_id
    RETURNING s.erasure_id, s.source, e.user_id;
END
$$;
COMMENT ON FUNCTION auth_api.erasure_claim IS 'one source that is due, of one erasure or (NULL) of any, leased to a worker; what auth_api.erasure_start leased it counts as due';

CREATE FUNCTION auth.erasure_held(of_erasure_id text, of_source text, worker text) RETURNS auth.erasures
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  e auth.erasures;
BEGIN
  SELECT x.* INTO e FROM auth.erasures x JOIN auth.erasure_sources s ON s.erasure_id = x.id
   WHERE x.id = of_erasure_id AND s.source = of_source AND s.state = 'pending' AND s.leased_by = worker
     FOR UPDATE OF s;
  RETURN e;
END
$$;
COMMENT ON FUNCTION auth.erasure_held IS
  'the erasure whose source the worker holds, locked until the transaction ends; a row of NULLs: it holds it no more';

CREATE FUNCTION auth_api.erasure_sync_find(of_erasure_id text, worker text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  e constant auth.erasures := auth.erasure_held(of_erasure_id, 'sync', worker);
  answer record;
BEGIN
  IF e.id IS NULL THEN
    RETURN false;
  END IF;
  SELECT x.found, x.reason INTO answer FROM auth.sync_found(e.user_id) x;
  IF answer.reason IS NOT NULL THEN
    PERFORM auth_api.erasure_failed(e.id, 'sync', worker, answer.reason);
    RETURN false;
  END IF;
  UPDATE auth.erasure_sources s SET found_count = COALESCE(s.found_count, answer.found)
   WHERE s.erasure_id = e.id AND s.source = 'sync';
  RETURN true;
END
$$;
COMMENT ON FUNCTION auth_api.erasure_sync_find IS
  'counts what there is in the sync database and commits the number, before anything is deleted; false: it could not be asked';

CREATE FUNCTION auth_api.erasure_sync_delete(of_erasure_id text, worker text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  e constant auth.erasures := auth.erasure_held(of_erasure_id, 'sync', worker);
  answer record;
BEGIN
  IF e.id IS NULL THEN
    RETURN false;
  END IF;
  SELECT x.deleted, x.reason INTO answer FROM auth.sync_erase(e.user_id) x;
  IF answer.reason IS NOT NULL THEN
    PERFORM auth_api.erasure_failed(e.id, 'sync', worker, answer.reason);
    RETURN false;
  END IF;
  PERFORM auth.erasure_source_done(e.id, 'sync', answer.deleted);
  RETURN true;
END
$$;
COMMENT ON FUNCTION auth_api.erasure_sync_delete IS 'deletes what there is in the sync database; false: it could not be asked';

CREATE FUNCTION auth_api.erasure_auth(of_erasure_id text, worker text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  e constant auth.erasures := auth.erasure_held(of_erasure_id, 'auth', worker);
BEGIN
  IF e.id IS NULL THEN
    RETURN false;
  END IF;
  PERFORM auth.erasure_auth_run(e.id);
  RETURN true;
END
$$;
COMMENT ON FUNCTION auth_api.erasure_auth IS 'deletes our own rows';

CREATE FUNCTION auth_api.erasure_done(of_erasure_id text, of_source text, worker text, deleted bigint) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  e constant auth.erasures := auth.erasure_held(of_erasure_id, of_source, worker);
BEGIN
  IF e.id IS NULL THEN
    RETURN false;
  END IF;
  PERFORM auth.erasure_source_done(e.id, of_source, greatest(deleted, 0));
  RETURN true;
END
$$;
COMMENT ON FUNCTION auth_api.erasure_done IS 'a service that is asked by HTTP has said that nothing is left';

CREATE FUNCTION auth_api.erasure_failed(of_erasure_id text, of_source text, worker text, reason text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE auth.erasure_sources s
     -- 2, 4, 8 ... seconds up to an hour, each between half and all of it, so that edges do not march in step
     SET next_attempt_at = now() + make_interval(secs => least(2 ^ least(s.attempts, 12), 3600) * (0.5 + random() / 2)),
         leased_until = NULL, leased_by = NULL, last_error = left(reason, 500)
   WHERE s.erasure_id = of_erasure_id AND s.source = of_source AND s.state = 'pending' AND s.leased_by = worker;
  RETURN FOUND;
END
$$;
COMMENT ON FUNCTION auth_api.erasure_failed IS
  'a source could not be asked, or would not: asked again with growing pauses, for as long as it takes';

CREATE FUNCTION auth_api.erasure_echo() RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  pause constant interval := '5 minutes';
  of_user_id text;
  answer record;
BEGIN
  SELECT x.user_id INTO of_user_id FROM auth.erasure_echoes x
   WHERE x.due_at <= now() ORDER BY x.due_at LIMIT 1 FOR UPDATE SKIP LOCKED;
  IF of_user_id IS NULL THEN
    RETURN false;
  END IF;
  SELECT x.reason INTO answer FROM auth.sync_erase(of_user_id) x;
  IF answer.reason IS NULL THEN
    DELETE FROM auth.erasure_echoes x WHERE x.user_id = of_user_id;
  ELSE
    UPDATE auth.erasure_echoes x SET due_at = now() + pause WHERE x.user_id = of_user_id;
  END IF;
  RETURN true;
END
$$;
COMMENT ON FUNCTION auth_api.erasure_echo IS 'deletes from the sync database what came in behind an erasure; false: nothing was due';

CREATE FUNCTION auth.erasure_retry(of_erasure_id text) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  woken bigint;
BEGIN
  UPDATE auth.erasure_sources s SET next_attempt_at = now() WHERE s.erasure_id = of_erasure_id AND s.state = 'pending';
  GET DIAGNOSTICS woken = ROW_COUNT;
  RETURN woken;
END
$$;
COMMENT ON FUNCTION auth.erasure_retry IS 'for admins: what is pending of an erasure is asked again now; how many sources';
-- What an erasure has come to, source by source, as it is.

CREATE FUNCTION auth.erasure_project(s auth.erasure_sources, project_id text, project_name text, away text) RETURNS json
LANGUAGE sql STABLE
  RETURN CASE WHEN s.state = 'done'
    THEN auth.json_object('projectId', project_id, 'projectName', project_name, 'success', true, 'deletedCount', s.deleted_count)
    ELSE auth.json_object('projectId', project_id, 'projectName', project_name, 'success', false, 'deletedCount', 0, 'error',
      CASE s.state WHEN 'absent' THEN 'nicht eingerichtet' ELSE away END) END;

CREATE FUNCTION auth.erasure_report(of_erasure_id text) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  e auth.erasures;
  sync auth.erasure_sources;
  sources json;
  total bigint;
  of_auth boolean;
  of_credits bigint;
BEGIN
  SELECT x.* INTO e FROM auth.erasures x WHERE x.id = of_erasure_id;
  IF e.id IS NULL THEN
    RETURN NULL;
  END IF;
  SELECT x.* INTO STRICT sync FROM auth.erasure_sources x WHERE x.erasure_id = e.id AND x.source = 'sync';
  SELECT auth.json_array_agg(auth.json_object(
           'source', s.source, 'state', s.state, 'deletedCount', s.deleted_count, 'attempts', s.attempts, 'error', s.last_error,
           'nextAttemptAt', CASE WHEN s.state = 'pending' THEN s.next_attempt_at END, 'finishedAt', s.finished_at)
           ORDER BY array_position(ARRAY['sync', 'credits', 'subscriptions', 'auth'], s.source)),
         COALESCE(sum(s.deleted_count), 0)::bigint,
         bool_or(s.source = 'auth' AND s.state = 'done'),
         COALESCE(sum(s.deleted_count) FILTER (WHERE s.source = 'credits'), 0)::bigint
    INTO STRICT sources, total, of_auth, of_credits
    FROM auth.erasure_sources s WHERE s.erasure_id = e.id;
  RETURN auth.json_object(
    'success', true,
    'deletedFromProjects', (SELECT auth.json_array_agg(
                              auth.erasure_project(sync, 'sync', 'Sync-Daten', 'Sync-Datenbank nicht erreichbar'))),
    'deletedFromAuth', auth.json_object('sessions', e.sessions_count, 'accounts', e.accounts_count, 'credits', of_credits,
                                        'user', of_auth),
    'totalDeleted', total,
    'complete', e.completed_at IS NOT NULL,
    'erasure', auth.json_object(
      'id', e.id, 'state', CASE WHEN e.completed_at IS NULL THEN 'pending' ELSE 'complete' END,
      'requestedAt', e.requested_at, 'completedAt', e.completed_at, 'sources', sources));
END
$$;
COMMENT ON FUNCTION auth.erasure_report IS
  'what is deleted, what is not yet and why; success: the account is closed and the rest will follow. NULL: no such erasure';

CREATE FUNCTION auth_api.erasure_report(of_erasure_id text, worker text) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  report json;
BEGIN
  UPDATE auth.erasure_sources s SET leased_by = NULL, leased_until = NULL
   WHERE s.erasure_id = of_erasure_id AND s.leased_by = worker;
  report := auth.erasure_report(of_erasure_id);
  RETURN auth.granted(report, status => CASE WHEN (report ->> 'complete')::boolean THEN 200 ELSE 202 END,
                      location => '/api/v1/me/data/erasure/' || of_erasure_id);
END
$$;
COMMENT ON FUNCTION auth_api.erasure_report IS
  'the answer to who has just asked for an erasure: 200 complete, 202 under way; what the worker still holds is anybody''s again';

CREATE FUNCTION auth_api.erasure_get(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  report constant json := auth.erasure_report(input ->> 'id');
BEGIN
  RETURN CASE WHEN report IS NULL THEN auth.refuse('NOT_FOUND', 'Erasure not found') ELSE auth.granted(report) END;
END
$$;
COMMENT ON FUNCTION auth_api.erasure_get IS
  'GET /me/data/erasure/:id: whoever has the id, for no session is left that could prove more';
-- What there is about a user (GDPR, article 15): our own rows, mana-credits' answer and the sync database.
--
-- The sync database is another PostgreSQL, declared once by the DBA:
--   CREATE SERVER mana_sync FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '10.0.0.7', dbname 'mana_sync');
--   CREATE USER MAPPING FOR auth_owner SERVER mana_sync OPTIONS (user 'mana_gdpr', password '...');
--   GRANT USAGE ON FOREIGN SERVER mana_sync TO auth_owner;
-- The role there needs SELECT and DELETE on sync_changes, and no BYPASSRLS.

CREATE FUNCTION auth.gdpr_summary(user_id text, credits jsonb) RETURNS json
  LANGUAGE c VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'mana_gdpr_summary';
COMMENT ON FUNCTION auth.gdpr_summary IS
  'all that is known about a user, as numbers. credits: what mana-credits answered, {"unavailable": reason}, or NULL where there '
  'is no such service. A source that could not be asked says available: false and the reason. NULL: no such user';

CREATE FUNCTION auth.sync_records(
    user_id text, after_app_id text, after_created_at text, after_id text, most integer, most_bytes integer,
    OUT records text[], OUT app_id text, OUT created_at text, OUT id text, OUT reason text)
  LANGUAGE c VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'mana_sync_records';
COMMENT ON FUNCTION auth.sync_records IS
  'a user''s next records in the sync database as JSON, behind the one that is named (NULL: from the first), and the name of the '
  'last; none: that was all. reason: why it could not be asked';

CREATE FUNCTION auth.sync_found(user_id text, OUT found bigint, OUT reason text)
  LANGUAGE c VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'mana_sync_found';
COMMENT ON FUNCTION auth.sync_found IS 'how many rows of a user there are in the sync database, or why that is not known';
CREATE FUNCTION auth.sync_erase(user_id text, OUT deleted bigint, OUT reason text)
  LANGUAGE c VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'mana_sync_erase';
COMMENT ON FUNCTION auth.sync_erase IS 'deletes them; how many, or why that did not succeed, or is not known. Again does no harm';

CREATE FUNCTION auth.sync_is_declared() RETURNS boolean
  LANGUAGE c STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'mana_sync_is_declared';
COMMENT ON FUNCTION auth.sync_is_declared IS 'whether there is a foreign server mana_sync';

CREATE FUNCTION auth.json_pretty(value json, level integer DEFAULT 0) RETURNS text
  LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'mana_json_pretty';
COMMENT ON FUNCTION auth.json_pretty IS 'indented by two blanks a level, as JSON.stringify(value, null, 2) does';

CREATE FUNCTION auth_api.gdpr_data(c auth.caller, credits jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
  summary json;
BEGIN
  IF s.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED', 'Invalid or expired token');
  END IF;
  summary := auth.gdpr_summary(s.user_id, credits);
  RETURN CASE WHEN summary IS NULL THEN auth.refuse('NOT_FOUND', 'User not found') ELSE auth.granted(summary) END;
END
$$;
COMMENT ON FUNCTION auth_api.gdpr_data IS 'GET /me/data: auth.gdpr_summary of the caller';
-- A user's data to take along (GDPR, articles 15 and 20), as JSON for people and programs, page by page: the edge sends each
-- page before it asks for the next, and nobody ever holds all of it. Each page is of its own moment.
--
-- The keys of version 2.0 come first, then what it left out. No secret is in it: of a credential there is that it exists.

CREATE FUNCTION auth.gdpr_member(level integer, name text, value json) RETURNS text LANGUAGE sql IMMUTABLE
  RETURN E'\n' || pg_catalog.repeat('  ', level) || pg_catalog.to_json(name)::text || ': '
         || COALESCE(auth.json_pretty(value, level), 'null');
COMMENT ON FUNCTION auth.gdpr_member IS 'a member of a pretty-printed object that stands at the level before';

CREATE FUNCTION auth.gdpr_details(u auth.users) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN auth.gdpr_member(2, 'sessions', (
      SELECT auth.json_array_agg(auth.json_object(
               'id', s.id, 'createdAt', s.created_at, 'expiresAt', s.expires_at, 'ipAddress', s.ip_address,
               'deviceName', s.device_name, 'lastActivityAt', s.last_activity_at, 'revokedAt', NULL::timestamptz,
               'userAgent', s.user_agent) ORDER BY s.created_at DESC, s.id)
        FROM auth.sessions s WHERE s.user_id = u.id)) || ','
    || auth.gdpr_member(2, 'passkeys', (
      SELECT auth.json_array_agg(auth.json_object(
               'id', p.id, 'friendlyName', p.name, 'deviceType', p.device_type, 'createdAt', p.created_at,
               'lastUsedAt', p.last_used_at) ORDER BY p.created_at, p.id)
        FROM auth.passkeys p WHERE p.user_id = u.id)) || ','
    || auth.gdpr_member(2, 'apiKeys', (
      SELECT auth.json_array_agg(auth.api_key_json(k) ORDER BY k.created_at, k.id)
        FROM auth.api_keys k WHERE k.user_id = u.id));
END
$$;
COMMENT ON FUNCTION auth.gdpr_details IS 'the lists of version 2.0 that are short';

CREATE FUNCTION auth.gdpr_more(u auth.users) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM auth.identity_assume(u.id);
  RETURN auth.gdpr_member(1, 'profile', auth.json_object(
      'image', u.image, 'updatedAt', u.updated_at, 'accessTier', u.access_tier, 'kind', u.kind, 'locale', u.locale,
      'twoFactorEnabled', COALESCE(u.two_factor_enabled, false), 'onboardingCompletedAt', u.onboarding_completed_at,
      'feedbackShowRealName', u.feedback_show_real_name, 'feedbackKarma', u.feedback_karma)) || ','
    || auth.gdpr_member(1, 'settings', (
      SELECT auth.json_object(
               'globalSettings', t.global_settings, 'appOverrides', t.app_overrides, 'deviceSettings', t.device_settings,
               'createdAt', t.created_at, 'updatedAt', t.updated_at)
        FROM auth.user_settings t WHERE t.user_id = u.id)) || ','
    || auth.gdpr_member(1, 'secondFactor', (
      SELECT auth.json_object('appConfirmedAt', t.confirmed_at, 'byMail', t.by_mail, 'createdAt', t.created_at, 'backupCodesLeft',
               (SELECT count(*) FROM auth.two_factor_backup_codes b WHERE b.user_id = u.id))
        FROM auth.two_factor_auth t WHERE t.user_id = u.id)) || ','
    || auth.gdpr_member(1, 'trustedDevices', (
      SELECT auth.json_array_agg(auth.json_object(
               'id', d.id, 'ipAddress', d.ip_address, 'userAgent', d.user_agent, 'createdAt', d.created_at,
               'lastUsedAt', d.last_used_at, 'expiresAt', d.expires_at) ORDER BY d.created_at, d.id)
        FROM auth.trusted_devices d WHERE d.user_id = u.id)) || ','
    || auth.gdpr_member(1, 'accounts', (
      SELECT auth.json_array_agg(auth.json_object(
               'id', a.id, 'providerId', a.provider_id, 'accountId', a.account_id, 'scope', a.scope,
               'createdAt', a.created_at, 'updatedAt', a.updated_at) ORDER BY a.created_at, a.id)
        FROM auth.accounts a WHERE a.user_id = u.id)) || ','
    || auth.gdpr_member(1, 'organizations', (
      SELECT auth.json_array_agg(auth.json_object(
               'id', o.id, 'name', o.name, 'slug', o.slug, 'role', m.role, 'memberSince', m.created_at) ORDER BY m.created_at, m.id)
        FROM auth.members m JOIN auth.organizations o ON o.id = m.organization_id WHERE m.user_id = u.id)) || ','
    || auth.gdpr_member(1, 'invitations', (
      SELECT auth.json_array_agg(auth.json_object(
               'id', i.id, 'organizationId', i.organization_id, 'email', i.email, 'role', i.role, 'status', i.status,
               'sentByUser', i.inviter_id = u.id, 'createdAt', i.created_at, 'expiresAt', i.expires_at) ORDER BY i.created_at, i.id)
        FROM auth.invitations i WHERE i.email = u.email OR i.inviter_id = u.id)) || ','
    || auth.gdpr_member(1, 'consents', (
      SELECT auth.json_array_agg(auth.json_object(
               'clientId', k.client_id, 'clientName', a.name, 'scopes', to_json(k.scopes), 'createdAt', k.created_at,
               'updatedAt', k.updated_at) ORDER BY k.created_at, k.client_id)
        FROM auth.oauth_consents k JOIN auth.oauth_clients a ON a.id = k.client_id WHERE k.user_id = u.id)) || ','
    || auth.gdpr_member(1, 'authorizations', (
      SELECT auth.json_array_agg(auth.json_object(
               'clientId', g.client_id, 'scopes', to_json(g.scopes), 'resource', g.resource, 'authTime', g.auth_time, 'createdAt', g.created_at)
               ORDER BY g.created_at, g.id)
        FROM auth.oauth_grants g WHERE g.user_id = u.id)) || ','
    || auth.gdpr_member(1, 'loginAttempts', (
      SELECT auth.json_array_agg(auth.json_object(
               'method', l.method, 'successful', l.successful, 'ipAddress', l.ip_address, 'attemptedAt', l.attempted_at)
               ORDER BY l.attempted_at, l.id)
        FROM auth.login_attempts l WHERE l.email = u.email)) || ','
    || auth.gdpr_member(1, 'pendingLinks', (
      SELECT auth.json_array_agg(auth.json_object(
               'kind', l.kind, 'createdAt', l.created_at, 'expiresAt', l.expires_at) ORDER BY l.created_at, l.kind)
        FROM (SELECT split_part(v.identifier, ':', 1), v.created_at, v.expires_at FROM auth.verification v WHERE v.user_id = u.id
              UNION ALL SELECT 'magic-link', m.created_at, m.expires_at FROM auth.magic_links m WHERE m.email = u.email
              UNION ALL SELECT 'second-factor', t.created_at, t.expires_at FROM auth.two_factor_challenges t WHERE t.user_id = u.id)
             l (kind, created_at, expires_at))) || ','
    || auth.gdpr_member(1, 'vault', (
      SELECT auth.json_object(
               'formatVersion', v.format_version, 'kekId', v.kek_id, 'keyGeneration', v.generation,
               'zeroKnowledge', v.zero_knowledge, 'hasRecoveryWrap', v.recovery_wrapped_mk IS NOT NULL,
               'recoverySetAt', v.recovery_set_at, 'createdAt', v.created_at, 'rotatedAt', v.rotated_at)
        FROM auth.encryption_vaults v WHERE v.user_id = u.id));
END
$$;
COMMENT ON FUNCTION auth.gdpr_more IS 'what version 2.0 left out, as far as it is short';

CREATE FUNCTION auth.gdpr_list(u auth.users, list text, before_at timestamptz, before_id text, most integer)
  RETURNS TABLE (item json, at timestamptz, id text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  CASE list
    WHEN 'securityEvents' THEN
      RETURN QUERY
        SELECT auth.json_object('eventType', e.event_type, 'ipAddress', e.ip_address, 'createdAt', e.created_at,
                                'userAgent', e.user_agent, 'metadata', e.metadata), e.created_at, e.id::text
          FROM auth.security_events e
         WHERE e.user_id = u.id AND (before_at IS NULL OR (e.created_at, e.id) < (before_at, before_id::uuid))
         ORDER BY e.created_at DESC, e.id DESC LIMIT most;
    WHEN 'vaultAudit' THEN
      PERFORM auth.identity_assume(u.id);
      RETURN QUERY
        SELECT auth.json_object('action', a.action, 'status', a.status, 'context', a.context, 'ipAddress', a.ip_address,
                                'userAgent', a.user_agent, 'createdAt', a.created_at), a.created_at, a.id
          FROM auth.encryption_vault_audit a
         WHERE a.user_id = u.id AND (before_at IS NULL OR (a.created_at, a.id) < (before_at, before_id))
         ORDER BY a.created_at DESC, a.id DESC LIMIT most;
    WHEN 'mails' THEN
      RETURN QUERY
        SELECT auth.json_object('kind', o.kind, 'recipient', o.recipient, 'locale', o.locale, 'state', o.state,
                                'createdAt', o.created_at, 'finishedAt', o.finished_at), o.created_at, o.id
          FROM auth.outbox o
         WHERE (o.user_id = u.id OR o.recipient = u.email) AND (before_at IS NULL OR (o.created_at, o.id) < (before_at, before_id))
         ORDER BY o.created_at DESC, o.id DESC LIMIT most;
  END CASE;
END
$$;
COMMENT ON FUNCTION auth.gdpr_list IS 'a page of a list that may be long, newest first, behind the row that is named';

CREATE FUNCTION auth.gdpr_open(name text) RETURNS text LANGUAGE sql IMMUTABLE
  RETURN E'\n  "' || name || '": [';
CREATE FUNCTION auth.gdpr_close(level integer, is_empty boolean) RETURNS text LANGUAGE sql IMMUTABLE
  RETURN CASE WHEN is_empty THEN ']' ELSE E'\n' || pg_catalog.repeat('  ', level) || ']' END;
COMMENT ON FUNCTION auth.gdpr_close IS 'ends an array that stands at a level';

CREATE FUNCTION auth.gdpr_list_page(u auth.users, cursor jsonb, OUT piece text, OUT next jsonb)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  most constant integer := 500;
  list constant text := cursor ->> 'list';
  level constant integer := CASE list WHEN 'securityEvents' THEN 2 ELSE 1 END;
  line constant text := E'\n' || repeat('  ', level + 1);
  rows integer := 0;
  r record;
BEGIN
  next := cursor;
  piece := '';
  FOR r IN SELECT x.item, x.at, x.id FROM auth.gdpr_list(u, list, (cursor ->> 'at')::timestamptz, cursor ->> 'id', most) x LOOP
    piece := piece || CASE WHEN next ->> 'id' IS NULL THEN '' ELSE ',' END || line || auth.json_pretty(r.item, level + 1);
    next := jsonb_build_object('list', list, 'at', r.at, 'id', r.id);
    rows := rows + 1;
  END LOOP;
  IF rows = most THEN
    RETURN;
  END IF;
  piece := piece || auth.gdpr_close(level, next ->> 'id' IS NULL);
  CASE list
    WHEN 'securityEvents' THEN
      piece := piece || E'\n  },' || auth.gdpr_more(u) || ',' || auth.gdpr_open('vaultAudit');
      next := '{"list": "vaultAudit"}';
    WHEN 'vaultAudit' THEN
      piece := piece || ',' || auth.gdpr_open('mails');
      next := '{"list": "mails"}';
    WHEN 'mails' THEN
      piece := piece || ',' || auth.gdpr_open('syncRecords');
      next := '{"list": "syncRecords"}';
  END CASE;
END
$$;
COMMENT ON FUNCTION auth.gdpr_list_page IS 'the next rows of a list of ours, and behind the last one the beginning of the next list';

CREATE FUNCTION auth.gdpr_sync_page(u auth.users, cursor jsonb, OUT piece text, OUT next jsonb)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  is_first constant boolean := cursor ->> 'id' IS NULL;
  page record;
  record text;
BEGIN
  SELECT x.records, x.app_id, x.created_at, x.id, x.reason INTO page
    FROM auth.sync_records(u.id, cursor ->> 'app', cursor ->> 'at', cursor ->> 'id', 1000, 1048576) x;
  piece := '';
  FOREACH record IN ARRAY COALESCE(page.records, '{}') LOOP
    piece := piece || CASE WHEN is_first AND piece = '' THEN '' ELSE ',' END || E'\n    ' || auth.json_pretty(record::json, 2);
  END LOOP;
  IF page.id IS NOT NULL THEN
    next := jsonb_build_object('list', 'syncRecords', 'app', page.app_id, 'at', page.created_at, 'id', page.id);
    RETURN;
  END IF;
  piece := auth.gdpr_close(1, is_first) || ','
    || auth.gdpr_member(1, 'syncRecordsComplete', to_json(page.reason IS NULL)) || ','
    || auth.gdpr_member(1, 'syncRecordsReason', to_json(page.reason)) || E'\n}\n';
END
$$;
COMMENT ON FUNCTION auth.gdpr_sync_page IS
  'the next records of the sync database, some megabyte at a time; behind the last one whether these were all, and the end';

CREATE FUNCTION auth_api.gdpr_export(
    c auth.caller, credits jsonb, cursor jsonb, OUT refusal text, OUT message text, OUT piece text, OUT next jsonb)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  s constant auth.sessions := auth.session_find(c);
  u auth.users;
BEGIN
  SELECT x.* INTO u FROM auth.users x WHERE x.id = s.user_id AND x.deleted_at IS NULL;
  IF u.id IS NULL THEN
    refusal := 'UNAUTHORIZED';
    message := 'Invalid or expired token';
  ELSIF cursor IS NULL THEN
    piece := '{' || auth.gdpr_member(1, 'exportedAt', to_json(auth.iso(now()))) || ','
      || auth.gdpr_member(1, 'exportVersion', '"2.0"') || ','
      || auth.gdpr_member(1, 'data', auth.gdpr_summary(u.id, credits)) || E',\n  "details": {'
      || auth.gdpr_details(u) || E',\n    "securityEvents": [';
    next := '{"list": "securityEvents"}';
  ELSIF cursor ->> 'list' = 'syncRecords' THEN
    SELECT x.piece, x.next INTO piece, next FROM auth.gdpr_sync_page(u, cursor) x;
  ELSE
    SELECT x.piece, x.next INTO piece, next FROM auth.gdpr_list_page(u, cursor) x;
  END IF;
END
$$;
COMMENT ON FUNCTION auth_api.gdpr_export IS
  'GET /me/data/export: a piece of the body, and what to call with for the next one; next NULL: that was the last. cursor NULL: '
  'the first, with what mana-credits answered';
-- What an admin may see and begin for a user. Who is an admin says the database, not the JWT; each act is in the admin's own trail.

CREATE FUNCTION auth.admin_acting(c auth.caller) RETURNS auth.users
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  u auth.users;
BEGIN
  SELECT x.* INTO u FROM auth.users x
   WHERE x.id = (auth.session_find(c)).user_id AND x.role = 'admin' AND x.deleted_at IS NULL;
  RETURN u;
END
$$;
COMMENT ON FUNCTION auth.admin_acting IS 'the admin whose live session this is; a row of NULLs: nobody''s, or not an admin''s';

CREATE FUNCTION auth_api.admin_user_data(c auth.caller, of_user_id text, credits jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  admin constant auth.users := auth.admin_acting(c);
  summary json;
BEGIN
  IF admin.id IS NULL THEN
    RETURN auth.refuse('FORBIDDEN');
  END IF;
  summary := auth.gdpr_summary(of_user_id, credits);
  IF summary IS NULL THEN
    RETURN auth.granted(auth.json_object('error', 'Not found', 'message', 'User not found'), status => 404);
  END IF;
  PERFORM auth.security_event(c, admin.id, 'ADMIN_USER_DATA_VIEWED', auth.json_object('userId', of_user_id)::jsonb);
  RETURN auth.granted(summary);
END
$$;
COMMENT ON FUNCTION auth_api.admin_user_data IS 'GET /admin/users/:id/data: auth.gdpr_summary of any user';

CREATE FUNCTION auth_api.admin_user_erase(
    c auth.caller, of_user_id text, worker text, lease_seconds integer,
    OUT refusal text, OUT message text, OUT retry_after_seconds integer, OUT status integer, OUT body text, OUT location text,
    OUT cookies text, OUT claims text, OUT erasure_id text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  u constant auth.users := auth.user_lock_to_end(of_user_id);
  admin constant auth.users := auth.admin_acting(c); -- of two admins who erase each other the second is none any more
  blocked constant auth.reply := auth.organization_release_refusal(u.id);
BEGIN
  IF admin.id IS NULL THEN
    refusal := 'FORBIDDEN';
  ELSIF u.id IS NULL THEN
    status := 404;
    body := auth.json_object('error', 'Not found', 'message', 'User not found');
  ELSIF u.id = admin.id THEN
    refusal := 'FORBIDDEN';
    message := 'One''s own account is deleted by DELETE /api/v1/me/data';
  ELSIF NOT auth.session_is_fresh(auth.session_find(c)) THEN
    refusal := 'SESSION_EXPIRED';
  ELSIF blocked.refusal IS NOT NULL THEN
    refusal := blocked.refusal;
    message := blocked.message;
  ELSE
    PERFORM auth.security_event(c, admin.id, 'ADMIN_USER_ERASED', auth.json_object('userId', u.id)::jsonb);
    erasure_id := auth.user_erase(c, u, 'admin:' || admin.id);
    PERFORM auth.erasure_lease(erasure_id, worker, lease_seconds);
  END IF;
END
$$;
COMMENT ON FUNCTION auth_api.admin_user_erase IS
  'DELETE /admin/users/:id/data: begins an erasure as its user would, in a session of today; nobody erases themselves that way';
-- Taking over the rows of the service before us, a Better Auth database: its schema is renamed, this extension made, and
-- then `SELECT * FROM auth.import_from('auth_before')`. All or nothing, in one transaction; the source is only read.

CREATE FUNCTION auth.import_refuse_unreadable(source name) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  found bigint;
BEGIN
  IF to_regclass(format('%I.users', source)) IS NULL THEN
    RAISE EXCEPTION 'there is no table %.users', quote_ident(source) USING ERRCODE = 'undefined_table';
  ELSIF EXISTS (SELECT FROM auth.users) THEN
    RAISE EXCEPTION 'there are users here already' USING ERRCODE = 'object_not_in_prerequisite_state',
      HINT = 'An import is the first thing that a new database does.';
  END IF;
  EXECUTE format('SELECT count(*) FROM %I.users x WHERE to_jsonb(x) ->> ''two_factor_enabled'' = ''true''', source) INTO found;
  IF found > 0 THEN
    RAISE EXCEPTION '% users have a second factor, whose secret only the service before us can read', found
      USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'Have them switched off there, and tell these users to set them up anew: an import must not weaken an account silently.';
  END IF;
END
$$;
COMMENT ON FUNCTION auth.import_refuse_unreadable IS 'what an import cannot do well it does not begin';

CREATE FUNCTION auth.import_table(source name, from_table name, statement text, OUT source_rows bigint, OUT imported bigint)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  source_rows := 0;
  imported := 0;
  IF to_regclass(format('%I.%I', source, from_table)) IS NULL THEN
    RETURN;
  END IF;
  EXECUTE format('SELECT count(*) FROM %I.%I', source, from_table) INTO source_rows;
  -- rows come as jsonb, so that a column which an older database lacks is NULL
  EXECUTE format('WITH x AS MATERIALIZED (SELECT to_jsonb(t) AS r FROM %I.%I t) %s', source, from_table, statement);
  GET DIAGNOSTICS imported = ROW_COUNT;
END
$$;
COMMENT ON FUNCTION auth.import_table IS 'runs an INSERT over x (r jsonb), the rows of a table; 0 and 0 where there is no such table';

CREATE FUNCTION auth.import_from(source name)
RETURNS TABLE (what text, source_rows bigint, imported bigint, why_fewer text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  step record;
BEGIN
  PERFORM auth.import_refuse_unreadable(source);
  PERFORM auth.identity_assume('*');
  IF to_regclass(format('%I.encryption_vault_audit', source)) IS NOT NULL THEN
    EXECUTE format(
      'SELECT auth.vault_audit_make_partitions(0, (12 * extract(year FROM age) + extract(month FROM age) + 1)::integer)
         FROM (SELECT age(now(), COALESCE(min(created_at), now())) FROM %I.encryption_vault_audit) a (age)', source);
  END IF;
  FOR step IN
    SELECT * FROM (VALUES
      ('users', NULL, $x$
        INSERT INTO auth.users (id, name, email, email_verified, image, created_at, updated_at, role, access_tier, kind, deleted_at,
                                onboarding_completed_at, feedback_show_real_name, feedback_karma)
        SELECT r ->> 'id', r ->> 'name', lower(r ->> 'email'), (r ->> 'email_verified')::boolean, r ->> 'image',
               (r ->> 'created_at')::timestamptz, (r ->> 'updated_at')::timestamptz, (r ->> 'role')::auth.user_role,
               (r ->> 'access_tier')::auth.access_tier, COALESCE((r ->> 'kind')::auth.user_kind, 'human'),
               (r ->> 'deleted_at')::timestamptz, (r ->> 'onboarding_completed_at')::timestamptz,
               COALESCE((r ->> 'feedback_show_real_name')::boolean, false), COALESCE((r ->> 'feedback_karma')::integer, 0)
          FROM x $x$),
      ('accounts', NULL, $x$
        INSERT INTO auth.accounts (id, account_id, provider_id, user_id, access_token, refresh_token, id_token, access_token_expires_at,
                                   refresh_token_expires_at, scope, password, created_at, updated_at)
        SELECT r ->> 'id', r ->> 'account_id', r ->> 'provider_id', r ->> 'user_id', r ->> 'access_token', r ->> 'refresh_token',
               r ->> 'id_token', (r ->> 'access_token_expires_at')::timestamptz, (r ->> 'refresh_token_expires_at')::timestamptz,
               r ->> 'scope', r ->> 'password', (r ->> 'created_at')::timestamptz, (r ->> 'updated_at')::timestamptz
          FROM x $x$),
      ('sessions', 'those that are over stay behind', $x$
        INSERT INTO auth.sessions (id, user_id, token_digest, expires_at, created_at, updated_at, last_activity_at, ip_address, user_agent,
                                   device_id, device_name, active_organization_id)
        SELECT r ->> 'id', r ->> 'user_id', sha256(convert_to(r ->> 'token', 'UTF8')), (r ->> 'expires_at')::timestamptz,
               (r ->> 'created_at')::timestamptz, (r ->> 'updated_at')::timestamptz,
               COALESCE((r ->> 'last_activity_at')::timestamptz, (r ->> 'updated_at')::timestamptz), r ->> 'ip_address', r ->> 'user_agent',
               r ->> 'device_id', r ->> 'device_name', r ->> 'active_organization_id'
          FROM x WHERE (r ->> 'expires_at')::timestamptz > now() $x$),
      ('passkeys', NULL, $x$
        INSERT INTO auth.passkeys (id, name, public_key, user_id, credential_id, counter, device_type, backed_up, transports, created_at,
                                   last_used_at)
        SELECT r ->> 'id', COALESCE(r ->> 'friendly_name', r ->> 'name'), r ->> 'public_key', r ->> 'user_id', r ->> 'credential_id',
               COALESCE((r ->> 'counter')::bigint, 0), r ->> 'device_type', COALESCE((r ->> 'backed_up')::boolean, false),
               CASE jsonb_typeof(r -> 'transports')
                 WHEN 'array' THEN (SELECT string_agg(t, ',') FROM jsonb_array_elements_text(r -> 'transports') t)
                 ELSE r ->> 'transports' END,
               (r ->> 'created_at')::timestamptz, (r ->> 'last_used_at')::timestamptz
          FROM x $x$),
      ('user_settings', NULL, $x$
        INSERT INTO auth.user_settings (user_id, global_settings, app_overrides, device_settings, created_at, updated_at)
        SELECT r ->> 'user_id', r -> 'global_settings', r -> 'app_overrides', r -> 'device_settings',
               COALESCE((r ->> 'created_at')::timestamptz, now()), COALESCE((r ->> 'updated_at')::timestamptz, now())
          FROM x $x$),
      ('api_keys', NULL, $x$
        INSERT INTO auth.api_keys (id, user_id, name, key_prefix, key_digest, scopes, rate_limit_requests, rate_limit_window, created_at,
                                   last_used_at, revoked_at)
        SELECT r ->> 'id', r ->> 'user_id', r ->> 'name', r ->> 'key_prefix', decode(r ->> 'key_hash', 'hex'),
               ARRAY(SELECT jsonb_array_elements_text(r -> 'scopes')), (r ->> 'rate_limit_requests')::integer,
               (r ->> 'rate_limit_window')::integer, (r ->> 'created_at')::timestamptz, (r ->> 'last_used_at')::timestamptz,
               (r ->> 'revoked_at')::timestamptz
          FROM x $x$),
      ('organizations', NULL, $x$
        INSERT INTO auth.organizations (id, name, slug, logo, metadata, created_at, updated_at)
        SELECT r ->> 'id', r ->> 'name', COALESCE(r ->> 'slug', r ->> 'id'), r ->> 'logo', NULLIF(r -> 'metadata', 'null'),
               (r ->> 'created_at')::timestamptz, COALESCE((r ->> 'updated_at')::timestamptz, (r ->> 'created_at')::timestamptz)
          FROM x $x$),
      ('members', 'of users that are gone, or twice in one organization', $x$
        INSERT INTO auth.members (id, organization_id, user_id, role, created_at)
        SELECT DISTINCT ON (r ->> 'organization_id', r ->> 'user_id')
               r ->> 'id', r ->> 'organization_id', r ->> 'user_id', r ->> 'role', (r ->> 'created_at')::timestamptz
          FROM x WHERE EXISTS (SELECT FROM auth.users u WHERE u.id = r ->> 'user_id')
         ORDER BY r ->> 'organization_id', r ->> 'user_id', r ->> 'created_at' $x$),
      ('invitations', 'those that wait no longer', $x$
        INSERT INTO auth.invitations (id, organization_id, email, role, status, expires_at, inviter_id)
        SELECT DISTINCT ON (r ->> 'organization_id', lower(r ->> 'email'))
               r ->> 'id', r ->> 'organization_id', lower(r ->> 'email'), r ->> 'role', 'pending', (r ->> 'expires_at')::timestamptz,
               r ->> 'inviter_id'
          FROM x WHERE r ->> 'status' = 'pending' AND (r ->> 'expires_at')::timestamptz > now()
                   AND EXISTS (SELECT FROM auth.users u WHERE u.id = r ->> 'inviter_id')
         ORDER BY r ->> 'organization_id', lower(r ->> 'email'), r ->> 'created_at' DESC $x$),
      ('encryption_vaults', NULL, $x$
        INSERT INTO auth.encryption_vaults (user_id, wrapped_mk, wrap_iv, format_version, kek_id, recovery_wrapped_mk, recovery_iv,
                                            recovery_format_version, recovery_set_at, zero_knowledge, created_at, rotated_at)
        SELECT r ->> 'user_id', r ->> 'wrapped_mk', r ->> 'wrap_iv', (r ->> 'format_version')::smallint, r ->> 'kek_id',
               r ->> 'recovery_wrapped_mk', r ->> 'recovery_iv', (r ->> 'recovery_format_version')::smallint,
               (r ->> 'recovery_set_at')::timestamptz, (r ->> 'zero_knowledge')::boolean, (r ->> 'created_at')::timestamptz,
               (r ->> 'rotated_at')::timestamptz
          FROM x $x$),
      ('encryption_vault_audit', NULL, $x$
        INSERT INTO auth.encryption_vault_audit
        SELECT a.id, a.user_id, a.action, a.ip_address, a.user_agent, a.context, a.status, a.request_id, a.created_at, auth.vault_audit_mac(a)
          FROM x, LATERAL (SELECT (jsonb_populate_record(NULL::auth.encryption_vault_audit, r - 'mac')).*) a $x$),
      ('security_events', NULL, $x$
        INSERT INTO auth.security_events (id, user_id, event_type, ip_address, user_agent, metadata, created_at)
        SELECT (r ->> 'id')::uuid, r ->> 'user_id', r ->> 'event_type', r ->> 'ip_address', r ->> 'user_agent',
               NULLIF(r -> 'metadata', 'null'), (r ->> 'created_at')::timestamptz
          FROM x $x$)
    ) AS steps (name, fewer, statement)
  LOOP
    SELECT t.source_rows, t.imported INTO source_rows, imported FROM auth.import_table(source, step.name::name, step.statement) t;
    what := step.name;
    why_fewer := CASE WHEN imported < source_rows THEN step.fewer END;
    RETURN NEXT;
  END LOOP;
END
$$;
COMMENT ON FUNCTION auth.import_from IS
  'a Better Auth database in another schema of this one, taken over: passwords, cookies (with the same BETTER_AUTH_SECRET), vaults '
  '(with the same key as env-v1), passkeys, organizations. To be run by a superuser. Not taken: links in mails, OAuth rows, JWT '
  'keys (apps refresh), and second factors, which it refuses to drop';
-- Finding users. What a page costs does not depend on how many users there are: it walks an index from the newest user, or
-- takes the rows that the search's trigrams name; the number of all of them is counted up to a bound and estimated beyond.

CREATE FUNCTION auth.user_search_pattern(search text, OUT pattern text, OUT other text)
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  wanted constant text := regexp_replace(lower(search), '([\\%_])', '\\\1', 'g');
  is_short constant boolean := length(search) < 3; -- shorter than a trigram: only what begins with it
BEGIN
  pattern := CASE WHEN is_short THEN wanted || '%' ELSE '%' || wanted || '%' END;
  other := CASE WHEN is_short THEN E'%\n' || wanted || '%' ELSE pattern END;
END
$$;
COMMENT ON FUNCTION auth.user_search_pattern IS
  'what LIKE finds auth.user_search_text by; % and _ stand for themselves. Fewer than three characters begin the address '
  '(pattern) or the name (other)';

CREATE FUNCTION auth.user_search_condition(search text, tier auth.access_tier) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  p constant record := auth.user_search_pattern(search);
BEGIN
  RETURN 'u.deleted_at IS NULL'
    || CASE WHEN tier IS NULL THEN '' ELSE format(' AND u.access_tier = %L', tier) END
    || CASE WHEN search IS NULL THEN ''
            WHEN p.pattern = p.other THEN format(' AND auth.user_search_text(u.name, u.email) LIKE %L', p.pattern)
            ELSE format(' AND (auth.user_search_text(u.name, u.email) LIKE %1$L OR auth.user_search_text(u.name, u.email) LIKE %2$L)',
                        p.pattern, p.other) END;
END
$$;
COMMENT ON FUNCTION auth.user_search_condition IS
  'the WHERE of a search. Its values are written into it as literals, quoted by format, so that each search is planned by what '
  'is searched for: a rare word by its trigrams, a frequent one along the newest users';

CREATE FUNCTION auth.user_search_query(search text, tier auth.access_tier, after_at timestamptz, after_id text, skip bigint, most bigint)
  RETURNS text LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN format('SELECT u.id FROM auth.users u WHERE %s%s ORDER BY u.created_at DESC, u.id DESC OFFSET %s LIMIT %s',
                auth.user_search_condition(search, tier),
                CASE WHEN after_id IS NULL THEN '' ELSE format(' AND (u.created_at, u.id) < (%L, %L)', after_at, after_id) END,
                skip, most);
END
$$;
COMMENT ON FUNCTION auth.user_search_query IS 'SQL for the ids of a page, newest first';

CREATE FUNCTION auth.user_search_total(search text, tier auth.access_tier, OUT total bigint, OUT is_exact boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  counted constant integer := 1000;
  condition constant text := auth.user_search_condition(search, tier);
  plan json;
BEGIN
  EXECUTE format('SELECT count(*) FROM (SELECT FROM auth.users u WHERE %s LIMIT %s) x', condition, counted + 1) INTO total;
  is_exact := total <= counted;
  IF NOT is_exact THEN
    EXECUTE format('EXPLAIN (FORMAT JSON) SELECT FROM auth.users u WHERE %s', condition) INTO plan;
    total := greatest(total, (plan #>> '{0,Plan,Plan Rows}')::numeric::bigint);
  END IF;
END
$$;
COMMENT ON FUNCTION auth.user_search_total IS 'how many users a search finds: counted up to 1,000, estimated by the planner beyond';

CREATE FUNCTION auth.admin_refuse(status integer, error text, message text) RETURNS auth.reply LANGUAGE sql IMMUTABLE
  RETURN auth.granted(auth.json_object('error', error, 'message', message), NULL, NULL, status);
COMMENT ON FUNCTION auth.admin_refuse IS 'a refusal in the words of the admin API';

CREATE FUNCTION auth.tier_refusal() RETURNS auth.reply LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN auth.admin_refuse(400, 'Invalid tier',
                           'Tier must be one of: ' || array_to_string(enum_range(NULL::auth.access_tier), ', '));
END
$$;
CREATE FUNCTION auth.tier_read(tier text) RETURNS auth.access_tier LANGUAGE sql IMMUTABLE
  RETURN CASE WHEN tier = ANY (pg_catalog.enum_range(NULL::auth.access_tier)::text[]) THEN tier::auth.access_tier END;
COMMENT ON FUNCTION auth.tier_read IS 'the tier of that name; NULL: there is none';

CREATE FUNCTION auth.admin_user_json(u auth.users) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN auth.json_object(
    'id', u.id, 'email', u.email, 'name', u.name, 'role', u.role, 'createdAt', u.created_at, 'lastActiveAt',
    (SELECT max(s.last_activity_at) FROM auth.sessions s WHERE s.user_id = u.id),
    'accessTier', u.access_tier, 'emailVerified', u.email_verified);
END
$$;
COMMENT ON FUNCTION auth.admin_user_json IS 'a user in an admin''s list';

CREATE FUNCTION auth_api.admin_user_list(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  deepest constant integer := 100000;
  is_legacy constant boolean := input ? 'tier' AND NOT input ?| ARRAY['page', 'limit', 'search', 'after'];
  page constant bigint := COALESCE((input ->> 'page')::bigint, 1);
  most constant bigint := CASE WHEN is_legacy THEN 1000 ELSE COALESCE((input ->> 'limit')::bigint, 20) END;
  skip constant bigint := CASE WHEN input ? 'after' THEN 0 ELSE (page - 1) * most END;
  search constant text := NULLIF(btrim(input ->> 'search'), '');
  tier constant auth.access_tier := auth.tier_read(input ->> 'tier');
  admin constant auth.users := auth.admin_acting(c);
  after auth.users;
  total record;
  ids text[];
  users json;
BEGIN
  IF admin.id IS NULL THEN
    RETURN auth.refuse('FORBIDDEN');
  ELSIF input ? 'tier' AND tier IS NULL THEN
    RETURN auth.tier_refusal();
  ELSIF search !~ '[^[:punct:][:space:]]' THEN
    RETURN auth.admin_refuse(400, 'Bad request', 'search needs a letter or a digit');
  ELSIF skip + most > deepest THEN
    RETURN auth.admin_refuse(400, 'Bad request', 'page is too far down: go on with after, the id of the last user seen');
  END IF;
  IF input ? 'after' THEN
    SELECT x.* INTO after FROM auth.users x WHERE x.id = input ->> 'after';
    IF after.id IS NULL THEN
      RETURN auth.admin_refuse(400, 'Bad request', 'after is no user');
    END IF;
  END IF;
  EXECUTE format('SELECT array(%s)', auth.user_search_query(search, tier, after.created_at, after.id, skip, most)) INTO ids;
  SELECT auth.json_array_agg(auth.admin_user_json(u) ORDER BY u.created_at DESC, u.id DESC) INTO users
    FROM auth.users u WHERE u.id = ANY (ids);
  -- without what was searched for: it may be the address of somebody who is erased later
  PERFORM auth.admin_event(c, admin, 'ADMIN_USERS_LISTED', NULL, jsonb_build_object('users', cardinality(ids)));
  IF is_legacy THEN
    RETURN auth.granted(auth.json_object('users', users, 'count', cardinality(ids)));
  END IF;
  SELECT t.total, t.is_exact INTO total FROM auth.user_search_total(search, tier) t;
  RETURN auth.granted(auth.json_object(
    'users', users, 'total', greatest(total.total, skip + cardinality(ids)), 'page', page, 'limit', most,
    'totalIsExact', total.is_exact, 'next', CASE WHEN cardinality(ids) = most THEN ids[most] END));
END
$$;
COMMENT ON FUNCTION auth_api.admin_user_list IS
  'GET /admin/users?page&limit&search&tier: newest first. next: what to give as `after` for the users behind these, at any depth. '
  'With a tier alone {users, count}, as old clients read it: the newest 1,000';
-- What admins do: about whom, by whom and what is in the trail of the admin. Who is an admin says the database in each call.

CREATE FUNCTION auth.admin_is_last(of_user_id text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM auth.users u WHERE u.id = of_user_id AND u.role = 'admin' AND u.deleted_at IS NULL) THEN
    RETURN false;
  END IF;
  PERFORM pg_advisory_xact_lock(hashtextextended('auth.admins', 0));
  RETURN NOT EXISTS (SELECT FROM auth.users u WHERE u.id <> of_user_id AND u.role = 'admin' AND u.deleted_at IS NULL);
END
$$;
COMMENT ON FUNCTION auth.admin_is_last IS
  'whether there would be no admin without this one. Asked before the user is locked, by whatever ends an admin: of two that '
  'end each other the second waits, and sees what the first left';

CREATE FUNCTION auth.user_lock_to_end(of_user_id text) RETURNS auth.users
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM auth.admin_is_last(of_user_id);
  RETURN auth.user_lock(of_user_id);
END
$$;
COMMENT ON FUNCTION auth.user_lock_to_end IS 'auth.user_lock for who ends an account: behind the lock of the admins, if it is one of theirs';

CREATE FUNCTION auth.admin_event(c auth.caller, admin auth.users, event_type text, of_user_id text, more jsonb DEFAULT '{}')
  RETURNS void LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM auth.security_event(c, admin.id, event_type, jsonb_strip_nulls(jsonb_build_object('userId', of_user_id)) || more);
END
$$;
COMMENT ON FUNCTION auth.admin_event IS 'an act of an admin, in the admin''s own trail';

CREATE FUNCTION auth_api.admin_tier_get(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  admin constant auth.users := auth.admin_acting(c);
  u auth.users;
BEGIN
  IF admin.id IS NULL THEN
    RETURN auth.refuse('FORBIDDEN');
  END IF;
  SELECT x.* INTO u FROM auth.users x WHERE x.id = input ->> 'id' AND x.deleted_at IS NULL;
  IF u.id IS NULL THEN
    RETURN auth.refuse('NOT_FOUND', 'User not found');
  END IF;
  PERFORM auth.admin_event(c, admin, 'ADMIN_TIER_VIEWED', u.id);
  RETURN auth.granted(auth.json_object('id', u.id, 'email', u.email, 'accessTier', u.access_tier));
END
$$;
COMMENT ON FUNCTION auth_api.admin_tier_get IS 'GET /admin/users/:id/tier';

CREATE FUNCTION auth_api.admin_tier_set(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  admin constant auth.users := auth.admin_acting(c);
  tier constant auth.access_tier := auth.tier_read(input ->> 'tier');
  u auth.users;
BEGIN
  IF admin.id IS NULL THEN
    RETURN auth.refuse('FORBIDDEN');
  ELSIF tier IS NULL THEN
    RETURN auth.tier_refusal();
  END IF;
  u := auth.user_lock(input ->> 'id');
  IF u.id IS NULL THEN
    RETURN auth.refuse('NOT_FOUND', 'User not found');
  END IF;
  PERFORM auth.admin_event(c, admin, 'ADMIN_TIER_CHANGED', u.id, jsonb_build_object('from', u.access_tier, 'to', tier));
  UPDATE auth.users x SET access_tier = tier, updated_at = now() WHERE x.id = u.id;
  RETURN auth.granted(auth.json_object('success', true,
                                       'user', auth.json_object('id', u.id, 'email', u.email, 'accessTier', tier)));
END
$$;
COMMENT ON FUNCTION auth_api.admin_tier_set IS 'PUT /admin/users/:id/tier';

CREATE FUNCTION auth_api.admin_role_set(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  is_last constant boolean := auth.admin_is_last(input ->> 'id');
  admin constant auth.users := auth.admin_acting(c); -- read under the lock: whoever has just ended this admin is seen
  wanted constant text := input ->> 'role';
  u auth.users;
BEGIN
  IF admin.id IS NULL THEN
    RETURN auth.refuse('FORBIDDEN');
  ELSIF NOT auth.session_is_fresh(auth.session_find(c)) THEN
    RETURN auth.refuse('SESSION_EXPIRED');
  END IF;
  u := auth.user_lock(input ->> 'id');
  IF u.id IS NULL THEN
    RETURN auth.refuse('NOT_FOUND', 'User not found');
  ELSIF is_last AND wanted <> 'admin' THEN
    RETURN auth.refuse('LAST_ADMIN');
  ELSIF wanted = 'admin' AND NOT u.email_verified THEN
    RETURN auth.refuse('EMAIL_NOT_VERIFIED', 'Nobody becomes an admin before the address is verified');
  END IF;
  PERFORM auth.admin_event(c, admin, 'ADMIN_ROLE_CHANGED', u.id, jsonb_build_object('from', u.role, 'to', wanted));
  UPDATE auth.users x SET role = wanted::auth.user_role, updated_at = now() WHERE x.id = u.id;
  RETURN auth.granted(auth.json_object('success', true, 'user', auth.json_object('id', u.id, 'email', u.email, 'role', wanted)));
END
$$;
COMMENT ON FUNCTION auth_api.admin_role_set IS
  'PUT /admin/users/:id/role: user or admin, in a session of today; the last admin stays one';

CREATE FUNCTION auth_api.admin_stats(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  week constant timestamptz := now() - interval '7 days';
  ways_in constant text[] := ARRAY['LOGIN_SUCCESS', 'PASSKEY_LOGIN_SUCCESS'];
BEGIN
  IF (auth.admin_acting(c)).id IS NULL THEN
    RETURN auth.refuse('FORBIDDEN');
  END IF;
  RETURN auth.granted(auth.json_object(
    'totalUsers', (SELECT count(*) FROM auth.users u WHERE u.deleted_at IS NULL),
    'newUsers7d', (SELECT count(*) FROM auth.users u WHERE u.deleted_at IS NULL AND u.created_at > week),
    'newUsers30d', (SELECT count(*) FROM auth.users u WHERE u.deleted_at IS NULL AND u.created_at > now() - interval '30 days'),
    'activeSessions', (SELECT count(*) FROM auth.sessions s WHERE s.expires_at > now()),
    'uniqueUsers24h', (SELECT count(DISTINCT s.user_id) FROM auth.sessions s WHERE s.last_activity_at > now() - interval '1 day'),
    'loginSuccess7d', (SELECT count(*) FROM auth.security_events e WHERE e.event_type = ANY (ways_in) AND e.created_at > week),
    'loginFailed7d', (SELECT count(*) FROM auth.security_events e WHERE e.event_type = 'LOGIN_FAILURE' AND e.created_at > week),
    'generatedAt', now()));
END
$$;
COMMENT ON FUNCTION auth_api.admin_stats IS 'GET /admin/stats';

CREATE FUNCTION auth_api.admin_event_list(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  admin constant auth.users := auth.admin_acting(c);
  most constant bigint := COALESCE((input ->> 'limit')::bigint, 50);
  of_user_id constant text := input ->> 'id';
  of_type constant text := input ->> 'type';
  before auth.security_events;
BEGIN
  IF admin.id IS NULL THEN
    RETURN auth.refuse('FORBIDDEN');
  ELSIF of_user_id IS NOT NULL AND NOT EXISTS (SELECT FROM auth.users u WHERE u.id = of_user_id) THEN
    RETURN auth.refuse('NOT_FOUND', 'User not found');
  END IF;
  IF input ? 'before' THEN
    SELECT e.* INTO before FROM auth.security_events e WHERE e.id::text = input ->> 'before' AND input ->> 'before' ~ '^[0-9a-f-]{36}$';
    IF before.id IS NULL THEN
      RETURN auth.admin_refuse(400, 'Bad request', 'before is no event');
    END IF;
  END IF;
  PERFORM auth.admin_event(c, admin, 'ADMIN_EVENTS_VIEWED', of_user_id);
  RETURN auth.granted(auth.json_object('events', (
    SELECT auth.json_array_agg(auth.json_object(
             'id', e.id, 'userId', e.user_id, 'eventType', e.event_type, 'ipAddress', e.ip_address,
             'userAgent', e.user_agent, 'metadata', e.metadata, 'createdAt', e.created_at) ORDER BY e.created_at DESC, e.id DESC)
      FROM (SELECT x.* FROM auth.security_events x
             WHERE (of_user_id IS NULL OR x.user_id = of_user_id) AND (of_type IS NULL OR x.event_type = of_type)
               AND (before.id IS NULL OR (x.created_at, x.id) < (before.created_at, before.id))
             ORDER BY x.created_at DESC, x.id DESC LIMIT most) e)));
END
$$;
COMMENT ON FUNCTION auth_api.admin_event_list IS
  'GET /admin/security-events and /admin/users/:id/security-events?limit&type&before: newest first, behind the event that is named';
-- What admins do about how somebody gets in: sessions, lockouts, the mail that proves an address.

CREATE FUNCTION auth_api.admin_session_list(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  admin constant auth.users := auth.admin_acting(c);
BEGIN
  IF admin.id IS NULL THEN
    RETURN auth.refuse('FORBIDDEN');
  ELSIF NOT EXISTS (SELECT FROM auth.users u WHERE u.id = input ->> 'id' AND u.deleted_at IS NULL) THEN
    RETURN auth.refuse('NOT_FOUND', 'User not found');
  END IF;
  PERFORM auth.admin_event(c, admin, 'ADMIN_SESSIONS_VIEWED', input ->> 'id');
  RETURN auth.granted(auth.json_object('sessions', (
    SELECT auth.json_array_agg(auth.json_object(
             'id', s.id, 'ipAddress', s.ip_address, 'userAgent', s.user_agent, 'deviceId', s.device_id,
             'deviceName', s.device_name, 'createdAt', s.created_at, 'lastActivityAt', s.last_activity_at,
             'expiresAt', s.expires_at) ORDER BY s.last_activity_at DESC, s.id)
      FROM auth.sessions s WHERE s.user_id = input ->> 'id' AND s.expires_at > now())));
END
$$;
COMMENT ON FUNCTION auth_api.admin_session_list IS 'GET /admin/users/:id/sessions: the live ones, without their tokens';

CREATE FUNCTION auth_api.admin_session_revoke(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  admin constant auth.users := auth.admin_acting(c);
  session_id constant text := input ->> 'sessionId';
  u auth.users;
  ended bigint;
BEGIN
  IF admin.id IS NULL THEN
    RETURN auth.refuse('FORBIDDEN');
  END IF;
  u := auth.user_lock(input ->> 'id');
  IF u.id IS NULL THEN
    RETURN auth.refuse('NOT_FOUND', 'User not found');
  ELSIF session_id IS NULL THEN
    ended := auth.sessions_end(c, u.id, NULL);
  ELSIF auth.session_end(c, u.id, session_id) THEN
    ended := 1;
  ELSE
    RETURN auth.refuse('NOT_FOUND', 'Session not found');
  END IF;
  PERFORM auth.admin_event(c, admin, 'ADMIN_SESSIONS_REVOKED', u.id, jsonb_build_object('sessions', ended));
  RETURN auth.granted(auth.json_object('success', true, 'revoked', ended));
END
$$;
COMMENT ON FUNCTION auth_api.admin_session_revoke IS
  'DELETE /admin/users/:id/sessions and /admin/users/:id/sessions/:sessionId: all of them with what clients were allowed, or one';

CREATE FUNCTION auth_api.admin_unlock(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  admin constant auth.users := auth.admin_acting(c);
  u auth.users;
  was_locked boolean;
BEGIN
  IF admin.id IS NULL THEN
    RETURN auth.refuse('FORBIDDEN');
  END IF;
  u := auth.user_lock(input ->> 'id');
  IF u.id IS NULL THEN
    RETURN auth.refuse('NOT_FOUND', 'User not found');
  END IF;
  was_locked := auth.user_unlock(u);
  PERFORM auth.admin_event(c, admin, 'ADMIN_UNLOCKED', u.id, jsonb_build_object('wasLocked', was_locked));
  RETURN auth.granted(auth.json_object('success', true, 'wasLocked', was_locked));
END
$$;
COMMENT ON FUNCTION auth_api.admin_unlock IS 'POST /admin/users/:id/unlock: after wrong passwords and after wrong codes';

CREATE FUNCTION auth.user_unlock(u auth.users) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  was_locked constant boolean := auth.lockout_seconds(u.email) > 0
    OR EXISTS (SELECT FROM auth.two_factor_auth f WHERE f.user_id = u.id AND f.locked_until > now());
BEGIN
  PERFORM auth.lockout_clear(u.email);
  UPDATE auth.two_factor_auth f SET failures = 0, locked_until = NULL WHERE f.user_id = u.id;
  RETURN was_locked;
END
$$;
COMMENT ON FUNCTION auth.user_unlock IS 'forgets the wrong passwords and codes of a user; whether they were locked out';

CREATE FUNCTION auth_api.admin_verification_send(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  admin constant auth.users := auth.admin_acting(c);
  u auth.users;
  wait_seconds integer;
BEGIN
  IF admin.id IS NULL THEN
    RETURN auth.refuse('FORBIDDEN');
  END IF;
  u := auth.user_lock(input ->> 'id');
  IF u.id IS NULL THEN
    RETURN auth.refuse('NOT_FOUND', 'User not found');
  ELSIF u.email_verified THEN
    RETURN auth.admin_refuse(409, 'Already verified', 'The address is verified already');
  END IF;
  wait_seconds := auth.rate_limit_count('mail/verify_email', u.email);
  IF wait_seconds > 0 THEN
    RETURN auth.refuse('RATE_LIMITED', NULL, wait_seconds);
  END IF;
  PERFORM auth.verification_mail(u, NULL);
  PERFORM auth.admin_event(c, admin, 'ADMIN_VERIFICATION_SENT', u.id);
  RETURN auth.granted(auth.json_object('success', true));
END
$$;
COMMENT ON FUNCTION auth_api.admin_verification_send IS 'POST /admin/users/:id/resend-verification: a new link; the older ones are dead';
-- For whom there is no page: what the role auth_admin may do in psql, by address. Each act is in the trail of who it is about,
-- with the role that did it.

CREATE FUNCTION auth.user_named(address text) RETURNS auth.users
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  u auth.users;
BEGIN
  SELECT x.* INTO u FROM auth.users x WHERE x.email = auth.email_normal(address) AND x.deleted_at IS NULL FOR NO KEY UPDATE;
  IF u.id IS NULL THEN
    RAISE EXCEPTION 'there is no user "%"', address USING ERRCODE = 'no_data_found';
  END IF;
  RETURN u;
END
$$;
COMMENT ON FUNCTION auth.user_named IS 'the user of an address, locked; raises when there is none';

CREATE FUNCTION auth.dba_event(of_user_id text, event_type text, more jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO auth.security_events (user_id, event_type, metadata)
  VALUES (of_user_id, dba_event.event_type, more || jsonb_build_object('role', session_user));
END
$$;
COMMENT ON FUNCTION auth.dba_event IS 'an act of somebody in psql, in the trail of the user that it is about';

CREATE FUNCTION auth.grant_admin(address text) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  u constant auth.users := auth.user_named(address);
BEGIN
  IF NOT u.email_verified THEN
    RAISE EXCEPTION 'the address "%" is not verified', address
      USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Whoever signed up with it may be somebody else.';
  END IF;
  UPDATE auth.users x SET role = 'admin', updated_at = now() WHERE x.id = u.id;
  PERFORM auth.dba_event(u.id, 'ADMIN_ROLE_CHANGED', jsonb_build_object('from', u.role, 'to', 'admin'));
  RETURN u.id;
END
$$;
COMMENT ON FUNCTION auth.grant_admin IS
  'makes a user an admin: the first one, whom nobody else can make. Their next access JWT says so; the id of the user';

CREATE FUNCTION auth.revoke_admin(address text) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  is_last constant boolean :=
    auth.admin_is_last((SELECT x.id FROM auth.users x WHERE x.email = auth.email_normal(address) AND x.deleted_at IS NULL));
  u constant auth.users := auth.user_named(address);
BEGIN
  IF is_last THEN
    RAISE EXCEPTION '"%" is the only admin', address
      USING ERRCODE = 'restrict_violation', HINT = 'Make another user an admin first: auth.grant_admin.';
  ELSIF u.role <> 'admin' THEN
    RAISE EXCEPTION '"%" is no admin', address USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
  UPDATE auth.users x SET role = 'user', updated_at = now() WHERE x.id = u.id;
  PERFORM auth.dba_event(u.id, 'ADMIN_ROLE_CHANGED', jsonb_build_object('from', u.role, 'to', 'user'));
  RETURN u.id;
END
$$;
COMMENT ON FUNCTION auth.revoke_admin IS 'takes it away, at once: routes read the role in each call. Never from the only one';

CREATE FUNCTION auth.set_access_tier(address text, tier auth.access_tier) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  u constant auth.users := auth.user_named(address);
BEGIN
  UPDATE auth.users x SET access_tier = tier, updated_at = now() WHERE x.id = u.id;
  PERFORM auth.dba_event(u.id, 'ADMIN_TIER_CHANGED', jsonb_build_object('from', u.access_tier, 'to', tier));
  RETURN u.id;
END
$$;
COMMENT ON FUNCTION auth.set_access_tier IS 'which apps are open to a user';

CREATE FUNCTION auth.unlock_user(address text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  u constant auth.users := auth.user_named(address);
  was_locked constant boolean := auth.user_unlock(u);
BEGIN
  PERFORM auth.dba_event(u.id, 'ADMIN_UNLOCKED', jsonb_build_object('wasLocked', was_locked));
  RETURN was_locked;
END
$$;
COMMENT ON FUNCTION auth.unlock_user IS 'lets a user sign in again before the time; whether they were locked out';

CREATE FUNCTION auth.end_sessions(address text) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  u constant auth.users := auth.user_named(address);
  ended constant bigint := auth.sessions_end(NULL, u.id, NULL);
BEGIN
  PERFORM auth.dba_event(u.id, 'ADMIN_SESSIONS_REVOKED', jsonb_build_object('sessions', ended));
  RETURN ended;
END
$$;
COMMENT ON FUNCTION auth.end_sessions IS 'signs a user out everywhere; of how many sessions';

CREATE VIEW auth.user_overview AS
  SELECT u.id, u.email, u.name, u.role, u.access_tier, u.kind, u.email_verified, u.two_factor_enabled, u.created_at,
         (SELECT pg_catalog.count(*) FROM auth.sessions s WHERE s.user_id = u.id AND s.expires_at > pg_catalog.now()) AS sessions,
         (SELECT pg_catalog.max(s.last_activity_at) FROM auth.sessions s WHERE s.user_id = u.id) AS last_active_at,
         (SELECT l.locked_until FROM auth.lockouts l WHERE l.email = u.email AND l.locked_until > pg_catalog.now()) AS locked_until
    FROM auth.users u WHERE u.deleted_at IS NULL;
COMMENT ON VIEW auth.user_overview IS 'for admins: users, without what proves who they are';
CREATE VIEW auth.event_overview AS
  SELECT e.created_at, e.event_type, e.user_id, u.email, e.ip_address, e.user_agent, e.metadata
    FROM auth.security_events e LEFT JOIN auth.users u ON u.id = e.user_id;
COMMENT ON VIEW auth.event_overview IS 'for admins: what happened, to whom';
-- What the apps keep about a user with us: the profile that they edit, and whether the tour is over.

CREATE FUNCTION auth_api.profile_update(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
  called constant text := CASE WHEN jsonb_typeof(input -> 'name') = 'string' THEN btrim(input ->> 'name') END;
  sets_image constant boolean := COALESCE(jsonb_typeof(input -> 'image') IN ('string', 'null'), false);
  shows_name constant boolean :=
    CASE WHEN jsonb_typeof(input -> 'feedbackShowRealName') = 'boolean' THEN (input ->> 'feedbackShowRealName')::boolean END;
  u auth.users;
BEGIN
  IF me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED', 'Invalid or expired token');
  ELSIF length(called) NOT BETWEEN 1 AND 80 THEN
    RETURN auth.refuse('VALIDATION', 'name must be 1–80 characters');
  ELSIF called IS NULL AND NOT sets_image AND shows_name IS NULL THEN
    RETURN auth.refuse('VALIDATION', 'no fields to update');
  END IF;
  UPDATE auth.users x
     SET name = COALESCE(called, x.name),
         image = CASE WHEN sets_image THEN input ->> 'image' ELSE x.image END,
         feedback_show_real_name = COALESCE(shows_name, x.feedback_show_real_name), updated_at = now()
   WHERE x.id = me.user_id
  RETURNING x.* INTO STRICT u;
  PERFORM auth.security_event(c, u.id, 'PROFILE_UPDATED');
  RETURN auth.granted(auth.json_object('name', u.name, 'image', u.image, 'feedbackShowRealName', u.feedback_show_real_name));
END
$$;
COMMENT ON FUNCTION auth_api.profile_update IS 'PATCH /api/v1/me/profile: what is of another type is as if it were not there';

CREATE FUNCTION auth_api.onboarding_get(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
BEGIN
  IF me.id IS NULL THEN
    RETURN auth.refuse('UNAUTHORIZED', 'Invalid or expired token');
  END IF;
  RETURN auth.granted((SELECT auth.json_object('completedAt', u.onboarding_completed_at)
                         FROM auth.users u WHERE u.id = me.user_id));
END
$$;
COMMENT ON FUNCTION auth_api.onboarding_get IS 'GET /api/v1/me/onboarding';

CREATE FUNCTION auth_api.onboarding_complete(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
BEGIN
  UPDATE auth.users u SET onboarding_completed_at = now()
   WHERE u.id = me.user_id AND u.onboarding_completed_at IS NULL;
  RETURN auth_api.onboarding_get(c, input);
END
$$;
COMMENT ON FUNCTION auth_api.onboarding_complete IS 'POST /api/v1/me/onboarding/complete: the first time counts';

CREATE FUNCTION auth_api.onboarding_reset(c auth.caller, input jsonb) RETURNS auth.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  me constant auth.sessions := auth.session_find(c);
BEGIN
  UPDATE auth.users u SET onboarding_completed_at = NULL WHERE u.id = me.user_id;
  RETURN auth_api.onboarding_get(c, input);
END
$$;
COMMENT ON FUNCTION auth_api.onboarding_reset IS 'PATCH /api/v1/me/onboarding/reset';
-- Who owns and who may call. Last, so that nothing escapes it: everything belongs to auth_owner, nothing to PUBLIC.

DO $$
DECLARE
  o record;
BEGIN
  FOR o IN
    SELECT pg_catalog.format('ALTER %s %s OWNER TO auth_owner',
             CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'S' THEN 'SEQUENCE' WHEN 'c' THEN 'TYPE' ELSE 'TABLE' END,
             c.oid::pg_catalog.regclass) AS sql
      FROM pg_catalog.pg_class c
     WHERE c.relnamespace IN ('auth'::pg_catalog.regnamespace, 'auth_api'::pg_catalog.regnamespace)
       AND c.relkind IN ('r', 'p', 'v', 'c')
    UNION ALL
    SELECT pg_catalog.format('ALTER %s %s OWNER TO auth_owner',
             CASE p.prokind WHEN 'a' THEN 'AGGREGATE' ELSE 'ROUTINE' END, p.oid::pg_catalog.regprocedure)
      FROM pg_catalog.pg_proc p
     WHERE p.pronamespace IN ('auth'::pg_catalog.regnamespace, 'auth_api'::pg_catalog.regnamespace)
    UNION ALL
    SELECT pg_catalog.format('ALTER TYPE %s OWNER TO auth_owner', t.oid::pg_catalog.regtype)
      FROM pg_catalog.pg_type t
     WHERE t.typnamespace = 'auth'::pg_catalog.regnamespace AND t.typtype IN ('e', 'd')
  LOOP
    EXECUTE o.sql;
  END LOOP;
END
$$;

ALTER SCHEMA auth OWNER TO auth_owner;
ALTER SCHEMA auth_api OWNER TO auth_owner;
REVOKE ALL ON ALL ROUTINES IN SCHEMA auth, auth_api FROM PUBLIC;
GRANT USAGE ON SCHEMA auth_api TO auth_edge;
GRANT EXECUTE ON ALL ROUTINES IN SCHEMA auth_api TO auth_edge;
GRANT USAGE ON SCHEMA auth TO auth_edge; -- the types auth.caller and auth.reply; no routine and no table
GRANT USAGE ON SCHEMA auth TO auth_admin, auth_auditor;
-- Who looks after the vaults, without seeing a key; who reads the trail, without being able to change it.
GRANT EXECUTE ON PROCEDURE auth.vault_rewrap(integer) TO auth_admin;
GRANT EXECUTE ON FUNCTION auth.kek_active_id(), auth.sealed_counts(), auth.vault_retire_kek(text), auth.reseal_batch(integer),
  auth.vault_rewrap_batch(text, integer), auth.vault_counts(), auth.vault_check(), auth.vault_audit_make_partitions(integer, integer),
  auth.vault_audit_seal(interval), auth.vault_audit_drop(timestamptz) TO auth_admin;
GRANT EXECUTE ON FUNCTION auth.vault_trail(text, timestamptz, timestamptz),
  auth.vault_audit_verify(timestamptz, timestamptz) TO auth_admin, auth_auditor;
GRANT SELECT ON auth.encryption_vault_audit, auth.vault_audit_seals TO auth_auditor;
GRANT SELECT ON auth.erasure_overview, auth.user_overview, auth.event_overview TO auth_admin;
GRANT EXECUTE ON FUNCTION auth.grant_admin(text), auth.revoke_admin(text), auth.set_access_tier(text, auth.access_tier),
  auth.unlock_user(text), auth.end_sessions(text) TO auth_admin;
GRANT EXECUTE ON FUNCTION auth.erasure_retry(text) TO auth_admin;
GRANT EXECUTE ON FUNCTION auth.rotate_signing_key(interval), auth.revoke_signing_keys() TO auth_admin;
GRANT EXECUTE ON FUNCTION auth.oidc_client_register, auth.oidc_client_rotate_secret, auth.oidc_resource_register TO auth_admin;
