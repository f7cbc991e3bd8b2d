-- Mails are tried for a day, end with their link, and say when an operator has to act.

ALTER TABLE auth.outbox ADD COLUMN expires_at timestamptz;
ALTER TABLE auth.outbox ADD COLUMN give_up_at timestamptz;
ALTER TABLE auth.outbox ADD COLUMN needs_operator boolean NOT NULL DEFAULT false;
UPDATE auth.outbox o SET expires_at = o.created_at + CASE o.kind
         WHEN 'verify_email' THEN interval '1 hour' WHEN 'reset_password' THEN interval '1 hour'
         WHEN 'change_email' THEN interval '1 hour' WHEN 'magic_link' THEN interval '10 minutes'
         WHEN 'otp' THEN interval '5 minutes' WHEN 'delete_account' THEN interval '1 day' WHEN 'invitation' THEN interval '48 hours' END
 WHERE o.state = 'pending';
CREATE INDEX outbox_expires_at_idx ON auth.outbox (expires_at) WHERE state = 'pending';
DROP FUNCTION auth.mail_queue(text, text, text, json, text);
DROP FUNCTION auth_api.outbox_failed(text, text, text, boolean);
