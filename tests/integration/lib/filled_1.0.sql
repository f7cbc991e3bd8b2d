-- Fills a database of version 1.0 with rows that the update must keep. A migration that touches a table adds rows for it here.

INSERT INTO auth.users (id, name, email, email_verified) VALUES
  ('ada', 'Ada', 'ada@example.com', true),
  ('grace', 'Grace', 'grace@example.com', false);
INSERT INTO auth.accounts (id, user_id, account_id, provider_id, password)
  SELECT 'account-' || u.id, u.id, u.id, 'credential', '$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$c29tZWhhc2hzb21laGFzaHNvbWVoYXNoc29tZWhhc2g'
    FROM auth.users u;
INSERT INTO auth.sessions (id, user_id, token_digest, expires_at)
  SELECT 'session-' || u.id, u.id, sha256(u.id::bytea), now() + interval '7 days' FROM auth.users u;
INSERT INTO auth.verification (identifier, value, user_id, expires_at) VALUES
  ('verify-email:' || encode(sha256('one'), 'hex'), '{"email":"grace@example.com"}', 'grace', now() + interval '1 hour'),
  ('change-email:' || encode(sha256('two'), 'hex'), '{"email":"ada@example.com","newEmail":"lovelace@example.com"}', 'ada',
   now() + interval '1 hour');
-- The migration gives sessions their proof of identity and binds tokens to sessions: none of those above has either.
INSERT INTO auth.login_attempts (email, ip_address, method) VALUES ('ada@example.com', '192.0.2.1', 'password');
INSERT INTO auth.login_attempts (email, ip_address) VALUES ('grace@example.com', '2001:db8:1:2::3'), ('grace@example.com', NULL);
INSERT INTO auth.lockouts (email, locked_until) VALUES ('grace@example.com', now() + interval '30 minutes');
INSERT INTO auth.security_events (user_id, event_type) VALUES ('ada', 'REGISTER');
INSERT INTO auth.encryption_vaults (user_id, wrapped_mk, wrap_iv, generation) VALUES
  ('ada', repeat('A', 64), repeat('A', 16), 3), ('grace', repeat('B', 64), repeat('B', 16), 1);
