-- Invitations: to one address, for one use, from somebody who may.
\pset format unaligned
\pset tuples_only on
SET story.ip = '192.0.2.32';
SET ROLE auth_edge;
SELECT story.member('rosa@example.com', 'Rosa'), story.member('sami@example.com', 'Sami'), story.member('tess@example.com', 'Tess'),
       story.member('vera@example.com', 'Vera');
SELECT refusal FROM story.sign_in('rosa@example.com', 'rosa-1');
SELECT refusal FROM story.sign_in('sami@example.com', 'sami-1');
SELECT refusal FROM story.sign_in('tess@example.com', 'tess-1');
SELECT refusal FROM story.sign_in('vera@example.com', 'vera-1');
SELECT body::json ->> 'id' AS org FROM auth_api.organization_create(story.caller('rosa-1'), '{"name":"Roses","slug":"roses"}') \gset

-- Its mail is the promise; the address is one whatever its case.
SELECT story.answer(auth_api.invitation_create(story.caller('rosa-1'), '{"email":"Sami@Example.com","role":"member"}'));
SELECT * FROM story.mails('sami@example.com') WHERE kind = 'invitation';
SELECT body::json -> 0 ->> 'id' AS invited FROM auth_api.invitation_list(story.caller('rosa-1'), '{}') \gset
SELECT story.answer(auth_api.invitation_create(story.caller('rosa-1'), '{"email":"sami@example.com","role":"member"}'));
SELECT story.answer(auth_api.invitation_create(story.caller('rosa-1'), '{"email":"sami@example.com","role":["admin"," member","admin"],"resend":true}'));
SELECT count(*) FROM story.mails('sami@example.com') WHERE kind = 'invitation';

-- Not into a role that is none, nor into none, nor by a stranger, nor a member.
SELECT story.answer(auth_api.invitation_create(story.caller('rosa-1'), '{"email":"x@example.com","role":["king","member","queen"]}'));
SELECT story.answer(auth_api.invitation_create(story.caller('rosa-1'), '{"email":"x@example.com","role":" , "}'));
SELECT story.answer(auth_api.invitation_create(story.caller('sami-1'), jsonb_build_object('email', 'x@example.com', 'role', 'member', 'organizationId', :'org')));
SELECT story.answer(auth_api.invitation_create(story.caller('sami-1'), '{"email":"x@example.com","role":"member"}'));
SELECT story.answer(auth_api.invitation_create(story.caller('rosa-1'), '{"email":"rosa@example.com","role":"member"}'));

-- Who has the address sees it, and what it is into; others do not.
SELECT story.answer(auth_api.invitation_get(story.caller('sami-1'), jsonb_build_object('id', :'invited')));
SELECT story.answer(auth_api.invitation_get(story.caller('tess-1'), jsonb_build_object('id', :'invited')));
SELECT story.answer(auth_api.invitation_get(story.caller('sami-1'), '{"id":"nothing"}'));
SELECT story.answer(auth_api.invitation_get(story.caller(), jsonb_build_object('id', :'invited')));
SELECT who, p.* FROM unnest(ARRAY['sami-1', 'tess-1', 'nobody']) who, auth_api.invitation_page(story.caller(who), :'invited') p;
SELECT story.answer(auth_api.invitation_list_own(story.caller('sami-1'), '{}'));
SELECT story.answer(auth_api.invitation_list_own(story.caller('sami-1'), '{"email":"tess@example.com"}'));

-- Nor who has only said to have it: the address must be verified.
RESET ROLE;
UPDATE auth.users SET email_verified = false WHERE email = 'sami@example.com';
SET ROLE auth_edge;
SELECT story.answer(auth_api.invitation_get(story.caller('sami-1'), jsonb_build_object('id', :'invited')));
SELECT story.answer(auth_api.invitation_list_own(story.caller('sami-1'), '{}'));
SELECT state, organization, inviter, email FROM auth_api.invitation_page(story.caller('sami-1'), :'invited');
SELECT story.answer(auth_api.invitation_accept(story.caller('sami-1'), jsonb_build_object('invitationId', :'invited')));
SELECT story.answer(auth_api.invitation_reject(story.caller('sami-1'), jsonb_build_object('invitationId', :'invited')));
RESET ROLE;
UPDATE auth.users SET email_verified = true WHERE email = 'sami@example.com';
SET ROLE auth_edge;

-- Accepted once, by the one it is for. The organization becomes the active one.
SELECT story.answer(auth_api.invitation_accept(story.caller('tess-1'), jsonb_build_object('invitationId', :'invited')));
SELECT story.answer(auth_api.invitation_accept(story.caller('sami-1'), jsonb_build_object('invitationId', :'invited')));
SELECT story.answer(auth_api.invitation_accept(story.caller('sami-1'), jsonb_build_object('invitationId', :'invited')));
SELECT story.answer(auth_api.member_get_active(story.caller('sami-1'), '{}'));
SELECT story.answer(auth_api.invitation_create(story.caller('rosa-1'), '{"email":"sami@example.com","role":"member"}'));

