-- Links of the legacy service verify an address, and neither change one nor open a session.

DROP FUNCTION auth_api.verification_verify_email_legacy(auth.caller, text, text, bigint, text, bytea);
