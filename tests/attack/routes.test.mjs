// Every row of the table of routes, attacked by what holds for all of them: nothing without its credential, nothing by another method,
// no internal error by any body. A new route is attacked as soon as it is in the table.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { encode, keyPair, signed } from './lib/jwt.mjs';
import { FIELDS, QUERY_NAMES, URLS } from './lib/names.mjs';
import { administrator, copyOf, each, member, routes, stranger, target, vaultToken, without } from './lib/target.mjs';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];
const pathOf = ({ path }, value = 'x') => path.replace(/:\w+/g, value);
const isWrite = ({ method }) => method !== 'GET';

describe('the table of routes', { skip: without.routes }, () => {
  const http = stranger();

  test('has rows, each once, each with somebody who may call', () => {
    assert.ok(routes.length > 10);
    const keys = routes.map(({ name }) => name);
    assert.deepEqual(keys, [...new Set(keys)]);
    assert.deepEqual(routes.filter(({ access }) => !access), []);
  });

  test('only reading without a database is without a limit', () => {
    const unlimited = routes.filter(({ limit, access }) => limit === 'none' && access === 'anybody');
    assert.deepEqual(unlimited.filter(isWrite), []);
  });

  const { privateKey } = keyPair();
  const forged = signed({ alg: 'EdDSA', kid: 'x' },
    { sub: 'x', sid: 'x', role: 'admin', iss: target.url, aud: 'mana', exp: Math.floor(Date.now() / 1000) + 3600 }, { alg: 'EdDSA', privateKey });
  const unsigned = `${encode({ alg: 'none' })}.${forged.split('.')[1]}.`;

  describe('for nobody', { concurrency: 8 }, () => {
    for (const row of routes.filter(({ access }) => access !== 'anybody')) test(`${row.name} (${row.access}) refuses strangers`, async () => {
      const send = (more) => http.request(row.method, pathOf(row), { ...(isWrite(row) ? { json: {} } : {}), ...more });
      for (const attempt of [
        {},
        { headers: { cookie: 'mana.session_token=x' } },
        { headers: { cookie: `mana.session_token=${'a'.repeat(32)}.${'A'.repeat(43)}%3D` } },
        { bearer: 'x' },
        { bearer: forged },
        { bearer: unsigned },
        { headers: { 'x-service-key': 'x' } },
      ]) {
        const answer = await send(attempt);
        assert.equal(answer.status, 401, `${JSON.stringify(attempt)}: ${answer.text}`);
      }
    });
  });

  describe('for a user who is signed in', () => {
    let ada;
    before(async () => {
      ada = await member('Ada');
    });

    test('no route is reached by another method, nor by a header that names one', async () => {
      for (const path of new Set(routes.map(pathOf))) {
        const known = routes.filter((row) => new RegExp(`^${row.path.replace(/:\w+/g, '[^/]+')}$`).test(path)).map(({ method }) => method);
        for (const method of METHODS.filter((one) => !known.includes(one) && !(one === 'HEAD' && known.includes('GET')))) {
          const answer = await copyOf(ada.http).request(method, path, {
            ...(method === 'GET' || method === 'HEAD' ? {} : { json: {} }), bearer: ada.token,
            headers: { 'x-http-method-override': known[0], 'x-http-method': known[0], 'x-method-override': known[0] },
          });
          assert.ok([404, 405].includes(answer.status), `${method} ${path}: ${answer.status}`);
        }
      }
    });

    test('no admin route and no service route takes the credentials of a user', async () => {
      for (const row of routes.filter(({ access }) => /admin|service/i.test(access)))
        for (const more of [{ bearer: ada.token }, { headers: { 'x-service-key': ada.token } }, {}]) {
          const { status } = await copyOf(ada.http).request(row.method, pathOf(row, ada.id), { ...(isWrite(row) ? { json: {} } : {}), ...more });
          assert.ok([401, 403].includes(status), `${row.name}: ${status}`);
        }
    });

    /** What opens a route: the tokens of a person, or those of an administrator and of a service. The cookie is the person's. */
    async function credentialsOf(person) {
      const admin = without.admin ? person : await administrator();
      const forVault = await vaultToken(person);
      return ({ path, access }, headers = {}) => {
        const bearer = /admin/.test(access) ? admin.token : path.includes('encryption-vault') ? forVault : person.token;
        return { bearer: /JWT/.test(access) ? bearer : undefined, headers: /service/.test(access) ? { ...headers, 'x-service-key': target.serviceKey } : headers };
      };
    }

    const all = (value) => JSON.stringify(Object.fromEntries([...FIELDS, ...URLS].map((name) => [name, value])));
    const BODIES = {
      'a number': '0', 'a text': '"x"', 'null': 'null', 'an array': '[]', 'an array of objects': '[{}]', 'nothing': '', 'half an object': '{"email":', 'two objects': '{}{}',
      'a comment': '{/**/}', 'NaN': '{"email":NaN}', 'a byte order mark': '\ufeff{}', 'arrays 30,000 deep': '['.repeat(30_000), 'objects 10,000 deep': '{"a":'.repeat(10_000),
      'a field 1,000 arrays deep': `{"email":${'['.repeat(1000)}${']'.repeat(1000)}}`,
      'a field of metadata 1,000 objects deep': `{"metadata":${'{"a":'.repeat(1000)}1${'}'.repeat(1000)},"data":${'{"a":'.repeat(1000)}1${'}'.repeat(1000)}}`,
      'huge numbers': all(0).replaceAll(':0', ':1e400'), 'small numbers': all(0).replaceAll(':0', ':-1e-400'), 'long numbers': all(0).replaceAll(':0', `:${'9'.repeat(300)}`),
      'numbers beyond 64 bits': all(0).replaceAll(':0', ':18446744073709551617'), 'fractions': all(1.5), 'negative numbers': all(-1),
      'names of the prototype': '{"__proto__":{"role":"admin"},"constructor":{"prototype":{"role":"admin"}},"toString":1,"hasOwnProperty":null,"email":{"__proto__":"x"}}',
      'fields of null': all(null), 'fields of true': all(true), 'empty fields': all(''), 'fields of arrays': all([]), 'fields of objects': all({}),
      'fields of mixed arrays': all([1, null, 'x', { a: [] }]), 'fields with NUL': all('\0'), 'fields of blanks': all(' \t\n'),
      'fields of half a character': all(0).replaceAll(':0', ':"\\ud800"'),
      'fields of SQL': all(`'; DROP TABLE auth.users; --`), 'fields of format directives': all('%s%n%s %1$s $1 \\x00 ${7*7} {{7*7}}'),
      'fields of paths': all('../../../../etc/passwd'),
      '20,000 fields': `{${Array.from({ length: 10_000 }, (_, n) => `"f${n}":1`).join(',')}}`, 'one long text': `{"name":"${'x'.repeat(120_000)}"}`,
      'fields that are no UTF-8': Buffer.from(all('\u00ff\u00c0\u0080'), 'latin1'),
    };
    // they end the session, or the account, that the others need
    const isEnd = ({ path }) => /delete-user|end-session|account$|me\/data|sign-out|logout|revoke|sessions|change-password/.test(path);
    const INTERNAL = /SQLSTATE|PL\/pgSQL|pg_catalog|auth_api|relation "|syntax error at|segfault|\/src\/|\.c:\d+/;

    test('no body makes an internal error or shows the inside of the service', { timeout: 120_000 }, async () => {
      const eve = await member('Eve');
      const credentials = await credentialsOf(eve);
      const wrong = [];
      const attemptsOn = (rows) => rows.filter(isWrite).flatMap((row) => Object.entries(BODIES).map(([what, body]) => ({ row, what, body })));
      const attack = async ({ row, what, body }) => {
        for (const type of ['application/json', 'application/x-www-form-urlencoded']) {
          if (type !== 'application/json' && !/^(fields|half|nothing)/.test(what)) continue; // as a form, too
          const answer = await copyOf(eve.http).request(row.method, pathOf(row), { body, ...credentials(row, { 'content-type': type }) });
          if (answer.status >= 500 || INTERNAL.test(answer.text)) wrong.push([row.name, what, type, answer.status, answer.text.slice(0, 200)]);
        }
      };
      await each(attemptsOn(routes.filter((row) => !isEnd(row))), attack);
      assert.equal((await eve.http.get('/api/auth/get-session')).json?.user.id, eve.id, 'the session that was used is still there');
      await each(attemptsOn(routes.filter(isEnd)), attack);
      assert.deepEqual(wrong, []);
      assert.equal((await http.get('/health/ready')).status, 200);
    });

    const QUERIES = ['', '-1', '0', '1e9', '1.5', 'NaN', '0x10', '9223372036854775808', '99999999999999999999999999', ' 1', '\u0661', 'true', 'null', '[]', '{"a":1}', '%', '\0', '\u202e',
      `' OR 1=1 --`, `1; DROP TABLE auth.users`, `$1`, `\\`, `*`, `_%`, `../../etc/passwd`, 'createdAt desc', 'a'.repeat(1500), '2024-13-45T99:99:99Z', 'infinity'];

    test('no query and no path makes an internal error or shows the inside of the service', { timeout: 120_000 }, async () => {
      const wrong = [];
      const credentials = await credentialsOf(ada);
      // one name at a time, for the first value that is refused would hide the others; the values take turns
      const attempts = routes.filter((row) => !isWrite(row))
        .flatMap((row, n) => QUERY_NAMES.map((name, m) => ({ row, name, value: QUERIES[(n * QUERY_NAMES.length + m) % QUERIES.length] })));
      await each(attempts, async ({ row, name, value }) => {
        const path = row.path.replace(/:\w+/g, encodeURIComponent(value).slice(0, 300) || 'x');
        const answer = await copyOf(ada.http).get(`${path}?${new URLSearchParams({ [name]: value })}`, credentials(row));
        if (answer.status >= 500 || INTERNAL.test(answer.text)) wrong.push([row.name, name, value, answer.status, answer.text.slice(0, 200)]);
      });
      assert.deepEqual(wrong, []);
    });

    test('a body over the limit is refused by every route, and not kept', async () => {
      const body = `{"name":"${'x'.repeat(300_000)}"}`;
      for (const row of routes.filter(isWrite)) {
        const answer = await stranger().request(row.method, pathOf(row), { body, headers: { 'content-type': 'application/json' } })
          .catch((error) => ({ status: 413, cut: error.code }));
        assert.equal(answer.status, 413, `${row.name}: ${answer.status}`);
      }
    });
  });
});
