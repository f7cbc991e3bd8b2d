// Reverse proxies as operators run them, each a private server in front of an edge: one port for each set of header fields.

import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Client } from './http.mjs';
import { until } from './wait.mjs';

const APACHE_MODULES = '/usr/lib/apache2/modules';

/** What proxies and platforms add to a request, by their documentation. */
export const ADDED = {
  traefik: {
    'X-Forwarded-For': '203.0.113.7', 'X-Forwarded-Host': 'auth.example', 'X-Forwarded-Port': '443', 'X-Forwarded-Proto': 'https',
    'X-Forwarded-Server': 'traefik-7d4', 'X-Real-Ip': '203.0.113.7',
  },
  cloudflared: {
    'Cf-Connecting-Ip': '203.0.113.7', 'Cf-Ipcountry': 'DE', 'Cf-Ray': '8c1d3e5f7a9b-FRA', 'Cf-Visitor': '{"scheme":"https"}',
    'Cf-Warp-Tag-Id': '3f0c9a52-5c4e-4f0e-9d2b-6f3f4a5b6c7d', 'Cdn-Loop': 'cloudflare; loops=1', 'X-Forwarded-For': '203.0.113.7',
    'X-Forwarded-Proto': 'https',
  },
  'ingress-nginx': {
    'X-Request-ID': '0123456789abcdef0123456789abcdef', 'X-Real-IP': '203.0.113.7', 'X-Forwarded-For': '203.0.113.7',
    'X-Forwarded-Host': 'auth.example', 'X-Forwarded-Port': '443', 'X-Forwarded-Proto': 'https', 'X-Forwarded-Scheme': 'https',
    'X-Scheme': 'https', 'X-Original-Forwarded-For': '198.51.100.3',
  },
  'AWS ALB': {
    'X-Amzn-Trace-Id': 'Root=1-67891233-abcdef012345678912345678', 'X-Forwarded-For': '203.0.113.7', 'X-Forwarded-Port': '443',
    'X-Forwarded-Proto': 'https', 'X-Amzn-Tls-Version': 'TLSv1.3', 'X-Amzn-Tls-Cipher-Suite': 'TLS_AES_128_GCM_SHA256',
  },
  'Azure Front Door': {
    'X-Azure-ClientIP': '203.0.113.7', 'X-Azure-SocketIP': '203.0.113.7', 'X-Azure-Ref': '0zxV+XAAAAABKMMOjBv2NT4TY6SQVjC0zV1NURURHRTA2',
    'X-Azure-RequestChain': 'hops=1', 'X-Azure-FDID': 'a0a0a0a0-bbbb-cccc-dddd-e1e1e1e1e1e1', 'X-FD-HealthProbe': '0',
    'X-ARR-LOG-ID': '5b3d0d5e-0f3b-4a5f-8a6e-1f1f1f1f1f1f', 'X-ARR-SSL': '2048|256|CN=Example|CN=*.example', 'Disguised-Host': 'auth.example',
    'X-SITE-DEPLOYMENT-ID': 'auth', 'WAS-DEFAULT-HOSTNAME': 'auth.example', 'X-Client-IP': '203.0.113.7', 'X-Client-Port': '49152',
    'X-Forwarded-TlsVersion': '1.3', 'X-WAWS-Unencoded-URL': '/login', 'CLIENT-IP': '203.0.113.7:49152', 'X-Original-URL': '/login',
    'X-AppService-Proto': 'https', 'X-Forwarded-For': '203.0.113.7:49152, 198.51.100.3', 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'auth.example',
    'X-Forwarded-Port': '443',
  },
};

const each = (ports, text) => Object.entries(ports).map(([set, port]) => text(port, Object.entries(ADDED[set]))).join('\n');

