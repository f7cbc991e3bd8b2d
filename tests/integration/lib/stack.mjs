// A private stack for one test file: tests/stack/stack in its serving mode, as a child that dies with us.

import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { Mailbox } from './mail.mjs';

const STACK = fileURLToPath(new URL('../../stack/stack', import.meta.url));

/**
 * Starts PostgreSQL, a mail catcher and the edge on free ports. `environment` is the service's; `settings` are
 * PostgreSQL's; `keep` names a stack whose data stays.
 */
export async function startStack(environment = {}, { settings = {}, keep } = {}) {
  const options = Object.entries(settings).map(([name, value]) => `--setting=${name}=${value}`);
  if (keep) options.push('--keep', `--name=${keep}`);
  const stack = new Stack(environment, options);
  Object.assign(stack, await stack.answer());
  if (stack.mailUrl) stack.mail = new Mailbox(stack.mailUrl.replace('localhost', '127.0.0.1'));
  return stack;
}

/** A second edge of the same service, on the database and the mail catcher of `stack`. */
export async function anotherEdge(stack, environment = {}) {
  const password = readFileSync(join(stack.directory, 'secrets', 'auth_edge'), 'utf8').trim();
  stack.psql(`CREATE ROLE another_edge LOGIN PASSWORD 'another' IN ROLE auth_edge`);
  return startStack({
    ...environment, BASE_URL: stack.url, SMTP_HOST: '127.0.0.1', SMTP_PORT: stack.smtpPort,
    DATABASE_URL: `postgresql://auth_edge:${password}@/mana_platform?host=${stack.socket}`,
  });
}

/** For tests that do a lot at once and are not about rate limits. */
export const UNLIMITED = { settings: { 'mana_auth.rate_limit': 'off' } };

class Stack {
  constructor(environment, options) {
    this.process = spawn(STACK, ['serve', ...options], {
      env: { ...process.env, ...environment },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.ended = new Promise((resolve) => this.process.once('exit', (code, signal) => resolve({ code, signal })));
    this.lines = createInterface({ input: this.process.stdout })[Symbol.asyncIterator]();
  }

  async answer() {
    const { value, done } = await this.lines.next();
    if (done) throw new Error(`the stack ended: ${JSON.stringify(await this.ended)}`);
    return JSON.parse(value);
  }

  /** edge-stop, edge-kill, edge-start, postgres-stop {mode}, postgres-start, mail-stop, mail-start */
  async command(what, more = {}) {
    this.process.stdin.write(`${JSON.stringify({ do: what, ...more })}\n`);
    const { ok, error, ...report } = await this.answer();
    if (!ok) throw new Error(`${what}: ${error}`);
    Object.assign(this, report);
  }

  /** What the edge has written to its log, as objects. */
  log() {
    const lines = readFileSync(join(this.directory, 'log', 'edge.log'), 'utf8').split('\n').slice(0, -1); // the last may be half written
    return lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
  }

  /** What PostgreSQL has written to its log, as lines. */
  postgresLog() {
    return readFileSync(join(this.directory, 'log', 'postgres.log'), 'utf8').split('\n');
  }

  /** Rows of a query as objects; `variables` are used as :'name'. */
  sql(text, variables = {}) {
    const rows = this.psql(`SELECT coalesce(json_agg(r), '[]') FROM (${text}) r`, variables);
    return JSON.parse(rows);
  }

  /** What psql prints for any SQL, run as the superuser. */
  psql(text, variables = {}) {
    const set = Object.entries(variables).flatMap(([name, value]) => ['-v', `${name}=${value}`]);
    const connection = ['-h', this.socket, '-U', 'postgres', 'mana_platform'];
    const done = spawnSync('psql', ['-qAtX', '-v', 'ON_ERROR_STOP=1', ...set, '-f', '-', ...connection], {
      input: text,
      encoding: 'utf8',
    });
    if (done.status !== 0) throw new Error(`psql: ${done.stderr}`);
    return done.stdout.trim();
  }

  /** A psql that stays open, to hold locks: `await session.run(sql)`, `session.close()`. */
  session() {
    const connection = ['-h', this.socket, '-U', 'postgres', 'mana_platform'];
    const psql = spawn('psql', ['-qAtX', '-v', 'ON_ERROR_STOP=1', ...connection], { stdio: ['pipe', 'pipe', 'inherit'] });
    const lines = createInterface({ input: psql.stdout })[Symbol.asyncIterator]();
    return {
      async run(sql) {
        psql.stdin.write(`${sql};\n\\echo -- done\n`);
        for (;;) {
          const { value, done } = await lines.next();
          if (done) throw new Error('psql ended');
          if (value === '-- done') return;
        }
      },
      close() {
        psql.stdin.end();
        return new Promise((resolve) => psql.once('exit', resolve));
      },
    };
  }

  async stop() {
    this.process.stdin.end();
    return this.ended;
  }
}
