-- Mails that were promised: claimed with a lease, sent or tried again, dead after the last try. Calls to other services the same.
\pset format unaligned
\pset tuples_only on
SET story.ip = '192.0.2.11';
SELECT auth.mail_queue('otp', 'mail-1@example.com', 'en', auth.json_object('code', 1)) IS NOT NULL;
SELECT auth.mail_queue('otp', 'mail-2@example.com', 'en', auth.json_object('code', 2)) IS NOT NULL;
UPDATE auth.outbox SET next_attempt_at = CASE WHEN kind = 'otp' THEN created_at - interval '1 day' ELSE now() + interval '1 day' END
 WHERE state = 'pending';

-- The arguments are sealed, each to its row.
SELECT count(*) FILTER (WHERE position('code'::bytea IN args) > 0) AS in_clear FROM auth.outbox WHERE kind = 'otp';
DO $$
BEGIN
  PERFORM auth.unseal((SELECT args FROM auth.outbox WHERE recipient = 'mail-1@example.com'),
                      'outbox:' || (SELECT id FROM auth.outbox WHERE recipient = 'mail-2@example.com'));
  RAISE NOTICE 'opened in another row';
EXCEPTION WHEN OTHERS THEN
  RAISE NOTICE 'another row''s arguments do not open';
END
$$;

-- One worker has a mail at a time, and nobody else can report on it.
SET ROLE auth_edge;
SELECT recipient, args, message_id ~ '^[a-z0-9]{32}$' AS has_id, attempt FROM auth_api.outbox_claim('w1', 1, 60);
SELECT recipient FROM auth_api.outbox_claim('w2', 10, 60);
SELECT count(*) FROM auth_api.outbox_claim('w3', 10, 60);
RESET ROLE;
SELECT id AS first, message_id FROM auth.outbox WHERE recipient = 'mail-1@example.com' \gset
SELECT id AS second FROM auth.outbox WHERE recipient = 'mail-2@example.com' \gset
SET ROLE auth_edge;
SELECT auth_api.outbox_done(:'first', 'w2');
SELECT auth_api.outbox_done(:'second', 'w2');

-- Not accepted: again after a pause, under the same Message-ID.
BEGIN; -- whose start is now() for all of it, however slow the machine is
SELECT auth_api.outbox_failed(:'first', 'w1', '451 try later', 'retry');
SELECT count(*) FROM auth_api.outbox_claim('w1', 10, 60);
RESET ROLE;
SELECT next_attempt_at - now() BETWEEN interval '1 second' AND interval '2 seconds' AS pause, last_error FROM auth.outbox WHERE id = :'first';
COMMIT;
UPDATE auth.outbox SET next_attempt_at = now() WHERE id = :'first';
SET ROLE auth_edge;
SELECT recipient, message_id = :'message_id' AS same_id, attempt FROM auth_api.outbox_claim('w1', 10, 60);

-- A worker that dies loses its lease: another sends, and the first one's report comes too late.
RESET ROLE;
UPDATE auth.outbox SET leased_until = now() WHERE id = :'first';
SET ROLE auth_edge;
SELECT recipient, attempt FROM auth_api.outbox_claim('w2', 10, 60);
SELECT auth_api.outbox_done(:'first', 'w1'), auth_api.outbox_failed(:'first', 'w1', 'late', 'refused') IS NULL AS ignored;

