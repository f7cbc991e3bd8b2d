// `make run` installs packages that are missing, and waits while another apt holds a lock.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const APT_GET = fileURLToPath(new URL('../stack/apt_get', import.meta.url));
const LISTS = 'E: Could not get lock /var/lib/apt/lists/lock. It is held by process 4711 (apt-get)';
const ARCHIVES = 'E: Could not get lock /var/cache/apt/archives/lock. It is held by process 4711 (apt-get)';

describe('installing beside another apt', () => {
  let place;
  before(() => {
    place = mkdtempSync(join(tmpdir(), 'mana-apt-'));
    // An apt-get that fails as often as told, with what it is told to say.
    writeFileSync(join(place, 'apt-get'), `#!/bin/bash
echo "$*" >>"$PLACE/calls"
[ "$(wc -l <"$PLACE/calls")" -gt "$FAILURES" ] && exit 0
echo "$SAYS" >&2
exit 100
`);
    chmodSync(join(place, 'apt-get'), 0o755);
  });
  after(() => rmSync(place, { recursive: true }));

  const install = (failures, says, lockSeconds = 60) => {
    rmSync(join(place, 'calls'), { force: true });
    const env = {
      ...process.env, PATH: `${place}:${process.env.PATH}`, PLACE: place, FAILURES: String(failures), SAYS: says,
      LOCK_SECONDS: String(lockSeconds), PAUSE_SECONDS: '0.01',
    };
    const done = spawnSync(APT_GET, ['-y', 'install', 'kore'], { env, encoding: 'utf8' });
    return { ...done, calls: readFileSync(join(place, 'calls'), 'utf8').trim().split('\n') };
  };

  test('waits for the lock of the lists or the archives, and says so once', () => {
    for (const says of [LISTS, ARCHIVES]) {
      const { status, stdout, calls } = install(3, says);
      assert.equal(status, 0);
      assert.equal(calls.length, 4);
      assert.equal(stdout, 'install: another apt is running; waiting for its lock, at most 60 seconds\n');
    }
  });

  test('lets apt-get wait for the locks of dpkg', () => {
    const { status, stdout, calls } = install(0, '');
    assert.deepEqual([status, stdout, calls], [0, '', ['-qq -o DPkg::Lock::Timeout=60 -y install kore']]);
  });

  test('fails at once for any other reason, and with the last message when the time is up', () => {
    const other = install(1, 'E: Unable to locate package kore');
    assert.deepEqual([other.status, other.calls.length, other.stderr], [100, 1, 'E: Unable to locate package kore\n']);
    const late = install(9, LISTS, 0);
    assert.deepEqual([late.status, late.calls.length, late.stderr], [100, 1, `${LISTS}\n`]);
  });
});
