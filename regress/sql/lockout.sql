-- Failures are counted by account and network, by known device, and in total.
\pset format unaligned
\pset tuples_only on
SET story.ip = '192.0.2.55';
RESET ROLE;
CREATE FUNCTION story.forget_failures(address text) RETURNS void LANGUAGE sql SECURITY DEFINER AS $$ SELECT auth.lockout_clear(address); $$;
CREATE FUNCTION story.device_of(r auth.reply) RETURNS text LANGUAGE sql AS $$ SELECT substring(r.cookies FROM '\ndevice (\w+) 7776000'); $$;
CREATE FUNCTION story.later(address text, how_long interval) RETURNS void LANGUAGE sql SECURITY DEFINER AS $$
  UPDATE auth.login_attempts a SET attempted_at = a.attempted_at - how_long WHERE a.email = address;
  UPDATE auth.lockouts l SET locked_until = l.locked_until - how_long WHERE l.email = address;
  SELECT auth.rate_limit_clear('password_guess', c || ' ' || address) FROM unnest(ARRAY['known', 'strangers']) c;
$$;
SET ROLE auth_edge;
SELECT story.member('lou@example.com', 'Lou');
SELECT story.member('moe@example.com', 'Moe');
SELECT story.device_of(story.sign_in('lou@example.com', 'lou-1')) AS device \gset
SELECT length(:'device') AS set_at_sign_in, story.device_of(story.sign_in('lou@example.com', 'lou-2', remember => false)) AS unremembered;

-- A stranger's five wrong passwords lock the stranger's network, and no other one, no known device and no live session.
SELECT (story.sign_in('lou@example.com', verified => false, ip => ('198.18.1.' || n)::inet)).refusal FROM generate_series(1, 6) n;
SELECT refusal FROM story.sign_in('lou@example.com', ip => '198.18.1.200');
SELECT refusal FROM story.sign_in('lou@example.com', ip => '198.18.2.1');
SELECT refusal FROM auth_api.password_verify(story.caller('lou-1', ip => '198.18.1.1'), story.challenge('lou-1'), story.right('lou-1'));
SELECT story.device_of(story.sign_in('lou@example.com', ip => '198.18.1.1', device => :'device')) AS rotated \gset
SELECT :'device' <> :'rotated' AS new_token, (story.sign_in('lou@example.com', ip => '198.18.1.1', device => :'device')).refusal AS old_one;
SELECT (story.sign_in('moe@example.com', verified => false, ip => ('198.18.3.' || n)::inet)).refusal FROM generate_series(1, 5) n;
SELECT refusal AS of_somebody_else FROM story.sign_in('moe@example.com', ip => '198.18.3.9', device => :'rotated');
-- IPv6: a /48 is one network.
SELECT (story.sign_in('moe@example.com', verified => false, ip => ('2001:db8:1:' || n || '::1')::inet)).refusal FROM generate_series(1, 6) n;
SELECT refusal FROM story.sign_in('moe@example.com', ip => '2001:db8:2::1');

-- A success forgives its own network, and not the others.
SELECT (story.sign_in('moe@example.com', verified => false, ip => '198.18.4.1')).refusal FROM generate_series(1, 4);
SELECT refusal FROM story.sign_in('moe@example.com', ip => '198.18.5.1');
SELECT refusal FROM story.sign_in('moe@example.com', verified => false, ip => '198.18.4.2');
SELECT refusal FROM story.sign_in('moe@example.com', verified => false, ip => '198.18.4.3');

-- Twenty failures of strangers within 15 minutes are all that is evaluated, from however many networks; the same for an address
-- that has no account. The announced time is the true one.
SELECT story.forget_failures('lou@example.com');
CREATE TEMP TABLE asked AS SELECT n, address, (story.sign_in(address, verified => false, ip => ('198.19.' || n || '.1')::inet)).refusal
  FROM generate_series(1, 25) n, unnest(ARRAY['lou@example.com', 'noone@example.com']) address;
SELECT address, refusal, count(*) FROM asked GROUP BY 1, 2 ORDER BY 1, 2 DESC;
SELECT refusal, retry_after_seconds BETWEEN 1790 AND 1800 AS announced FROM story.sign_in('lou@example.com', ip => '198.19.99.1');
SELECT refusal FROM story.sign_in('lou@example.com', 'lou-3', ip => '198.19.99.1', device => :'rotated');
-- After that, more: until there are fifty in a day.
SELECT story.later('lou@example.com', '31 minutes');
SELECT refusal, count(*) FROM generate_series(1, 25) n, story.sign_in('lou@example.com', verified => false, ip => ('198.19.' || n || '.1')::inet)
 GROUP BY 1 ORDER BY 2;
SELECT story.later('lou@example.com', '31 minutes');
SELECT refusal, count(*) FROM generate_series(1, 25) n, story.sign_in('lou@example.com', verified => false, ip => ('198.19.' || n || '.1')::inet)
 GROUP BY 1 ORDER BY 2;
