// The service in databases of other locales, of another encoding, and under logical replication.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { answers, spawnEdge } from './lib/edge.mjs';
import { Client } from './lib/http.mjs';
import { signIn, signUp, somebody, somebodySignedIn } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';
import { vaultOf } from './lib/vault.mjs';
import { until } from './lib/wait.mjs';

const ICU = (locale) => `LOCALE_PROVIDER icu ICU_LOCALE '${locale}' LOCALE 'C.UTF-8'`;
const LOCALES = { Turkish: ICU('tr-TR'), Azerbaijani: ICU('az-AZ'), Lithuanian: ICU('lt-LT'), C: `LOCALE 'C'` };

describe('databases', () => {
  let stack;
  before(async () => {
    stack = await startStack({}, UNLIMITED);
  });
  after(() => stack?.stop());

  for (const [name, locale] of Object.entries(LOCALES))
    test(`in a database of the ${name} locale an address means the same in upper and lower case`, async () => {
      const database = `locale_${name.toLowerCase()}`;
      stack.psql(`CREATE DATABASE ${database} TEMPLATE template0 ENCODING 'UTF8' ${locale}`);
      stack.psql(`\\connect ${database}\nSET client_min_messages = warning;\nCREATE EXTENSION mana_auth CASCADE`);
      const edge = await spawnEdge(stack, {
        WORKERS: '1', DATABASE_URL: stack.environment.DATABASE_URL.replace('mana_platform', database),
      });
      try {
        await until('the edge is ready', () => answers(edge.port, '/health/ready'));
        const browser = () => new Client(`http://127.0.0.1:${edge.port}`, { origin: stack.url });
        const person = { ...somebody(stack, 'İpek IŞIK ÌÍĨ'), http: browser() };
        const email = `TITI-${name.toUpperCase()}.${process.pid}@Example.COM`;
        assert.equal((await signUp({ ...person, email })).status, 200);
        const stored = stack.psql(`\\connect ${database}\nSELECT email FROM auth.users`);
        assert.equal(stored, `titi-${name.toLowerCase()}.${process.pid}@example.com`);
        const link = await stack.mail.link(stored, '/api/auth/verify-email');
        assert.ok([200, 302].includes((await person.http.get(new URL(link).pathname + new URL(link).search)).status));
        for (const spelling of [email, stored, email.toUpperCase()])
          assert.equal((await signIn({ ...person, email: spelling, http: browser() })).status, 200, spelling);
        assert.equal((await signUp({ ...person, email, http: browser() })).status, 200); // concealed
        assert.equal(stack.psql(`\\connect ${database}\nSELECT count(*) FROM auth.users`), '1');
        const search = (text) =>
          stack.psql(`\\connect ${database}\nSELECT count(*) FROM auth.users u WHERE auth.user_search_text(u.name, u.email) LIKE '%' || auth.lower_case('${text}') || '%'`);
        for (const text of ['TITI', 'IŞIK']) assert.equal(search(text), '1', text);
      } finally {
        edge.child.kill();
        await edge.ended;
      }
    });

  test('CREATE EXTENSION refuses a database that is not UTF8, and says how to make one', () => {
    stack.psql(`CREATE DATABASE latin1 TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'`);
    assert.throws(
      () => stack.psql(`\\connect latin1\nSET client_min_messages = warning;\nCREATE EXTENSION mana_auth CASCADE`),
      /database "latin1" has the encoding LATIN1, and mana_auth needs UTF8(.|\n)*TEMPLATE template0 ENCODING 'UTF8'/,
    );
  });

  test('every table has a replica identity, so that a publication for all tables stops no change', async () => {
    assert.deepEqual(
      stack.sql(`SELECT c.oid::regclass::text AS name FROM pg_class c
                  WHERE c.relnamespace = 'auth'::regnamespace AND c.relkind IN ('r', 'p') AND (c.relreplident = 'n' OR c.relreplident = 'd'
                        AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary))`),
      [],
    );
    stack.psql('SET client_min_messages = error; CREATE PUBLICATION everything FOR ALL TABLES');
    try {
      const ada = await somebodySignedIn(stack);
      assert.equal((await vaultOf(ada).init()).status, 200);
      assert.equal((await ada.http.post('/api/auth/update-user', { name: 'Ada King' })).status, 200);
      const { status, text } = await ada.http.post('/api/auth/delete-user', { password: ada.password });
      assert.equal(status, 200, text);
      assert.equal((await signIn(ada)).status, 401);
    } finally {
      stack.psql('DROP PUBLICATION everything');
    }
  });
});
