-- A session's life: seen, extended, listed, ended; and the tokens of apps without cookies.
\pset format unaligned
\pset tuples_only on
SET story.ip = '192.0.2.14';
SET ROLE auth_edge;
SELECT story.member('dora@example.com', 'Dora');
SELECT refusal FROM story.sign_in('dora@example.com', 'dora-1');

-- The ordinary answers, decided in C, are those that SQL would give.
RESET ROLE;
SELECT auth_api.session_get(c, '{}') = auth.session_get(c, '{}') AS session, auth_api.token_issue(c, '{}') = auth.token_issue(c, '{}') AS token
  FROM story.caller('dora-1') c;
UPDATE auth.sessions s SET user_agent = NULL, ip_address = NULL, active_organization_id = 'o "1"' WHERE s.user_id = story.id_of('dora@example.com');
UPDATE auth.users u SET name = E'D\u00f6ra "\\" \u0001', image = 'https://x.example/i.png', two_factor_enabled = NULL, access_tier = 'founder', role = 'admin'
 WHERE u.id = story.id_of('dora@example.com');
SELECT auth_api.session_get(c, '{}') = auth.session_get(c, '{}') AS session, auth_api.token_issue(c, '{}') = auth.token_issue(c, '{}') AS token,
       replace((auth_api.session_get(c, '{}')).body, E'\x03', '')::json #>> '{user,name}' = u.name AS named
  FROM story.caller('dora-1') c, auth.users u WHERE u.id = story.id_of('dora@example.com');
UPDATE auth.sessions s SET user_agent = 'story/1', ip_address = '192.0.2.14', active_organization_id = NULL WHERE s.user_id = story.id_of('dora@example.com');
UPDATE auth.users u SET name = 'Dora', image = NULL, two_factor_enabled = false, access_tier = 'public', role = 'user'
 WHERE u.id = story.id_of('dora@example.com');
SET ROLE auth_edge;

-- Nobody, a live one, one made up: only the last has cookies to clear.
SELECT story.answer(auth_api.session_get(story.caller(), '{}'));
SELECT story.answer(auth_api.session_get(story.caller('dora-1'), '{}'));
SELECT story.answer(auth_api.session_get(story.caller('made-up'), '{}'));
SELECT story.answer(auth_api.token_issue(story.caller('dora-1'), '{}'));
SELECT story.answer(auth_api.token_issue(story.caller(), '{}'));

-- More than a day old it is extended, unless the caller asks not to.
RESET ROLE;
UPDATE auth.sessions SET expires_at = now() + interval '5 days 23 hours' WHERE token_digest = sha256('dora-1');
SET ROLE auth_edge;
SELECT cookies FROM auth_api.session_get(story.caller('dora-1'), '{"disableRefresh":true}');
SELECT story.mask(cookies) FROM auth_api.session_get(story.caller('dora-1'), '{}');
SELECT cookies FROM auth_api.session_get(story.caller('dora-1'), '{}');

-- A year after the sign-in it ends, however often it was used.
RESET ROLE;
UPDATE auth.sessions SET created_at = now() - interval '363 days', expires_at = now() + interval '1 day' WHERE token_digest = sha256('dora-1');
SET ROLE auth_edge;
SELECT story.mask(cookies) FROM auth_api.session_get(story.caller('dora-1'), '{}');
SELECT refusal, cookies FROM auth_api.session_get(story.caller('dora-1'), '{}');
RESET ROLE;
SELECT expires_at - created_at AS lives FROM auth.sessions WHERE token_digest = sha256('dora-1');
UPDATE auth.sessions SET created_at = now() - interval '363 days', expires_at = now() + interval '1 day' WHERE token_digest = sha256('dora-1');
SELECT auth.session_extend(s) FROM auth.sessions s WHERE s.token_digest = sha256('dora-1');
SELECT expires_at - created_at AS lives FROM auth.sessions WHERE token_digest = sha256('dora-1');
UPDATE auth.sessions SET created_at = now(), expires_at = now() + interval '7 days' WHERE token_digest = sha256('dora-1');
SET ROLE auth_edge;

-- One that is not remembered lives a day and is never extended.
SELECT refusal FROM story.sign_in('dora@example.com', 'dora-2', remember => false);
RESET ROLE;
SELECT expires_at - created_at AS lives FROM auth.sessions WHERE token_digest = sha256('dora-2');
SET ROLE auth_edge;
SELECT cookies FROM auth_api.session_get(story.caller('dora-2'), '{}');

