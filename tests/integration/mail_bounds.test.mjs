// Whatever is accepted makes a mail that arrives and a link that opens; what is not accepted changes nothing. And what a stranger
// types is no link in somebody else's mailbox.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Client } from './lib/http.mjs';
import { PASSWORD, signIn, signUp, somebody, somebodySignedIn, somebodyVerified } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';

const URLS_MAX = 1800; // bytes, percent-encoded, of all URLs of a link
const path = (encoded, char = 'x') => `/${char.repeat(Math.floor((encoded - 3) / encodeURIComponent(char).length))}`;
const LONGEST = [path(URLS_MAX), path(URLS_MAX, '&')];
const TOO_LONG = [path(URLS_MAX + 1), path(URLS_MAX + 3, '&'), path(5000)];
const NAMES = ['n'.repeat(255), 'ü'.repeat(255), '"'.repeat(255), '😀'.repeat(127)];

describe('the mail', () => {
  let stack;
  before(async () => {
    stack = await startStack({}, UNLIMITED);
  });
  after(() => stack?.stop());

  const ask = (route, body, http = new Client(stack.url)) => http.post(route, body);
  /** The number of mails, links and users: what a refused request must leave as it is. */
  const state = () => stack.psql(`SELECT (SELECT count(*) FROM auth.outbox), (SELECT count(*) FROM auth.users),
    (SELECT string_agg(identifier, ',' ORDER BY identifier) FROM auth.verification), (SELECT string_agg(digest::text, ',' ORDER BY email) FROM auth.magic_links)`);
  const opens = async (link) => assert.ok([200, 302].includes((await new Client(stack.url).request('GET', link, { headers: { accept: 'text/html' } })).status), link);
  async function refused(route, body, http) {
    const before = state();
    const answer = await ask(route, body, http);
    assert.equal(answer.status, 400, `${answer.status} ${answer.text}`);
    assert.match(answer.json.message, /Too big|too long/);
    assert.equal(state(), before);
  }

  test('of a sign-up arrives with the longest name and URL, and none is sent beyond them', async () => {
    for (const name of NAMES)
      for (const callbackURL of LONGEST) {
        const ada = somebody(stack);
        assert.equal((await ask('/api/auth/sign-up/email', { email: ada.email, password: PASSWORD, name, callbackURL })).status, 200);
        await opens(await stack.mail.link(ada.email, '/verify-email'));
      }
    const { email } = somebody(stack);
    for (const more of [...TOO_LONG.map((callbackURL) => ({ callbackURL })), { name: 'n'.repeat(256) }, { name: '😀'.repeat(128) }])
      await refused('/api/auth/sign-up/email', { email, password: PASSWORD, name: 'Ada', ...more });
    await refused('/api/v1/auth/register', { email, password: PASSWORD, sourceAppUrl: TOO_LONG[0] });
  });

  for (const [what, route, field, part] of [
    ['a reset', '/api/auth/request-password-reset', 'redirectTo', '/reset-password/'],
    ['a reset from an app', '/api/v1/auth/forgot-password', 'redirectTo', '/reset-password/'],
    ['another verification link', '/api/auth/send-verification-email', 'callbackURL', '/verify-email'],
    ['another one from an app', '/api/v1/auth/resend-verification', 'callbackURL', '/verify-email'],
  ])
    test(`of ${what} arrives with the longest URL, and a longer one leaves the older link as it is`, async () => {
      const ada = somebody(stack);
      await signUp(ada);
      let count = 1;
      for (const url of LONGEST) {
        assert.equal((await ask(route, { email: ada.email, [field]: url })).status, 200);
        await opens(await stack.mail.link(ada.email, part, { count: ++count }));
      }
      for (const url of TOO_LONG) await refused(route, { email: ada.email, [field]: url });
    });

  test('with a sign-in link arrives with the longest URLs together', async () => {
    const { email } = somebody(stack);
    const third = path(URLS_MAX / 3);
    let count = 0;
    for (const urls of [{ callbackURL: LONGEST[0] }, { errorCallbackURL: LONGEST[1] }, { callbackURL: third, newUserCallbackURL: third, errorCallbackURL: third }]) {
      const answer = await ask('/api/auth/sign-in/magic-link', { email, name: NAMES[1], ...urls });
      assert.equal(answer.status, 200, answer.text);
      await opens(await stack.mail.link(email, '/magic-link/verify', { count: ++count }));
    }
    await refused('/api/auth/sign-in/magic-link', { email, callbackURL: TOO_LONG[0] });
    await refused('/api/auth/sign-in/magic-link', { email, callbackURL: `${third}x`, newUserCallbackURL: third, errorCallbackURL: third });
    await refused('/api/auth/sign-in/magic-link', { email, name: 'n'.repeat(256) });
  });

  test('of a change of address arrives with the longest URL', async () => {
    const ada = await somebodySignedIn(stack);
    const [{ email: first }, { email: second }] = [somebody(stack), somebody(stack)];
    assert.equal((await ask('/api/auth/change-email', { newEmail: first, callbackURL: LONGEST[0] }, ada.http)).status, 200);
    await opens(await stack.mail.link(first, '/verify-email'));
    await refused('/api/auth/change-email', { newEmail: second, callbackURL: TOO_LONG[0] }, ada.http);
  });

  test('of an invitation and to the owner of an existing account arrives with the longest texts', async () => {
    const ada = await somebodySignedIn(stack, NAMES[2]);
    const guest = somebody(stack);
    const made = await ask('/api/auth/organization/create', { name: NAMES[1], slug: 'longest' }, ada.http);
    assert.equal(made.status, 200, made.text);
    const invited = await ask('/api/auth/organization/invite-member', { email: guest.email, role: 'member', organizationId: made.json.id }, ada.http);
    assert.equal(invited.status, 200, invited.text);
    await stack.mail.link(guest.email, '/accept-invitation');
    await signUp({ ...ada, http: new Client(stack.url) });
    await stack.mail.latest(ada.email, { contains: '/forgot-password' });
    assert.equal(stack.sql(`SELECT id FROM auth.outbox WHERE state = 'dead'`).length, 0);
  });

  test('an address whose local part has 65 octets is refused everywhere', async () => {
    const email = `${'a'.repeat(65)}@example.com`;
    for (const [route, body] of [
      ['/api/auth/sign-up/email', { email, password: PASSWORD, name: 'A' }], ['/api/v1/auth/register', { email, password: PASSWORD }],
      ['/api/auth/sign-in/magic-link', { email }], ['/api/auth/request-password-reset', { email }], ['/api/auth/send-verification-email', { email }],
    ]) assert.equal((await ask(route, body)).status, 400, route);
    const ada = await somebodySignedIn(stack);
    assert.equal((await ask('/api/auth/change-email', { newEmail: email }, ada.http)).status, 400);
    const longest = `${'a'.repeat(64)}@example.com`;
    assert.equal((await ask('/api/auth/sign-up/email', { email: longest, password: PASSWORD, name: 'A' })).status, 200);
    await stack.mail.link(longest, '/verify-email');
  });

  for (const bait of ['Visit http://evil.example', 'evil.example', 'www.evil.example/win', 'hxxp://evil.example', 'xn--80ak6aa92e.evil.example',
    'evil。example', 'evil．example', 'mail eve@evil.example'])
    test(`to a stranger has no link out of the name ${JSON.stringify(bait)}`, async () => {
      const victim = somebody(stack, bait);
      const host = await somebodyVerified(stack, bait);
      await signIn(host);
      assert.equal((await signUp(victim)).status, 200);
      const slug = `o${Date.now()}${Math.random().toString(36).slice(2, 8)}`;
      const made = await ask('/api/auth/organization/create', { name: bait, slug }, host.http);
      if (made.status === 200)
        assert.equal((await ask('/api/auth/organization/invite-member', { email: victim.email, role: 'member', organizationId: made.json.id }, host.http)).status, 200);
      const mails = await stack.mail.find(victim.email, { count: made.status === 200 ? 2 : 1 });
      assert.equal(mails.length, made.status === 200 ? 2 : 1);
      for (const mail of mails)
        for (const text of [mail.subject, mail.text, mail.html]) {
          const others = text.replaceAll(stack.url, '').replace(/xmlns="[^"]*"/g, '');
          assert.doesNotMatch(others, /evil\p{Cf}*[.。．｡․]\p{Cf}*(example|live)|elpmaxe\.live|:\/\/evil|www\.\w|@evil|[\u200b\u00ad\u202e]/u);
        }
    });
});
