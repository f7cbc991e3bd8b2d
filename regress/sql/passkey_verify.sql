-- The database verifies what an authenticator answered. The edge cannot assert an answer that no authenticator gave.
\pset format unaligned
\pset tuples_only on
SET story.ip = '192.0.2.45';
-- One answer of a software authenticator by three kinds of key, over one challenge.
CREATE TABLE story.assertions (alg text PRIMARY KEY, public_key text, client_data bytea, authenticator_data bytea, signature bytea);
INSERT INTO story.assertions VALUES
  ('ES256', 'pQECAyYgASFYIInCJAz7k3FjCAzF7fZNWtzREIO/gOfiDo3XmTJHXSziIlggJlnGpR2Dhi+mz3twen0CCskUpY4aNTsZbVhR7Y0SFBM=', NULL,
   '\xe179779a87629c61d68f24153950d8d26a304ed7749880e1632fb815ef7990890500000001',
   '\x3046022100a6e3fac98f0aabf5eccb84bfe551f4cd566368bbd57039d0c94f31824faf303c022100bec6db424a09de5cf2dfee0bf97f95e6996fc6baa9d5eb54e01f31bfdf4b42ab'),
  ('EdDSA', 'pAEBAycgBiFYIJJVxE6LpKPAbVyHHHGhag+kYlj431kq1clAK/2PkwUY', NULL,
   '\xe179779a87629c61d68f24153950d8d26a304ed7749880e1632fb815ef7990890500000001',
   '\x72521b962e59eb551e6c6b55e89b2aa6959abf751e29195d515ec49df6f8cacf84ab1cffafa0b2aa165f91f5194869e94dcc005e84a4bfd58d166b9676b49e0b'),
  ('RS256', 'pAEDAzkBACBZAQC5nn6epTZx72hJSB8ZIDKrB+P865oWLS22sg9QZqL8UfVQWl80FjS6UxvxlCKyg695b9GPoUSZzfqrEATljnjyucrq96TblND+apBNDU3pZt0kAaQaMCRgIw8ewtxrLIwpDFG1MptrQhDfY/LZacCk0jozFX/DefGBoSpeCZm7rZ3vIX3l1LAn+42faQ4f5tUZXKMoyHZ/BLaSZhItNr6nj9o/gXEteOl1t+XloaQEvfj/0ExdC9LVlT3U9YcBv0YI2UqYg6UEF8qh6Ivt/8gbZ5Cbxy0uft8wK0Yg7eKz6gsHjbVygb8/eKpZ7ORBbVzwFP9VOwYtbn77INDxwC0LIUMBAAE=', NULL,
   '\xe179779a87629c61d68f24153950d8d26a304ed7749880e1632fb815ef7990890500000001',
   '\xa9b5208605daa1d49abd619ed83dfcf51f1e85b072571107c0df0c3e32a7b7b11a2803cd50089e51da25224095d87664dba84692cdc03d3ec2ea22f7605c288075ba8b75dbaa4f7a8ca73f9a4a0639068a99179ff2b3c6fe2057c632bb2844f11cb0b0bb700aabb2bbe9afcbea31bdb844ad31bfa16a24802e4396ad6044fc47d4e94d1fffcdf14106c884f9ef523b9491b0701fee247417a55be1941d58dcefa550e493c738533ec21c3b89d63516f2278360336973776eab804d7c783194cee0be4dc4c28d108756e0032ad6de2a36bbdc00a6df647e8f25059facbff15e151751e88bdaf74cee29e53259e252282817c9118dee0f921ba5c9888783558e1a');
UPDATE story.assertions SET client_data = convert_to('{"type":"webauthn.get","challenge":"bWFuYW1hbmFtYW5hbWFuYW1hbmFtYW5hbWFuYW1hbmE","origin":"https://app.mana.test","crossOrigin":false}', 'UTF8');
CREATE FUNCTION story.verified(a story.assertions, rp_id text DEFAULT 'mana.test', origins text DEFAULT 'https://app.mana.test')
RETURNS text LANGUAGE sql AS $$
  SELECT concat_ws(' ', v.outcome, v.challenge_digest = sha256('bWFuYW1hbmFtYW5hbWFuYW1hbmFtYW5hbWFuYW1hbmE'), v.counter,
                   v.user_verified, v.backed_up)
    FROM auth.passkey_verify(a.public_key, a.client_data, a.authenticator_data, a.signature, rp_id, origins) v
$$;

-- valid by each kind of key; the origin may be any of the lines
SELECT a.alg, story.verified(a), story.verified(a, origins => E'https://mana.test\nhttps://app.mana.test') FROM story.assertions a ORDER BY 1;
-- another party, another origin, none
SELECT a.alg, story.verified(a, 'evil.test'), story.verified(a, origins => 'https://evil.test'), story.verified(a, origins => '')
  FROM story.assertions a ORDER BY 1;
