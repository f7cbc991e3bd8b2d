-- An access JWT is accepted with the proof of its session only. The edge cannot name a session whose token it has not seen.
\pset format unaligned
\pset tuples_only on
SET story.ip = '192.0.2.44';
SELECT story.member('proof@example.com'), story.member('other@example.com');
SELECT r.refusal FROM story.sign_in('proof@example.com', 'proof') r;
SELECT r.refusal FROM story.sign_in('other@example.com', 'other') r;
SELECT user_id AS me, session_reference AS reference, split_part(session_reference, '.', 1) AS id,
       split_part(session_reference, '.', 2) AS proof FROM story.bearer('proof@example.com') \gset
SELECT user_id AS other_user, session_reference AS other, split_part(session_reference, '.', 2) AS other_proof
  FROM story.bearer('other@example.com') \gset
CREATE FUNCTION story.with_reference(user_id text, reference text) RETURNS text LANGUAGE sql AS $$
  SELECT COALESCE(r.refusal, 'granted') FROM auth_api.session_list(
    ROW(NULL, NULL, user_id, reference, '192.0.2.44', 'story/1', 'request-1', NULL)::auth.caller, '{}') r
$$;
SET ROLE auth_edge;
-- the reference of the token
SELECT story.with_reference(:'me', :'reference');
-- the id alone, with an empty proof, and with a proof that is not its own
SELECT story.with_reference(:'me', :'id');
SELECT story.with_reference(:'me', :'id' || '.');
SELECT story.with_reference(:'me', :'id' || '.' || :'other_proof');
-- a proof that is shorter, longer, or has other text around it
SELECT story.with_reference(:'me', left(:'reference', -1));
SELECT story.with_reference(:'me', :'reference' || 'A');
SELECT story.with_reference(:'me', :'reference' || '.' || :'proof');
SELECT story.with_reference(:'me', '.' || :'proof');
SELECT story.with_reference(:'me', '.');
SELECT story.with_reference(:'me', '');
-- the reference of another user
SELECT story.with_reference(:'me', :'other');
SELECT story.with_reference(:'other_user', :'other');
-- a vault opens with the proof, and not with the id
CALL story.vault('init', ROW(NULL, NULL, :'me', :'reference', '192.0.2.44', 'story/1', 'request-1', NULL)::auth.caller);
CALL story.vault('key', ROW(NULL, NULL, :'me', :'id', '192.0.2.44', 'story/1', 'request-1', NULL)::auth.caller);
-- the edge can neither make a proof nor switch the rule off, and a sign-out by an id alone ends nothing
SELECT auth.session_proof(:'id', :'me');
SELECT auth.session_proof_key();
SET mana_auth.session_proof = off;
SELECT r.refusal FROM auth_api.session_log_out(
  ROW(NULL, NULL, :'me', :'id', '192.0.2.44', 'story/1', 'request-1', NULL)::auth.caller, '{}') r;
SELECT story.with_reference(:'me', :'reference');
RESET ROLE;
-- a superuser may, while edges of version 1.0 are still running; a wrong proof stays wrong
SET mana_auth.session_proof = off;
SELECT story.with_reference(:'me', :'id');
SELECT story.with_reference(:'me', :'id' || '.' || :'other_proof');
RESET mana_auth.session_proof;
SELECT r.refusal FROM auth_api.session_log_out(
  ROW(NULL, NULL, :'me', :'reference', '192.0.2.44', 'story/1', 'request-1', NULL)::auth.caller, '{}') r;
SELECT story.with_reference(:'me', :'reference');

-- The session has ended, and its token is tried on: that is in the trail of its user, ten times in a quarter of an hour. Nobody fills the
-- trail of another: without a proof, with one of another session, or with one of the caller's own that has ended, no row is written.
CREATE PROCEDURE story.tries(user_id text, reference text, times integer, INOUT refusals bigint DEFAULT 0, INOUT rows bigint DEFAULT 0)
LANGUAGE plpgsql AS $$
DECLARE
  before constant bigint := (story.trail()).rows;
  r auth.reply;
BEGIN
  FOR i IN 1 .. times LOOP
    CALL auth_api.vault_key(ROW(NULL, NULL, user_id, reference, '192.0.2.44', 'story/1', 'request-1', NULL)::auth.caller, NULL,
                            r.refusal, r.message, r.retry_after_seconds, r.status, r.body);
    refusals := refusals + (r.refusal = 'UNAUTHORIZED')::integer;
  END LOOP;
  rows := (story.trail()).rows - before;
END
$$;
SET ROLE auth_edge;
CALL story.tries(:'other_user', :'reference', 3);
CALL story.tries(:'other_user', :'id', 3);
CALL story.tries(:'other_user', :'id' || '.', 3);
CALL story.tries(:'other_user', :'id' || '.' || :'other_proof', 3);
CALL story.tries(:'other_user', 'made-up.' || :'proof', 3);
CALL story.tries(:'other_user', NULL, 3);
CALL story.tries('made-up', :'reference', 3);
CALL story.tries(:'me', :'id', 3);
CALL story.tries(:'me', :'reference', 15);
RESET ROLE;
SELECT auth.session_reference_id(:'reference', :'me') = :'id' AS mine, auth.session_reference_id(:'reference', :'other_user') AS theirs;
