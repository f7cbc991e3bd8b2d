// Bytes on a connection: what HTTP clients would not send, and every answer that comes back.

import net from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import tls from 'node:tls';

import { target } from './target.mjs';

const CRLF = '\r\n';
const DEADLINE_MS = 8_000;
const SETTLE_MS = 120; // for a second answer to follow the first

const { hostname, port, protocol, host } = new URL(target.url);

export const HOST = host;

export async function connected() {
  const where = { host: hostname === 'localhost' ? '127.0.0.1' : hostname, port: Number(port || (protocol === 'https:' ? 443 : 80)), servername: hostname };
  const isTls = protocol === 'https:';
  const socket = isTls ? tls.connect(where) : net.connect(where);
  socket.on('error', () => {}); // a reset is an end, too
  await new Promise((ready, failed) => socket.once(isTls ? 'secureConnect' : 'connect', ready).once('error', failed));
  return socket;
}

/**
 * Sends bytes (or several pieces, one after the other) and collects answers until the server closes, or until nothing more follows the
 * last answer. The end of the connection is not announced before, so that no answer is cut.
 */
export async function exchange(...pieces) {
  const socket = await connected();
  const reader = new Reader(socket);
  for (const piece of pieces) {
    await new Promise((sent) => socket.write(typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece, sent));
    if (pieces.length > 1) await pause(30);
  }
  const deadline = Date.now() + DEADLINE_MS;
  let seen = -1;
  while (!reader.closed && Date.now() < deadline && !(reader.bytes.length > 0 && reader.bytes.length === seen)) {
    seen = reader.bytes.length;
    await pause(SETTLE_MS);
  }
  socket.destroy();
  return { answers: reader.answers(), closed: reader.closed, bytes: reader.bytes };
}

/** A request; `headers` are lines. A body gets its Content-Length. */
export function request(method, path, headers = [], body = undefined) {
  const length = body === undefined ? [] : [`Content-Length: ${Buffer.byteLength(body, 'latin1')}`];
  return [`${method} ${path} HTTP/1.1`, `Host: ${HOST}`, ...headers, ...length, '', body ?? ''].join(CRLF);
}

/** Reads a stream of HTTP answers; an answer to HEAD is not expected. */
export class Reader {
  constructor(socket) {
    this.bytes = '';
    this.closed = false;
    socket.on('data', (chunk) => { this.bytes += chunk.toString('latin1'); });
    socket.on('close', () => { this.closed = true; });
  }

  answers() {
    const found = [];
    let rest = this.bytes;
    for (;;) {
      const end = rest.indexOf(`${CRLF}${CRLF}`);
      if (end < 0) return found;
      const [statusLine, ...lines] = rest.slice(0, end).split(CRLF);
      const headers = Object.fromEntries(lines.map((line) => line.split(/:\s*/, 2)).map(([name, value]) => [name.toLowerCase(), value]));
      const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(statusLine)?.[1]);
      const length = status === 100 ? 0 : Number(headers['content-length'] ?? 0);
      found.push({ status, headers, body: rest.slice(end + 4, end + 4 + length) });
      rest = rest.slice(end + 4 + length);
    }
  }
}
