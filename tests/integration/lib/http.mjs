// HTTP for tests: one connection a request, redirects shown and not followed, cookies kept as a browser would.

import http from 'node:http';

const TIMEOUT_MS = 20_000;

export class Client {
  constructor(url, { origin = url, headers = {} } = {}) {
    this.url = url;
    this.origin = origin;
    this.headers = headers;
    this.cookies = new Map();
  }

  get(path, options) {
    return this.request('GET', path, options);
  }

  post(path, json, options) {
    return this.request('POST', path, { json, ...options });
  }

  delete(path, options) {
    return this.request('DELETE', path, options);
  }

  /** {json | form | body, bearer, headers} → {status, headers, setCookies, text, json} */
  async request(method, path, { json, form, body, bearer, headers = {} } = {}) {
    const sent = { accept: 'application/json', ...this.headers }; // a program: links in mails act
    if (this.origin) sent.origin = this.origin;
    if (this.cookies.size) sent.cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    if (bearer) sent.authorization = `Bearer ${bearer}`;
    if (json !== undefined) {
      sent['content-type'] = 'application/json';
      body = JSON.stringify(json);
    } else if (form !== undefined) {
      sent['content-type'] = 'application/x-www-form-urlencoded';
      body = new URLSearchParams(form).toString();
    }
    if (body !== undefined) sent['content-length'] = Buffer.byteLength(body);
    const given = Object.entries({ ...sent, ...headers }).filter(([, value]) => value !== undefined);
    const answer = await exchange(new URL(path, this.url), method, Object.fromEntries(given), body);
    this.keep(answer.setCookies);
    return answer;
  }

  keep(setCookies) {
    for (const { name, value, attributes } of setCookies) {
      if (attributes['max-age'] === '0') this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
  }
}

function exchange(url, method, headers, body) {
  return new Promise((resolve, reject) => {
    const options = { method, headers, agent: false, family: 4, timeout: TIMEOUT_MS };
    const request = http.request(url, options, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => resolve(shape(response, Buffer.concat(chunks).toString('utf8'))));
    });
    request.on('timeout', () => request.destroy(new Error(`${method} ${url.pathname}: no answer in time`)));
    request.on('error', reject);
    request.end(body);
  });
}

function shape(response, text) {
  const isJson = /^application\/json/.test(response.headers['content-type'] ?? '');
  return {
    status: response.statusCode,
    headers: response.headers,
    setCookies: (response.headers['set-cookie'] ?? []).map(parseSetCookie),
    text,
    json: isJson && text ? JSON.parse(text) : undefined,
  };
}

export function parseSetCookie(line) {
  const [pair, ...rest] = line.split(/;\s*/);
  const cut = pair.indexOf('=');
  const attributes = Object.fromEntries(
    rest.map((part) => part.split('=')).map(([name, value]) => [name.toLowerCase(), value ?? true]),
  );
  return { name: pair.slice(0, cut), value: pair.slice(cut + 1), attributes };
}
