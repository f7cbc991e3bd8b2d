// Replays recorded Better Auth 1.7 exchanges against us and says where the answers differ.
//
// better-auth-1.7.json holds one record a line: the request as sent, the response as received, with what changes from
// run to run replaced by placeholders (<ts>, <id32>, <jwt header claims>, RUN, HOST ...). play() sends the same request
// with live values in their places and compares status, headers, cookies with their attributes, and body with its key
// order. A difference is an error unless the test declares it, with its reason; a declared difference that does not
// happen is an error too, so the list of deviations cannot rot.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { isIP } from 'node:net';

const records = JSON.parse(readFileSync(new URL('better-auth-1.7.json', import.meta.url)));

const PLACEHOLDERS = {
  ts: String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`,
  id32: '[A-Za-z0-9]{32}',
  token32: '[A-Za-z0-9]{32}',
  rnd24: '[A-Za-z0-9]{24,64}',
  rnd20: '[A-Za-z0-9]{20,64}',
  unix: String.raw`\d{10}`,
  unixms: String.raw`\d{13}`,
  b64url43: '[A-Za-z0-9_-]{43}',
  base32: '[A-Z2-7]+',
  'backup-code': '[A-Za-z0-9]{5}-[A-Za-z0-9]{5}',
  sig: '[^&]+',
  n: String.raw`\d+`,
};

const COMPARED_HEADERS = [
  'location', 'vary', 'access-control-allow-credentials', 'access-control-allow-origin', 'pragma', 'x-retry-after',
];

const escapeRegExp = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

// Set by us alone: it tells a device on which the user has signed in, which strangers' failures do not lock.
const KNOWN_DEVICE = /^(__Secure-|__Host-)?mana\.device=/;

/** A trace of one flow, bound to a live service. */
export class Replay {
  #flow;
  #base;
  #deviations;
  #used = new Set();
  #played = new Set();

  /**
   * @param {string} flow  the two digits that the flow's name starts with
   * @param {string} base  origin of the service under test
   * @param {Record<string, {why: string, [field: string]: unknown}>} deviations  by step: why we differ on purpose, and
   *        the answer that we give instead (status, body, location, cookies), as far as it differs
   */
  constructor(flow, base, deviations = {}) {
    this.#flow = flow;
    this.#base = base;
    this.#deviations = deviations;
    this.run = `r${Math.random().toString(16).slice(2, 10).padEnd(8, '0')}`;
  }

  /** Addresses as the records have them: `email('a')` is what they call a-RUN@example.com. */
  email(name) {
    return `${name}-${this.run}@example.com`;
  }

  /** Names of the flow's records in order; the second of one name is called `name #2`. */
  get steps() {
    const seen = new Map();
    return records.filter((r) => r.flow.startsWith(this.#flow) && r.request).map(({ step }) => {
      const occurrence = (seen.get(step) ?? 0) + 1;
      seen.set(step, occurrence);
      return occurrence === 1 ? step : `${step} #${occurrence}`;
    });
  }

  /**
   * Sends one recorded request and compares the answers.
   * @param {string} step
   * @param {{jar?: Map<string, string>, path?: string, body?: unknown, headers?: object, fill?: string[]}} live
   *        jar: sent when the record has cookies, and updated; fill: what to put, in order, for the <placeholders> of the
   *        recorded path and body; path, body, headers: sent instead of the recorded ones
   */
  async play(step, live = {}) {
    const [name, occurrence = '1'] = step.split(' #');
    const record = records.filter((r) => r.flow.startsWith(this.#flow) && r.step === name)[occurrence - 1];
    assert.ok(record?.request, `no record ${this.#flow} "${step}"`);
    this.#played.add(step);
    const fill = [...(live.fill ?? [])];
    const substitute = (text) => this.#live(text).replace(
      /<jwt \{.*?\} \{.*?\}>|<[a-z0-9-]+>/g,
      (hole) => fill.shift() ?? assert.fail(`${step}: nothing to fill ${hole} with`),
    );
    const { method, headers: recorded, body } = record.request;
    const headers = {};
    for (const [name, value] of Object.entries(recorded)) {
      if (name !== 'cookie') headers[name] = this.#live(value);
    }
    if (recorded.cookie && live.jar) {
      headers.cookie = [...live.jar].map(([name, value]) => `${name}=${value}`).join('; ');
    }
    Object.assign(headers, live.headers);
    const path = live.path ?? substitute(record.request.path);
    const sent = live.body === undefined ? body && substitute(body) : live.body;
    const prefix = path.startsWith('/.well-known') ? '' : '/api/auth';
    const answer = await exchange(this.#base + prefix + path, method, headers, sent);
    if (live.jar) keepCookies(live.jar, answer.cookies);
    this.#compare(step, record.response, answer);
    try {
      answer.body = answer.text === '' ? '' : JSON.parse(answer.text);
    } catch {
      answer.body = answer.text;
    }
    return answer;
  }

  /** Every record of the flow was played or is named in `skipped` with its reason; every deviation was seen. */
  finish(skipped = {}) {
    const missed = this.steps.filter((step) => !this.#played.has(step) && !(step in skipped));
    assert.deepEqual(missed, [], 'records neither played nor skipped with a reason');
    const unused = Object.keys(this.#deviations).filter((step) => !this.#used.has(step));
    assert.deepEqual(unused, [], 'declared deviations that did not happen');
  }

  #live(text) {
    return text
      .replace(/RAA565A9D/g, this.run.toUpperCase())
      .replace(/RUN/g, this.run)
      .replace(/http:\/\/HOST/g, this.#base)
      .replace(/http%3A%2F%2Flocalhost%3A\d+/g, encodeURIComponent(this.#base));
  }

  #pattern(text) {
    const escaped = escapeRegExp(this.#live(text))
      .replace(/<jwt .*?\\\} .*?\\\}>/g, '[\\w-]+\\.[\\w-]+\\.[\\w-]+')
      .replace(/<([a-z0-9-]+)>/g, (hole, name) => PLACEHOLDERS[name] ?? hole);
    return new RegExp(`^${escaped}$`);
  }

  #compare(step, recorded, answer) {
    const differences = {};
    if (answer.status !== recorded.status) differences.status = answer.status;
    for (const name of COMPARED_HEADERS) {
      const want = recorded.headers[name];
      const got = answer.headers.get(name);
      if (want === undefined ? got !== null && name !== 'access-control-allow-origin' && name !== 'pragma'
        : got === null || !this.#pattern(want).test(got)) {
        differences[name] = got;
      }
    }
    if (Boolean(recorded.headers['set-auth-jwt']) !== answer.headers.has('set-auth-jwt')) {
      differences['set-auth-jwt'] = answer.headers.has('set-auth-jwt');
    }
    const want = recorded.setCookie.map(cookieShape);
    const got = answer.cookies.filter((line) => !KNOWN_DEVICE.test(line)).map(cookieShape);
    if (JSON.stringify(want) !== JSON.stringify(got)) differences.cookies = got;
    const body = this.#differs(recorded.body, answer.text);
    if (body !== undefined) differences.body = body;

    const { why, ...declared } = this.#deviations[step] ?? {};
    if (why) this.#used.add(step);
    assert.deepEqual(
      differences, declared,
      `${this.#flow} "${step}" differs from the record${why ? ` otherwise than declared (${why})` : ''}`,
    );
  }

  /** undefined when alike, else what we answered (parsed where it is JSON, with what changes from run to run masked). */
  #differs(recorded, text) {
    if (recorded === '' || (typeof recorded === 'string' && !/^["[{]/.test(text))) {
      return this.#pattern(recorded).test(text) ? undefined : mask(text);
    }
    let parsed;
    try {
      parsed = JSON.parse(text);
    } catch {
      return mask(text);
    }
    return this.#alike(recorded, parsed) ? undefined : mask(parsed);
  }

  #alike(want, got) {
    if (typeof want === 'string' && typeof got === 'string') return this.#pattern(want).test(got);
    if (want === '<unix>' && Number.isInteger(got)) return this.#pattern(want).test(String(got)); // the record keeps no quotes
    if (want === null || typeof want !== 'object') return Object.is(want, got);
    if (got === null || typeof got !== 'object' || Array.isArray(want) !== Array.isArray(got)) return false;
    const keys = Object.keys(want);
    // The recorder's requests had no address; ours have the socket's.
    if (want.ipAddress === '' && isIP(got.ipAddress)) want = { ...want, ipAddress: got.ipAddress };
    return JSON.stringify(keys) === JSON.stringify(Object.keys(got)) && keys.every((k) => this.#alike(want[k], got[k]));
  }
}

/** One request with exactly these headers; fetch() would add some of its own. */
function exchange(url, method, headers, body) {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
    const request = http.request(url, { method, headers: { ...headers, ...length }, agent: false, family: 4 }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => resolve({
        status: response.statusCode,
        headers: new Headers(Object.entries(response.headers).filter(([name]) => name !== 'set-cookie')),
        cookies: response.headers['set-cookie'] ?? [],
        text: Buffer.concat(chunks).toString('utf8'),
      }));
    });
    request.on('error', reject);
    request.end(body);
  });
}

/** Name, whether it has a value, and the attributes in their order. */
function cookieShape(line) {
  const [pair, ...attributes] = line.split('; ');
  const [name, ...value] = pair.split('=');
  return [name, value.join('=') === '' ? 'deleted' : 'set', ...attributes].join('; ');
}

/** Applies Set-Cookie lines to a jar of name → value. */
function keepCookies(jar, lines) {
  for (const line of lines) {
    const [pair, ...attributes] = line.split('; ');
    const at = pair.indexOf('=');
    if (attributes.includes('Max-Age=0')) jar.delete(pair.slice(0, at));
    else jar.set(pair.slice(0, at), pair.slice(at + 1));
  }
}

export function mask(value) {
  if (typeof value === 'string') {
    return value
      .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, '<ts>')
      .replace(/\b[A-Za-z0-9]{32}\b/g, '<id32>')
      .replace(/\br[0-9a-f]{8}\b/g, 'RUN');
  }
  if (Array.isArray(value)) return value.map(mask);
  if (value && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, mask(v)]));
  }
  return value;
}
