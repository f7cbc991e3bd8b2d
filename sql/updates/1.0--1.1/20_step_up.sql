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

-- Tokens end with the session that requested them.
ALTER TABLE auth.verification ADD COLUMN session_id text;
ALTER TABLE auth.verification ADD CONSTRAINT verification_session_id_sessions_id_fk
  FOREIGN KEY (session_id) REFERENCES auth.sessions (id) ON DELETE CASCADE;
CREATE INDEX verification_session_id_idx ON auth.verification (session_id);
DROP FUNCTION auth.verification_issue(text, text, json, interval);
DROP FUNCTION auth.verification_granted(auth.caller, auth.users, boolean, text, bytea);
DROP FUNCTION auth.email_change_finish(auth.caller, text, text, text);
DROP FUNCTION auth.user_delete_mail(auth.users, text);
DROP FUNCTION auth.passkey_refusal(auth.sessions);
