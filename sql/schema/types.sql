-- The shapes that the edge and the database exchange.

CREATE TYPE auth.access_tier AS ENUM ('guest', 'public', 'beta', 'alpha', 'founder');
CREATE TYPE auth.user_role AS ENUM ('user', 'admin', 'service');
CREATE TYPE auth.user_kind AS ENUM ('human', 'persona', 'system');

CREATE TYPE auth.caller AS (
  session_digest  bytea,
  fresh_digest    bytea,
  user_id         text,
  session_reference text,
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
COMMENT ON COLUMN auth.caller.session_reference IS
  'Claims sid and sid_proof of that JWT, joined by a dot. The database verifies the proof and decides whether the session lives.';
COMMENT ON COLUMN auth.caller.rate_class IS 'which rate limit counts this request; NULL or none: no limit';

CREATE TYPE auth.reply AS (
  refusal              text,
  message              text,
  retry_after_seconds  integer,
  status               integer,
  body                 text,
  location             text,
  cookies              text,
  claims               text,
  sign_query           boolean,
  second_factor_asked  boolean
);
COMMENT ON TYPE auth.reply IS 'what an endpoint answers; the edge sends it without looking into the body';
COMMENT ON COLUMN auth.reply.refusal IS 'NULL: granted. Otherwise the name of an error (common/errors.def)';
COMMENT ON COLUMN auth.reply.message IS 'instead of the error''s own message';
COMMENT ON COLUMN auth.reply.status IS 'HTTP status of a granted reply; NULL: 200';
COMMENT ON COLUMN auth.reply.body IS
  'JSON; the bytes 01, 02 and 03, which JSON text cannot contain, stand for the fresh session token, the access JWT '
  'signed from claims, and the presented session token. NULL: no body. '
  'Of a refusal: an object whose members follow on those of the error, such as methods of STEP_UP_REQUIRED';
COMMENT ON COLUMN auth.reply.location IS 'Location header';
COMMENT ON COLUMN auth.reply.cookies IS
  'a line each: name, value, and Max-Age in seconds or `session`; `- 0` deletes. The edge adds prefix, signature, attributes';
COMMENT ON COLUMN auth.reply.claims IS 'members of an access JWT that the edge is to sign; NULL: none';
COMMENT ON COLUMN auth.reply.second_factor_asked IS
  'true: no session was opened, because a sign-in waits for its second factor (auth.two_factor_gate)';
COMMENT ON COLUMN auth.reply.sign_query IS
  'true: location is a hosted page whose query is an authorization request (auth.oidc_wait). The edge signs that query. No other '
  'location is ever signed, whatever its text is';
