// Load: wrk over HTTP, pgbench inside the database; each answers what one round gave.

import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { cpuSeconds } from './cpu.mjs';

const folder = mkdtempSync(join(tmpdir(), 'mana-bench-'));
chmodSync(folder, 0o755);
let scripts = 0;
process.once('exit', () => rmSync(folder, { recursive: true }));

/**
 * Repeats a request for `seconds`: {path, method, headers, body} of a constant one, or `lua`, a script that makes them.
 * → {rate, p50, p99 (ms), failed, cpu (µs of the server's processes a request)}
 */
export async function wrk(system, request, { seconds, clients }) {
  const script = join(folder, `${(scripts += 1)}.lua`); // of its own: two loads may run at once
  const before = cpuSeconds(system.pids);
  writeFileSync(script, `${request.lua ?? constant(request)}\n${REPORT}`);
  const url = new URL(request.path ?? '/', system.url).href;
  const out = await run('wrk', ['-t1', `-c${clients}`, `-d${seconds}s`, '--timeout', '10s', '-s', script, url]);
  const [count, rate, p50, p99, failed] = out.match(/^RESULT (.*)$/m)[1].split(' ').map(Number);
  const cpu = ((cpuSeconds(system.pids) - before) / Math.max(count, 1)) * 1e6;
  return { rate: failed > 0 ? NaN : rate, p50, p99, failed, cpu };
}

/** Repeats a statement, prepared, over the socket. → {rate, p50: NaN, p99: NaN, failed, cpu} */
export async function pgbench(stack, sql, { seconds, clients }) {
  const script = join(folder, 'case.sql');
  writeFileSync(script, `${sql.replaceAll('\n', ' ')}\n`);
  const roots = [stack.pids.postgres];
  const before = cpuSeconds(roots);
  const bin = (await run('pg_config', ['--bindir'])).trim();
  const options = ['-n', '-M', 'prepared', `-c${clients}`, '-j1', `-T${seconds}`, '-f', script];
  const out = await run(join(bin, 'pgbench'), ['-h', stack.socket, '-U', 'postgres', ...options, 'mana_platform']);
  const count = Number(out.match(/transactions actually processed: (\d+)/)[1]);
  const rate = Number(out.match(/^tps = ([\d.]+)/m)[1]);
  return { rate, p50: NaN, p99: NaN, failed: 0, cpu: ((cpuSeconds(roots) - before) / count) * 1e6 };
}

export function run(program, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'], ...options });
    let out = '';
    child.stdout.on('data', (chunk) => (out += chunk));
    child.once('error', reject);
    child.once('exit', (code) => (code === 0 ? resolve(out) : reject(new Error(`${program}: ${code}\n${out}`))));
  });
}

/** A Lua string of any text without `]==]`. */
export const quote = (text) => `[==[${text}]==]`;

function constant({ method = 'GET', headers = {}, body }) {
  const lines = Object.entries(headers).map(([name, value]) => `wrk.headers[ ${quote(name)} ] = ${quote(value)}`);
  lines.push(`wrk.method = ${quote(method)}`);
  if (body !== undefined) lines.push(`wrk.body = ${quote(body)}`);
  return lines.join('\n');
}

const REPORT = `
function done(summary, latency)
  io.write(string.format("RESULT %d %f %f %f %d\\n", summary.requests, summary.requests / summary.duration * 1e6,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    summary.errors.status + summary.errors.timeout + summary.errors.read + summary.errors.connect))
end
`;