SELECT refusal, retry_after_seconds BETWEEN 82600 AND 82680 AS until_the_first_is_a_day_old FROM story.sign_in('lou@example.com', ip => '198.19.99.1');
SELECT story.later('lou@example.com', '22 hours 57 minutes');
SELECT refusal FROM story.sign_in('lou@example.com', ip => '198.19.99.1');
SELECT story.later('lou@example.com', '2 minutes');
SELECT refusal FROM story.sign_in('lou@example.com', ip => '198.19.99.1');

-- Known devices have a bound of their own: the fifth failure of a device or session locks that one, and not its user elsewhere.
SELECT story.forget_failures('lou@example.com');
SELECT story.device_of(story.sign_in('lou@example.com', 'lou-4')) AS device \gset
SELECT refusal FROM story.sign_in('lou@example.com', 'lou-5');
SELECT (story.sign_in('lou@example.com', verified => false, device => :'device')).refusal FROM generate_series(1, 6);
SELECT refusal AS other_network_same_device FROM story.sign_in('lou@example.com', ip => '198.19.98.1', device => :'device');
SELECT refusal AS session FROM auth_api.password_verify(story.caller('lou-5'), story.challenge('lou-5'), story.right('lou-5'));
SELECT refusal AS stranger FROM story.sign_in('lou@example.com', 'lou-6');

-- An admin sees the longest lock and ends all of them.
RESET ROLE;
SELECT locked_until > now() + interval '29 minutes' AS locked FROM auth.user_overview WHERE email = 'lou@example.com';
SELECT auth.unlock_user('lou@example.com');
SELECT count(*) FROM auth.lockouts WHERE email = 'lou@example.com';
SET ROLE auth_edge;
SELECT refusal FROM story.sign_in('lou@example.com', 'lou-7', device => :'device');

-- Programs that keep no cookie make a new device with each sign-in: they push out each other, and no browser that has come back after a day.
SELECT story.device_of(story.sign_in('lou@example.com')) AS settled \gset
RESET ROLE;
UPDATE auth.known_devices SET created_at = created_at - interval '2 days', last_seen_at = last_seen_at - interval '2 days' WHERE user_id = story.id_of('lou@example.com');
SET ROLE auth_edge;
SELECT story.device_of(story.sign_in('lou@example.com', device => :'settled')) AS settled \gset
SELECT count(story.sign_in('lou@example.com')) FROM generate_series(1, 22);
SELECT (story.sign_in('lou@example.com', verified => false)).refusal FROM generate_series(1, 5);
SELECT refusal AS stranger FROM story.sign_in('lou@example.com');
SELECT refusal AS settled FROM story.sign_in('lou@example.com', 'lou-9', device => :'settled');
SELECT story.forget_failures('lou@example.com');
-- Settled devices are twenty at most, too.
RESET ROLE;
INSERT INTO auth.known_devices (user_id, digest, created_at) SELECT story.id_of('lou@example.com'), sha256(n::text::bytea), now() - interval '3 days' FROM generate_series(1, 30) n;
SET ROLE auth_edge;
SELECT refusal FROM story.sign_in('lou@example.com');
RESET ROLE;
SELECT auth.known_device_is_settled(d) AS settled, count(*) FROM auth.known_devices d WHERE d.user_id = story.id_of('lou@example.com') GROUP BY 1 ORDER BY 1;
DELETE FROM auth.known_devices WHERE user_id = story.id_of('lou@example.com');
SET ROLE auth_edge;

-- Twenty devices at most; a new password, and the end of all sessions, forget them. So does the sweep, after 90 days.
SELECT count(story.sign_in('lou@example.com')) FROM generate_series(1, 22);
RESET ROLE;
SELECT count(*) FROM auth.known_devices d JOIN auth.users u ON u.id = d.user_id WHERE u.email = 'lou@example.com';
UPDATE auth.known_devices d SET last_seen_at = now() - interval '91 days' FROM auth.users u WHERE u.id = d.user_id AND u.email = 'moe@example.com';
SELECT auth.sweep() > 0 AS swept;
SELECT count(*) FROM auth.known_devices d JOIN auth.users u ON u.id = d.user_id WHERE u.email = 'moe@example.com';
SET ROLE auth_edge;
SELECT refusal FROM auth_api.session_revoke_all(story.caller('lou-7'), '{}');
RESET ROLE;
SELECT count(*) FROM auth.known_devices d JOIN auth.users u ON u.id = d.user_id WHERE u.email = 'lou@example.com';
SET ROLE auth_edge;
SELECT refusal FROM story.sign_in('lou@example.com', 'lou-8');
SELECT refusal FROM auth_api.password_change(story.caller('lou-8'), story.challenge('lou-8'), story.right('lou-8'), story.hash('hash-2'), NULL, false, 'v1');
RESET ROLE;
SELECT count(*) FROM auth.known_devices d JOIN auth.users u ON u.id = d.user_id WHERE u.email = 'lou@example.com';
