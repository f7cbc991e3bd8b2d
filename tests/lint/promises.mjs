// docs/explanation/threat-model.md against the tests and SECURITY.md: prints each row that names no test, each named test that does not
// exist, and each promise that has no row.

import { existsSync, readFileSync } from 'node:fs';

import { problemOf } from './references.mjs';

const PAGE = 'docs/explanation/threat-model.md';
const ROWS_MIN = 10; // of each table: fewer, and this script did not understand the page

const page = readFileSync(PAGE, 'utf8');
const promised = readFileSync('SECURITY.md', 'utf8').split(/^## /m).find((section) => section.startsWith('What is promised'));
const claims = [...promised.matchAll(/^- \*\*(.+?)\*\*/gm)].map(([, claim]) => claim);

function rowsOf(heading) {
  const section = page.split(/^## /m).find((text) => text.startsWith(heading)) ?? '';
  const rows = section.split('\n').filter((line) => line.startsWith('| ')).slice(1) // the first is the head
    .map((line) => line.split('|').slice(1, -1).map((cell) => cell.trim()));
  if (rows.length < ROWS_MIN) console.log(`${PAGE}: ${rows.length} rows below "${heading}"`);
  return rows.map((cells) => ({ subject: cells[0], tests: [...cells.at(-1).matchAll(/`([^`]+)`/g)].map(([, test]) => test) }));
}

/** What is wrong with the name of a test; undefined: it exists. */
function faultOf(named) {
  if (/^(integration|attack)\/\w+: /.test(named)) return problemOf(named);
  return /^regress\/(sql|specs)\/\w+\.\w+$/.test(named) && existsSync(named) ? undefined : 'is no file of regress, and no `suite/file: name`';
}

const attackers = rowsOf('Attackers');
const promises = rowsOf('Promises of SECURITY.md');
for (const { subject, tests } of [...attackers, ...promises]) {
  if (tests.length === 0) console.log(`${PAGE}: "${subject}" names no test`);
  for (const named of tests) {
    const fault = faultOf(named);
    if (fault) console.log(`${PAGE}: "${subject}": ${named}: ${fault}`);
  }
}
for (const claim of claims) if (!promises.some(({ subject }) => subject === claim)) console.log(`SECURITY.md: "${claim}" has no row in ${PAGE}`);
for (const { subject } of promises) if (!claims.includes(subject)) console.log(`${PAGE}: SECURITY.md does not promise "${subject}"`);
if (claims.length < ROWS_MIN) console.log(`SECURITY.md: ${claims.length} promises`);
