// Who the records were made with: somebody verified and signed in, without a session from the verification.

import assert from 'node:assert/strict';

import { Client } from '../lib/http.mjs';

const PASSWORD = 'password1234';

/** Signs somebody up, verifies the address, and signs in: the jar, with the session's `token`. */
export async function member(stack, replay, name, { displayName = name, password = PASSWORD, origin } = {}) {
  const email = replay.email(name);
  const client = new Client(stack.url, { origin });
  const answer = await client.post('/api/auth/sign-up/email', { email, password, name: displayName });
  assert.equal(answer.status, 200, answer.text);
  const link = new URL(await stack.mail.link(email, '/verify-email'));
  await client.get(link.pathname + link.search);
  stack.psql(`DELETE FROM auth.sessions s USING auth.users u WHERE u.id = s.user_id AND u.email = '${email}'`);
  return signIn(stack, replay, name, { password, origin });
}

export async function signIn(stack, replay, name, { password = PASSWORD, headers = {}, origin } = {}) {
  const client = new Client(stack.url, { origin, headers: { 'user-agent': 'trace/1', ...headers } });
  const answer = await client.post('/api/auth/sign-in/email', { email: replay.email(name), password });
  assert.equal(answer.status, 200, answer.text);
  return Object.assign(client.cookies, { token: answer.json.token });
}
