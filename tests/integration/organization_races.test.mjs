// Many at once, over HTTP: one wins, the others are told so, and nobody sees a 500.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Client } from './lib/http.mjs';
import { somebodySignedIn } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';

const AT_ONCE = 50;
const ROUNDS = 20;

describe('fifty at once', () => {
  let stack, ann, bob, dan, slugs = 0;
  before(async () => {
    stack = await startStack({ WORKERS: '2', DB_PIPELINES: '4' }, UNLIMITED);
    [ann, bob, dan] = [await somebodySignedIn(stack, 'Ann'), await somebodySignedIn(stack, 'Bob'), await somebodySignedIn(stack, 'Dan')];
  });
  after(() => stack?.stop());

  const call = async (person, path, body) => {
    const http = new Client(stack.url);
    http.cookies = person.http.cookies;
    const answer = await http.post(`/api/auth/organization/${path}`, body);
    return [answer.status, answer.json?.code].filter(Boolean).join(' ');
  };
  const many = async (one) => {
    const told = {};
    for (const answer of await Promise.all(Array.from({ length: AT_ONCE }, (_, n) => one(n)))) told[answer] = (told[answer] ?? 0) + 1;
    return told;
  };
  const found = async () => {
    slugs += 1;
    const made = await ann.http.post('/api/auth/organization/create', { name: 'Race', slug: `race-${slugs}` });
    assert.equal(made.status, 200, made.text);
    return made.json.id;
  };
  const join = (organizationId, person, role) => stack.psql(
    `INSERT INTO auth.members (organization_id, user_id, role) VALUES ('${organizationId}', '${person.id}', '${role}')`,
  );
  const count = (from) => Number(stack.psql(`SELECT count(*) FROM ${from}`));

  test('one slug, in all its spellings', async () => {
    const spellings = ['the-slug', 'The-Slug', 'THE-SLUG', 'the-SLUG'];
    const told = await many((n) => call([ann, bob, dan][n % 3], 'create', { name: 'S', slug: spellings[n % 4] }));
    assert.deepEqual(told, { 200: 1, '400 ORGANIZATION_ALREADY_EXISTS': AT_ONCE - 1 });
    assert.equal(count(`auth.organizations WHERE auth.slug_normal(slug) = 'the-slug'`), 1);
  });

  test('one address', async () => {
    const organizationId = await found();
    join(organizationId, bob, 'admin');
    const told = await many((n) => call([ann, bob][n % 2], 'invite-member', {
      organizationId, email: n % 2 ? 'Wanted@example.com' : 'wanted@example.com', role: 'member',
    }));
    assert.deepEqual(told, { 200: 1, '400 USER_IS_ALREADY_INVITED_TO_THIS_ORGANIZATION': AT_ONCE - 1 });
    assert.equal(count(`auth.invitations WHERE organization_id = '${organizationId}'`), 1);
    assert.equal(count(`auth.outbox WHERE recipient = 'wanted@example.com'`), 1, 'one mail');
  });

  test('one invitation: accepted once, or declined once, or taken back once', async () => {
    for (let round = 0; round < 5; round += 1) {
      const organizationId = await found();
      const invited = await ann.http.post('/api/auth/organization/invite-member', { organizationId, email: dan.email, role: 'member' });
      const input = { invitationId: invited.json.id };
      const told = await many((n) => (n % 10 === 9 ? call(ann, 'cancel-invitation', input)
        : call(dan, n % 10 === 8 ? 'reject-invitation' : 'accept-invitation', input)));
      assert.deepEqual(told, { 200: 1, '400 INVITATION_NOT_FOUND': AT_ONCE - 1 });
      const accepted = count(`auth.invitations WHERE id = '${input.invitationId}' AND status = 'accepted'`);
      assert.equal(count(`auth.members WHERE organization_id = '${organizationId}'`), 1 + accepted);
    }
  });

  test('two owners who both go, in each of their ways, leave one', async () => {
    const ways = [
      (who, organizationId) => call(who, 'leave', { organizationId }),
      (who, organizationId) => call(who, 'remove-member', { organizationId, memberIdOrEmail: who.email }),
      (who, organizationId, memberId) => call(who, 'update-member-role', { organizationId, memberId, role: 'member' }),
    ];
    for (let round = 0; round < ROUNDS; round += 1) {
      const organizationId = await found();
      join(organizationId, bob, 'owner');
      const memberOf = (who) => stack.psql(
        `SELECT id FROM auth.members WHERE organization_id = '${organizationId}' AND user_id = '${who.id}'`,
      );
      const [a, b] = [memberOf(ann), memberOf(bob)];
      const told = await Promise.all([
        ways[round % 3](ann, organizationId, a), ways[Math.floor(round / 3) % 3](bob, organizationId, b),
      ]);
      assert.equal(told.filter((answer) => answer === '200').length, 1, `${round}: ${told}`);
      assert.match(told.find((answer) => answer !== '200'), /^400 YOU_CANNOT_LEAVE_THE_ORGANIZATION_/);
      assert.equal(count(`auth.members WHERE organization_id = '${organizationId}' AND role = 'owner'`), 1);
    }
  });

  test('the last seat', async () => {
    const organizationId = await found();
    stack.psql(`
      INSERT INTO auth.users (id, name, email) SELECT 'seat-' || n, 'n', 'seat-' || n || '@example.com' FROM generate_series(1, 98) n;
      INSERT INTO auth.members (organization_id, user_id, role) SELECT '${organizationId}', 'seat-' || n, 'member' FROM generate_series(1, 98) n;`);
    const inputs = await Promise.all([bob, dan].map(async ({ email }) => ({
      invitationId: (await ann.http.post('/api/auth/organization/invite-member', { organizationId, email, role: 'member' })).json.id,
    })));
    const told = await Promise.all([call(bob, 'accept-invitation', inputs[0]), call(dan, 'accept-invitation', inputs[1])]);
    assert.deepEqual(told.sort(), ['200', '403 ORGANIZATION_MEMBERSHIP_LIMIT_REACHED']);
    assert.equal(count(`auth.members WHERE organization_id = '${organizationId}'`), 100);
  });

  test('everything at once: nobody waits in a circle, and every rule holds afterwards', async () => {
    const crowd = await Promise.all(Array.from({ length: 6 }, (_, n) => somebodySignedIn(stack, `Crowd ${n}`)));
    const random = generator(20261123);
    const any = (list) => list[Math.floor(random() * list.length)];
    /** Two organizations, which four of the crowd are in, and to which two are invited. */
    const seed = async () => {
      const organizations = [await found(), await found()];
      for (const organizationId of organizations) {
        crowd.slice(0, 4).forEach((person, n) => join(organizationId, person, ['owner', 'owner', 'admin', 'member'][n]));
        stack.psql(`INSERT INTO auth.invitations (organization_id, email, role, inviter_id)
          SELECT '${organizationId}', email, 'admin', '${crowd[0].id}' FROM unnest(ARRAY['${crowd[4].email}', '${crowd[5].email}']) email`);
      }
      return organizations;
    };
    const told = {};
    for (let round = 0; round < 8; round += 1) {
      const organizations = await seed();
      const here = organizations.map((id) => `'${id}'`).join();
      const members = stack.sql(`SELECT id, organization_id AS "organizationId" FROM auth.members WHERE organization_id IN (${here})`);
      const invitations = stack.sql(`SELECT id, email FROM auth.invitations WHERE organization_id IN (${here})`);
      const act = () => {
        const [who, other, organizationId] = [any(crowd.slice(0, 4)), any(crowd), any(organizations)];
        const [{ id: memberId, ...place }, { id: invitationId, email }] = [any(members), any(invitations)];
        const invited = crowd.find((person) => person.email === email);
        return call(...any([
          [invited, 'accept-invitation', { invitationId }],
          [invited, 'accept-invitation', { invitationId }],
          [invited, 'reject-invitation', { invitationId }],
          [who, 'cancel-invitation', { invitationId }],
          [who, 'invite-member', { organizationId, email: other.email, role: any(['member', 'admin', 'owner']) }],
          [who, 'update-member-role', { ...place, memberId, role: any(['member', 'admin', 'owner']) }],
          [who, 'remove-member', { organizationId, memberIdOrEmail: other.email }],
          [who, 'leave', { organizationId }],
          [who, 'set-active', { organizationId }],
          [who, 'update', { organizationId, data: { slug: any(['chaos', 'Chaos', 'CHAOS']) } }],
          ...(random() < 0.05 ? [[who, 'delete', { organizationId }]] : []),
        ]));
      };
      for (const answer of await Promise.all(Array.from({ length: 60 }, act))) told[answer] = (told[answer] ?? 0) + 1;
    }
    assert.deepEqual(Object.keys(told).filter((answer) => answer.startsWith('5')), []);
    assert.ok(told['200'] > 40, JSON.stringify(told)); // something was done at all
    const broken = (from) => stack.sql(`SELECT * FROM ${from}`);
    assert.deepEqual(broken(`auth.organizations o WHERE NOT EXISTS (
      SELECT FROM auth.members m WHERE m.organization_id = o.id AND 'owner' = ANY (string_to_array(m.role, ',')))`), []);
    assert.deepEqual(broken(`auth.sessions s WHERE s.active_organization_id IS NOT NULL AND NOT EXISTS (
      SELECT FROM auth.members m WHERE m.organization_id = s.active_organization_id AND m.user_id = s.user_id)`), []);
    assert.deepEqual(broken(`(SELECT auth.slug_normal(slug) FROM auth.organizations GROUP BY 1 HAVING count(*) > 1) x`), []);
  });
});

/** Numbers that are the same in each run (mulberry32). */
function generator(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
