-- A million users (or :users of them) as the administration finds them: names and addresses of many letters, one in a hundred
-- named Meyer, five with a name that nobody else has.
INSERT INTO auth.users (id, name, email, email_verified, created_at, access_tier)
SELECT lpad(to_hex(n), 32, '0'),
       CASE WHEN n % (:users / 5) = 7 THEN 'Xylophon ' ELSE '' END
       || (ARRAY['Anna', 'Bert', 'Clara', 'David', 'Emma', 'Fritz', 'Greta', 'Hans', 'Ida', 'Jonas'])[1 + n % 10] || ' '
       || CASE WHEN n % 100 = 3 THEN 'Meyer' ELSE initcap(substr(translate(md5(n::text), '0123456789', 'ghijklmnop'), 1, 8)) END,
       substr(translate(md5('mail' || n), '0123456789', 'ghijklmnop'), 1, 10) || n || '@' || (ARRAY['example.com', 'example.org', 'mail.example'])[1 + n % 3],
       true, now() - make_interval(secs => :users - n), (ARRAY['public', 'public', 'public', 'beta'])[1 + n % 4]::auth.access_tier
  FROM generate_series(1, :users) n;
VACUUM ANALYZE auth.users;
