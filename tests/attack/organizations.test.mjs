// Organizations: chains of requests by which a member gets more than their role, or a stranger anything. Which single request each role
// may send is a table in tests/integration/organization_matrix; here several are combined, and ids are taken from elsewhere.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { somebodySignedIn } from '../integration/lib/people.mjs';
import { copyOf, member, PASSWORD, stranger, target, without } from './lib/target.mjs';

const AT_ONCE = 12;

describe('organizations', { skip: without.mail }, () => {
  let owner, admin, plain, outsider, ours, theirs, memberIds;
  let slugs = 0;
  const call = (person, path, body) => person.http.post(`/api/auth/organization/${path}`, body);
  const found = async (person) => (await call(person, 'create', { name: 'Org', slug: `attack-${process.pid}-${slugs++}` })).json.id;
  const full = async (person, organizationId) => (await person.http.get(`/api/auth/organization/get-full-organization?organizationId=${organizationId}`)).json;

  async function joins(inviter, person, organizationId, role) {
    const invitation = await call(inviter, 'invite-member', { organizationId, email: person.email, role });
    assert.equal(invitation.status, 200, invitation.text);
    const accepted = await call(person, 'accept-invitation', { invitationId: invitation.json.id });
    assert.equal(accepted.status, 200, accepted.text);
  }

  before(async () => {
    [owner, admin, plain, outsider] = await Promise.all(['Owner', 'Admin', 'Plain', 'Outsider'].map((name) => member(name)));
    [ours, theirs] = [await found(owner), await found(outsider)];
    await joins(owner, admin, ours, 'admin');
    await joins(owner, plain, ours, 'member');
    memberIds = Object.fromEntries((await full(owner, ours)).members.map(({ id, userId }) => [userId, id]));
  });

  const roles = async () => Object.fromEntries((await full(owner, ours)).members.map(({ userId, role }) => [userId, role]));

  test('no spelling of a role makes anybody what their changer is not', async () => {
    const before = await roles();
    for (const role of ['owner', ['owner'], ['admin', 'owner'], 'admin,owner', 'owner,admin', 'admin, owner', 'Owner', 'OWNER', ' owner', 'owner ',
      'owner\u200b', 'ＯＷＮＥＲ', 'owner\0', '*', '', [],
      ['member', ['owner']], { 0: 'owner' }, null, true, 1, 'member|owner', 'creator', '__proto__', 'owner;admin']) {
      for (const [who, memberId] of [[admin, memberIds[admin.id]], [admin, memberIds[plain.id]], [plain, memberIds[plain.id]], [plain, memberIds[owner.id]],
        [outsider, memberIds[outsider.id] ?? 'x']])
        await call(who, 'update-member-role', { organizationId: ours, memberId, role });
      const invited = await call(admin, 'invite-member', { organizationId: ours, email: `role-${slugs++}-${process.pid}@example.com`, role });
      if (invited.status === 200) assert.ok(['member', 'admin'].includes(invited.json.role), `${JSON.stringify(role)}: ${invited.text}`);
    }
    assert.deepEqual(await roles(), before);
  });

  test('ids of another organization open nothing, whichever of two ids a request mixes', async () => {
    const foreign = (await full(outsider, theirs)).members[0].id;
    const invitation = (await call(outsider, 'invite-member', { organizationId: theirs, email: `cross-${process.pid}@example.com`, role: 'member' })).json.id;
    for (const who of [owner, admin, plain]) {
      for (const organizationId of [ours, theirs, undefined]) {
        await call(who, 'update-member-role', { organizationId, memberId: foreign, role: 'member' });
        await call(who, 'remove-member', { organizationId, memberIdOrEmail: foreign });
        await call(who, 'remove-member', { organizationId, memberIdOrEmail: outsider.email });
        await call(who, 'cancel-invitation', { organizationId, invitationId: invitation });
        await call(who, 'invite-member', { organizationId: theirs, email: `x-${process.pid}@example.com`, role: 'member' });
      }
      await call(who, 'set-active', { organizationId: theirs });
      await who.http.post('/api/auth/update-session', { activeOrganizationId: theirs });
      await call(who, 'update', { organizationId: theirs, data: { name: 'Taken', id: ours } });
      await call(who, 'delete', { organizationId: theirs });
      assert.equal((await who.http.get(`/api/auth/organization/get-full-organization?organizationId=${theirs}`)).status, 403);
      assert.notEqual((await who.http.get('/api/auth/get-session')).json.session.activeOrganizationId, theirs);
    }
    const untouched = await full(outsider, theirs);
    assert.deepEqual([untouched.name, untouched.members.map(({ role }) => role), untouched.invitations.map(({ status }) => status)], ['Org', ['owner'], ['pending']]);
  });

  test('a body cannot choose who founds, joins or is asked about', async () => {
    const made = await call(plain, 'create', { name: 'Forged', slug: `forged-${process.pid}`, userId: owner.id, ownerId: owner.id, id: ours,
      members: [{ userId: owner.id, role: 'owner' }] });
    assert.equal(made.status, 200);
    assert.notEqual(made.json.id, ours);
    assert.deepEqual((await full(plain, made.json.id)).members.map(({ userId }) => userId), [plain.id]);
    const asked = await call(outsider, 'has-permission', { organizationId: ours, userId: owner.id, role: 'owner', permissions: { organization: ['delete'] } });
    assert.notEqual(asked.json?.success, true);
    assert.notEqual((await call(plain, 'has-permission', { organizationId: ours, role: 'owner', permissions: { organization: ['delete'] } })).json.success, true);
    assert.notEqual((await call(plain, 'has-permission', { organizationId: ours, permissions: { nothing: [] } })).json?.success, true, 'a resource that there is none of');
  });

  test('an invitation is dead when its inviter could not send it any more', async () => {
    const [boss, helper, guest] = await Promise.all(['Boss', 'Helper', 'Guest'].map((name) => member(name)));
    for (const end of [
      (id) => call(boss, 'remove-member', { organizationId: id, memberIdOrEmail: helper.email }),
      (id) => call(helper, 'leave', { organizationId: id }),
      async (id) => call(boss, 'update-member-role',
        { organizationId: id, memberId: (await full(boss, id)).members.find(({ userId }) => userId === helper.id).id, role: 'member' }),
    ]) {
      const id = await found(boss);
      await joins(boss, helper, id, 'admin');
      const invitation = (await call(helper, 'invite-member', { organizationId: id, email: guest.email, role: 'admin' })).json.id;
      assert.equal((await end(id)).status, 200);
      assert.notEqual((await call(guest, 'accept-invitation', { invitationId: invitation })).status, 200);
      assert.ok(!(await full(boss, id)).members.some(({ userId }) => userId === guest.id));
    }
  });

  test('an invitation is for one proven address: neither another user nor an unproven account takes, sees or declines it', async () => {
    const email = `invited-${process.pid}@example.com`;
    const { json: invitation } = await call(owner, 'invite-member', { organizationId: ours, email, role: 'admin' });
    const squatter = { email, password: PASSWORD, name: 'Squatter', http: stranger() };
    await squatter.http.post('/api/auth/sign-up/email', { email, password: PASSWORD, name: 'Squatter' });
    await squatter.http.post('/api/auth/sign-in/email', { email, password: PASSWORD });
    const wanting = await somebodySignedIn(target, 'Wanting');
    await wanting.http.post('/api/auth/change-email', { newEmail: email }); // asked for, not proven
    for (const who of [squatter, wanting, outsider, plain]) {
      for (const path of ['accept-invitation', 'reject-invitation', 'cancel-invitation'])
        assert.notEqual((await call(who, path, { invitationId: invitation.id })).status, 200, path);
      assert.notEqual((await who.http.get(`/api/auth/organization/get-invitation?id=${invitation.id}`)).status, 200);
      const page = await who.http.get(`/accept-invitation?id=${invitation.id}`, { headers: { accept: 'text/html' } });
      assert.doesNotMatch(page.text, new RegExp(`${owner.email}|name="accept"`));
      const pressed = await who.http.request('POST', '/accept-invitation', { form: { invitationId: invitation.id, accept: 'true' } });
      assert.notEqual(pressed.status, 200);
    }
    assert.equal((await full(owner, ours)).invitations.find(({ id }) => id === invitation.id).status, 'pending');
  });

  test('a member who is removed sees nothing from the next request on, in every session', async () => {
    const leaving = await member('Leaving');
    await joins(owner, leaving, ours, 'admin');
    const second = copyOf(leaving.http);
    assert.equal((await leaving.http.get(`/api/auth/organization/list-members?organizationId=${ours}`)).status, 200);
    await call(leaving, 'set-active', { organizationId: ours });
    assert.equal((await call(owner, 'remove-member', { organizationId: ours, memberIdOrEmail: leaving.email })).status, 200);
    for (const http of [leaving.http, second])
      for (const path of ['get-full-organization', 'list-members', 'list-invitations', 'get-active-member', 'get-active-member-role'])
        for (const query of ['', `?organizationId=${ours}`]) {
          const answer = await http.get(`/api/auth/organization/${path}${query}`);
          assert.ok(answer.status >= 400 || answer.text === 'null', `${path}${query}: ${answer.text.slice(0, 200)}`);
        }
    assert.notEqual((await call(leaving, 'invite-member', { organizationId: ours, email: 'x@example.com', role: 'member' })).status, 200);
  });

  test('a storm of owners who leave, demote and remove each other leaves an owner, and one invitation makes one member', async () => {
    const [first, second, third] = await Promise.all(['First', 'Second', 'Third'].map((name) => member(name)));
    const id = await found(first);
    await joins(first, second, id, 'owner');
    await joins(first, third, id, 'owner');
    const ids = Object.fromEntries((await full(first, id)).members.map(({ id: memberId, userId }) => [userId, memberId]));
    const people = [first, second, third];
    const acts = Array.from({ length: AT_ONCE }, (_, n) => {
      const [who, other] = [people[n % 3], people[(n + 1) % 3]];
      const kinds = [() => call(who, 'leave', { organizationId: id }), () => call(who, 'update-member-role', { organizationId: id, memberId: ids[other.id], role: 'member' }),
        () => call(who, 'remove-member', { organizationId: id, memberIdOrEmail: ids[other.id] })];
      return kinds[n % 4 % 3];
    });
    const answers = await Promise.all(acts.map((act) => act()));
    assert.ok(answers.every(({ status }) => status < 500), JSON.stringify(answers.map(({ status }) => status)));
    const left = (await Promise.all(people.map((person) => full(person, id)))).find((organization) => organization?.members);
    assert.ok(left.members.some(({ role }) => role === 'owner'), JSON.stringify(left.members));
    const guest = await member('Guest');
    const { json: invitation } = await call(owner, 'invite-member', { organizationId: ours, email: guest.email, role: 'member' });
    const taken = await Promise.all(Array.from({ length: AT_ONCE }, (_, n) => call({ http: copyOf(guest.http) },
      n % 3 ? 'accept-invitation' : 'reject-invitation', { invitationId: invitation.id })));
    assert.equal(taken.filter(({ status }) => status === 200).length, 1);
    assert.ok((await full(owner, ours)).members.filter(({ userId }) => userId === guest.id).length <= 1);
  });
});
