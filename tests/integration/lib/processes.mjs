// What runs on this machine: read from /proc, so that a test can kill a worker or find what was left behind.

import { readFileSync, readdirSync, readlinkSync } from 'node:fs';

export function processes() {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .flatMap((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
        const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        const command = readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ').trim();
        return [{ pid, parent: Number(parent), state, command, environment: environment(pid) }];
      } catch (error) {
        if (['ENOENT', 'ESRCH'].includes(error.code)) return []; // gone while we looked
        throw error;
      }
    });
}

export function childrenOf(parent) {
  return processes().filter((process) => process.parent === parent && process.state !== 'Z');
}

/** Processes that have a text in their command line, environment or working directory. */
export function processesOf(text) {
  return processes().filter(
    ({ pid, command, environment: variables }) =>
      pid !== process.pid && [command, variables, workingDirectory(pid)].some((place) => place.includes(text)),
  );
}

/** System V shared memory segments as {shmid, cpid, nattch, ...}. */
export function sharedMemory() {
  const [head, ...lines] = readFileSync('/proc/sysvipc/shm', 'latin1').trim().split('\n');
  const columns = head.trim().split(/\s+/);
  return lines.map((line) => {
    const values = line.trim().split(/\s+/).map(Number);
    return Object.fromEntries(columns.map((column, index) => [column, values[index]]));
  });
}

function environment(pid) {
  return readable(() => readFileSync(`/proc/${pid}/environ`, 'latin1'));
}

function workingDirectory(pid) {
  return readable(() => readlinkSync(`/proc/${pid}/cwd`));
}

function readable(read) {
  try {
    return read();
  } catch {
    return ''; // another user's, or gone
  }
}
