-- What may go into a mail, and how a stranger's requests leave the owner of an address a link.
\pset format unaligned
\pset tuples_only on
SET story.ip = '192.0.2.78';

-- The bounds are those of the edge.
SELECT n, auth.mail_inputs_fit(NULL, repeat('x', n)), auth.mail_inputs_fit(NULL, repeat('x', n / 2), NULL, repeat('x', n - n / 2)) FROM (VALUES (1800), (1801)) x (n);
SELECT n, auth.mail_inputs_fit(NULL, repeat('&', n)) FROM (VALUES (600), (601)) x (n);
SELECT n, auth.mail_inputs_fit(repeat('ü', n), NULL), auth.mail_inputs_fit(repeat('😀', n / 2), NULL) FROM (VALUES (255), (256)) x (n);
SELECT local, domain, auth.email_is_valid(repeat('a', local) || '@' || repeat('b', domain) || '.example')
  FROM (VALUES (64, 63), (65, 63), (64, 64)) x (local, domain);
SELECT auth.email_is_valid(address) FROM (VALUES ('a@b'), ('a b@c.de'), ('a@b.de')) x (address);

-- What does not fit is refused, and nothing has happened.
SET ROLE auth_edge;
SELECT story.member('rita@mail.example', 'Rita');
SELECT json_build_object('email', 'rita@mail.example', 'redirectTo', '/' || repeat('x', 5000), 'callbackURL', '/' || repeat('x', 5000)) AS long \gset
SELECT story.answer(auth_api.password_request_reset(story.caller(), '{"email":"rita@mail.example"}'));
SELECT story.token('reset_password', 'rita@mail.example') AS first \gset
SELECT story.answer(auth_api.password_request_reset(story.caller(), jsonb_set(:'long', '{n}', to_jsonb(n)))) FROM generate_series(1, 5) n;
SELECT story.answer(auth_api.password_request_reset_v1(story.caller(), :'long'));
SELECT story.answer(auth_api.verification_send(story.caller(), :'long'));
SELECT story.answer(auth_api.verification_send_v1(story.caller(), :'long'));
SELECT story.answer(auth_api.magic_link_send(story.caller(), 'rita@mail.example', NULL, '/' || repeat('x', 900), '/' || repeat('x', 900), NULL, 'de'));
SELECT story.answer(auth_api.magic_link_send(story.caller(), 'rita@mail.example', repeat('n', 256), NULL, NULL, NULL, 'de'));
SELECT story.answer(auth_api.magic_link_send(story.caller(), repeat('a', 65) || '@mail.example', NULL, NULL, NULL, NULL, 'de'));
SELECT story.answer(auth_api.sign_up(story.caller(), repeat('a', 65) || '@mail.example', 'A', NULL, story.hash('hash'), NULL, 'de'));
SELECT story.answer(auth_api.sign_up(story.caller(), 'sam@mail.example', repeat('n', 256), NULL, story.hash('hash'), NULL, 'de'));
SELECT story.answer(auth_api.sign_up(story.caller(), 'sam@mail.example', 'Sam', NULL, story.hash('hash'), '/' || repeat('x', 1800), 'de'));
SELECT story.id_of('sam@mail.example');
SELECT kind, count(*) FROM story.mails('rita@mail.example') GROUP BY 1 ORDER BY 1;
-- The budget is whole: two more requests make mails, and the newest link works.
SELECT refusal FROM auth_api.password_request_reset(story.caller(), '{"email":"rita@mail.example"}');
SELECT refusal FROM auth_api.password_request_reset(story.caller(), '{"email":"rita@mail.example"}');
SELECT count(*) FROM story.mails('rita@mail.example') WHERE kind = 'reset_password';
SELECT story.token('reset_password', 'rita@mail.example') AS newest \gset
-- Beyond it a stranger gets the same answer, and the owner's newest link stays good.
SELECT story.answer(auth_api.password_request_reset(story.caller(ip => '198.51.100.78'), jsonb_build_object('email', 'rita@mail.example', 'n', n))) FROM generate_series(1, 3) n;
SELECT count(*) FROM story.mails('rita@mail.example') WHERE kind = 'reset_password';
SELECT email FROM auth_api.password_reset_lookup(story.caller(), :'first');
SELECT email FROM auth_api.password_reset_lookup(story.caller(), :'newest');
-- Once that link is used, the next request makes a mail again, limit or not: there is no valid link to fall back on.
SELECT refusal FROM auth_api.password_reset(story.caller(), :'newest', story.hash('hash-2'), 'better-auth');
SELECT refusal FROM auth_api.password_request_reset(story.caller(), '{"email":"rita@mail.example"}');
SELECT count(*) FROM story.mails('rita@mail.example') WHERE kind = 'reset_password';
-- The same for sign-in links.
SELECT refusal FROM auth_api.magic_link_send(story.caller(), 'rita@mail.example', NULL, NULL, NULL, NULL, 'de');
SELECT refusal FROM auth_api.magic_link_send(story.caller(), 'rita@mail.example', NULL, NULL, NULL, NULL, 'de');
SELECT refusal FROM auth_api.magic_link_send(story.caller(), 'rita@mail.example', NULL, NULL, NULL, NULL, 'de');
SELECT refusal FROM auth_api.magic_link_send(story.caller(), 'rita@mail.example', NULL, NULL, NULL, NULL, 'de');
SELECT count(*) FROM story.mails('rita@mail.example') WHERE kind = 'magic_link';
SELECT story.token('magic_link', 'rita@mail.example') AS link \gset
SELECT story.answer(auth_api.magic_link_verify(story.caller(fresh => 'mail-rita'), :'link', '/in', NULL, '/', 'de'));
SELECT refusal FROM auth_api.magic_link_send(story.caller(), 'rita@mail.example', NULL, NULL, NULL, NULL, 'de');
SELECT count(*) FROM story.mails('rita@mail.example') WHERE kind = 'magic_link';
-- A stranger who asks for links to an address without account uses up nothing of its first sign-up.
SELECT refusal FROM generate_series(1, 5) n, LATERAL auth_api.verification_send(story.caller(), jsonb_build_object('email', 'tess@mail.example', 'n', n));
SELECT refusal FROM auth_api.sign_up(story.caller(), 'tess@mail.example', 'Tess', NULL, story.hash('hash'), NULL, 'de');
SELECT kind FROM story.mails('tess@mail.example');

