// A change of address over HTTP: the link opens no session, ends with the session that requested it, and the old address takes it back.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Client } from './lib/http.mjs';
import { PASSWORD, signIn, somebodySignedIn } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';

const BROWSER = { accept: 'text/html' };

describe('change of address', () => {
  let stack, people = 0;
  before(async () => {
    stack = await startStack({}, UNLIMITED);
  });
  after(() => stack?.stop());

  const asks = async (person) => {
    const address = `changed${++people}-${process.pid}@example.com`;
    const answer = await person.http.post('/api/auth/change-email', { newEmail: address, callbackURL: '/changed' });
    assert.equal(answer.status, 200, answer.text);
    return { address, link: new URL(await stack.mail.link(address, '/api/auth/verify-email')) };
  };
  const opens = (http, link) => http.request('POST', '/api/auth/verify-email', { form: Object.fromEntries(link.searchParams) });
  const sessionOf = async (http) => (await http.get('/api/auth/get-session')).json;
  const changed = async () => {
    const person = await somebodySignedIn(stack);
    const other = new Client(stack.url);
    await signIn({ ...person, http: other });
    const { address, link } = await asks(person);
    return { person, other, address, link };
  };

  test('the link changes the address, opens no session and ends the other sessions', async () => {
    const { person, other, address, link } = await changed();
    const stranger = new Client(stack.url);
    const answer = await opens(stranger, link);
    assert.deepEqual([answer.status, answer.headers.location, answer.setCookies], [302, '/changed', []]);
    assert.equal(await sessionOf(stranger), null);
    assert.equal(await sessionOf(other), null);
    assert.equal((await sessionOf(person.http)).user.email, address);
    const again = await opens(stranger, link);
    assert.deepEqual([again.status, again.headers.location, again.setCookies], [302, '/changed', []], 'again: no error, and nothing else');
  });

  for (const [what, end] of [
    ['revoke-sessions', (person) => person.http.post('/api/auth/revoke-sessions', {})],
    ['sign-out', (person) => person.http.post('/api/auth/sign-out', {})],
    ['an admin', (person) => stack.psql(`SELECT auth.end_sessions(:'email')`, person)],
  ]) test(`a pending change ends with its session: ${what}`, async () => {
    const person = await somebodySignedIn(stack);
    const { link } = await asks(person);
    await end(person);
    const answer = await opens(new Client(stack.url), link);
    assert.deepEqual([answer.status, answer.headers.location], [302, '/changed?error=INVALID_TOKEN']);
    assert.equal((await signIn({ ...person, http: new Client(stack.url) })).status, 200, 'the old address');
  });

  test('the old address reverts the change by the button of a page, once, and everybody is out', async () => {
    const { person, address, link } = await changed();
    await opens(new Client(stack.url), link);
    const revert = new URL(await stack.mail.link(person.email, '/api/auth/revert-email-change', { contains: 'revert-email-change' }));
    const browser = new Client(stack.url, { headers: BROWSER });
    const page = await browser.get(`${revert.pathname}${revert.search}`);
    assert.equal(page.status, 200);
    assert.match(page.text, /<form[^>]+action="\/api\/auth\/revert-email-change"/);
    assert.equal((await sessionOf(person.http)).user.email, address, 'the page alone changes nothing');
    const send = () => browser.request('POST', revert.pathname, { form: Object.fromEntries(revert.searchParams) });
    const done = await send();
    assert.equal(done.status, 200, done.text);
    assert.equal(await sessionOf(person.http), null);
    assert.equal(stack.psql(`SELECT email FROM auth.users WHERE id = :'id'`, person), person.email);
    assert.equal((await signIn({ ...person, http: new Client(stack.url) })).status, 401, 'the password that may be stolen');
    await stack.mail.latest(address, { contains: 'rückgängig gemacht' });
    const reset = new URL(await stack.mail.link(person.email, '/api/auth/reset-password', { contains: 'reset-password' }));
    const token = reset.pathname.split('/').at(-1);
    assert.equal((await browser.post('/api/auth/reset-password', { token, newPassword: `${PASSWORD}-new` })).status, 200);
    assert.equal((await signIn({ ...person, password: `${PASSWORD}-new`, http: new Client(stack.url) })).status, 200);
    const again = await send();
    assert.equal(again.status, 400, again.text);
    assert.equal((await browser.request('POST', revert.pathname, { form: { token: 'made-up' } })).status, 400);
  });

  test('nobody signs up with an address that can still be taken back, and the answer does not tell', async () => {
    const { person, link } = await changed();
    await opens(new Client(stack.url), link);
    const sign = (email) => new Client(stack.url).post('/api/auth/sign-up/email', { name: 'Eve', email, password: PASSWORD });
    const [reserved, free] = [await sign(person.email), await sign(`free${process.pid}@example.com`)];
    const shape = ({ status, json }) => [status, Object.keys(json), Object.keys(json.user)];
    assert.deepEqual(shape(reserved), shape(free));
    assert.equal(stack.psql(`SELECT count(*) FROM auth.users WHERE email = :'email'`, person), '0');
  });

  test('a change that the reverting address did not see is undone with the first one', async () => {
    const { person, link } = await changed();
    await opens(new Client(stack.url), link);
    const revert = new URL(await stack.mail.link(person.email, '/api/auth/revert-email-change', { contains: 'revert-email-change' }));
    const second = await asks(person);
    await opens(new Client(stack.url), second.link);
    const done = await new Client(stack.url).request('POST', revert.pathname, { form: Object.fromEntries(revert.searchParams) });
    assert.equal(done.status, 200, done.text);
    assert.equal(stack.psql(`SELECT email FROM auth.users WHERE id = :'id'`, person), person.email);
  });
});
