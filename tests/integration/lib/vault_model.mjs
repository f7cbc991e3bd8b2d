// What a vault is, in one small pure function: the state and a call give the answer and the next state. And the question whether
// calls that overlapped in time are explained by some order of theirs, one after the other (Herlihy and Wing's linearizability).

export const EMPTY = { key: null, generation: 0, recovery: null, zeroKnowledge: false, seen: {} };

const KEY_GIVEN = 'a key';
const refused = (status, code) => ({ status, code });

/**
 * `call` is {verb, session, wrap?, commitment?, enable?, masterKey?, answer}. Gives the answer that the state demands, as {status, code}
 * or {status, key | blob}, and the next state. A new key is whatever the answer says it is.
 */
export function step(state, call) {
  const { verb, session } = call;
  const exists = state.key !== null;
  const seen = (of) => ({ ...state.seen, [session]: [undefined, of.generation].includes(state.seen[session]) ? of.generation : 0 });
  const give = (next) => {
    const after = { ...next, seen: seen(next) };
    return next.zeroKnowledge ? [{ status: 200, blob: next.recovery.wrap }, after] : [{ status: 200, key: next.key }, after];
  };
  const done = [{ status: 200 }, state];
  const missing = [refused(404, 'VAULT_NOT_INITIALISED'), state];

  switch (verb) {
    case 'status':
      return [{ status: 200, seen: [exists, state.recovery !== null, state.zeroKnowledge].join() }, state];
    case 'init':
      return give(exists ? state : { ...state, key: call.answer.key, generation: 1 });
    case 'key':
      return exists ? give(state) : missing;
    case 'rotate':
      if (state.zeroKnowledge) return [refused(409, 'ZK_ROTATE_FORBIDDEN'), state];
      if (call.answer.key === state.key) return [{ status: 200, key: KEY_GIVEN }, state]; // never twice the same
      return give({ ...state, key: call.answer.key, generation: state.generation + 1, recovery: null });
    case 'setRecovery': {
      if (!exists) return missing;
      const current = call.shows ? call.shows === state.key : (state.seen[session] ?? 1) === state.generation;
      if (!current) return [refused(409, 'KEY_GENERATION_CONFLICT'), state];
      return [{ status: 200 }, { ...state, recovery: { wrap: call.wrap, of: call.of } }];
    }
    case 'clearRecovery':
      if (!exists) return missing;
      if (state.zeroKnowledge) return [refused(409, 'ZK_ACTIVE'), state];
      return [{ status: 200 }, { ...state, recovery: null }];
    case 'enable':
      if (!exists) return missing;
      if (state.zeroKnowledge) return done;
      if (state.recovery === null) return [refused(400, 'RECOVERY_WRAP_MISSING'), state];
      return [{ status: 200 }, { ...state, zeroKnowledge: true }];
    case 'disable':
      if (!exists) return missing;
      if (!state.zeroKnowledge) return done;
      if (call.masterKey !== state.key) return [refused(400, 'BAD_REQUEST'), state];
      return [{ status: 200 }, { ...state, zeroKnowledge: false }];
    default:
      throw new Error(`no such call: ${verb}`);
  }
}

const same = (left, right) => JSON.stringify(left) === JSON.stringify(right);

/**
 * The states in which a vault may be after `calls`, each with its `begin` and `end`, when it may have been in one of `states` before.
 * None: no order explains the answers. A call may only come after those that had ended before it began.
 */
export function explain(states, calls) {
  const after = new Map();
  const tried = new Set();
  const search = (state, left) => {
    const here = JSON.stringify([state, left]);
    if (tried.has(here)) return;
    tried.add(here);
    if (left.length === 0) {
      after.set(JSON.stringify(state), state);
      return;
    }
    const firstEnd = Math.min(...left.map((index) => calls[index].end));
    for (const index of left) {
      if (calls[index].begin > firstEnd) continue;
      const [expected, next] = step(state, calls[index]);
      if (same(expected, calls[index].answer)) search(next, left.filter((other) => other !== index));
    }
  };
  for (const state of states) search(state, calls.map((_, index) => index));
  return [...after.values()];
}