-- The limit of an hour holds for every mail to an address that the caller names: a sign-up with a known address, an invitation, a
-- change of address. Only the limit of a minute ends here between the requests.
RESET ROLE;
CREATE FUNCTION story.minute_passes(kind text, subject text) RETURNS void LANGUAGE sql SECURITY DEFINER AS $$
  SELECT auth.rate_limit_clear('mail/' || kind, subject);
$$;
SET ROLE auth_edge;
SELECT count(story.minute_passes('existing_account', 'rita@mail.example')),
       count((auth_api.sign_up(story.caller(), 'rita@mail.example', 'Eve' || n, NULL, story.hash('hash'), NULL, 'de')).refusal) AS refused
  FROM generate_series(1, 12) n;
SELECT count(*) FROM story.mails('rita@mail.example') WHERE kind = 'existing_account';
SELECT body::json ->> 'id' AS org FROM auth_api.organization_create(story.caller('mail-rita'), '{"name":"Spam","slug":"mail-spam"}') \gset
SELECT r.refusal, r.retry_after_seconds > 60 AS of_the_hour, count(*), count(story.minute_passes('invitation', 'uma@mail.example'))
  FROM generate_series(1, 12) n, LATERAL auth_api.invitation_create(story.caller('mail-rita'), jsonb_build_object(
    'organizationId', :'org', 'email', 'uma@mail.example', 'role', 'member', 'resend', true, 'n', n)) r GROUP BY 1, 2 ORDER BY 3;
SELECT count(*) FROM story.mails('uma@mail.example') WHERE kind = 'invitation';
SELECT refusal FROM story.sign_in('rita@mail.example', 'mail-rita-2');
SELECT r.refusal, r.retry_after_seconds > 60 AS of_the_hour, count(*), count(story.minute_passes('change_email', story.id_of('rita@mail.example'))),
       count(story.minute_passes('change_email', 'vic@mail.example'))
  FROM generate_series(1, 12) n, LATERAL auth_api.user_change_email(story.caller('mail-rita-2'), jsonb_build_object(
    'newEmail', 'vic@mail.example', 'n', n)) r GROUP BY 1, 2 ORDER BY 3;
SELECT count(*) FROM story.mails('vic@mail.example') WHERE kind = 'change_email';
