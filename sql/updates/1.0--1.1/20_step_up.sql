-- Step-up authentication: proofs of identity on sessions.

ALTER TABLE auth.sessions ADD COLUMN proved_at timestamptz;
ALTER TABLE auth.sessions ADD COLUMN proof text;
ALTER TABLE auth.sessions ADD COLUMN mail_proved_at timestamptz;
ALTER TABLE auth.sessions ADD COLUMN mail_proved_for text;
ALTER TABLE auth.sessions ADD CONSTRAINT sessions_proof_is_known CHECK (proof IN ('password', 'second-factor', 'passkey', 'mail'));
ALTER TABLE auth.sessions ADD CONSTRAINT sessions_proof_has_a_time CHECK ((proof IS NULL) = (proved_at IS NULL));
ALTER TABLE auth.sessions ADD CONSTRAINT sessions_mail_proof_has_a_purpose
  CHECK ((mail_proved_for IS NULL) = (mail_proved_at IS NULL));
DROP FUNCTION auth.session_open(auth.caller, text, boolean);
DROP FUNCTION auth.passkey_granted(auth.caller, auth.users, text, text, text);
