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
  CONSTRAINT users_email_is_lower_case CHECK (email = pg_catalog.lower(email COLLATE pg_catalog."C")),
  CONSTRAINT users_locale_is_known CHECK (locale IN ('de', 'en'))
);
COMMENT ON TABLE auth.users IS 'who has an account';
COMMENT ON COLUMN auth.users.email IS 'lower case; what a person signs in with';
COMMENT ON COLUMN auth.users.role IS 'goes into access JWTs; admin routes read it here again';
COMMENT ON COLUMN auth.users.access_tier IS 'which apps are open to the user; goes into access JWTs as tier';
COMMENT ON COLUMN auth.users.locale IS 'Language of mails. NULL: FALLBACK_LANGUAGE of the edge that sends them.';

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
    'sub', u.id, 'email', u.email, 'role', u.role, 'sid', session_id, 'tier', u.access_tier,
    'sid_proof', auth.session_proof(session_id, u.id))::text, '{}');
COMMENT ON FUNCTION auth.user_claims IS 'Members of an access JWT, for auth.reply.claims.';

CREATE FUNCTION auth.email_normal(email text) RETURNS text LANGUAGE sql IMMUTABLE STRICT
  RETURN auth.lower_case(email);
COMMENT ON FUNCTION auth.email_normal IS 'Returns an address as it is stored, compared and counted.';
