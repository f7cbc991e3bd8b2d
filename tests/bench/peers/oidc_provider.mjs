// node-oidc-provider with its store in memory (it keeps nothing; we do), one process: its store cannot be shared.
// Prints one line of JSON when it listens: an access token and refresh tokens of one user.

import { generateKeyPairSync } from 'node:crypto';

import Provider from 'oidc-provider';

const { PORT, CLIENT_ID, CLIENT_SECRET, REFRESH_TOKENS } = process.env;
const issuer = `http://127.0.0.1:${PORT}`;
const key = { ...generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'EdDSA' };

const provider = new Provider(issuer, {
  jwks: { keys: [key] },
  clients: [
    {
      client_id: CLIENT_ID, client_secret: CLIENT_SECRET, redirect_uris: ['https://client.example/cb'],
      grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
      id_token_signed_response_alg: 'EdDSA',
    },
  ],
  enabledJWA: { idTokenSigningAlgValues: ['EdDSA'] },
  scopes: ['openid', 'offline_access', 'profile', 'email', 'jobs.read'],
  claims: { openid: ['sub'], profile: ['name'], email: ['email', 'email_verified'] },
  findAccount: async (_context, id) => ({
    accountId: id,
    claims: async () => ({ sub: id, name: 'Ada Lovelace', email: 'ada@example.com', email_verified: true }),
  }),
  rotateRefreshToken: false, // a store in memory grows without end otherwise; we rotate
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    resourceIndicators: { // who names the resource gets a JWT for it, signed as ours is
      enabled: true,
      getResourceServerInfo: async (_context, audience) => ({
        audience, scope: 'jobs.read', accessTokenTTL: 600, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'EdDSA' } },
      }),
    },
  },
});
const client = await provider.Client.find(CLIENT_ID);
const grant = new provider.Grant({ accountId: 'ada', clientId: CLIENT_ID });
grant.addOIDCScope('openid profile email offline_access');
const grantId = await grant.save();
const granted = { accountId: 'ada', client, grantId, scope: 'openid profile email offline_access', gty: 'authorization_code' };
const access = await new provider.AccessToken({ ...granted, claims: {} }).save();
const refresh = [];
for (let i = 0; i < Number(REFRESH_TOKENS); i++) {
  refresh.push(await new provider.RefreshToken({ ...granted, nonce: 'n', authTime: 1, sid: 's' }).save());
}
provider.listen(Number(PORT), '127.0.0.1', () => console.log(JSON.stringify({ access, refresh })));
