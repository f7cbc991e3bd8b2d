// The tables that `make bench` prints.

import { readFileSync } from 'node:fs';
import { arch, cpus, totalmem } from 'node:os';

export function printMachine({ seconds, rounds, clients, workers }) {
  const model = readFileSync('/proc/cpuinfo', 'utf8').match(/^model name\s*:\s*(.*)$/m)?.[1] ?? arch();
  console.log(`${cpus().length} cores (${model}), ${Math.round(totalmem() / 2 ** 30)} GiB, all parts and the load on the same cores; \
${workers} workers; up to ${clients} connections; medians of ${rounds} alternating rounds of ${seconds} s, with their spread; \
${new Date().toISOString().slice(0, 10)}.\n`);
}

export function printHead() {
  console.log('| work | req/s | p99 | CPU a request | against | its rate | its CPU | ratio of rates | of CPU | target | met |');
  console.log('|---|---:|---:|---:|---|---:|---:|---:|---:|---:|---|');
}

/** One line for each thing that a row is held against. */
export function printCase({ name, targets, together, note }, { ours, limits, peers }) {
  const own = [name + (note ? ` (${note})` : ''), rate(ours), milliseconds(ours.p99), micro(ours.cpu)];
  const lines = [];
  const names = Object.keys(limits);
  if (names.length > 0) {
    const all = Object.values(limits);
    const whole = { rate: together ? together(...all.map((l) => l.rate)) : all[0].rate, spread: Math.max(...all.map((l) => l.spread)) };
    const cpu = all.reduce((sum, limit) => sum + limit.cpu, 0);
    lines.push([names.join(' + '), rate(whole), micro(cpu), percent(ours.rate / whole.rate), percent(cpu / ours.cpu), ...verdict(ours.rate / whole.rate, targets.limit, percent)]);
  }
  for (const [peer, its] of Object.entries(peers)) {
    const ratio = ours.rate / its.rate;
    lines.push([peer, rate(its), micro(its.cpu), times(ratio), times(its.cpu / ours.cpu), ...verdict(ratio, targets[peer], times)]);
  }
  if (lines.length === 0) lines.push(['', '', '', '', '', '', '']);
  lines.forEach((line, i) => console.log(`| ${[...(i === 0 ? own : ['', '', '', '']), ...line].join(' | ')} |`));
}

export function printMeasures(measures) {
  console.log('\n| measure | value | target |\n|---|---:|---:|');
  for (const { what, value, target } of measures) console.log(`| ${what} | ${value} | ${target} |`);
}

function verdict(ratio, target, format) {
  if (target === undefined) return ['', ''];
  return [`≥ ${format(target)}`, ratio >= target ? 'yes' : '**no**'];
}

function rate({ rate: value, spread, failed }) {
  if (failed > 0) return `${failed} failed`;
  return `${Math.round(value)} ± ${Math.round(spread * 100)} %`;
}
const milliseconds = (value) => (Number.isNaN(value) ? '' : `${value.toFixed(2)} ms`);
const micro = (value) => `${value < 100 ? value.toFixed(1) : Math.round(value)} µs`;
const percent = (value) => `${Math.round(value * 100)} %`;
const times = (value) => `${value < 10 ? value.toFixed(1) : Math.round(value)} ×`;
