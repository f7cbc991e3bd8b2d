// Documents name the tests that prove them, as `file: test` or `suite/file: part of a test`. Prints each name that is none, a line each.
//
// A file is the end of a path in the repository. A test is, in a .mjs, the name given to test or describe, as it stands in the source;
// in a unit test, a function that cmocka runs; in a story or a spec, words of a comment; in tests/lint/run, the name of a check.
// `attack/framing: …` is a part of a name in tests/attack/framing.test.mjs. A file without a test must exist, too.
//
//   node tests/lint/references.mjs docs/explanation/*.md
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const FILE = /^[\w./-]+\.(mjs|c|h|sql|spec|md|def|txt|yml)$|^tests\/[\w./]+\/run$/;
const all = execFileSync('git', ['ls-files', '-z'], { encoding: 'utf8' }).split('\0').filter(Boolean);
const texts = new Map();

/** What is wrong with a span of code; undefined: nothing, or it names no file. */
export function problemOf(span) {
  const [, suite, short, part] = /^(integration|attack)\/(\w+): (.+)$/.exec(span) ?? [];
  if (suite) return namedIn(`tests/${suite}/${short}.test.mjs`, part);
  const [file, ...rest] = span.split(': ');
  if (!FILE.test(file)) return undefined;
  const found = all.filter((path) => path === file || path.endsWith(`/${file}`));
  const tests = found.filter((path) => /^(tests|regress)\//.test(path)); // a story and the routine it is about share a name
  const paths = tests.length > 0 ? tests : found;
  if (paths.length === 0) return `there is no file ${file}`;
  if (rest.length === 0) return undefined;
  const name = rest.join(': ');
  return paths.some((path) => testsOf(path).includes(name)) ? undefined : `${file} has no test "${name}"`;
}

function namedIn(path, part) {
  if (!all.includes(path)) return `there is no file ${path}`;
  return part === '…' || testsOf(path).some((name) => name.includes(part)) ? undefined : `${path} has no test "${part}"`;
}

/** The names of tests in a file; of a story, all of its comments as one text. */
function testsOf(path) {
  if (!texts.has(path)) texts.set(path, read(path));
  return texts.get(path);
}

function read(path) {
  const source = readFileSync(path, 'utf8');
  const names = (pattern) => [...source.matchAll(pattern)].map((match) => match.at(-1).replaceAll("\\'", "'"));
  if (path.endsWith('.mjs')) return names(/\b(?:test|describe|it)\(\s*(['"`])((?:\\.|(?!\1).)+)\1/g);
  if (path.endsWith('.c')) return names(/cmocka_unit_test\w*\(\s*(\w+)/g);
  if (path.endsWith('/run')) return names(/\bcheck '([^']+)'/g);
  return source.split('\n').filter((line) => /^\s*(--|#) /.test(line)).map((line) => line.replace(/^\s*(--|#) /, '')).join(' ');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const document of process.argv.slice(2)) {
    readFileSync(document, 'utf8').split('\n').forEach((line, index) => {
      for (const [, span] of line.matchAll(/`([^`]+)`/g)) {
        const problem = problemOf(span);
        if (problem) console.log(`${document}:${index + 1}: ${problem}`);
      }
    });
  }
}
