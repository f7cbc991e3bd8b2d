// PgBouncer in front of a stack's database, on a socket of its own.

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { until } from './wait.mjs';

const PORT = 6432; // of the socket's name only

/** Every client becomes `user` in the database. → {folder, port, psql(text), reconnect(), stop()} */
export async function startPooler(stack, settings, user = 'postgres') {
  const folder = mkdtempSync(join(tmpdir(), 'mana-pooler-'));
  const configuration = join(folder, 'pgbouncer.ini');
  const password = user === 'auth_edge' ? ` password=${readFileSync(join(stack.directory, 'secrets', 'auth_edge'), 'utf8').trim()}` : '';
  const lines = Object.entries({
    listen_addr: '', unix_socket_dir: folder, listen_port: PORT, auth_type: 'any', admin_users: 'postgres', logfile: join(folder, 'log'), ...settings,
  });
  writeFileSync(configuration, `[databases]
mana_platform = host=${stack.socket} user=${user}${password}
[pgbouncer]
${lines.map(([name, value]) => `${name} = ${value}`).join('\n')}
`);
  const { uid } = statSync(stack.socket);
  const owner = execFileSync('id', ['-nu', String(uid)], { encoding: 'utf8' }).trim();
  const become = process.getuid() === 0 ? ['runuser', '-u', owner, '--'] : [];
  chmodSync(folder, 0o755);
  if (become.length) execFileSync('chown', ['-R', owner, folder]);
  const [program, ...args] = [...become, 'pgbouncer', configuration];
  const child = spawn(program, args, { stdio: 'ignore', env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` } });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const psql = (text, how = ['-f', '-'], database = 'mana_platform') =>
    spawnSync('psql', ['-qAtX', ...how, '-h', folder, '-p', String(PORT), '-U', 'postgres', database], { input: text, encoding: 'utf8' });
  await until('pgbouncer answers', () => psql('SELECT 1').stdout.trim() === '1');
  return {
    folder,
    port: PORT,
    psql,
    /** Ends the server connections, so that new ones have the present settings of their role. */
    async reconnect() {
      psql('RECONNECT', undefined, 'pgbouncer');
    },
    async stop() {
      child.kill('SIGTERM');
      await ended;
      rmSync(folder, { recursive: true });
    },
  };
}
