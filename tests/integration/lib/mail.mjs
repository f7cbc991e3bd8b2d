// The mail catcher as tests see it: waits for mails, reads their links, makes deliveries fail.

import assert from 'node:assert/strict';

const WAIT_SECONDS = 15;

export class Mailbox {
  constructor(url) {
    this.url = url;
  }

  /** All mails to an address once there are `count` of them, or those there are when the time is up. */
  async find(to, { count = 1, contains = '', waitSeconds = WAIT_SECONDS } = {}) {
    const query = new URLSearchParams({ to, contains, count, wait: waitSeconds });
    const response = await fetch(`${this.url}/api/messages?${query}`);
    return (await response.json()).messages;
  }

  /** The latest mail to an address; waits for it, fails without one. */
  async latest(to, options) {
    const mails = await this.find(to, options);
    assert.ok(mails.length >= (options?.count ?? 1), `no mail to ${to} came`);
    return mails.at(-1);
  }

  /** The first link of the latest mail to an address that has a certain text in it. */
  async link(to, part, options) {
    const mail = await this.latest(to, options);
    const link = mail.links.find((candidate) => candidate.includes(part));
    assert.ok(link, `no link with ${part} in the mail to ${to}:\n${mail.text}`);
    return link;
  }

  async all() {
    return (await (await fetch(`${this.url}/api/messages`)).json()).messages;
  }

  async clear() {
    await fetch(`${this.url}/api/messages`, { method: 'DELETE' });
  }

  /** accept, 421, 451, 550, drop or slow, for that many deliveries (null: until told otherwise). */
  async fail(mode, { times = null, seconds = 0 } = {}) {
    const body = JSON.stringify({ mode, times, seconds });
    const response = await fetch(`${this.url}/api/mode`, { method: 'PUT', body });
    assert.equal(response.status, 200);
  }

  async accept() {
    await this.fail('accept');
  }

  /** How often each mode was used so far. */
  async hits() {
    return (await (await fetch(`${this.url}/api/mode`)).json()).hits;
  }
}
