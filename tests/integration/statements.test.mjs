// Prepared statements that the database does not know, or not any more: nothing was done, so no answer is an error of the
// service, and each connection heals.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { somebodySignedIn } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';
import { until } from './lib/wait.mjs';

const CALLS = 16;

describe('statements', () => {
  let stack;
  let people;
  before(async () => {
    stack = await startStack({ WORKERS: '1' }, UNLIMITED);
    people = [];
    for (let i = 0; i < 3; i += 1) people.push(await somebodySignedIn(stack));
  });
  after(() => stack?.stop());

  const rename = (n) => people[n % people.length].http.post('/api/auth/update-user', { name: `N${n}` });
  const all = () => Promise.all(Array.from({ length: CALLS }, (_, n) => rename(n)));
  const refused = ({ status, headers }) => status === 503 && /^[1-9]\d*$/.test(headers['retry-after']);

  for (const what of ['was never prepared', 'was prepared before'])
    test(`a routine that is missing and ${what}: 503 with Retry-After for every call in flight, and 200 when it is back`, async () => {
      stack.psql('ALTER FUNCTION auth_api.user_update(auth.caller, jsonb) RENAME TO user_update_away');
      const answers = await all();
      assert.deepEqual(answers.filter((answer) => !refused(answer)).map(({ status, text }) => [status, text]), []);
      await until('an edge that does not match its database to say so', async () => (await people[0].http.get('/health/ready')).status === 503);
      assert.equal((await people[0].http.get('/health')).status, 200);
      stack.psql('ALTER FUNCTION auth_api.user_update_away(auth.caller, jsonb) RENAME TO user_update');
      await until('a call that succeeds', async () => (await rename(0)).status === 200);
      assert.deepEqual((await all()).map(({ status }) => status), Array(CALLS).fill(200));
    });

  test('a session that has lost its prepared statements gets them again, and each call is answered', async () => {
    stack.psql(`CREATE FUNCTION public.forget() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'DEALLOCATE ALL'; RETURN NULL; END $$;
      CREATE TRIGGER forget AFTER UPDATE ON auth.users FOR EACH ROW WHEN (NEW.name = 'N${CALLS - 1}') EXECUTE FUNCTION public.forget()`);
    for (let round = 0; round < 3; round += 1) assert.deepEqual((await all()).map(({ status }) => status), Array(CALLS).fill(200));
    stack.psql('DROP TRIGGER forget ON auth.users; DROP FUNCTION public.forget');
    assert.deepEqual((await all()).map(({ status }) => status), Array(CALLS).fill(200));
  });
});