-- a changed counter, a set backup flag, another client's data, another key's signature
SELECT a.alg,
       story.verified(ROW(a.alg, a.public_key, a.client_data, set_byte(a.authenticator_data, 36, 2), a.signature)::story.assertions),
       story.verified(ROW(a.alg, a.public_key, a.client_data, set_byte(a.authenticator_data, 32, 29), a.signature)::story.assertions),
       story.verified(ROW(a.alg, a.public_key, convert_to(replace(convert_from(a.client_data, 'UTF8'), 'hbmE"', 'hbmF"'), 'UTF8'),
                          a.authenticator_data, a.signature)::story.assertions),
       (SELECT story.verified(ROW(a.alg, a.public_key, a.client_data, a.authenticator_data, b.signature)::story.assertions)
          FROM story.assertions b WHERE b.alg <> a.alg ORDER BY b.alg LIMIT 1)
  FROM story.assertions a ORDER BY 1;
-- what is cut short, empty, no key, no JSON, too long, or NULL
SELECT count(*) FILTER (WHERE story.verified(ROW(a.alg, a.public_key, a.client_data, substr(a.authenticator_data, 1, n), a.signature)::story.assertions) <> 'mismatch') AS cut_data,
       count(*) FILTER (WHERE story.verified(ROW(a.alg, a.public_key, a.client_data, a.authenticator_data, substr(a.signature, 1, n))::story.assertions) NOT IN ('mismatch', 'bad_signature')) AS cut_signature,
       count(*) FILTER (WHERE story.verified(ROW(a.alg, encode(substr(decode(a.public_key, 'base64'), 1, n), 'base64'), a.client_data, a.authenticator_data, a.signature)::story.assertions) <> 'mismatch') AS cut_key,
       count(*) FILTER (WHERE story.verified(ROW(a.alg, a.public_key, substr(a.client_data, 1, n), a.authenticator_data, a.signature)::story.assertions) <> 'mismatch') AS cut_client_data
  FROM story.assertions a, generate_series(0, 36) n;
SELECT story.verified(ROW('x', '', '', '', '')::story.assertions), story.verified(ROW('x', 'not base64', '{}', '\x00', '\x00')::story.assertions),
       story.verified(ROW(a.alg, a.public_key, a.client_data, a.authenticator_data || convert_to(repeat('x', 40000), 'UTF8'), a.signature)::story.assertions),
       story.verified(ROW(a.alg, a.public_key, a.client_data, a.authenticator_data, convert_to(repeat('x', 2000), 'UTF8'))::story.assertions),
       story.verified(ROW(a.alg, a.public_key, a.client_data, a.authenticator_data, NULL)::story.assertions) = '' AS null_row
  FROM story.assertions a WHERE a.alg = 'ES256';

-- Over the API, as the edge: an answer signs in once; without a signature by the key nothing does.
SELECT story.member('pia@example.com', 'Pia');
INSERT INTO auth.passkeys (public_key, user_id, credential_id, device_type, user_handle)
  SELECT a.public_key, u.id, 'cGlh', 'singleDevice', u.id FROM story.assertions a, auth.users u WHERE a.alg = 'ES256' AND u.email = 'pia@example.com';
CREATE FUNCTION story.challenged(tie text) RETURNS void LANGUAGE sql SECURITY DEFINER AS $$
  INSERT INTO auth.passkey_challenges (cookie_digest, challenge_digest, ceremony)
  VALUES (sha256(convert_to(tie, 'UTF8')), sha256('bWFuYW1hbmFtYW5hbWFuYW1hbmFtYW5hbWFuYW1hbmE'), 'authentication')
$$;
GRANT SELECT ON story.assertions TO auth_edge;
CREATE FUNCTION story.answers(tie text, client_data bytea, authenticator_data bytea, signature bytea, handle text) RETURNS text LANGUAGE sql AS $$
  SELECT COALESCE(r.refusal, r.status::text, 'signed in')
    FROM auth_api.passkey_sign_in(story.caller(NULL, 'pia ' || tie), sha256(convert_to(tie, 'UTF8')), 'cGlh', client_data,
                                  authenticator_data, signature, handle, 'mana.test', 'https://app.mana.test', 'better-auth', NULL) r
$$;
SET ROLE auth_edge;
SELECT story.challenged('p1'), story.challenged('p2'), story.challenged('p3'), story.challenged('p4');
SELECT story.answers('p1', a.client_data, a.authenticator_data, NULL, story.id_of('pia@example.com')) FROM story.assertions a WHERE a.alg = 'ES256';
SELECT story.answers('p2', a.client_data, a.authenticator_data, '', story.id_of('pia@example.com')) FROM story.assertions a WHERE a.alg = 'ES256';
SELECT story.answers('p3', a.client_data, a.authenticator_data, a.signature, story.id_of('pia@example.com')) FROM story.assertions a WHERE a.alg = 'EdDSA';
SELECT story.answers('p4', a.client_data, a.authenticator_data, a.signature, story.id_of('pia@example.com')) FROM story.assertions a WHERE a.alg = 'ES256';
SELECT story.answers('p4', a.client_data, a.authenticator_data, a.signature, story.id_of('pia@example.com')) FROM story.assertions a WHERE a.alg = 'ES256';
SELECT story.challenged('p5');
SELECT story.answers('p5', a.client_data, a.authenticator_data, a.signature, story.id_of('pia@example.com')) FROM story.assertions a WHERE a.alg = 'ES256';
SELECT auth.passkey_verify('', '', '', '', '', '');
RESET ROLE;
DELETE FROM auth.users WHERE email = 'pia@example.com';
