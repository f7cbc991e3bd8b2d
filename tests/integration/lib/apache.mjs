// Apache with mod_auth_openidc in front of one page, as a private server that ends with the test.

import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Client } from './http.mjs';
import { until } from './wait.mjs';

const MODULES = '/usr/lib/apache2/modules';

/** `settings(url)` are the lines of the module for a server at that url. */
export async function startApache(settings) {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const root = mkdtempSync(join(tmpdir(), 'mana-apache-'));
  chmodSync(root, 0o755);
  mkdirSync(join(root, 'htdocs'));
  for (const page of ['index.html', 'bye']) writeFileSync(join(root, 'htdocs', page), `${page}\n`);
  writeFileSync(join(root, 'httpd.conf'), configuration(root, port, settings(url)));
  const child = spawn('/usr/sbin/apache2', ['-X', '-d', root, '-f', join(root, 'httpd.conf')], { stdio: ['ignore', 'inherit', 'inherit'] });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const server = {
    url,
    log: () => readFileSync(join(root, 'error.log'), 'utf8'),
    async stop() {
      child.kill('SIGKILL'); // a single process (-X) that keeps nothing
      await ended;
      rmSync(root, { recursive: true });
    },
  };
  try {
    await until('Apache', () => new Client(url).get('/bye').then(({ status }) => status === 200, () => false));
  } catch (error) {
    await server.stop();
    throw error;
  }
  return server;
}

function configuration(root, port, settings) {
  const modules = ['mpm_event', 'authn_core', 'authz_core', 'authz_user', 'alias', 'dir', 'headers', 'auth_openidc'];
  const user = process.getuid() === 0 ? ['User www-data', 'Group www-data'] : [];
  return [
    ...modules.map((name) => `LoadModule ${name}_module ${MODULES}/mod_${name}.so`),
    ...user,
    `ServerRoot ${root}`, `Listen 127.0.0.1:${port}`, 'ServerName 127.0.0.1', `PidFile ${root}/httpd.pid`, `DefaultRuntimeDir ${root}`,
    `ErrorLog ${root}/error.log`, 'LogLevel warn', `DocumentRoot ${root}/htdocs`, 'DirectoryIndex index.html',
    'Header set X-Remote-User "expr=%{REMOTE_USER}"', 'Header set X-Email "expr=%{reqenv:OIDC_CLAIM_email}"',
    settings,
    '<Location "/bye">', 'AuthType None', 'Require all granted', '</Location>', '',
  ].join('\n');
}

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}
