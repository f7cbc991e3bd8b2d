// One request is one statement and one transaction, as PostgreSQL counts them: two where a password is hashed in between.
// pg_stat_statements counts what the edge sends; that it sends no BEGIN makes each statement a transaction.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { basic, code, exchange, register, request as authorize, SYNAPSE, SYNAPSE_BASIC } from './lib/oidc.mjs';
import { signIn, signUp, somebody, somebodySignedIn } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';

const VAULT = '/api/v1/me/encryption-vault';
const TOKEN = '/api/auth/oauth2/token';
// What an edge asks by itself, whatever is requested. Before a call in the slow lane it sets the time limits of that call.
const BACKGROUND = 'outbox_|outbound_|erasure_|sweep|signing_key|edge_secret|auth_api.ready|set_config';

describe('SQL calls of a request', () => {
  let stack, ada, robot, tokens, edgeId;
  before(async () => {
    stack = await startStack(SYNAPSE, {
      settings: { ...UNLIMITED.settings, shared_preload_libraries: 'mana_auth,pg_stat_statements' },
    });
    stack.psql('CREATE EXTENSION pg_stat_statements');
    edgeId = stack.psql("SELECT 'auth_edge'::regrole::oid");
    ada = await somebodySignedIn(stack);
    register(stack, {
      name: "'Robot'", redirect_uris: "'{}'", client_id: "'robot'", secret: "'robot-secret-0123456789'",
      grant_types: "'{client_credentials}'", scopes: "'{jobs.read}'",
    });
    robot = basic('robot', 'robot-secret-0123456789');
    tokens = (await exchange(ada.http, { code: await code(ada, { scope: 'openid offline_access' }) })).json;
    assert.ok(tokens.refresh_token);
  });
  after(() => stack?.stop());

  const get = (path) => () => ada.http.get(path);
  const bearer = (method, path, json) => () => ada.http.request(method, path, { json, bearer: ada.token });
  const token = (form, headers) => () => ada.http.request('POST', TOKEN, { form, headers });

  for (const [what, statements, request, status = 200] of [
    ['GET /health', 0, get('/health')],
    ['GET /jwks', 0, get('/api/auth/jwks')],
    ['GET discovery', 0, get('/.well-known/openid-configuration')],
    ['GET /get-session', 1, get('/api/auth/get-session')],
    ['GET /token', 1, get('/api/auth/token')],
    ['GET /list-sessions', 1, get('/api/auth/list-sessions')],
    ['GET /profile', 1, bearer('GET', '/api/v1/auth/profile')],
    ['GET /security-events', 1, bearer('GET', '/api/v1/auth/security-events')],
    ['POST /update-user', 1, () => ada.http.post('/api/auth/update-user', { name: 'Countess' })],
    ['GET /encryption-vault/status', 1, bearer('GET', `${VAULT}/status`)],
    ['POST /encryption-vault/init', 1, bearer('POST', `${VAULT}/init`, {})],
    ['GET /encryption-vault/key', 1, bearer('GET', `${VAULT}/key`)],
    ['OIDC authorize', 1, () => ada.http.get(authorize({ scope: 'openid offline_access' })), 302],
    ['OIDC client_credentials', 1, () => token({ grant_type: 'client_credentials', scope: 'jobs.read' }, robot)()],
    ['OIDC introspection', 1, () => ada.http.request('POST', '/api/auth/oauth2/introspect', {
      form: { token: tokens.access_token }, headers: SYNAPSE_BASIC,
    })],
    ['OIDC userinfo', 1, () => ada.http.request('GET', '/api/auth/oauth2/userinfo', { bearer: tokens.access_token })],
    ['OIDC refresh', 1, () => token({ grant_type: 'refresh_token', refresh_token: tokens.refresh_token }, SYNAPSE_BASIC)()],
    ['POST /sign-in/email', 2, () => signIn(ada)],
    ['POST /sign-in/email with a wrong password', 2, () => signIn({ ...ada, password: 'not-it-at-all' }), 401],
    ['POST /sign-up/email', 1, () => signUp(somebody(stack))],
    ['POST /organization/create', 1, () => ada.http.post('/api/auth/organization/create', { name: 'Engines', slug: 'engines' })],
  ]) {
    test(`${what}: ${statements}`, async () => {
      stack.psql('SELECT pg_stat_statements_reset()');
      const answer = await request();
      assert.equal(answer.status, status, answer.text);
      const sent = stack.sql(
        "SELECT query, calls FROM pg_stat_statements WHERE userid = :'edge' AND query !~ :'background'",
        { edge: edgeId, background: BACKGROUND },
      );
      assert.equal(sent.reduce((sum, { calls }) => sum + calls, 0), statements, JSON.stringify(sent));
      for (const { query } of sent) assert.match(query, /^(SELECT|CALL) /);
    });
  }
});
