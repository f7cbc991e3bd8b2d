// Waiting for a condition instead of for time.

import { setTimeout as pause } from 'node:timers/promises';

const POLL_MS = 25;

/** Calls `condition` until it returns something truthy and returns that; fails after `ms` with what was waited for. */
export async function until(what, condition, ms = 10_000) {
  const deadline = Date.now() + ms;
  for (;;) {
    const result = await condition();
    if (result) return result;
    if (Date.now() > deadline) throw new Error(`${what}: not within ${ms} ms`);
    await pause(POLL_MS);
  }
}
