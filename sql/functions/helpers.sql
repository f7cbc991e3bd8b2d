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
COMMENT ON AGGREGATE auth.json_array_agg(json) IS
  'compact JSON array of at most 1 MiB; [] of nothing. Raises MA413 with {"code":"ANSWER_TOO_LARGE"} instead of growing further';

CREATE FUNCTION auth.json_export_add(internal, json) RETURNS internal
  LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'mana_json_export_add';
CREATE AGGREGATE auth.json_export_agg(json) (
  SFUNC = auth.json_export_add, STYPE = internal, FINALFUNC = auth.json_array_end);
COMMENT ON AGGREGATE auth.json_export_agg(json) IS
  'the same up to 16 MiB, for the export of a user''s data, which must be complete';

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

CREATE FUNCTION auth.lock_hold(name text) RETURNS void
  LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'mana_lock_hold';
COMMENT ON FUNCTION auth.lock_hold IS
  'takes the lock of a name until the end of the transaction, and waits for it. Only the routines of the service can take it: '
  'pg_advisory_lock, which every role may call, has other keys';
CREATE FUNCTION auth.lock_try(name text) RETURNS boolean
  LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'mana_lock_try';
COMMENT ON FUNCTION auth.lock_try IS 'like auth.lock_hold, but returns false instead of waiting';

CREATE FUNCTION auth.rate_limit_count(class text, subject text) RETURNS integer
  LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'mana_rate_limit_count';
COMMENT ON FUNCTION auth.rate_limit_count IS
  'counts one use of a rate class by a subject that is no client address; seconds to wait, 0: within the limit';
CREATE FUNCTION auth.rate_limit_wait(class text, subject text) RETURNS integer
  LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'mana_rate_limit_wait';
COMMENT ON FUNCTION auth.rate_limit_wait IS 'what counting once more would answer, without counting';
CREATE FUNCTION auth.rate_limit_clear(class text, subject text) RETURNS void
  LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'mana_rate_limit_clear';
COMMENT ON FUNCTION auth.rate_limit_clear IS 'forgets what was counted';

CREATE FUNCTION auth.session_proof(session_id text, user_id text) RETURNS text
  LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'mana_session_proof';
COMMENT ON FUNCTION auth.session_proof IS
  'Claim sid_proof of the access JWTs of a session: 128 bits of HMAC-SHA-256 over the ids of the session and its user under '
  'auth.session_proof_key(), in base64url. Only access JWTs carry it. NULL when the key ring cannot open the key.';
CREATE FUNCTION auth.session_reference_id(reference text, user_id text) RETURNS text
  LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'mana_session_reference_id';
COMMENT ON FUNCTION auth.session_reference_id IS
  'The session id of a reference "id.proof" whose proof is right for a user; NULL otherwise. The session may have ended. Compares in '
  'constant time.';

CREATE FUNCTION auth_api.caller(
    session_digest bytea, fresh_digest bytea, user_id text, session_reference text,
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

-- Not pgcrypto's: that is a trusted extension, whose schema can belong to another role.
CREATE FUNCTION auth.random_bytes(length integer) RETURNS bytea
  LANGUAGE c VOLATILE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'mana_random_bytes';
CREATE FUNCTION auth.hmac_sha256(data bytea, key bytea) RETURNS bytea
  LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'mana_hmac_sha256';
COMMENT ON FUNCTION auth.random_bytes IS 'up to 1024 bytes from the strong random source';
COMMENT ON FUNCTION auth.hmac_sha256 IS 'HMAC-SHA-256 (RFC 2104)';

CREATE FUNCTION auth.lower_case(value text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
  RETURN pg_catalog.lower(value COLLATE pg_catalog."und-x-icu") COLLATE pg_catalog."C";
COMMENT ON FUNCTION auth.lower_case IS
  'Returns the text in lower case by the rules of Unicode alone, in a database of any locale: a Turkish database would '
  'turn I into a dotless i.';