/** By name: the program with its arguments, and the configuration for {set: port} in front of an edge. */
const PROXIES = {
  // by default nginx speaks HTTP/1.0 to its upstream
  nginx: {
    command: (file) => ['nginx', '-c', file],
    text: (root, ports, edge) => `daemon off;
pid ${root}/nginx.pid;
error_log ${root}/error.log;
events {}
http {
  access_log off;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((what) => `${what}_temp_path ${root}/${what};`).join(' ')}
  ${each(ports, (port, fields) => `server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://127.0.0.1:${edge};
      proxy_set_header Host $http_host;
      ${fields.map(([name, value]) => `proxy_set_header ${name} '${value}';`).join('\n      ')}
    }
  }`)}
}
`,
  },
  // its health check is HTTP/1.0 without a Host
  HAProxy: {
    command: (file) => ['haproxy', '-db', '-f', file],
    text: (root, ports, edge) => `defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
${each(ports, (port, fields) => `frontend f${port}
  bind 127.0.0.1:${port}
  default_backend edge
${fields.map(([name, value]) => `  http-request set-header ${name} '${value}'`).join('\n')}`)}
backend edge
  option httpchk
  http-check send meth GET uri /health
  server edge 127.0.0.1:${edge} check inter 500ms
`,
  },
  Caddy: {
    command: (file) => ['caddy', 'run', '--adapter', 'caddyfile', '--config', file],
    text: (root, ports, edge) => `{
  admin off
  auto_https off
}
${each(ports, (port, fields) => `http://localhost:${port} {
  bind 127.0.0.1
  reverse_proxy 127.0.0.1:${edge} {
${fields.map(([name, value]) => `    header_up ${name} ${JSON.stringify(value)}`).join('\n')}
  }
}`)}
`,
  },
  Apache: {
    command: (file, root) => ['apache2', '-X', '-d', root, '-f', file],
    text: (root, ports, edge) => `${['mpm_event', 'authz_core', 'headers', 'proxy', 'proxy_http'].map((name) => `LoadModule ${name}_module ${APACHE_MODULES}/mod_${name}.so`).join('\n')}
${process.getuid() === 0 ? 'User www-data\nGroup www-data' : ''}
ServerRoot ${root}
ServerName localhost
PidFile ${root}/httpd.pid
DefaultRuntimeDir ${root}
ErrorLog ${root}/error.log
${each(ports, (port, fields) => `Listen 127.0.0.1:${port}
<VirtualHost 127.0.0.1:${port}>
  ProxyPreserveHost On
  ProxyPass / http://127.0.0.1:${edge}/
${fields.map(([name, value]) => `  RequestHeader set ${name} ${JSON.stringify(value).replaceAll('%', '%%')}`).join('\n')}
</VirtualHost>`)}
`,
  },
};

export const PROXY_NAMES = Object.keys(PROXIES);

/** Starts a proxy on {set of ADDED: port} in front of the edge at a port; `stop()` ends it. */
export async function startProxy(name, ports, edge) {
  const root = mkdtempSync(join(tmpdir(), 'mana-proxy-'));
  chmodSync(root, 0o755);
  const file = join(root, 'configuration');
  writeFileSync(file, PROXIES[name].text(root, ports, edge));
  const [program, ...args] = PROXIES[name].command(file, root);
  const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin`, HOME: root, XDG_DATA_HOME: root, XDG_CONFIG_HOME: root };
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk));
  const ended = new Promise((resolve) => child.once('exit', resolve).once('error', resolve));
  const proxy = {
    async stop() {
      child.kill(name === 'Apache' ? 'SIGKILL' : 'SIGTERM'); // a single process (-X) that keeps nothing
      await ended;
      rmSync(root, { recursive: true });
    },
  };
  try {
    const [port] = Object.values(ports);
    await until(name, () => new Client(`http://localhost:${port}`).get('/health').then(({ status }) => status === 200, () => false));
  } catch (error) {
    await proxy.stop();
    throw new Error(`${error.message}\n${said}`, { cause: error });
  }
  return proxy;
}
