-- The database verifies passkey sign-ins; the edge no longer looks up the key.

DROP FUNCTION auth_api.passkey_sign_in_lookup(auth.caller, text);
DROP FUNCTION auth_api.passkey_sign_in(
  auth.caller, bytea, bytea, text, text, text, bigint, boolean, boolean, text, bytea);

