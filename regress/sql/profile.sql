-- What the apps keep about a user with us.
\pset format unaligned
\pset tuples_only on
SET story.ip = '192.0.2.61';
SET ROLE auth_edge;
SELECT story.member('set@example.com', 'Set');
SELECT refusal FROM story.sign_in('set@example.com', 'set-1');

-- The profile: what is of another type is as if it were not there.
SELECT story.answer(auth_api.profile_update(story.bearer('set@example.com'), '{"name":"  Seth  ","image":5,"feedbackShowRealName":true}'));
SELECT story.answer(auth_api.profile_update(story.bearer('set@example.com'), '{"name":7,"image":null}'));
SELECT story.answer(auth_api.profile_update(story.bearer('set@example.com'), '{"name":7,"feedbackShowRealName":"yes"}'));
SELECT story.answer(auth_api.profile_update(story.bearer('set@example.com'), '{"name":"   "}'));
SELECT story.answer(auth_api.profile_update(story.bearer('set@example.com'), jsonb_build_object('name', repeat('x', 81))));
SELECT story.answer(auth_api.profile_update(story.caller(), '{"name":"x"}'));

-- The tour is over once.
SELECT story.answer(auth_api.onboarding_get(story.bearer('set@example.com'), '{}'));
SELECT body AS first FROM auth_api.onboarding_complete(story.bearer('set@example.com'), '{}') \gset
SELECT story.mask(:'first'), body = :'first' FROM auth_api.onboarding_complete(story.bearer('set@example.com'), '{}');
SELECT story.answer(auth_api.onboarding_reset(story.bearer('set@example.com'), '{}'));
SELECT story.answer(auth_api.onboarding_complete(story.caller(), '{}'));
SELECT story.answer(auth_api.onboarding_reset(story.caller(), '{}'));
