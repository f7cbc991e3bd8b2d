-- A passkey proves a session for one purpose.

ALTER TABLE auth.passkey_challenges ADD COLUMN session_id text;
ALTER TABLE auth.passkey_challenges ADD COLUMN purpose text;
ALTER TABLE auth.passkey_challenges
  DROP CONSTRAINT passkey_challenges_ceremony_is_known,
  ADD CONSTRAINT passkey_challenges_ceremony_is_known CHECK (ceremony IN ('registration', 'authentication', 'step-up')),
  ADD CONSTRAINT passkey_challenges_session_id_sessions_id_fk FOREIGN KEY (session_id) REFERENCES auth.sessions (id) ON DELETE CASCADE,
  ADD CONSTRAINT passkey_challenges_step_up_is_of_a_session
    CHECK ((ceremony = 'step-up') = (session_id IS NOT NULL AND purpose IS NOT NULL) AND (session_id IS NULL) = (purpose IS NULL));
CREATE INDEX passkey_challenges_session_id_idx ON auth.passkey_challenges (session_id);
ALTER TABLE auth.sessions ADD COLUMN passkey_proved_at timestamptz;
ALTER TABLE auth.sessions ADD COLUMN passkey_proved_for text;
ALTER TABLE auth.sessions ADD CONSTRAINT sessions_passkey_proof_has_a_purpose
  CHECK ((passkey_proved_for IS NULL) = (passkey_proved_at IS NULL));
