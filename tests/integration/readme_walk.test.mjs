// The walk of README.md, pasted: its bash blocks run as they stand, in one shell, but for the addresses, which are
// those of a private stack.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { startStack } from './lib/stack.mjs';

const README = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
const END_OF_BLOCK = '\u0004';

describe('the walk in README.md', () => {
  let stack, folder, said;

  before(async () => {
    stack = await startStack();
    folder = mkdtempSync(join(tmpdir(), 'readme-walk-'));
    said = await paste(bashBlocks(README), {
      'http://localhost:3001': stack.url,
      'http://localhost:8025': stack.mailUrl,
      '$PWD/build/run/socket': stack.socket,
    });
  });
  after(async () => {
    if (folder) rmSync(folder, { recursive: true });
    await stack?.stop();
  });

  test('signs up', () => {
    const { token, user } = JSON.parse(said[0]);
    assert.equal(token, null);
    assert.match(user.email, /^ada-\d+@example\.com$/);
  });

  test('opens the link of the mail', () => {
    const { verified } = stack.sql(`SELECT email_verified AS verified FROM auth.users`)[0];
    assert.equal(verified, true, said[1]);
  });

  test('signs in and shows the session', () => {
    const [signedIn, session] = jsons(said[2]);
    assert.equal(signedIn.user.emailVerified, true);
    assert.equal(session.session.userId, signedIn.user.id);
  });

  test('gets a token and the keys', () => {
    const { keys } = JSON.parse(said[3]);
    assert.equal(keys[0].crv, 'Ed25519');
  });

  test('makes the vault and fetches the same key', () => {
    const [made, fetched] = jsons(said[4]);
    assert.equal(Buffer.from(made.masterKey, 'base64').length, 32);
    assert.deepEqual(fetched, made);
  });

  test('finds the audit rows', () => {
    assert.match(said[5], /\| fetch +\| +200\n.*\| init +\| +201/);
  });

  test('signs out, and the token opens nothing', () => {
    const [signedOut, refused] = jsons(said[6]);
    assert.deepEqual(signedOut, { success: true });
    assert.equal(refused.masterKey, undefined);
    assert.ok(refused.error);
  });

  /** Feeds the blocks to one bash and returns what each printed. */
  function paste(blocks, addresses) {
    const here = (text) => Object.entries(addresses).reduce((all, [from, to]) => all.replaceAll(from, to), text);
    const script = blocks.map((block) => `${here(block)}\nprintf '${END_OF_BLOCK}'\n`).join('');
    const bash = spawn('bash', { cwd: folder, stdio: ['pipe', 'pipe', 'inherit'] });
    bash.stdin.end(script);
    let output = '';
    bash.stdout.on('data', (chunk) => (output += chunk));
    return new Promise((resolve) => bash.once('close', () => resolve(output.split(END_OF_BLOCK))));
  }
});

function bashBlocks(markdown) {
  return [...markdown.matchAll(/^```bash\n(.*?)^```/gms)].map(([, block]) => block);
}

/** JSON values that stand one after the other, as two curls print them. */
function jsons(text) {
  return text.replaceAll('}{', '}\n{').trim().split('\n').map((line) => JSON.parse(line));
}
