-- Organizations: made, changed, chosen, ended.
\pset format unaligned
\pset tuples_only on
SET story.ip = '192.0.2.31';
SET ROLE auth_edge;
SELECT story.member('owen@example.com', 'Owen');
SELECT story.member('paul@example.com', 'Paul');
SELECT refusal FROM story.sign_in('owen@example.com', 'owen-1');
SELECT refusal FROM story.sign_in('paul@example.com', 'paul-1');

-- Its maker owns it, and it becomes the active one. Metadata comes back as an object here, and as a string from then on.
SELECT story.answer(auth_api.organization_create(story.caller('owen-1'), '{"name":"Acme","slug":"acme","metadata":{"type":"team"}}'));
SELECT story.answer(auth_api.organization_create(story.caller(), '{"name":"Acme","slug":"acme2"}'));
SELECT story.answer(auth_api.organization_list(story.caller('owen-1'), '{}'));
SELECT body::json ->> 'id' AS acme FROM auth_api.organization_get(story.caller('owen-1'), '{}') \gset

-- A slug is taken whatever the case.
SELECT story.answer(auth_api.organization_create(story.caller('paul-1'), '{"name":"Acme","slug":"ACME"}'));
SELECT story.answer(auth_api.organization_check_slug(story.caller('paul-1'), '{"slug":"AcMe"}'));
SELECT story.answer(auth_api.organization_check_slug(story.caller('paul-1'), '{"slug":"acme-2"}'));

-- A new slug is of ASCII letters, digits, dots, hyphens and underscores, and is stored in lower case: no zero-width space, soft
-- hyphen, direction mark, Cyrillic letter, blank or sign at an end makes it look like another one.
SELECT slug, (auth_api.organization_create(story.caller('paul-1'), jsonb_build_object('name', 'Twin', 'slug', slug::jsonb))).refusal
  FROM unnest('{"\"acme\\u200b\"","\"ac\\u00adme\"","\"\\u202eacme\"","\"\\u0430cme\"","\"s\\u00fc\\u00dfe\"","\"ac me\"","\" \"","\"\\u3164\"","\"-acme\"","\"acme.\""}'::text[]) slug;
SELECT (auth_api.organization_create(story.caller('paul-1'), jsonb_build_object('name', 'Long', 'slug', repeat('a', 65)))).refusal;
SELECT story.answer(auth_api.organization_check_slug(story.caller('paul-1'), '{"slug":"acme\u200b"}'));

-- A slug from before that stays, is found in whatever form, and may be sent back; another like it may not be taken.
RESET ROLE;
INSERT INTO auth.organizations (id, name, slug) VALUES ('fine', 'Fine', U&'s\00fc\00dfe-\00c4pfel-\fb01n');
INSERT INTO auth.members (organization_id, user_id, role) SELECT 'fine', u.id, 'owner' FROM auth.users u WHERE u.email = 'paul@example.com';
SET ROLE auth_edge;
SELECT body::json ->> 'name' FROM auth_api.organization_get(story.caller('paul-1'), '{"organizationSlug":"S\u00fc\u00dfe-a\u0308pfel-fin"}');
SELECT refusal, body::json ->> 'name' FROM auth_api.organization_update(story.caller('paul-1'),
  '{"organizationId":"fine","data":{"name":"Finer","slug":"s\u00fc\u00dfe-\u00c4pfel-\ufb01n"}}');
SELECT refusal FROM auth_api.organization_update(story.caller('paul-1'), '{"organizationId":"fine","data":{"slug":"s\u00fc\u00dfe"}}');
SELECT refusal FROM auth_api.organization_delete(story.caller('paul-1'), '{"organizationId":"fine"}');

-- A second one need not become the active one.
SELECT refusal, status FROM auth_api.organization_create(story.caller('owen-1'), '{"name":"Beta","slug":"beta","keepCurrentActiveOrganization":true}');
SELECT body::json ->> 'slug' FROM auth_api.organization_get(story.caller('owen-1'), '{}');

