-- Signing keys and the cookie's secret: made once, sealed, kept when the key ring rotates.
\pset format unaligned
\pset tuples_only on
SET story.ip = '192.0.2.10';
SET ROLE auth_edge;
SELECT count(*) FROM auth_api.signing_keys();
SELECT kid AS first FROM auth_api.signing_keys() WHERE alg = 'EdDSA' \gset
SELECT alg, (SELECT string_agg(name, ',' ORDER BY i) FROM json_object_keys(public_key::json) WITH ORDINALITY k (name, i)) AS members,
       octet_length(private_key) > 30 AS private, signs_in_seconds <= 0 AS signs, good_for_seconds
  FROM auth_api.signing_keys();
SELECT alg, length(public_key::json ->> 'x') AS x, length(public_key::json ->> 'y') AS y, length(public_key::json ->> 'n') AS n
  FROM auth_api.signing_keys();
RESET ROLE;
SELECT bool_and(position(k.private_key IN j.private_key) = 0) AS sealed FROM auth_api.signing_keys() k JOIN auth.jwks j ON j.id = k.kid;
\set VERBOSITY terse
SELECT auth.signing_key_make('HS256');

-- The next one is published first and signs a day later; asked for again meanwhile, it is the same.
CREATE TEMP TABLE announced AS SELECT * FROM auth.rotate_signing_key();
SELECT alg, round(extract(epoch FROM signs_from - now()) / 3600) AS hours FROM announced;
SELECT count(*) AS same FROM auth.rotate_signing_key() JOIN announced USING (alg, kid, signs_from);
SELECT alg, signs_in_seconds <= 0 AS signs FROM auth_api.signing_keys();
SELECT bool_and(signs_in_seconds <= 0) AS still_signs FROM auth_api.signing_keys() WHERE kid = :'first';
SELECT auth.rotate_signing_key('59 minutes');

-- The one before stays published until its last token is dead, which is after the next has begun to sign.
SELECT round(extract(epoch FROM j.expires_at - a.signs_from) / 3600) AS hours FROM auth.jwks j, announced a WHERE j.id = :'first' AND a.alg = 'EdDSA';
UPDATE auth.jwks SET signs_from = signs_from - interval '1 day', expires_at = expires_at - interval '1 day';
SELECT alg, kid = :'first' AS first, signs_in_seconds <= 0 AS may_sign FROM auth_api.signing_keys() WHERE alg = 'EdDSA';
UPDATE auth.jwks SET expires_at = now() WHERE expires_at IS NOT NULL;
SELECT count(*) FROM auth_api.signing_keys();
SELECT auth.sweep() >= 3 AS swept;
SELECT count(*) FROM auth.jwks WHERE id = :'first';

-- Of their own accord, when they are old; never, where the DBA says so.
UPDATE auth.jwks SET created_at = now() - interval '91 days';
SET mana_auth.signing_key_days = 0;
SELECT count(*) FROM auth_api.signing_keys();
SET mana_auth.signing_key_days = 90;
SELECT count(*), count(*) FILTER (WHERE signs_in_seconds > 86000) AS announced FROM auth_api.signing_keys();
SELECT count(*) FROM auth_api.signing_keys();
RESET mana_auth.signing_key_days;

-- A standby makes none; it lists what is there.
UPDATE auth.jwks SET created_at = now() - interval '91 days', signs_from = now() - interval '91 days' WHERE expires_at IS NULL;
BEGIN READ ONLY;
SELECT count(*) FROM auth_api.signing_keys();
COMMIT;

-- At most one youngest key of an algorithm, whoever writes it.
INSERT INTO auth.jwks (public_key, private_key) VALUES ('{}', '');

-- An administrator of the service makes the next ones, and in an emergency makes the present ones worthless. Nobody else.
SET ROLE auth_admin;
SELECT count(*) FROM auth.rotate_signing_key();
SELECT auth.revoke_signing_keys();
SELECT count(*) FROM auth.jwks;
SET ROLE auth_auditor;
SELECT auth.revoke_signing_keys();
SET ROLE auth_edge;
SELECT auth.revoke_signing_keys();
SELECT bool_and(signs_in_seconds <= 0) AS at_once, count(*) FROM auth_api.signing_keys();
RESET ROLE;

-- The cookie's secret is the same for every edge.
SELECT octet_length(auth_api.edge_secret()), auth_api.edge_secret() = auth_api.edge_secret() AS same;
SELECT position(auth_api.edge_secret() IN sealed) = 0 AS sealed FROM auth.secrets WHERE name = 'cookie';

-- A new key in the ring takes over all that is sealed. Each sealed column is known to that; there are this many, none is missing.
SELECT count(*), count(*) FILTER (WHERE NOT EXISTS (
         SELECT FROM pg_proc p WHERE p.oid = 'auth.reseal_batch(integer)'::regprocedure
            AND p.prosrc LIKE format('%%UPDATE auth.%s t SET %s = auth.reseal(%%', c.relname, a.attname))) AS missing
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
 WHERE c.relnamespace = 'auth'::regnamespace AND col_description(a.attrelid, a.attnum) LIKE '%sealed in the context%';
SELECT what, kek_id FROM auth.sealed_counts() WHERE what IN ('jwks', 'secrets');
SELECT auth.reseal_batch(10) AS nothing_to_move;
SELECT auth.reseal(s.sealed, 'x') = s.sealed AS as_it_is FROM (SELECT auth.seal('secret', 'x') AS sealed) s;
DO $$
BEGIN
  PERFORM auth.vault_retire_kek('env-v1');
EXCEPTION WHEN object_in_use THEN
  RAISE NOTICE 'a key that is needed stays';
END
$$;
