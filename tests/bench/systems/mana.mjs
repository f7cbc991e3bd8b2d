// We: a stack of its own with fsync on, so that a commit costs what it costs; one user, one vault, two clients.

import { basic, CALLBACK, code, exchange, register, request, SYNAPSE, SYNAPSE_BASIC } from '../../integration/lib/oidc.mjs';
import { PASSWORD, somebodySignedIn } from '../../integration/lib/people.mjs';
import { startStack, UNLIMITED } from '../../integration/lib/stack.mjs';

export const VAULT = '/api/v1/me/encryption-vault';

export async function startMana({ workers, hash }) {
  const stack = await startStack(
    {
      ...SYNAPSE, WORKERS: String(workers), SESSION_JWT_HEADER: 'off', SESSION_LIMIT: '10000',
      HASH_MEMORY_KIB: String(hash.memoryKib), HASH_PASSES: String(hash.passes),
    },
    { settings: { ...UNLIMITED.settings, fsync: 'on', synchronous_commit: 'on', max_connections: '200' } },
  );
  const ada = await somebodySignedIn(stack);
  await ada.http.post(`${VAULT}/init`, {}, { bearer: ada.token });
  const robot = register(stack, {
    name: "'Robot'", redirect_uris: "'{}'", client_id: "'robot'", secret: "'robot-secret-0123456789'",
    grant_types: "'{client_credentials}'", scopes: "'{jobs.read}'",
  });
  stack.psql("SELECT auth.oidc_resource_register('https://api.example/', 'Jobs', '{robot}')");
  const tokens = await grants(stack, ada, 1);
  return {
    stack,
    name: 'mana-auth',
    url: stack.url.replace('localhost', '127.0.0.1'),
    pids: [stack.pids.edge, stack.pids.postgres],
    own: [stack.pids.edge],
    paths: {
      token: '/api/auth/oauth2/token', introspection: '/api/auth/oauth2/introspect', userinfo: '/api/auth/oauth2/userinfo',
      jwks: '/api/auth/jwks', discovery: '/.well-known/openid-configuration',
    },
    client: { id: robot.id, secret: 'robot-secret-0123456789' },
    authorization: { robot: basic(robot.id, 'robot-secret-0123456789'), synapse: SYNAPSE_BASIC },
    access: tokens[0].access_token,
    freshTokens: async (count) => (await grants(stack, ada, count)).map((token) => token.refresh_token),
    person: { email: ada.email, password: PASSWORD, name: ada.name },
    cookie: { cookie: [...ada.http.cookies].map((pair) => pair.join('=')).join('; ') },
    bearer: { authorization: `Bearer ${ada.token}` },
    stop: () => stack.stop(),
  };
}

/** As many grants with a refresh token as there are clients, by the code flow. */
async function grants(stack, ada, count) {
  const scope = 'openid profile email offline_access';
  await consent(stack, ada, scope);
  const tokens = [];
  for (let i = 0; i < count; i++) {
    const answer = await exchange(ada.http, { code: await code(ada, { scope, prompt: undefined }) });
    if (answer.status !== 200 || !answer.json.refresh_token) throw new Error(`token: ${answer.status} ${answer.text}`);
    tokens.push(answer.json);
  }
  return tokens;
}

/** offline_access is asked once, even of a trusted client. */
async function consent(stack, ada, scope) {
  const answer = await ada.http.get(request({ scope }));
  const location = answer.headers.location ?? '';
  if (answer.status === 302 && location.startsWith(CALLBACK)) return;
  throw new Error(`authorize: ${answer.status} ${location} ${answer.text}`);
}