-- One whose arguments do not open waits, and holds up no other, however long it has waited.
RESET ROLE;
SELECT auth.mail_queue('otp', 'torn@example.com', 'en', '{}') AS torn \gset
SELECT auth.mail_queue('otp', 'whole@example.com', 'en', '{}') AS whole \gset
UPDATE auth.outbox SET args = set_byte(args, 20, get_byte(args, 20) # 1), next_attempt_at = now() - interval '2 days' WHERE id = :'torn';
SET ROLE auth_edge;
SELECT recipient FROM auth_api.outbox_claim('w4', 10, 60);
SELECT count(*) FROM auth_api.outbox_claim('w5', 10, 60);
RESET ROLE;
SELECT state, attempts, last_error, leased_by, leased_until - now() BETWEEN interval '59 min' AND interval '1 hour' AS waits,
       args IS NOT NULL AS kept FROM auth.outbox WHERE id = :'torn';
DELETE FROM auth.outbox WHERE id IN (:'torn', :'whole');

-- Tried for a day, at most an hour apart; what an operator has to correct is marked until it works or fails otherwise.
RESET ROLE;
UPDATE auth.outbox SET attempts = 40 WHERE id = :'first';
SELECT give_up_at - now() BETWEEN interval '23 hours 59 minutes' AND interval '24 hours' AS a_day FROM auth.outbox WHERE id = :'first';
SET ROLE auth_edge;
SELECT auth_api.outbox_failed(:'first', 'w2', '535 wrong password', 'configuration');
RESET ROLE;
SELECT needs_operator, next_attempt_at - now() BETWEEN interval '29 minutes' AND interval '1 hour' AS pause FROM auth.outbox WHERE id = :'first';
SET ROLE auth_admin;
SELECT kind, needs_operator, last_error FROM auth.outbox_overview WHERE id = :'first';
BEGIN;
SELECT auth.outbox_retry() >= 1 AS woken;
SELECT next_attempt_at <= now() AS due FROM auth.outbox_overview WHERE id = :'first';
ROLLBACK;
RESET ROLE;
UPDATE auth.outbox SET next_attempt_at = created_at - interval '1 day', give_up_at = now() + interval '1 minute' WHERE id = :'first';
SET ROLE auth_edge;
SELECT recipient FROM auth_api.outbox_claim('w2', 1, 60);
SELECT auth_api.outbox_failed(:'first', 'w2', '451 try later', 'later');
SELECT auth_api.outbox_failed(:'first', 'w2', '451 try later', 'retry');
RESET ROLE;
SELECT needs_operator, next_attempt_at = give_up_at AS at_the_end FROM auth.outbox WHERE id = :'first';
UPDATE auth.outbox SET next_attempt_at = created_at - interval '1 day', give_up_at = now() WHERE id = :'first';
SET ROLE auth_edge;
SELECT recipient FROM auth_api.outbox_claim('w2', 1, 60);
SET ROLE auth_edge;
SELECT auth_api.outbox_failed(:'first', 'w2', '451 try later', 'retry');
RESET ROLE;
SELECT recipient, state, args IS NULL AS wiped, last_error, finished_at IS NOT NULL AS finished FROM auth.outbox WHERE kind = 'otp' ORDER BY 1;

-- A mail whose link has expired is ended, not sent; one that is just being sent is left.
SELECT auth.mail_queue('otp', 'expired@example.com', 'en', '{}', NULL, interval '1 hour') AS expired \gset
SELECT auth.mail_queue('otp', 'leased@example.com', 'en', '{}', NULL, interval '1 hour') AS leased \gset
UPDATE auth.outbox SET next_attempt_at = created_at - interval '1 day', expires_at = now(),
       leased_until = CASE WHEN id = :'leased' THEN now() + interval '1 minute' END WHERE id IN (:'expired', :'leased');
SET ROLE auth_edge;
SELECT recipient FROM auth_api.outbox_claim('w6', 1, 60);
RESET ROLE;
SELECT recipient, state, args IS NULL AS wiped, last_error FROM auth.outbox WHERE id IN (:'expired', :'leased') ORDER BY 1;
UPDATE auth.outbox SET leased_until = now() WHERE id = :'leased';
SELECT auth_api.sweep() >= 1 AS swept;
SELECT state FROM auth.outbox WHERE id = :'leased';
DELETE FROM auth.outbox WHERE id IN (:'expired', :'leased');

-- A mail of a transaction that failed was never promised.
BEGIN;
SELECT auth.mail_queue('otp', 'never@example.com', 'en', '{}') IS NOT NULL;
ROLLBACK;
SELECT count(*) FROM auth.outbox WHERE recipient = 'never@example.com';

-- What is finished goes after its time; what waits does not.
UPDATE auth.outbox SET finished_at = now() - interval '8 days' WHERE kind = 'otp' AND state = 'sent';
UPDATE auth.outbox SET finished_at = now() - interval '91 days' WHERE kind = 'otp' AND state = 'dead';
SELECT count(*) AS waiting FROM auth.outbox WHERE state = 'pending' \gset
SELECT auth_api.sweep() >= 2 AS swept;
SELECT count(*) FROM auth.outbox WHERE kind = 'otp';
SELECT count(*) = :waiting AS still_waiting FROM auth.outbox WHERE state = 'pending';

-- Calls to other services: one goes only after the one before it, and each only to its own target.
SELECT auth.outbound_queue('story', '/init', '{"n":1}', NULL) AS init \gset
SELECT auth.outbound_queue('story', '/then', '{"n":2}', NULL, :'init') AS then \gset
SET ROLE auth_edge;
RESET ROLE;
SELECT auth.outbound_queue('torn', '/torn', '{}', NULL) AS torn \gset
SELECT auth.outbound_queue('torn', '/whole', '{}', NULL) AS whole \gset
UPDATE auth.outbound_calls SET body = set_byte(body, 20, get_byte(body, 20) # 1), next_attempt_at = now() - interval '2 days' WHERE id = :'torn';
SET ROLE auth_edge;
SELECT path FROM auth_api.outbound_claim('torn', 'w4', 10, 60);
RESET ROLE;
SELECT state, attempts, last_error, body IS NOT NULL AS kept FROM auth.outbound_calls WHERE id = :'torn';
DELETE FROM auth.outbound_calls WHERE id IN (:'torn', :'whole');
SET ROLE auth_edge;
SELECT count(*) FROM auth_api.outbound_claim('elsewhere', 'w1', 10, 60);
SELECT path, body, attempt FROM auth_api.outbound_claim('story', 'w1', 10, 60);
SELECT path FROM auth_api.outbound_claim('story', 'w2', 10, 60);
SELECT auth_api.outbound_failed(:'init', 'w2', 'not mine', false) IS NULL AS ignored;
SELECT auth_api.outbound_failed(:'init', 'w1', '503', false);
SELECT path FROM auth_api.outbound_claim('story', 'w2', 10, 60);
RESET ROLE;
UPDATE auth.outbound_calls SET next_attempt_at = now() WHERE id = :'init';
SET ROLE auth_edge;
SELECT path, attempt FROM auth_api.outbound_claim('story', 'w2', 10, 60);
SELECT auth_api.outbound_done(:'init', 'w1'), auth_api.outbound_done(:'init', 'w2');
SELECT path, body FROM auth_api.outbound_claim('story', 'w2', 10, 60);
SELECT auth_api.outbound_failed(:'then', 'w2', '400 never', true);
RESET ROLE;
SELECT path, state, body IS NULL AS wiped, last_error FROM auth.outbound_calls WHERE target = 'story' ORDER BY path;

-- What anybody can ask for goes after everything else, however early it was asked for: no flood of requests delays a notice.
UPDATE auth.outbox SET next_attempt_at = now() + interval '1 day' WHERE state = 'pending';
SET ROLE auth_edge;
SELECT story.member('flood@example.com', 'Flo');
SELECT refusal FROM story.sign_in('flood@example.com', 'flood-1');
SELECT count(auth_api.password_request_reset(story.caller(), '{"email":"flood@example.com"}')) FROM generate_series(1, 15);
SELECT count(auth_api.magic_link_send(story.caller(), 'flood@example.com', NULL, NULL, NULL, NULL, 'en')) FROM generate_series(1, 15);
SELECT count(auth_api.sign_up(story.caller(), 'flood@example.com', 'Flo', NULL, story.hash('hash-1'), NULL, 'en')) FROM generate_series(1, 15);
-- The limits of requests are used up, and none of them is that of a notice.
SELECT refusal FROM auth_api.password_change(story.caller('flood-1'), story.challenge('flood-1'), story.right('flood-1'), story.hash('hash-2'), NULL, false, 'v1');
SELECT refusal FROM story.sign_in('flood@example.com', 'flood-2');
SELECT refusal FROM auth_api.step_up_mail(story.caller('flood-2'), '{"purpose":"passkey"}');
RESET ROLE;
SELECT auth.notice_mail('vault_rotated', story.id_of('flood@example.com'));
SELECT kind, count(*) FROM story.mails('flood@example.com') GROUP BY 1 ORDER BY 1;
SET ROLE auth_edge;
SELECT kind FROM auth_api.outbox_claim('w9', 3, 60) WHERE recipient = 'flood@example.com' ORDER BY kind;
-- A notice that its user can cause again and again is bounded by itself.
RESET ROLE;
SELECT auth.notice_mail('vault_rotated', story.id_of('flood@example.com')) FROM generate_series(1, 5);
SELECT auth.notice_mail('vault_recovery_changed', story.id_of('flood@example.com'));
SELECT kind, count(*) FROM auth.outbox WHERE recipient = 'flood@example.com' AND kind LIKE 'vault%' GROUP BY 1 ORDER BY 1;
DELETE FROM auth.outbox WHERE recipient = 'flood@example.com';
UPDATE auth.outbox SET next_attempt_at = now() WHERE state = 'pending';
