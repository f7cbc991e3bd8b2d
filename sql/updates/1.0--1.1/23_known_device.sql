-- Every door that opens a session remembers the browser.

DROP FUNCTION auth_api.magic_link_verify(auth.caller, text, text, text, text, text, bytea);
DROP FUNCTION auth.magic_link_granted(auth.caller, auth.users, auth.two_factor_gate, text);
DROP FUNCTION auth_api.verification_verify_email(auth.caller, text, text, bytea);