-- By slug, which wins over an id in queries; an unknown slug is told, an unknown id is like somebody else's.
SELECT body::json ->> 'slug' FROM auth_api.organization_get(story.caller('owen-1'), jsonb_build_object('organizationSlug', 'BETA', 'organizationId', :'acme'));
SELECT story.answer(auth_api.organization_get(story.caller('owen-1'), '{"organizationSlug":"nowhere"}'));
SELECT story.answer(auth_api.organization_get(story.caller('owen-1'), '{"organizationId":"nowhere"}'));
SELECT story.answer(auth_api.organization_get(story.caller('paul-1'), jsonb_build_object('organizationId', :'acme')));
SELECT story.answer(auth_api.organization_get(story.caller('paul-1'), '{}'));
SELECT story.answer(auth_api.organization_get_full(story.caller('owen-1'), '{"membersLimit":1}'));
SELECT story.answer(auth_api.organization_get_full(story.caller('paul-1'), jsonb_build_object('organizationId', :'acme')));

-- Choosing: the id wins, null unsets, and a refusal leaves what was chosen.
SELECT story.answer(auth_api.organization_set_active(story.caller('owen-1'), jsonb_build_object('organizationSlug', 'beta', 'organizationId', :'acme')));
SELECT story.answer(auth_api.organization_set_active(story.caller('owen-1'), '{"organizationSlug":"beta"}'));
SELECT story.answer(auth_api.organization_set_active(story.caller('owen-1'), '{"organizationId":"nowhere"}'));
SELECT story.answer(auth_api.organization_set_active(story.caller('owen-1'), '{"organizationSlug":"nowhere"}'));
SELECT body::json ->> 'slug' FROM auth_api.organization_get(story.caller('owen-1'), '{}');
SELECT story.answer(auth_api.organization_set_active(story.caller('owen-1'), '{"organizationId":null}'));
SELECT story.answer(auth_api.organization_get(story.caller('owen-1'), '{}'));
SELECT story.answer(auth_api.organization_set_active(story.caller('owen-1'), '{}'));
SELECT story.answer(auth_api.organization_set_active(story.caller('paul-1'), jsonb_build_object('organizationId', :'acme')));
SELECT story.answer(auth_api.organization_set_active(story.caller(), '{}'));

-- Changing: what is named changes, null takes a logo away, and another's slug is refused.
SELECT story.answer(auth_api.organization_update(story.caller('owen-1'), jsonb_build_object('organizationId', :'acme', 'data', '{"name":"Acme 2","logo":"l","metadata":{"a":1}}'::jsonb)));
SELECT story.answer(auth_api.organization_update(story.caller('owen-1'), jsonb_build_object('organizationId', :'acme', 'data', '{"logo":null,"slug":"ACME"}'::jsonb)));
SELECT story.answer(auth_api.organization_update(story.caller('owen-1'), jsonb_build_object('organizationId', :'acme', 'data', '{"slug":"Beta"}'::jsonb)));
SELECT story.answer(auth_api.organization_update(story.caller('owen-1'), jsonb_build_object('organizationId', :'acme', 'data', '{}'::jsonb)));
SELECT story.answer(auth_api.organization_update(story.caller('owen-1'), '{"data":{"name":"x"}}'));
SELECT story.answer(auth_api.organization_update(story.caller('paul-1'), jsonb_build_object('organizationId', :'acme', 'data', '{"name":"x"}'::jsonb)));

-- As many as the limit says, of one's own making or others'.
SET mana_auth.organization_limit = 2;
SELECT story.answer(auth_api.organization_create(story.caller('owen-1'), '{"name":"Gamma","slug":"gamma"}'));
RESET mana_auth.organization_limit;

-- It ends with all that belongs to it, and is nobody's active one any more.
SELECT body::json ->> 'slug' FROM auth_api.organization_set_active(story.caller('owen-1'), jsonb_build_object('organizationId', :'acme'));
SELECT story.answer(auth_api.organization_delete(story.caller('paul-1'), jsonb_build_object('organizationId', :'acme')));
SELECT story.answer(auth_api.organization_delete(story.caller('owen-1'), jsonb_build_object('organizationId', :'acme')));
SELECT story.answer(auth_api.organization_delete(story.caller('owen-1'), jsonb_build_object('organizationId', :'acme')));
SELECT story.answer(auth_api.organization_get(story.caller('owen-1'), '{}'));
SELECT event_type, metadata - 'organizationId' FROM story.events('owen@example.com') WHERE event_type LIKE 'ORG_%';
