// Starting a server and knowing when it is there.

/** Waits until a URL answers anything; fails when the process that should answer has ended. */
export async function untilItAnswers(url, child, patienceMs = 30_000) {
  for (const end = Date.now() + patienceMs; ; ) {
    if (child.exitCode !== null) throw new Error(`${child.spawnfile} ended with ${child.exitCode}`);
    try {
      await (await fetch(url)).arrayBuffer();
      return;
    } catch (error) {
      if (Date.now() > end) throw new Error(`${url} does not answer`, { cause: error });
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
