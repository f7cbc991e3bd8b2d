// The limit of HTTP on this machine: Kore with as many workers as we have, answering a constant.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { freePort } from '../../integration/lib/edge.mjs';
import { untilItAnswers } from '../lib/server.mjs';

export async function startConstant({ workers }) {
  const folder = mkdtempSync(join(tmpdir(), 'mana-bench-kore-'));
  const port = await freePort();
  const module = fileURLToPath(new URL('../../../build/bench/constant.so', import.meta.url));
  writeFileSync(
    join(folder, 'kore.conf'),
    `load ${module}
root ${folder}
pidfile ${folder}/kore.pid
workers ${workers}
worker_set_affinity 0
worker_accept_threshold 1
http_keepalive_time 60
server limit {
	bind 127.0.0.1 ${port}
	tls no
}
domain * {
	attach limit
	route / constant
}
`,
  );
  const child = spawn('kore', ['-fnrq', '-c', join(folder, 'kore.conf')], { stdio: ['ignore', 'ignore', 'inherit'] });
  const url = `http://127.0.0.1:${port}`;
  await untilItAnswers(url, child);
  return {
    name: 'Kore, a constant',
    url,
    pids: [child.pid],
    async stop() {
      child.kill('SIGTERM');
      await new Promise((resolve) => child.once('exit', resolve));
      rmSync(folder, { recursive: true });
    },
  };
}