-- The list shows the caller's own token and handles of the others. Either ends a session, what is another user's stays.
SELECT story.answer(auth_api.session_list(story.caller('dora-1'), '{}'));
SELECT story.answer(auth_api.session_list(story.caller(), '{}'));
SELECT story.answer(auth_api.session_list_v1(story.bearer('dora@example.com'), '{}'));
SELECT story.member('erik@example.com', 'Erik');
SELECT refusal FROM story.sign_in('erik@example.com', 'erik-1');
SELECT story.answer(auth_api.session_revoke(story.caller('dora-1'), '{"token":"erik-1"}'));
SELECT story.answer(auth_api.session_revoke(story.caller('dora-1'), '{"token":"dora-2"}'));
SELECT story.sessions('dora@example.com') AS dora, story.sessions('erik@example.com') AS erik;
SELECT refusal FROM story.sign_in('dora@example.com', 'dora-3');
SELECT story.handle('dora-3') AS handle \gset
SELECT story.answer(auth_api.session_revoke_id(story.caller('erik-1'), jsonb_build_object('id', :'handle')));
SELECT story.answer(auth_api.session_revoke_id(story.caller('dora-1'), jsonb_build_object('id', :'handle')));
SELECT refusal FROM story.sign_in('dora@example.com', 'dora-4');
SELECT story.handle('dora-4') AS handle \gset
SELECT refusal FROM auth_api.session_revoke(story.caller('dora-1'), jsonb_build_object('token', :'handle'));
SELECT story.sessions('dora@example.com');
SELECT refusal FROM story.sign_in('dora@example.com', 'dora-5');
SELECT story.answer(auth_api.session_revoke_others(story.caller('dora-1'), '{}'));
SELECT story.sessions('dora@example.com');
SELECT story.answer(auth_api.session_update(story.caller('dora-1'), '{"foo":1}'));
SELECT story.answer(auth_api.session_revoke_all(story.caller('dora-1'), '{}'));
SELECT story.answer(auth_api.session_revoke_all(story.caller('dora-1'), '{}'));

-- A refresh gives an access JWT and the next refresh token. The cookie of the same session lives on.
SELECT refusal FROM story.sign_in('dora@example.com', 'dora-6', dialect => 'v1');
SELECT story.answer(auth_api.session_refresh(story.caller(fresh => 'refresh-1'), '{"refreshToken":"dora-6"}'));
SELECT story.answer(auth_api.session_refresh(story.caller(fresh => 'refresh-2'), '{"refreshToken":"refresh-1"}'));
SELECT body <> 'null' AS cookie_lives FROM auth_api.session_get(story.caller('dora-6'), '{}');
SELECT body AS no_cookie FROM auth_api.session_get(story.caller('refresh-2'), '{}');

-- A second tab with the same token, a moment later, gets the same successor, which the edge derives from the token; another
-- one, and with it a second chain, it cannot get.
SELECT refusal FROM auth_api.session_refresh(story.caller(fresh => 'refresh-2'), '{"refreshToken":"refresh-1"}');
SELECT refusal FROM auth_api.session_refresh(story.caller(fresh => 'refresh-2b'), '{"refreshToken":"refresh-1"}');
SELECT refusal FROM auth_api.session_refresh(story.caller(fresh => 'refresh-3b'), '{"refreshToken":"refresh-2b"}');
SELECT refusal FROM auth_api.session_refresh(story.caller(fresh => 'refresh-3'), '{"refreshToken":"refresh-2"}');

-- Fifty refreshes in a row, of which each is sent twice, leave one token to go on with.
SELECT n, count(*) FROM (
  SELECT (auth_api.session_refresh(story.caller(fresh => 'refresh-' || i + 1), jsonb_build_object('refreshToken', 'refresh-' || i))).refusal AS n
    FROM (SELECT i FROM generate_series(3, 52) i, generate_series(1, 2) again ORDER BY i) x (i)) r GROUP BY n;
RESET ROLE;
SELECT count(*) FILTER (WHERE t.spent_at IS NULL) AS unspent FROM auth.session_tokens t JOIN auth.sessions s ON s.id = t.session_id
  JOIN auth.users u ON u.id = s.user_id WHERE u.email = 'dora@example.com';
SET ROLE auth_edge;

-- Fifty apps that take tokens by the cookie do not evict it either.
SELECT n, count(*) FROM (SELECT (auth_api.session_to_token(story.caller('dora-6', 'app-' || i || '-0'), '{}')).refusal AS n
                           FROM generate_series(1, 50) i) r GROUP BY n;
SELECT refusal FROM auth_api.session_refresh(story.caller(fresh => 'refresh-54'), '{"refreshToken":"refresh-53"}');

