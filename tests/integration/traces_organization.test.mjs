// The recorded exchanges of Better Auth's organization plugin (flow 15), replayed against us.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Client } from './lib/http.mjs';
import { PASSWORD, signIn, signUp } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';
import { Replay } from './traces/replay.mjs';

describe('15 organization', () => {
  let stack;
  before(async () => {
    stack = await startStack({}, UNLIMITED);
  });
  after(() => stack?.stop());

  const withJar = (jar) => new Client(stack.url, { headers: { cookie: [...jar].map((pair) => pair.join('=')).join('; ') } });

  /** Somebody of the records, signed in: the jar. */
  async function member(replay, name) {
    const person = { name, email: replay.email(name), password: PASSWORD, http: new Client(stack.url) };
    assert.equal((await signUp(person)).status, 200);
    stack.psql(`UPDATE auth.users SET email_verified = true WHERE email = '${person.email}'`);
    assert.equal((await signIn(person)).status, 200);
    return person.http.cookies;
  }

  test('as recorded', async () => {
    const ownMember = {
      organizationId: '<id32>', userId: '<id32>', role: 'owner', createdAt: '<ts>', id: '<id32>',
    };
    const replay = new Replay('15', stack.url, {
      'get-active-member after the failed set-active (active org was cleared?)': {
        why: 'a set-active that is refused changes nothing',
        status: 200,
        body: { ...ownMember, user: { id: '<id32>', name: 'owner', email: 'owner-RUN@example.com', image: null } },
      },
      'has-permission unknown resource': {
        why: 'owners may allocate credits, as the original service meant them to',
        body: { error: null, success: true },
      },
    });
    const owner = await member(replay, 'owner');
    const [joining, outsider] = [await member(replay, 'member'), await member(replay, 'outsider')];
    const play = (step, jar = owner, ...fill) => replay.play(step, { jar, fill });

    await play('create without session', undefined);
    const created = (await play('create')).body;
    const org = created.id;
    for (const step of ['create slug conflict', 'create missing slug', 'create empty name', 'check-slug taken', 'check-slug free',
      'list', 'get-full-organization (active set by create)', 'get-active-member', 'get-active-member-role', 'set-active null',
      'get-active-member, none active', 'get-full-organization, none active', 'set-active by slug']) await play(step);
    await play('set-active by an outsider', outsider, org);
    await play('set-active unknown');
    await play('get-full-organization by an outsider', outsider, org);
    await play('get-active-member after the failed set-active (active org was cleared?)');
    await play('set-active by id', owner, org);
    await play('get-organization', owner, org);

    const invitation = (await play('invite', owner, org)).body.id;
    await play('invite again (already invited)');
    await play('invite resend');
    await play('invite invalid role');
    await play('invite by an outsider', outsider, org);
    await play('invite bad email');
    await play('list-invitations');
    await play('list-user-invitations', joining);
    await play('get-invitation', joining, invitation);
    await play('get-invitation, not the recipient', outsider, invitation);
    await play('get-invitation unknown', joining);
    await play('accept, not the recipient', outsider, invitation);
    const { member: joined } = (await play('accept', joining, invitation)).body;
    await play('accept again', joining, invitation);
    await play('invite an existing member');

    const invite = async (email, role) => {
      const answer = await withJar(owner).post('/api/auth/organization/invite-member', { email, role, organizationId: org });
      assert.equal(answer.status, 200, answer.text);
      return answer.json.id;
    };
    const rejected = await invite(replay.email('outsider'), 'admin');
    await play('reject', outsider, rejected);
    await play('reject again', outsider, rejected);
    const canceled = await invite(replay.email('q2'), ['admin', 'member']);
    await play('cancel by a plain member', joining, canceled);
    await play('cancel', owner, canceled);
    await play('cancel unknown');
    const expired = await invite(replay.email('outsider'), 'member');
    stack.psql(`UPDATE auth.invitations SET expires_at = now() - interval '1 second' WHERE id = '${expired}'`);
    await play('accept expired', outsider, expired);

    await play('list-members');
    await play('list-members limit/sort/filter');
    await play('list-members by an outsider', outsider, org);
    await play('update-member-role by a plain member', joining, joined.id, org);
    await play('update-member-role', owner, joined.id);
    await play('update-member-role multiple', owner, joined.id);
    await play('update-member-role unknown role', owner, joined.id);
    await play('admin promotes self to owner', joining, joined.id, org);
    await play('last owner demotes self', owner, created.members[0].id);
    await play('has-permission yes');
    await play('has-permission no', joining, org);
    await play('has-permission unknown resource');
    await play('has-permission bad body');
    await play('update');
    await play('update by an outsider', outsider, org);
    await play('update slug to a taken one');
    await play('token while an org is active: JWT has no org claim');

    await play('remove unknown member');
    await play('admin removes the owner', joining, org);
    await play('owner leaves as the only owner', owner, org);
    await play('remove-member');
    await play('leave when not a member', outsider, org);
    await replay.play('leave', { jar: await joinedAs(outsider, await invite(replay.email('outsider'), 'member')), fill: [org] });
    await play('delete by an outsider', outsider, org);
    await play('delete', owner, org);
    await play('delete again', owner, org);
    await play('list after');
    replay.finish();
  });

  async function joinedAs(jar, invitationId) {
    assert.equal((await withJar(jar).post('/api/auth/organization/accept-invitation', { invitationId })).status, 200);
    return jar;
  }
});
