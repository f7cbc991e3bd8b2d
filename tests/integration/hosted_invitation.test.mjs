// An invitation from the mail to the membership, in a real browser without JavaScript.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { chromium } from 'playwright-core';

import { Client } from './lib/http.mjs';
import { PASSWORD, somebody, somebodySignedIn, somebodyVerified } from './lib/people.mjs';
import { startStack, UNLIMITED } from './lib/stack.mjs';
import { until } from './lib/wait.mjs';

const PICTURES = process.env.PICTURES; // a folder: what the pages look like is put there

describe('the page of an invitation', () => {
  let stack, browser, owner, organizations = 0;
  before(async () => {
    stack = await startStack({}, UNLIMITED);
    owner = await somebodySignedIn(stack, 'Grace "Amazing" Hopper');
    browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
  });
  after(async () => {
    await browser?.close();
    await stack?.stop();
  });

  const open = async (options = {}) => {
    const context = await browser.newContext({ javaScriptEnabled: false, locale: 'en', ...options });
    return context.newPage();
  };
  const picture = (page, name) => PICTURES && page.screenshot({ path: `${PICTURES}/${name}.png`, fullPage: true });
  const organization = async (name = 'Rock & <b>Roll</b>') => {
    organizations += 1;
    const made = await owner.http.post('/api/auth/organization/create', { name, slug: `org-${organizations}` });
    assert.equal(made.status, 200, made.text);
    return made.json.id;
  };
  const invite = async (email, organizationId, role = 'member') => {
    const invited = await owner.http.post('/api/auth/organization/invite-member', { email, role, organizationId });
    assert.equal(invited.status, 200, invited.text);
    return invited.json.id;
  };
  const linkTo = (email, id) => stack.mail.link(email, `/accept-invitation?id=${id}`, { contains: id });
  const signInOn = async (page, email) => {
    await page.fill('#email', email);
    await page.fill('#password', PASSWORD);
    await page.click('button');
  };
  const isMember = (person, org) => stack.sql(
    `SELECT m.role FROM auth.members m JOIN auth.users u ON u.id = m.user_id
      WHERE u.email = '${person.email}' AND m.organization_id = '${org}'`,
  ).map(({ role }) => role);

  test('the mail names who invites and into what, in the language of its reader or else of the inviter, with one link', async () => {
    const reader = await somebodyVerified(stack);
    stack.psql(`UPDATE auth.users SET locale = CASE email WHEN '${reader.email}' THEN 'de' ELSE 'en' END`);
    const org = await organization('Äpfel & <Birnen>');
    for (const [email, subject, text] of [
      [reader.email, 'Einladung: Äpfel & <Birnen> — Mana', /^Grace "Amazing" Hopper hat dich zu Äpfel & <Birnen> eingeladen\..*48 Stunden/ms],
      ['nobody-yet@example.com', 'Invitation: Äpfel & <Birnen> — Mana', /^Grace "Amazing" Hopper has invited you to Äpfel & <Birnen>\..*48 hours/ms],
    ]) {
      const id = await invite(email, org);
      const mail = await stack.mail.latest(email, { contains: id });
      assert.equal(mail.subject, subject);
      assert.match(mail.text, text);
      assert.match(mail.html, /<strong>Äpfel &amp; &lt;Birnen&gt;<\/strong>/);
      assert.deepEqual([...new Set(mail.links)], [`${stack.url}/accept-invitation?id=${id}`]);
    }
  });

  test('sign in, come back, see who invites to what, accept; the link then says so', async () => {
    const ada = await somebodyVerified(stack);
    const org = await organization();
    const link = await linkTo(ada.email, await invite(ada.email, org, 'admin'));
    const page = await open({ viewport: { width: 1280, height: 800 } });
    await page.goto(link);
    assert.equal(await page.title(), 'Sign in · Mana');
    await page.fill('#email', ada.email);
    await page.fill('#password', 'not this one at all');
    await page.click('button');
    assert.match(await page.textContent('[role=alert]'), /wrong/);
    await signInOn(page, ada.email);
    await page.waitForURL(link);
    assert.equal(await page.title(), 'You are invited · Mana');
    assert.match(await page.textContent('main'), /Grace "Amazing" Hopper has invited you to join Rock & <b>Roll<\/b>\./);
    assert.match(await page.textContent('main'), new RegExp(`signed in as ${ada.email}`));
    assert.deepEqual(isMember(ada, org), [], 'opening the page changes nothing');
    await picture(page, 'invitation-desktop');
    await page.click('button[value=true]');
    await page.waitForURL(link);
    assert.match(await page.textContent('main'), /You are in.*You are now a member of Rock & <b>Roll<\/b>\./s);
    assert.deepEqual(isMember(ada, org), ['admin']);
    await picture(page, 'invitation-accepted');
  });

  test('who has no account makes one and is led back by the mail that confirms the address', async () => {
    const bob = somebody(stack, 'Bob');
    const org = await organization('Die Grünen Äpfel');
    const page = await open({ locale: 'de-DE', viewport: { width: 390, height: 844 } });
    await page.goto(await linkTo(bob.email, await invite(bob.email, org)));
    await page.click('text=Konto erstellen');
    await page.fill('#name', bob.name);
    await page.fill('#email', bob.email);
    await page.fill('#password', 'password');
    await page.click('button');
    assert.match(await page.textContent('[role=alert]'), /zu leicht/);
    await page.fill('#password', PASSWORD);
    await page.click('button');
    await page.goto(await stack.mail.link(bob.email, '/api/auth/verify-email', { contains: '/api/auth/verify-email' }));
    await page.click('button');
    await page.waitForURL('**/accept-invitation?id=*');
    assert.match(await page.textContent('main'), /Grace "Amazing" Hopper hat dich eingeladen zu Die Grünen Äpfel\./);
    await picture(page, 'invitation-phone-de');
    await page.click('button[value=false]');
    assert.equal(await page.textContent('h1'), 'Du hast abgelehnt');
    assert.deepEqual(isMember(bob, org), []);
  });

  test('another account sees neither organization nor inviter, and can sign in as the one it is for', async () => {
    const [cleo, dan] = [await somebodyVerified(stack, 'Cleo'), await somebodyVerified(stack, 'Dan')];
    const org = await organization('Secret');
    const link = await linkTo(dan.email, await invite(dan.email, org));
    const page = await open({ viewport: { width: 390, height: 844 } });
    await page.goto(`${stack.url}/login`);
    await signInOn(page, cleo.email);
    await page.waitForURL(`${stack.url}/signed-in`);
    const answer = await page.goto(link);
    assert.equal(answer.status(), 403);
    assert.match(await page.textContent('main'), new RegExp(`signed in as ${cleo.email}`));
    assert.doesNotMatch(await page.textContent('main'), /Secret|Grace/);
    await picture(page, 'invitation-other');
    await page.click('a.button');
    await signInOn(page, dan.email);
    await page.waitForURL(link);
    await page.click('button[value=true]');
    assert.match(await page.textContent('h1'), /You are in/);
    assert.deepEqual(isMember(dan, org), ['member']);
  });

  test('what is over, unknown, full or taken back meanwhile is told', async () => {
    const eve = await somebodySignedIn(stack, 'Eve');
    const org = await organization('Over');
    const page = await open();
    await page.goto(`${stack.url}/login`);
    await signInOn(page, eve.email);
    await page.waitForURL(`${stack.url}/signed-in`);
    assert.equal((await page.goto(`${stack.url}/accept-invitation?id=nothing`)).status(), 404);
    assert.equal((await page.goto(`${stack.url}/accept-invitation`)).status(), 404);

    const invitationId = await invite(eve.email, org);
    const link = await linkTo(eve.email, invitationId);
    await page.goto(link);
    assert.equal((await owner.http.post('/api/auth/organization/cancel-invitation', { invitationId })).status, 200);
    await page.click('button[value=true]');
    assert.match(await page.textContent('h1'), /no longer valid/);
    assert.deepEqual(isMember(eve, org), []);
    await picture(page, 'invitation-gone');

    const full = await invite(eve.email, org);
    stack.psql(`
      INSERT INTO auth.users (id, name, email) SELECT 'full-' || n, 'n', 'full-' || n || '@example.com' FROM generate_series(1, 99) n;
      INSERT INTO auth.members (organization_id, user_id, role) SELECT '${org}', 'full-' || n, 'member' FROM generate_series(1, 99) n;`);
    await page.goto(await linkTo(eve.email, full));
    await page.click('button[value=true]');
    assert.match(await page.textContent('main'), /no room left/);
    assert.deepEqual(isMember(eve, org), []);
  });

  test('the answer is taken from our own page only, and from who is signed in', async () => {
    const finn = await somebodySignedIn(stack, 'Finn');
    const org = await organization('Forged');
    const invitationId = await invite(finn.email, org);
    const form = { invitationId, accept: 'true' };
    const elsewhere = await finn.http.request('POST', '/accept-invitation', { form, headers: { origin: 'https://evil.example' } });
    assert.equal(elsewhere.status, 403);
    const stranger = await new Client(stack.url).request('POST', '/accept-invitation', { form });
    assert.equal(stranger.status, 303);
    assert.equal(stranger.headers.location, `/accept-invitation?id=${invitationId}`);
    assert.deepEqual(isMember(finn, org), []);
    for (const bad of [{ accept: 'true' }, { invitationId }, { invitationId: '', accept: 'true' }, { invitationId, accept: 'maybe' }]) {
      assert.equal((await finn.http.request('POST', '/accept-invitation', { form: bad })).status, 400);
    }
  });

  test('while the database is away a page says so, to who opens the link and to who answers', async () => {
    const hal = await somebodySignedIn(stack, 'Hal');
    const invitationId = await invite(hal.email, await organization('Away'));
    await stack.command('postgres-stop', { mode: 'immediate' });
    for (const answer of [
      await hal.http.get(`/accept-invitation?id=${invitationId}`),
      await hal.http.request('POST', '/accept-invitation', { form: { invitationId, accept: 'true' } }),
    ]) {
      assert.equal(answer.status, 503);
      assert.match(answer.text, /<h1>(Das ging nicht|That was not possible)<\/h1>/);
    }
    await stack.command('postgres-start');
    await until('the page is back', async () => (await hal.http.get(`/accept-invitation?id=${invitationId}`)).status === 200);
  });

  test('sign-in leads to trusted places only', async () => {
    const http = new Client(stack.url);
    for (const target of ['https://evil.example/x', '//evil.example', '/\\evil.example', 'javascript:alert(1)']) {
      const page = await http.get(`/login?callbackURL=${encodeURIComponent(target)}`);
      assert.match(page.text, /name="callbackURL" value="\/signed-in"/, target);
      assert.doesNotMatch(page.text, /evil|javascript:/, target);
    }
    const gail = await somebodyVerified(stack, 'Gail');
    const signed = await http.request('POST', '/login', {
      form: { email: gail.email, password: PASSWORD, callbackURL: '/consent?client_id=x&sig=' },
    });
    assert.equal(signed.headers.location, '/consent?client_id=x&sig=', 'nothing of the form is signed');
  });
});
