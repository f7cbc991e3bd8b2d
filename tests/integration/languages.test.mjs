// In which language the pages speak: Accept-Language by its weights (RFC 9110, section 12.5.4), ui_locales of a relying party.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Client } from './lib/http.mjs';
import { request, SYNAPSE } from './lib/oidc.mjs';
import { somebody, somebodyVerified } from './lib/people.mjs';
import { anotherEdge, startStack, UNLIMITED } from './lib/stack.mjs';

let german, english;
before(async () => {
  german = await startStack({ ...SYNAPSE, MAIL_SENDER: 'off' }, UNLIMITED); // the other edge sends
  english = await anotherEdge(german, { FALLBACK_LANGUAGE: 'en', ...SYNAPSE });
});
after(async () => {
  await english?.stop();
  await german?.stop();
});

async function language(stack, accepted, path = '/login') {
  const headers = accepted === undefined ? {} : { 'accept-language': accepted };
  const { text } = await new Client(stack.url, { headers }).get(path);
  return /<html lang="(\w+)">/.exec(text)?.[1];
}

for (const [accepted, expected] of [
  ['en', 'en'], ['EN-gb', 'en'], ['de;q=0.5,en;q=0.8', 'en'], ['de;q=0.5, en', 'en'], ['fr, de;q=0.2, en;q=0.3', 'en'], ['en;q=0.8,de;q=0.8', 'en'],
  ['de;q=0.8,en;q=0.8', 'de'], ['de-AT,de;q=0.9,en-US;q=0.8', 'de'], ['en;q=0, de;q=0.001', 'de'], ['de;q=0,*', 'en'], ['en;q=0,*', 'de'], ['de;q=0', 'en'],
  ['*;q=0.9, de;q=0.5', 'en'], ['*;q=0.9, en;q=0.5', 'de'], ['*;q=0.5, en;q=0.7', 'en'], ['en ; q=0.3 , de ; q=0.2', 'en'], ['de;Q=0.1,en;Q=0.2', 'en'],
  ['en;q=1.000, de;q=0.999', 'en'], ['en-US-x-private;q=0.7', 'en'], ['zh-Hans, en-001;q=0.4', 'en'],
])
  test(`Accept-Language ${JSON.stringify(accepted)} is answered in ${expected}`, async () => {
    for (const stack of [german, english]) assert.equal(await language(stack, accepted), expected);
  });

for (const accepted of [undefined, 'fr', 'fr-CH, fr;q=0.9, *;q=0.5', '*', 'den', 'eng, engl', ',,;', 'de;q=0,en;q=0', 'en;q=2', 'de;q=abc', 'x'.repeat(300)])
  test(`Accept-Language ${JSON.stringify(accepted)?.slice(0, 40)} is answered in the configured language`, async () => {
    assert.deepEqual([await language(german, accepted), await language(english, accepted)], ['de', 'en']);
  });

test('a mail is written in the language that the client prefers', async () => {
  const person = somebody(german);
  const http = new Client(german.url, { headers: { 'accept-language': 'de;q=0.3, en;q=0.4' } });
  await http.post('/api/auth/sign-up/email', { name: 'Ada', email: person.email, password: person.password });
  assert.match((await german.mail.latest(person.email)).text, /Confirm|confirm/);
});

test('a mail to somebody whose language nobody knows is written in the configured one', async () => {
  const person = await somebodyVerified(german);
  german.psql(`UPDATE auth.users SET locale = NULL WHERE id = :'id'`, person);
  await german.mail.clear();
  await person.http.post('/api/auth/request-password-reset', { email: person.email });
  assert.match((await german.mail.latest(person.email)).text, /^Hello /);
});

test('ui_locales of a relying party comes before what the browser accepts', async () => {
  const page = async (ui_locales) => (await new Client(german.url).get(request({ ui_locales }))).headers.location;
  for (const [wished, expected] of [['en', 'en'], ['fr-CA fr en-GB de', 'en'], ['de', 'de'], ['fr', 'de'], ['', 'de']])
    assert.equal(await language(german, 'de', await page(wished)), expected, wished);
  assert.equal(await language(german, 'en', await page('fr')), 'en');
});