-- After ten seconds it was stolen: the session is over, for everybody.
RESET ROLE;
UPDATE auth.session_tokens SET spent_at = spent_at - interval '11 seconds' WHERE digest = sha256('dora-6');
SET ROLE auth_edge;
SELECT story.answer(auth_api.session_refresh(story.caller(fresh => 'thief'), '{"refreshToken":"dora-6"}'));
SELECT story.answer(auth_api.session_refresh(story.caller(fresh => 'victim'), '{"refreshToken":"refresh-54"}'));
SELECT body FROM auth_api.session_get(story.caller('dora-6'), '{}');
SELECT event_type, story.mask(metadata::text) FROM story.events('dora@example.com') WHERE event_type LIKE 'REFRESH%';
SELECT story.answer(auth_api.session_refresh(story.caller(), '{"refreshToken":"never-was"}'));
SELECT story.answer(auth_api.session_refresh(story.caller(), '{}'));

-- The shared cookie gives an app tokens of its own, which are not the cookie's.
SELECT refusal FROM story.sign_in('dora@example.com', 'dora-7');
SELECT story.answer(auth_api.session_to_token(story.caller('dora-7', 'app-1'), '{}'));
SELECT refusal FROM auth_api.session_refresh(story.caller(fresh => 'app-2'), '{"refreshToken":"app-1"}');
SELECT story.answer(auth_api.session_to_token(story.caller(), '{}'));

-- The access JWT works while its session lives. Logging out ends it by the cookie, the JWT, or the refresh token.
SELECT auth_api.session_is_live(story.bearer('dora@example.com'));
SELECT story.answer(auth_api.session_log_out(story.caller(), '{"refreshToken":"app-2"}'));
SELECT story.sessions('dora@example.com');
SELECT auth_api.session_is_live(story.caller('dora-7'));
SELECT refusal FROM story.sign_in('dora@example.com', 'dora-8');
SELECT story.answer(auth_api.session_log_out(story.bearer('dora@example.com'), '{}'));
SELECT story.sessions('dora@example.com');
SELECT story.answer(auth_api.session_sign_out(story.caller('dora-8'), '{}'));
SELECT refusal FROM story.sign_in('dora@example.com', 'dora-9');
SELECT story.answer(auth_api.session_sign_out(story.caller('dora-9'), '{}'));
SELECT story.sessions('dora@example.com');

-- Over the limit of sessions the oldest go.
SET mana_auth.session_limit = 2;
SELECT refusal FROM story.sign_in('dora@example.com', 'dora-a');
SELECT refusal FROM story.sign_in('dora@example.com', 'dora-b');
SELECT refusal FROM story.sign_in('dora@example.com', 'dora-c');
SELECT t, (auth_api.session_get(story.caller(t), '{}')).body <> 'null' AS lives FROM unnest(ARRAY['dora-a', 'dora-b', 'dora-c']) t;

-- Off unless asked for: a mail about a kind of device that was never here. Its versions do not make a device new, failures do
-- not make it known, and a first session is no news.
RESET ROLE;
CREATE FUNCTION story.sign_in_with(address text, agent text, verified boolean DEFAULT true) RETURNS text LANGUAGE sql AS $$
  SELECT (auth_api.sign_in_finish(
           auth_api.caller(NULL, sha256(gen_random_uuid()::text::bytea), NULL, NULL, '203.0.113.5', agent, 'request-1', NULL),
           address, l.challenge, CASE WHEN verified THEN story.output(l.challenge) ELSE story.wrong() END, NULL, true, NULL,
           'better-auth')).refusal
    FROM auth_api.sign_in_lookup(story.caller(), address) l;
$$;
SET ROLE auth_edge;
SELECT story.member('nora@example.com', 'Nora');
SELECT story.sign_in_with('nora@example.com', 'Phone/1.0');
SET mana_auth.new_device_mail = on;
SELECT story.member('olaf@example.com', 'Olaf');
SELECT story.sign_in_with('nora@example.com', 'Phone/2.0');
SELECT story.sign_in_with('nora@example.com', 'Tablet/1.0', verified => false);
SELECT story.sign_in_with('nora@example.com', 'Tablet/1.0');
SELECT story.sign_in_with('nora@example.com', 'Tablet/1.1');
SELECT story.sign_in_with('nora@example.com', NULL);
SELECT args FROM story.mails('nora@example.com') WHERE kind = 'new_device';
SELECT count(*) FROM story.mails('olaf@example.com') WHERE kind = 'new_device';
RESET mana_auth.new_device_mail;
