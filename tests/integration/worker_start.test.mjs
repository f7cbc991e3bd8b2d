// A worker that starts has neither signing keys nor, by default, the secret that signs cookies: until the database has
// given it both, it answers nothing but its health. A cookie that it cannot check is not a cookie that is wrong.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';

import { PROGRAM } from './lib/edge.mjs';
import { Client } from './lib/http.mjs';
import { signIn, somebodySignedIn } from './lib/people.mjs';
import { childrenOf } from './lib/processes.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';
import { until } from './lib/wait.mjs';


const routes = spawnSync(PROGRAM, ['routes'], { encoding: 'utf8' }).stdout
  .split('\n').slice(2).filter(Boolean)
  .map((line) => line.split('|').slice(1, 3).map((cell) => cell.trim().replaceAll('`', '')));

for (const [workers, rounds] of [['1', 10], ['2', 50]])
  describe(`${workers} new worker(s)`, () => {
    let stack;
    let person;
    before(async () => {
      stack = await startStack({ WORKERS: workers }, UNLIMITED);
      person = await somebodySignedIn(stack);
    });
    after(() => stack?.stop());

    /** Kills every worker, and waits for as many new ones. */
    const killWorkers = async () => {
      const old = childrenOf(stack.pids.edge).map(({ pid }) => pid);
      for (const pid of old) process.kill(pid, 'SIGKILL');
      await until('new workers', () => {
        const now = childrenOf(stack.pids.edge).map(({ pid }) => pid);
        return now.length === old.length && !now.some((pid) => old.includes(pid));
      });
    };

    test('a new worker without keys answers 503 with Retry-After on every route but its health', async () => {
      const blocker = stack.session();
      await blocker.run('BEGIN; LOCK TABLE auth.jwks IN ACCESS EXCLUSIVE MODE');
      await killWorkers();
      await until('a new worker to answer', () => person.http.get('/health').then(({ status }) => status === 200, () => false), 30_000);

      const wrong = [];
      for (const [method, path] of routes) {
        if (path === '/health') continue;
        const answer = await person.http.request(method, path.replace(/:\w+/g, 'x'), method === 'GET' ? {} : { json: {} });
        const says = path === '/health/ready' || /^[1-9]\d*$/.test(answer.headers['retry-after']);
        if (answer.status !== 503 || !says || answer.setCookies.length > 0) wrong.push([method, path, answer.status]);
      }
      assert.deepEqual(wrong, []);
      const probes = stack.log().filter(({ route, status }) => route === '/health/ready' && status === 503);
      assert.ok(probes.length > 0);
      assert.deepEqual(probes.filter(({ level }) => level === 'error'), [], 'a probe that is answered is no error');
      const stranger = { ...person, http: new Client(stack.url) };
      assert.equal((await signIn(stranger)).status, 503);
      assert.equal((await person.http.get('/health')).status, 200);

      await blocker.run('ROLLBACK');
      await blocker.close();
      const found = await until('the session', async () => {
        const answer = await person.http.get('/api/auth/get-session');
        return answer.status === 200 && answer;
      });
      assert.equal(found.json.user.id, person.id);
    });

    test(`a session is never absent and a sign-out never pretended while workers die, ${rounds} rounds`, async () => {
      let running = true;
      const wrong = [];
      let answered = 0;
      const ask = async () => {
        while (running) {
          const answer = await person.http.get('/api/auth/get-session').catch(() => undefined);
          if (answer === undefined || answer.status === 503) continue;
          answered += 1;
          if (answer.json?.user?.id !== person.id) wrong.push(['get-session', answer.status, answer.text]);
        }
      };
      const clients = Array.from({ length: 3 }, ask);
      for (let round = 0; round < rounds; round += 1) {
        const leaving = { ...person, http: new Client(stack.url) };
        await until('a sign-in', async () => (await signIn(leaving).catch(() => undefined))?.status === 200);
        const cookies = new Map(leaving.http.cookies);
        await killWorkers();
        const left = await until('an answer to the sign-out', async () => {
          const answer = await leaving.http.post('/api/auth/sign-out', {}).catch(() => undefined);
          return answer !== undefined && answer.status !== 503 && answer;
        });
        assert.equal(left.status, 200, left.text);
        leaving.http.cookies = cookies;
        const session = await until('an answer about the session', async () => {
          const answer = await leaving.http.get('/api/auth/get-session').catch(() => undefined);
          return answer?.status === 200 && answer;
        });
        if (session.json !== null) wrong.push(['sign-out', round, session.text]);
      }
      running = false;
      await Promise.all(clients);
      assert.deepEqual(wrong, []);
      assert.ok(answered > rounds, 'the clients were served, too');
    });
  });
