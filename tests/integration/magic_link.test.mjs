// Magic links from outside: the recorded exchanges of Better Auth, scanners of mails, and many who open one link at once.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Client } from './lib/http.mjs';
import { PASSWORD, signIn, signUp, somebody, somebodyVerified } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';
import { Replay } from './traces/replay.mjs';

const BROWSER = { headers: { accept: 'text/html,application/xhtml+xml' } };

let stack;
before(async () => {
  stack = await startStack({ PASSWORD_GUESSABLE: 'allow', MAIL_LINK_GET: 'act' }, UNLIMITED);
});
after(() => stack?.stop());

/** Asks for a link and takes it out of the mail. */
async function linkFor(email, more = {}, http = new Client(stack.url)) {
  const { length } = await stack.mail.find(email, { contains: '/magic-link/verify', waitSeconds: 0 });
  const answer = await http.post('/api/auth/sign-in/magic-link', { email, ...more });
  assert.equal(answer.text, '{"status":true}');
  return stack.mail.link(email, '/magic-link/verify', { contains: '/magic-link/verify', count: length + 1 });
}

test('13 as recorded', async () => {
  const replay = new Replay('13', stack.url, {
    reuse: { why: 'a link that has done its work leads on, and gives nothing', location: `${stack.url}/home` },
  });
  const tokenOf = (link) => new URL(link).searchParams.get('token');
  const latest = async (name, count) => tokenOf(await stack.mail.link(replay.email(name), '/magic-link/verify',
    { contains: '/magic-link/verify', count }));
  const ask = (name) => new Client(stack.url).post('/api/auth/sign-in/magic-link', { email: replay.email(name) });
  const known = { ...somebody(stack, 'ml'), email: replay.email('ml') };
  await signUp(known);
  await known.http.get(await stack.mail.link(known.email, '/verify-email'));

  await replay.play('send ok');
  const token = await latest('ml', 1);
  await replay.play('verify -> 302 + cookie', { fill: [token] });
  await replay.play('reuse', { fill: [token] });
  await replay.play('bad token');
  await replay.play('bad token, no callbackURL');
  await ask('ml');
  await replay.play('verify without callbackURL -> JSON', { fill: [await latest('ml', 2)] });
  await ask('ml');
  const late = await latest('ml', 3);
  stack.psql('UPDATE auth.magic_links SET expires_at = now()');
  await replay.play('expired', { fill: [late] });
  await replay.play('unknown email -> sign-up on verify');
  const jar = new Map();
  await replay.play('verify new user', { fill: [await latest('mlnew', 1)], jar });
  await replay.play('session', { jar });
  const hijacker = { ...somebody(stack, 'U'), email: replay.email('mlunv'), password: 'password1234' };
  await signUp(hijacker);
  await ask('mlunv');
  await replay.play('verify for an UNVERIFIED password user', { fill: [await latest('mlunv', 1)] });
  await replay.play('password sign-in afterwards');
  await replay.play('invalid email');
  await replay.play('untrusted callbackURL');
  await replay.play('verify, untrusted callbackURL');
  replay.finish();
});

