-- Signing keys and the cookie's secret: made once, sealed, kept when the key ring rotates.
\pset format unaligned
\pset tuples_only on
SET story.ip = '192.0.2.10';
SET ROLE auth_edge;
SELECT count(*) FROM auth_api.signing_keys();
SELECT kid AS first FROM auth_api.signing_keys() \gset
SELECT alg, public_key::json ->> 'crv' AS crv, length(public_key::json ->> 'x') AS x, octet_length(seed) AS seed, signs_in_seconds <= 0 AS signs
  FROM auth_api.signing_keys();
RESET ROLE;
SELECT position(k.seed IN j.private_key) = 0 AS sealed FROM auth_api.signing_keys() k JOIN auth.jwks j ON j.id = k.kid;

-- The next one is published first and signs later; the one before stays published for as long as its tokens live.
SELECT length(auth.rotate_signing_key());
SELECT kid = :'first' AS first, signs_in_seconds <= 0 AS signs FROM auth_api.signing_keys();
UPDATE auth.jwks SET expires_at = now() - interval '1 second' WHERE id = :'first';
SELECT count(*) FROM auth_api.signing_keys();

-- The cookie's secret is the same for every edge.
SELECT octet_length(auth_api.edge_secret()), auth_api.edge_secret() = auth_api.edge_secret() AS same;
SELECT position(auth_api.edge_secret() IN sealed) = 0 AS sealed FROM auth.secrets WHERE name = 'cookie';
