// A fake of another service: an HTTP server that keeps what it is asked, and answers what the test says.

import http from 'node:http';
import https from 'node:https';

/**
 * `answer(request)` says {status, body} or a promise of it; without one every request gets 200 and {}. A status of 0
 * cuts the connection. `tls` is {key, cert} of an https server. The server has `url`, `requests` ({method, path, headers, json}) and `stop()`.
 */
export async function startService(answer = () => ({}), { tls } = {}) {
  const requests = [];
  const listener = async (incoming, response) => {
    const chunks = [];
    for await (const chunk of incoming) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString('utf8');
    const { method, url: path, headers } = incoming;
    const request = { method, path, headers, json: text ? JSON.parse(text) : undefined };
    requests.push(request);
    const { status = 200, body = {} } = await answer(request);
    if (status === 0) {
      incoming.socket.destroy();
      return;
    }
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  };
  const server = tls ? https.createServer(tls, listener) : http.createServer(listener);
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `${tls ? 'https' : 'http'}://127.0.0.1:${server.address().port}`,
    requests,
    stop: () => new Promise((resolve) => {
      server.closeAllConnections();
      server.close(resolve);
    }),
  };
}
