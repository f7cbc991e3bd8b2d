// Every link that we mail opens in a browser, and leads on when it is opened again after its work is done.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Client } from './lib/http.mjs';
import { PASSWORD, signUp, somebody, somebodySignedIn, somebodyVerified } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';

const NAVIGATION = { accept: 'text/html,*/*;q=0.8', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document', 'sec-fetch-site': 'none' };

describe('a link in a mail', () => {
  let stack;
  before(async () => {
    stack = await startStack({}, UNLIMITED);
  });
  after(() => stack?.stop());

  const browser = (cookies = new Map()) => Object.assign(new Client(stack.url, { origin: null, headers: NAVIGATION }), { cookies: new Map(cookies) });

  /** Opens a URL and follows it to its page: {status, text, path}. */
  const visit = async (http, url) => {
    let at = new URL(url, stack.url), answer = await http.get(at.href);
    for (let hops = 0; answer.headers.location && hops < 5; hops += 1) {
      at = new URL(answer.headers.location, at);
      answer = await http.get(at.href);
    }
    assert.match(answer.headers['content-type'], /^text\/html/, `${at.pathname}: ${answer.text}`);
    return { status: answer.status, text: answer.text, path: at.pathname + at.search };
  };

  /** Presses the button of a page, and follows to the next one. */
  const press = async (http, { text }, more = {}) => {
    const [, action] = /<form method="post" action="([^"]*)"/.exec(text);
    const form = Object.fromEntries([...text.matchAll(/name="(\w+)" value="([^"]*)"/g)].map(([, name, value]) => [name, value]));
    const answer = await http.request('POST', action, { form: { ...form, ...more }, headers: { origin: stack.url, 'sec-fetch-site': 'same-origin' } });
    return answer.headers.location ? visit(http, answer.headers.location) : { status: answer.status, text: answer.text, path: action };
  };

  const leadsOn = ({ status, text, path }) => {
    assert.equal(status, 200, path);
    assert.doesNotMatch(path, /error=/);
    assert.doesNotMatch(text, /INVALID_TOKEN|ungültig|invalid/);
  };

  test('that proves an address ends on a page, also the second time and in another browser', async () => {
    const person = somebody(stack);
    person.http.headers['sec-fetch-mode'] = 'cors';
    await signUp(person);
    const link = await stack.mail.link(person.email, '/verify-email');
    const http = browser(person.http.cookies);
    const done = await press(http, await visit(http, link));
    assert.equal(done.path, '/');
    leadsOn(done);
    leadsOn(await press(http, await visit(http, link)));
    const other = browser();
    leadsOn(await press(other, await visit(other, link)));
  });

  test('that signs in ends on a page, also the second time', async () => {
    const person = await somebodyVerified(stack);
    await new Client(stack.url).post('/api/auth/sign-in/magic-link', { email: person.email });
    const link = await stack.mail.link(person.email, '/magic-link/verify', { contains: '/magic-link/verify' });
    for (let times = 0; times < 2; times += 1) {
      const http = browser();
      leadsOn(await press(http, await visit(http, link)));
    }
  });

  test('that changes the address ends on a page, also the second time', async () => {
    const person = await somebodySignedIn(stack);
    const address = `new-${person.email}`;
    const asked = await person.http.post('/api/auth/change-email', { newEmail: address });
    assert.equal(asked.status, 200, asked.text);
    const link = await stack.mail.link(address, '/verify-email');
    for (let times = 0; times < 2; times += 1) {
      const http = browser();
      leadsOn(await press(http, await visit(http, link)));
    }
  });

  test('that resets a password shows the form, and leads to the sign-in once it has', async () => {
    const person = await somebodyVerified(stack);
    await new Client(stack.url).post('/api/auth/request-password-reset', { email: person.email });
    const link = await stack.mail.link(person.email, '/reset-password', { contains: '/reset-password' });
    const http = browser();
    leadsOn(await press(http, await visit(http, link), { newPassword: `${PASSWORD}-2` }));
    const again = await visit(browser(), link);
    assert.equal(again.path, '/login');
    leadsOn(again);
    const own = new URL(link);
    own.searchParams.set('callbackURL', '/app');
    assert.equal((await browser().get(own.href)).headers.location, '/app?error=INVALID_TOKEN', 'an application is told as before');
  });

  test('that deletes the account asks for the sign-in where there is none, and leads on once it has', async () => {
    const person = await somebodySignedIn(stack);
    stack.psql(`UPDATE auth.sessions SET proved_at = proved_at - interval '11 minutes' WHERE user_id = '${person.id}'`);
    const asked = await person.http.post('/api/auth/delete-user', { callbackURL: '/' });
    assert.deepEqual([asked.status, asked.json.message], [200, 'Verification email sent'], asked.text);
    const link = await stack.mail.link(person.email, '/delete-user/callback', { contains: '/delete-user/callback' });
    const stranger = await browser().get(link);
    assert.equal(stranger.status, 303);
    const login = new URL(stranger.headers.location, stack.url);
    assert.equal(login.pathname, '/login');
    const back = new URL(login.searchParams.get('callbackURL'), stack.url);
    assert.deepEqual([back.pathname, back.searchParams.get('token')], ['/api/auth/delete-user/callback', new URL(link).searchParams.get('token')]);
    leadsOn(await visit(browser(), link));
    const program = await new Client(stack.url, { origin: null }).get(link);
    assert.deepEqual([program.status, program.json.code], [401, 'UNAUTHORIZED']);

    const made = await visit(browser(person.http.cookies), link.replace('token=', 'token=x'));
    assert.equal(made.status, 400);
    const http = browser(person.http.cookies);
    leadsOn(await press(http, await visit(http, link)));
    assert.deepEqual(stack.sql(`SELECT 1 FROM auth.users WHERE id = '${person.id}'`), []);
    for (const again of [http, browser(), browser(person.http.cookies)]) {
      const led = await visit(again, link);
      assert.equal(led.path, '/');
      leadsOn(led);
    }
  });

  test('that did not work ends on a page that says so', async () => {
    const link = `${stack.url}/api/auth/magic-link/verify?token=unknown&callbackURL=%2F`;
    const http = browser();
    const failed = await press(http, await visit(http, link));
    assert.equal(failed.path, '/?error=INVALID_TOKEN');
    assert.match(failed.text, /ungültig oder abgelaufen/);
    assert.equal((await visit(browser(), '/')).status, 200);
  });
});
