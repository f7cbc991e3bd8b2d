// What people type for a code: as their app groups it, as they copied it from a mail or a sheet of paper, as their keyboard writes it.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Client } from './lib/http.mjs';
import { PASSWORD, somebodySignedIn } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';
import { stepPasses, totp } from './lib/totp.mjs';
import { until } from './lib/wait.mjs';

let stack;
before(async () => {
  stack = await startStack({}, UNLIMITED);
});
after(() => stack?.stop());

/** Ways to write six digits: in halves, with all kinds of blanks and dashes, in other digits. */
const DIGITS = {
  'a blank': (code) => `${code.slice(0, 3)} ${code.slice(3)}`,
  'a no-break space': (code) => `${code.slice(0, 3)}\u00a0${code.slice(3)}`,
  'a narrow no-break space': (code) => `${code.slice(0, 3)}\u202f${code.slice(3)}`,
  'a dash': (code) => `${code.slice(0, 3)}-${code.slice(3)}`,
  'an en dash': (code) => `${code.slice(0, 3)}\u2013${code.slice(3)}`,
  'a line end': (code) => `\t${code}\r\n`,
  'invisible characters': (code) => `\u200b${code}\ufeff`,
  'full-width digits': (code) => code.replaceAll(/\d/g, (digit) => String.fromCodePoint(0xff10 + Number(digit))),
  'Arabic-Indic digits': (code) => code.replaceAll(/\d/g, (digit) => String.fromCodePoint(0x0660 + Number(digit))),
};
/** Ways to write a backup code. */
const LETTERS = {
  'as it was shown': (code) => code,
  'without the dash': (code) => code.replace('-', ''),
  'in capital letters': (code) => code.toUpperCase(),
  'with a blank': (code) => code.replace('-', ' '),
  'with a figure dash': (code) => code.replace('-', '\u2012'),
  'with a letter for the digit': (code) => code.replaceAll('0', 'o').replaceAll('1', 'I'),
};

async function withFactor(method = 'totp') {
  const person = await somebodySignedIn(stack);
  const { json } = await person.http.post('/api/auth/two-factor/enable', { password: PASSWORD, method });
  Object.assign(person, { uri: json.totpURI, backupCodes: json.backupCodes });
  if (method === 'totp') await person.http.post('/api/auth/two-factor/verify-totp', { code: totp(person.uri) });
  stepPasses(stack, person.email);
  return person;
}

async function waiting({ email }) {
  const http = new Client(stack.url);
  const answer = await http.post('/api/auth/sign-in/email', { email, password: PASSWORD });
  assert.equal(answer.json.twoFactorRedirect, true, answer.text);
  return http;
}

test('a code of an app is taken however it is typed', async () => {
  const ada = await withFactor();
  for (const [way, typed] of Object.entries(DIGITS)) {
    stepPasses(stack, ada.email);
    const answer = await (await waiting(ada)).post('/api/auth/two-factor/verify-totp', { code: typed(totp(ada.uri)) });
    assert.equal(answer.status, 200, `${way}: ${answer.text}`);
  }
});

test('a code of a mail is taken however it is typed', async () => {
  const bob = await withFactor('otp');
  for (const [way, typed] of Object.entries(DIGITS)) {
    const http = await waiting(bob);
    await stack.mail.clear();
    await http.post('/api/auth/two-factor/send-otp', {});
    const code = await until('the mail with the code', async () => { // a notice may arrive before it
      const mails = await stack.mail.find(bob.email);
      return mails.map(({ text }) => /\b\d{6}\b/.exec(text)?.[0]).find(Boolean);
    });
    const answer = await http.post('/api/auth/two-factor/verify-otp', { code: typed(code) });
    assert.equal(answer.status, 200, `${way}: ${answer.text}`);
  }
});

test('a backup code is taken without its dash and in any case, once', async () => {
  const carl = await withFactor();
  for (const [way, typed] of Object.entries(LETTERS)) {
    const code = carl.backupCodes.pop();
    const answer = await (await waiting(carl)).post('/api/auth/two-factor/verify-backup-code', { code: typed(code) });
    assert.equal(answer.status, 200, `${way}: ${answer.text}`);
    const again = await (await waiting(carl)).post('/api/auth/two-factor/verify-backup-code', { code });
    assert.equal(again.json.code, 'INVALID_BACKUP_CODE', way);
  }
});

test('a backup code of an older version is taken without its dash, in the case in which it was shown', async () => {
  const dora = await withFactor();
  stack.psql(`INSERT INTO auth.two_factor_backup_codes (user_id, digest)
    SELECT :'id', auth.two_factor_code_digest(:'id', code) FROM unnest('{aBcDe-FgH0I,Zz9Yy-8xWw7}'::text[]) code`, { id: dora.id });
  const show = async (code) => (await (await waiting(dora)).post('/api/auth/two-factor/verify-backup-code', { code })).status;
  assert.deepEqual([await show('abcde-fgh0i'), await show('aBcDe FgH0I'), await show('aBcDe-FgH0I'), await show('Zz9Yy-8xWw7')], [401, 200, 401, 200]);
});

test('the page and a step-up take the same codes', async () => {
  const eve = await withFactor();
  const page = await (await waiting(eve)).request('POST', '/two-factor', { form: { code: DIGITS['an en dash'](totp(eve.uri)) } });
  assert.equal(page.status, 303, page.text);
  const typed = await (await waiting(eve)).request('POST', '/two-factor', { form: { code: LETTERS['without the dash'](eve.backupCodes[0]).toUpperCase() } });
  assert.equal(typed.status, 303, typed.text);
  const stepUp = await eve.http.post('/api/v1/auth/step-up', { code: LETTERS['with a blank'](eve.backupCodes[1]) });
  assert.equal(stepUp.status, 200, stepUp.text);
});

test('what has other letters or digits is wrong', async () => {
  const fay = await withFactor();
  const right = totp(fay.uri);
  for (const code of [`${right}1`, right.slice(1), `${right.slice(0, 5)}x`, '', ' - ', '\u00a0'])
    assert.equal((await (await waiting(fay)).post('/api/auth/two-factor/verify-totp', { code })).json.code, 'INVALID_CODE', JSON.stringify(code));
});

test('the label of an otpauth URI has one colon, whatever the issuer is called', async () => {
  const gil = await somebodySignedIn(stack);
  for (const [issuer, shown] of [['Mana: Auth', 'Mana Auth'], ['a:b:c', 'abc'], ['::x', 'x'], ['Mana\uff1aAuth', 'Mana\uff1aAuth'], [':', undefined]]) {
    const { json } = await gil.http.post('/api/auth/two-factor/enable', { password: PASSWORD, issuer });
    const { pathname, searchParams } = new URL(json.totpURI);
    const label = decodeURIComponent(pathname.replace(/^\/*(totp\/)?/, '')); // Node 18 keeps the host in the path
    assert.equal(label, shown ? `${shown}:${gil.email}` : gil.email, json.totpURI);
    assert.equal(searchParams.get('issuer') ?? undefined, shown, json.totpURI);
  }
});
