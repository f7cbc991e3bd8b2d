// Markup and scripts in whatever can be typed: no page shows it as markup, no answer is taken for a page, and no page could run it.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { CALLBACK, registered, request } from './lib/clients.mjs';
import { FIELDS, URLS } from './lib/names.mjs';
import { administrator, copyOf, each, member, routes, stranger, target, without } from './lib/target.mjs';

const CANARY = 'canary7f3';
const MARKUP = [
  `<${CANARY}>`, `"><${CANARY}>`, `'><${CANARY}>`, `</title><${CANARY}>`, `</textarea><${CANARY}>`, `--><${CANARY}>`, `<svg/onload=${CANARY}>`, `" onfocus="${CANARY}" autofocus="`,
  `' onfocus='${CANARY}' autofocus='`, `\`onfocus=${CANARY}\``, `javascript:${CANARY}`, `{{constructor.constructor('${CANARY}')()}}`, `\u2028<${CANARY}>`, `+ADw-${CANARY}+AD4-`,
  `&lt;${CANARY}&gt;`, `%3C${CANARY}%3E`, `\${${CANARY}}`,
];
// How a page would have to show them for a browser to act on them.
const ACTIVE = [new RegExp(`<\\/?${CANARY}`, 'i'), new RegExp(`<svg[^>]*${CANARY}`, 'i'), new RegExp(`<[^>]*\\son\\w+\\s*=\\s*["']?${CANARY}`, 'i'),
  new RegExp(`(href|src|action|formaction)\\s*=\\s*["']?\\s*javascript:`, 'i')];

function assertInert(answer, what) {
  const type = answer.headers['content-type'] ?? '';
  if (/text\/html/.test(type)) {
    for (const active of ACTIVE) assert.doesNotMatch(answer.text, active, what);
    const policy = answer.headers['content-security-policy'] ?? '';
    assert.match(policy, /default-src 'none'/, what);
    assert.doesNotMatch(policy, /unsafe-|script-src[^;]*(data:|https?:|\*)/, what);
    assert.equal(answer.headers['x-frame-options'], 'DENY', what);
  } else if (answer.text.includes(CANARY)) assert.match(type, /^(application\/json|text\/plain)/, `${what}: ${type}`);
  assert.equal(answer.headers['x-content-type-options'], 'nosniff', what);
  for (const value of Object.values(answer.headers)) assert.doesNotMatch(String(value), new RegExp(`<${CANARY}`), what);
}

describe('markup', { skip: without.routes || without.admin }, () => {
  let ada;
  before(async () => {
    ada = await member('Ada');
  });

  test('in the query or body of any route comes back inert', { timeout: 120_000 }, async () => {
    const attempts = routes.filter(({ path, access }) => !/admin|service/.test(access) && !/delete-user|sign-out|end-?session|revoke|logout|account$|me\/data/.test(path))
      .flatMap((row) => MARKUP.map((text) => ({ row, text })));
    await each(attempts, async ({ row, text }) => {
      const fields = Object.fromEntries([...FIELDS, ...URLS, 'error_description', 'login_hint', 'ui_locales'].map((name) => [name, text]));
      const path = row.path.replace(/:\w+/g, encodeURIComponent(text));
      const http = row.access === 'anybody' ? stranger() : copyOf(ada.http);
      const bearer = /JWT/.test(row.access) ? ada.token : undefined;
      const headers = { accept: 'text/html', referer: `${target.url}/${encodeURIComponent(text)}` };
      if (row.method === 'GET') {
        const short = Object.fromEntries(Object.entries(fields).filter(([name]) => /error|email|token|id|callback|redirect|hint|state|code|name|scope/i.test(name)).slice(0, 24));
        assertInert(await http.get(`${path}?${new URLSearchParams(short)}`, { headers, bearer }), `${row.name} ${text}`);
      } else {
        for (const body of [{ form: fields }, { json: fields }]) assertInert(await http.request(row.method, path, { ...body, headers, bearer }), `${row.name} ${text}`);
      }
    });
  });

  test('in a name is text on every page that shows it', async () => {
    const [admin, person] = [await administrator(), await member('Ada')];
    let shown = 0;
    for (const text of MARKUP) {
      const named = await person.http.post('/api/auth/update-user', { name: text, image: text });
      assert.ok([200, 400].includes(named.status), named.text);
      const made = await admin.http.post('/api/auth/oauth2/create-client', { client_name: text, redirect_uris: ['https://client.example/cb'], client_uri: text,
        logo_uri: text, tos_uri: text, policy_uri: text });
      assert.ok([201, 400].includes(made.status), made.text);
      const client = made.status === 201 ? { client_id: made.json.client_id, redirect_uri: 'https://client.example/cb' } : await registered(admin, { skip_consent: false });
      const organization = await person.http.post('/api/auth/organization/create', { name: text, slug: `markup-${process.pid}-${Math.random()}`, logo: text });
      assert.ok([200, 400].includes(organization.status), organization.text);
      const consent = (await person.http.get(request(client, { scope: 'openid profile email', login_hint: text, ui_locales: text, state: text }))).headers.location;
      const login = (await stranger().get(request(client, { login_hint: text }))).headers.location;
      const pages = ['/login', '/sign-out', '/signed-in', '/two-factor', '/forgot-password', ...[consent, login].filter((location) => location.startsWith('/'))];
      if (organization.status === 200) {
        const invited = await person.http.post('/api/auth/organization/invite-member', { organizationId: organization.json.id, email: ada.email, role: 'member' });
        pages.push(`/accept-invitation?id=${invited.json.id}`);
        const page = await ada.http.get(pages.at(-1), { headers: { accept: 'text/html' } });
        assertInert(page, `the page of an invitation by ${text}`);
        if (page.text.includes(CANARY)) shown += 1;
      }
      for (const path of pages) {
        const page = await person.http.get(path, { headers: { accept: 'text/html' } });
        assertInert(page, `${path} ${text}`);
        if (page.text.includes(CANARY)) shown += 1;
      }
    }
    assert.ok(shown > MARKUP.length, `the names were shown on ${shown} pages only`);
  });

  test('in the parameters of an authorization request is text on the page that posts them to the client', async () => {
    const client = await registered(await administrator());
    for (const text of MARKUP) {
      const page = await ada.http.get(request(client, { response_mode: 'form_post', state: text }), { headers: { accept: 'text/html' } });
      assert.equal(page.status, 200, text);
      assertInert(page, `form_post ${text}`);
      assert.ok(page.text.includes(CANARY), 'the state is on the page');
      assert.equal(/<form[^>]+action="([^"]*)"/.exec(page.text)?.[1], CALLBACK);
    }
  });

  test('in an address, a password or a code is text on the page that shows the form again', async () => {
    for (const text of MARKUP)
      for (const [path, form] of [['/login', { email: text, password: text, callbackURL: '/' }], ['/sign-up', { email: text, name: text, password: 'x' }],
        ['/forgot-password', { email: text }],
        ['/login-link', { email: text }], ['/two-factor', { code: text }], ['/confirm-sign-up', { token: text, callbackURL: '/' }],
        ['/reset-password', { token: text, newPassword: 'x' }],
        ['/accept-invitation', { invitationId: text, accept: 'true' }]])
        assertInert(await stranger().request('POST', path, { form, headers: { accept: 'text/html' } }), `${path} ${text}`);
  });
});
