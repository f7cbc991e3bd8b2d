// What processes cost: CPU seconds of whole process trees, and memory, as /proc tells.

import { readFileSync, readdirSync } from 'node:fs';

const TICKS_A_SECOND = 100; // USER_HZ, the same on every Linux of today

/** The processes below these, themselves included. */
export function tree(roots) {
  const children = new Map();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const stat = statOf(pid);
    if (stat) children.set(stat.parent, [...(children.get(stat.parent) ?? []), Number(pid)]);
  }
  const all = [];
  for (let next = [...roots]; next.length > 0; next = next.flatMap((pid) => children.get(pid) ?? [])) all.push(...next);
  return all;
}

/** CPU seconds that trees have used so far, those of children that have ended included. */
export function cpuSeconds(roots) {
  return tree(roots).reduce((sum, pid) => sum + (statOf(pid)?.ticks ?? 0), 0) / TICKS_A_SECOND;
}

/** Proportional set size of trees, in MiB: shared pages are divided among who shares them. */
export function pssMib(roots) {
  return tree(roots).reduce((sum, pid) => sum + kib(pid, /^Pss:\s+(\d+)/m), 0) / 1024;
}

/** What would be free again if this one process ended, in MiB. */
export function privateMib(pid) {
  return (kib(pid, /^Private_Clean:\s+(\d+)/m) + kib(pid, /^Private_Dirty:\s+(\d+)/m)) / 1024;
}

function statOf(pid) {
  try {
    // the name may hold spaces and parentheses; the fields follow the last of them
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').replace(/^.*\) /s, '').split(' ');
    const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
    return { parent: Number(fields[1]), ticks };
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ESRCH') return undefined; // it has ended meanwhile
    throw error;
  }
}

function kib(pid, pattern) {
  try {
    return Number(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1').match(pattern)?.[1] ?? 0);
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ESRCH') return 0;
    throw error;
  }
}
