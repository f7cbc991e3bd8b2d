// Relying parties of others, each as its users configure it, with the validation of id_tokens on: openid-client and Authlib, by each
// algorithm that a client may have; the steps of Synapse's handler; and Apache's mod_auth_openidc. The last two by the very blocks
// of docs/relying-parties.md.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { decodeProtectedHeader } from 'jose';
import { custom, generators, Issuer } from 'openid-client';

import { startApache } from './lib/apache.mjs';
import { Client } from './lib/http.mjs';
import { CALLBACK, register, SYNAPSE } from './lib/oidc.mjs';
import { somebodySignedIn } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';

custom.setHttpOptionsDefaults({ timeout: 20_000 });

const AUTHLIB = fileURLToPath(new URL('lib/authlib_party.py', import.meta.url));
const SYNAPSE_HANDLER = fileURLToPath(new URL('lib/synapse_party.py', import.meta.url));
const DOCS = readFileSync(new URL('../../docs/relying-parties.md', import.meta.url), 'utf8');
const block = (language) => DOCS.match(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``))[1];
const ALGORITHMS = ['EdDSA', 'ES256', 'RS256'];
const id = (alg) => `party-${alg.toLowerCase()}`;

describe('relying parties', () => {
  let stack, ada, stranger;
  before(async () => {
    stack = await startStack(SYNAPSE, UNLIMITED);
    ada = await somebodySignedIn(stack, 'Ada Lovelace');
    stranger = new Client(stack.url, { origin: null });
    for (const alg of ALGORITHMS)
      register(stack, {
        name: `'Party'`, redirect_uris: `ARRAY['${CALLBACK}']`, client_id: `'${id(alg)}'`, secret: `'party-secret'`,
        skip_consent: 'true', id_token_alg: `'${alg}'`,
      });
  });
  after(() => stack?.stop());

  for (const alg of ALGORITHMS) {
    test(`openid-client with id_tokens by ${alg}`, async () => {
      const issuer = await Issuer.discover(stack.url);
      assert.ok(issuer.id_token_signing_alg_values_supported.includes(alg));
      const client = new issuer.Client({
        client_id: id(alg), client_secret: 'party-secret', redirect_uris: [CALLBACK], response_types: ['code'], id_token_signed_response_alg: alg,
      });
      const state = generators.state(), nonce = generators.nonce();
      const answer = await ada.http.get(client.authorizationUrl({ scope: 'openid email offline_access', state, nonce }));
      const tokens = await client.callback(CALLBACK, client.callbackParams(answer.headers.location), { state, nonce, response_type: 'code' });
      assert.equal(tokens.claims().sub, ada.id);
      assert.equal(decodeProtectedHeader(tokens.id_token).alg, alg);
      const next = await client.refresh(tokens);
      assert.equal(decodeProtectedHeader(next.id_token).alg, alg);

      const other = new issuer.Client({
        ...client.metadata, id_token_signed_response_alg: ALGORITHMS.find((one) => one !== alg),
      });
      await assert.rejects(other.refresh(next), /unexpected JWT alg/, 'the algorithm is the client\'s, and no other');
    });

    test(`an id_token by ${alg} is a hint at logout`, async () => {
      const carl = await somebodySignedIn(stack);
      const issuer = await Issuer.discover(stack.url);
      const client = new issuer.Client({
        client_id: id(alg), client_secret: 'party-secret', redirect_uris: [CALLBACK], response_types: ['code'], id_token_signed_response_alg: alg,
      });
      const answer = await carl.http.get(client.authorizationUrl({ scope: 'openid', state: 'x' }));
      const { id_token } = await client.callback(CALLBACK, client.callbackParams(answer.headers.location), { state: 'x', response_type: 'code' });
      const changed = `${id_token.slice(0, -8)}${id_token.at(-8) === 'A' ? 'B' : 'A'}${id_token.slice(-7)}`;
      const refused = await carl.http.get(client.endSessionUrl({ id_token_hint: changed }));
      assert.deepEqual([refused.status, refused.json?.error], [400, 'invalid_request']);
      const ended = await carl.http.get(client.endSessionUrl({ id_token_hint: id_token }));
      assert.deepEqual([ended.status, ended.headers.location], [302, '/signed-out']);
    });

    test(`Authlib with id_tokens by ${alg}`, async () => {
      const { claims, userinfo } = await authlib([stack.url, id(alg), 'party-secret', CALLBACK], ada);
      assert.equal(claims.sub, ada.id);
      assert.equal(userinfo.email, ada.email);
    });
  }

  test('Authlib as the client of the environment', async () => {
    const { claims, userinfo } = await authlib([stack.url, 'matrix-synapse', SYNAPSE.SYNAPSE_OIDC_CLIENT_SECRET, CALLBACK], ada);
    assert.equal(claims.sub, ada.id);
    assert.equal(userinfo.email, ada.email);
  });

  test("Synapse's handler, by the block of the docs: known by sub; and once more with keys that it has not seen", async () => {
    const synapse = python(SYNAPSE_HANDLER, []);
    synapse.say(JSON.stringify({ yaml: block('yaml'), issuer: stack.url, secret: SYNAPSE.SYNAPSE_OIDC_CLIENT_SECRET, callback: CALLBACK }));
    const login = async (person) => {
      synapse.say('login');
      const answer = await person.http.get(await synapse.hear());
      assert.equal(answer.status, 302, answer.text);
      synapse.say(answer.headers.location);
      return JSON.parse(await synapse.hear());
    };
    const user = await login(ada);
    assert.deepEqual([user.external_id, user.display_name_template, user.email_template, user.localpart_template],
      [ada.id, 'Ada Lovelace', ada.email, undefined]);

    const kids = () => new Set(stack.sql('SELECT id FROM auth.jwks').map((row) => row.id));
    const old = kids();
    stack.psql('SET ROLE auth_admin; SELECT auth.revoke_signing_keys()'); // the emergency of SECURITY.md: the new keys sign at once
    await stack.command('edge-stop');
    await stack.command('edge-start');
    assert.ok([...kids()].every((kid) => !old.has(kid)));
    const again = await login(ada);
    assert.equal(again.external_id, ada.id);
    await synapse.end();
  });

  for (const alg of ['RS256', 'ES256'])
    test(`Apache's mod_auth_openidc, by the block of the docs, with id_tokens by ${alg}`, async () => {
      const client_id = `intranet-${alg.toLowerCase()}`;
      const apache = await startApache((url) => block('apache')
        .replaceAll('https://auth.mana.how', stack.url).replaceAll('https://intranet.example', url)
        .replace('OIDCClientID intranet', `OIDCClientID ${client_id}`).replace('the-secret-that-was-shown', 'apache-secret'));
      try {
        register(stack, {
          name: `'Intranet'`, redirect_uris: `ARRAY['${apache.url}/signed-in']`, client_id: `'${client_id}'`, secret: `'apache-secret'`,
          post_logout_redirect_uris: `ARRAY['${apache.url}/bye']`, id_token_alg: `'${alg}'`, skip_consent: 'true',
        });
        const carl = await somebodySignedIn(stack);
        const newBrowser = () => new Client(apache.url, { origin: null, headers: { accept: 'text/html' } });
        const browser = newBrowser();
        const page = await browser.get('/');
        assert.equal(page.status, 302, page.text);
        const answer = await carl.http.get(page.headers.location);
        assert.equal(answer.status, 302, answer.text);
        const back = await browser.get(answer.headers.location);
        assert.deepEqual([back.status, back.headers.location], [302, `${apache.url}/`], `${back.text}${apache.log()}`);
        const inside = await browser.get('/');
        assert.deepEqual([inside.status, inside.headers['x-remote-user'], inside.headers['x-email']], [200, carl.id, carl.email], apache.log());

        const stranger = await newBrowser().get(answer.headers.location);
        assert.notEqual(stranger.headers['x-remote-user'], carl.id, 'the answer is of no use to another browser');

        const leaves = await browser.get(`/signed-in?logout=${encodeURIComponent(`${apache.url}/bye`)}`);
        assert.equal(leaves.status, 302, leaves.text);
        assert.ok(leaves.headers.location.startsWith(`${stack.url}/api/auth/oauth2/end-session?`), leaves.headers.location);
        const ended = await carl.http.get(leaves.headers.location);
        assert.deepEqual([ended.status, ended.headers.location], [302, `${apache.url}/bye`], ended.text);
        assert.equal((await carl.http.get('/api/auth/get-session')).text, 'null');
      } finally {
        await apache.stop();
      }
    });
});

/** A Python program that is spoken to in lines. */
function python(program, args) {
  const party = spawn('/usr/bin/python3', [program, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, AUTHLIB_INSECURE_TRANSPORT: '1' },
  });
  const lines = createInterface({ input: party.stdout })[Symbol.asyncIterator]();
  const ended = new Promise((resolve) => party.once('exit', resolve));
  return {
    say: (line) => party.stdin.write(`${line}\n`),
    async hear() {
      const { value, done } = await lines.next();
      assert.ok(!done, `${program} ended`);
      return value;
    },
    async end() {
      party.stdin.end();
      assert.equal(await ended, 0);
    },
  };
}

/** Runs lib/authlib_party.py, with `person` as the browser between it and us. */
async function authlib(args, person) {
  const party = python(AUTHLIB, args);
  const answer = await person.http.get(await party.hear());
  party.say(answer.headers.location);
  const said = JSON.parse(await party.hear());
  await party.end();
  return said;
}