-- An admin invites nobody above themselves, and sees no such invitation.
SELECT story.answer(auth_api.invitation_create(story.caller('sami-1'), '{"email":"tess@example.com","role":"member,owner"}'));
SELECT body::json ->> 'id' AS owning FROM auth_api.invitation_create(story.caller('rosa-1'), '{"email":"tess@example.com","role":"owner"}') \gset
SELECT story.answer(auth_api.invitation_list(story.caller('sami-1'), '{}'));
SELECT json_array_length(body::json) FROM auth_api.invitation_list(story.caller('rosa-1'), '{}');
SELECT json_array_length(body::json -> 'invitations') FROM auth_api.organization_get_full(story.caller('sami-1'), '{}');

-- Taken back by who could have given it, and then nothing.
SELECT story.answer(auth_api.invitation_cancel(story.caller('tess-1'), jsonb_build_object('invitationId', :'owning')));
SELECT story.answer(auth_api.invitation_cancel(story.caller('sami-1'), jsonb_build_object('invitationId', :'owning')));
SELECT story.answer(auth_api.invitation_cancel(story.caller('rosa-1'), jsonb_build_object('invitationId', :'owning')));
SELECT story.answer(auth_api.invitation_cancel(story.caller('rosa-1'), jsonb_build_object('invitationId', :'owning')));
SELECT story.answer(auth_api.invitation_accept(story.caller('tess-1'), jsonb_build_object('invitationId', :'owning')));

-- Declined once.
SELECT body::json ->> 'id' AS third FROM auth_api.invitation_create(story.caller('sami-1'), '{"email":"tess@example.com","role":"member"}') \gset
SELECT story.answer(auth_api.invitation_reject(story.caller('rosa-1'), jsonb_build_object('invitationId', :'third')));
SELECT story.answer(auth_api.invitation_reject(story.caller('tess-1'), jsonb_build_object('invitationId', :'third')));
SELECT story.answer(auth_api.invitation_reject(story.caller('tess-1'), jsonb_build_object('invitationId', :'third')));

-- An invitation is worth what its inviter still may: Sami is no admin any more when Vera comes.
SELECT body::json ->> 'id' AS fourth FROM auth_api.invitation_create(story.caller('sami-1'), '{"email":"vera@example.com","role":"admin"}') \gset
SELECT body::json ->> 'id' AS sami_id FROM auth_api.member_get_active(story.caller('sami-1'), '{}') \gset
SELECT refusal FROM auth_api.member_update_role(story.caller('rosa-1'), jsonb_build_object('memberId', :'sami_id', 'role', 'member'));
SELECT story.answer(auth_api.invitation_get(story.caller('vera-1'), jsonb_build_object('id', :'fourth')));
SELECT story.answer(auth_api.invitation_accept(story.caller('vera-1'), jsonb_build_object('invitationId', :'fourth')));
SELECT story.answer(auth_api.invitation_list(story.caller('sami-1'), '{}'));

-- Resent by the owner, who vouches for it now. Two days later it is over, and the address can be invited anew.
SELECT body::json ->> 'id' = :'fourth' FROM auth_api.invitation_create(story.caller('rosa-1'), '{"email":"vera@example.com","role":"admin","resend":true}');
RESET ROLE;
SELECT expires_at - now() BETWEEN interval '47 hours 59 minutes' AND interval '48 hours' FROM auth.invitations WHERE id = :'fourth';
UPDATE auth.invitations SET expires_at = now() WHERE id = :'fourth';
SET ROLE auth_edge;
SELECT story.answer(auth_api.invitation_get(story.caller('vera-1'), jsonb_build_object('id', :'fourth')));
SELECT story.answer(auth_api.invitation_accept(story.caller('vera-1'), jsonb_build_object('invitationId', :'fourth')));
SELECT story.answer(auth_api.invitation_list_own(story.caller('vera-1'), '{}'));
SELECT body::json ->> 'id' <> :'fourth' FROM auth_api.invitation_create(story.caller('rosa-1'), '{"email":"vera@example.com","role":"member"}');

-- Limits: pending invitations, members, organizations of one user.
SET mana_auth.invitation_limit = 1;
SELECT story.answer(auth_api.invitation_create(story.caller('rosa-1'), '{"email":"uwe@example.com","role":"member"}'));
RESET mana_auth.invitation_limit;
SELECT body::json -> 0 ->> 'id' AS fifth FROM auth_api.invitation_list_own(story.caller('vera-1'), '{}') \gset
SET mana_auth.member_limit = 2;
SELECT story.answer(auth_api.invitation_accept(story.caller('vera-1'), jsonb_build_object('invitationId', :'fifth')));
RESET mana_auth.member_limit;
SELECT refusal FROM auth_api.organization_create(story.caller('vera-1'), '{"name":"Vera","slug":"vera"}');
SET mana_auth.organization_limit = 1;
SELECT story.answer(auth_api.invitation_accept(story.caller('vera-1'), jsonb_build_object('invitationId', :'fifth')));
RESET mana_auth.organization_limit;

-- A mailbox is not filled, however many invite.
SELECT story.answer(auth_api.invitation_create(story.caller('rosa-1'), '{"email":"wim@example.com","role":"member","resend":true}')) FROM generate_series(1, 4);

-- What is long over is swept.
RESET ROLE;
UPDATE auth.invitations SET expires_at = now() - interval '91 days' WHERE organization_id = :'org' AND status <> 'pending';
SELECT auth.sweep() >= 4;
SELECT DISTINCT status FROM auth.invitations WHERE organization_id = :'org';
