-- Sign-ups that wait for the first proof of their address are bound to a browser; what a proof ends is decided in one place.
ALTER TABLE auth.accounts ADD COLUMN browser_digest bytea;
ALTER TABLE auth.accounts ADD CONSTRAINT accounts_browser_digest_is_sha256 CHECK (pg_catalog.octet_length(browser_digest) = 32);

DROP FUNCTION auth_api.sign_up(auth.caller, text, text, text, text, text, text);
DROP FUNCTION auth.sign_up_again(auth.caller, text, text, text);
DROP FUNCTION auth.email_verify(auth.caller, text, text);
DROP FUNCTION auth.account_claim(auth.caller, auth.users);
