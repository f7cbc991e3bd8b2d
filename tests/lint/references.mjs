// Documents name the tests that prove them: `file: test`. Prints each name that is none, one a line.
//
// A file is the end of a path in the repository, as short as it is unambiguous. A test is, in a .mjs, the name given to test or
// describe, as it stands in the source; in a unit test, a function that cmocka runs; in a story or a spec, words of a comment; in
// tests/lint/run, the name of a check. A file without a test must exist, too.
//
//   node tests/lint/references.mjs docs/explanation/*.md
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const FILE = /^[\w./-]+\.(mjs|c|h|sql|spec|md|def|txt|yml)$|^tests\/[\w./]+\/run$/;
const all = execFileSync('git', ['ls-files', '-z'], { encoding: 'utf8' }).split('\0').filter(Boolean);
const texts = new Map();

for (const document of process.argv.slice(2)) {
  readFileSync(document, 'utf8').split('\n').forEach((line, index) => {
    for (const [, span] of line.matchAll(/`([^`]+)`/g)) {
      const problem = problemOf(span);
      if (problem) console.log(`${document}:${index + 1}: ${problem}`);
    }
  });
}

/** What is wrong with a span of code; undefined: nothing, or it names no file. */
function problemOf(span) {
  const [file, ...rest] = span.split(': ');
  if (!FILE.test(file)) return undefined;
  const paths = all.filter((path) => path === file || path.endsWith(`/${file}`));
  if (paths.length === 0) return `there is no file ${file}`;
  if (rest.length === 0) return undefined;
  if (paths.length > 1) return `${file} may be ${paths.join(' or ')}`;
  return testsOf(paths[0]).includes(rest.join(': ')) ? undefined : `${file} has no test "${rest.join(': ')}"`;
}

/** Names of tests, each on a line of its own; for stories, all of their comments as one text. */
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
