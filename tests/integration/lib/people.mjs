// The nouns of the tests: somebody new, somebody verified, somebody signed in.

import assert from 'node:assert/strict';

import { Client } from './http.mjs';

let people = 0;

export const PASSWORD = 'violet-kayak-under-9-moons';

/** Somebody who has never been here: an address of their own and a browser. */
export function somebody(stack, name = 'Ada Lovelace') {
  people += 1;
  return { name, email: `person${people}-${process.pid}@example.com`, password: PASSWORD, http: new Client(stack.url) };
}

export async function signUp(person) {
  const { name, email, password } = person;
  return person.http.post('/api/auth/sign-up/email', { name, email, password });
}

export async function signIn(person) {
  const { email, password } = person;
  return person.http.post('/api/auth/sign-in/email', { email, password });
}

/** Signed up and verified through the link of the mail; the link signs them in. */
export async function somebodyVerified(stack, name) {
  const person = somebody(stack, name);
  const answer = await signUp(person);
  assert.equal(answer.status, 200, answer.text);
  person.id = answer.json.user.id;
  const link = await stack.mail.link(person.email, '/api/auth/verify-email');
  const verified = await person.http.get(link);
  assert.ok([200, 302].includes(verified.status), `verify-email: ${verified.status} ${verified.text}`);
  return person;
}

/** Signed in with the password, with a JWT in `token`. */
export async function somebodySignedIn(stack, name) {
  const person = await somebodyVerified(stack, name);
  const answer = await signIn(person);
  assert.equal(answer.status, 200, answer.text);
  person.token = await token(person);
  return person;
}

export async function token(person) {
  const answer = await person.http.get('/api/auth/token');
  assert.equal(answer.status, 200, answer.text);
  return answer.json.token;
}