describe('a magic link', () => {
  test('is not used up by what scans mails, and works by the button of its page', async () => {
    const ada = await somebodyVerified(stack);
    const link = await linkFor(ada.email, { callbackURL: '/home', errorCallbackURL: '/oh' });
    const scanner = new Client(stack.url, { origin: null });
    assert.equal((await scanner.request('HEAD', link)).status, 200);
    const page = await scanner.get(link, BROWSER);
    assert.equal(page.status, 200);
    assert.deepEqual(page.setCookies, []);
    const form = Object.fromEntries([...page.text.matchAll(/name="(\w+)" value="([^"]*)"/g)].map(([, name, value]) => [name, value]));
    assert.deepEqual({ ...form, token: '' }, { token: '', callbackURL: '/home', newUserCallbackURL: '/home', errorCallbackURL: '/oh' });
    const browser = new Client(stack.url);
    const pressed = await browser.request('POST', '/api/auth/magic-link/verify', { form });
    assert.equal(pressed.status, 302, pressed.text);
    assert.equal(pressed.headers.location, `${stack.url}/home`);
    assert.equal((await browser.get('/api/auth/get-session')).json.user.email, ada.email);
    const again = await new Client(stack.url).request('POST', '/api/auth/magic-link/verify', { form });
    assert.equal(again.headers.location, `${stack.url}/home`, 'its work is done');
    assert.deepEqual(again.setCookies, []);
  });

  test('opened fifty times at once signs in once', async () => {
    for (const email of [(await somebodyVerified(stack)).email, somebody(stack).email]) {
      const link = await linkFor(email, { callbackURL: '/home' });
      const answers = await Promise.all(Array.from({ length: 50 }, () => new Client(stack.url).get(link)));
      assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([302]));
      assert.equal(answers.filter(({ setCookies }) => setCookies.length > 0).length, 1);
    }
  });

  test('leads nowhere but to us and to origins that are trusted', async () => {
    const { email } = somebody(stack);
    for (const [field, code] of [['callbackURL', 'INVALID_CALLBACK_URL'], ['newUserCallbackURL', 'INVALID_NEW_USER_CALLBACK_URL'],
      ['errorCallbackURL', 'INVALID_ERROR_CALLBACK_URL']]) {
      for (const url of ['https://evil.example', '//evil.example', '/\\evil.example', '/..//evil.example', 'javascript:alert(1)', 'https:evil']) {
        const sent = await new Client(stack.url).post('/api/auth/sign-in/magic-link', { email, [field]: url });
        assert.deepEqual([sent.status, sent.json?.code], [403, code], `${field} ${url}`);
        const opened = await new Client(stack.url).get(`/api/auth/magic-link/verify?token=x&${field}=${encodeURIComponent(url)}`);
        assert.deepEqual([opened.status, opened.json?.code], [403, code], `${field} ${url}`);
      }
    }
    assert.deepEqual(await stack.mail.find(email, { waitSeconds: 0 }), []);
  });

  test('takes a password away that somebody else has set, and leaves that of its owner', async () => {
    const owner = await somebodyVerified(stack);
    await new Client(stack.url).get(await linkFor(owner.email));
    assert.equal((await signIn(owner)).status, 200);
    const hijacker = somebody(stack);
    await signUp(hijacker);
    const victim = new Client(stack.url);
    await victim.get(await linkFor(hijacker.email));
    assert.equal((await victim.get('/api/auth/get-session')).json.user.emailVerified, true);
    assert.equal((await signIn(hijacker)).json.code, 'INVALID_EMAIL_OR_PASSWORD');
    assert.equal((await victim.post('/api/auth/verify-password', { password: PASSWORD })).json.code, 'INVALID_PASSWORD');
  });

  test('goes by the path of the apps, too, in the language of who asks', async () => {
    const { email } = somebody(stack);
    const asked = await new Client(stack.url, { headers: { 'accept-language': 'en-GB' } }).post('/api/auth/magic-link/send-magic-link', { email });
    assert.equal(asked.text, '{"status":true}');
    const mail = await stack.mail.latest(email);
    assert.match(mail.text, /this link signs you in/);
    assert.doesNotMatch(mail.text, /errorCallbackURL|newUserCallbackURL/);
  });

  test('is in the database as a digest only', async () => {
    const { email } = somebody(stack);
    const token = new URL(await linkFor(email)).searchParams.get('token');
    assert.equal(stack.psql(`SELECT count(*) FROM auth.magic_links l WHERE l::text LIKE '%${token}%'`), '0');
    assert.equal(stack.psql(`SELECT count(*) FROM auth.magic_links l WHERE l.email = '${email}'`), '1');
  });
});
