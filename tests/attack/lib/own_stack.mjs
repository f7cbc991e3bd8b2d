// Runs a command against a private stack: starts tests/stack, makes an administrator, describes both in the environment
// (lib/target.mjs), and ends with the status of the command.

import { spawn } from 'node:child_process';

import { somebodyVerified } from '../../integration/lib/people.mjs';
import { startStack, UNLIMITED } from '../../integration/lib/stack.mjs';

const SERVICE_KEY = 'attack:k7Rw2Zt9Yb4Nc6Xv8Qm1Ls3Jd5Hf0Gp';
const TRUSTED_ORIGIN = 'https://app.example';
const VAULT_AUDIENCE = 'mana-vault';

const ENVIRONMENT = {
  CORS_ORIGINS: TRUSTED_ORIGIN, MANA_SERVICE_KEY: SERVICE_KEY, VAULT_AUDIENCE,
  HEADER_TIMEOUT_SECONDS: '5', BODY_TIMEOUT_SECONDS: '3', UNREAD_SECONDS: '3', HASH_THREADS: '1', HASH_QUEUE: '12',
};

const stack = await startStack(ENVIRONMENT, UNLIMITED);
let status = 1;
try {
  const admin = await somebodyVerified(stack, 'Admin');
  stack.psql(`UPDATE auth.users SET role = 'admin' WHERE id = :'id'`, admin);
  const keys = stack.sql(`SELECT kid, encode(private_key, 'base64') AS seed FROM auth_api.signing_keys() WHERE alg = 'EdDSA' AND signs_in_seconds <= 0`);
  const [program, ...args] = process.argv.slice(2);
  const child = spawn(program, args, {
    stdio: 'inherit',
    env: {
      ...process.env, ATTACK_URL: stack.url, ATTACK_MAIL_URL: stack.mail.url,
      ATTACK_ADMIN: `${admin.email}:${admin.password}`, ATTACK_SERVICE_KEY: SERVICE_KEY.split(':')[1],
      ATTACK_VAULT_AUDIENCE: VAULT_AUDIENCE, ATTACK_FEW_HASHES: '1', ATTACK_SIGNING_KEY: `${keys[0].kid}:${keys[0].seed}`, ATTACK_TRUSTED_ORIGIN: TRUSTED_ORIGIN,
    },
  });
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
  const [code, signal] = await new Promise((resolve) => child.once('exit', (...ended) => resolve(ended)));
  status = signal ? 1 : code;
} finally {
  await stack.stop();
}
process.exit(status);
