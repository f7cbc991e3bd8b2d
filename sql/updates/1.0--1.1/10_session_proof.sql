-- Access JWTs carry a proof of their session. The attribute that held the session id holds the reference "id.proof".

ALTER TYPE auth.caller RENAME ATTRIBUTE session_id TO session_reference;
DROP FUNCTION auth_api.caller(bytea, bytea, text, text, inet, text, text, text);

