/** Makes a failing story short: leaves out what is not needed for it to fail (Zeller's delta debugging). */
import type { Action } from "./actions.js";
import type { Plan } from "./plan.js";

export interface Shrunk {
  readonly plan: Plan;
  readonly runs: number;
}

/**
 * @param fails runs a plan: whether it fails in the same way
 * @param maxRuns after so many the shortest so far is good enough
 */
export async function shrink(plan: Plan, fails: (plan: Plan) => Promise<boolean>, maxRuns: number): Promise<Shrunk> {
  let runs = 0;
  let actions: readonly Action[] = plan.actions;
  const attempt = async (rest: readonly Action[]): Promise<boolean> => {
    runs++;
    if (!(await fails({ ...plan, actions: rest }))) return false;
    actions = rest;
    return true;
  };
  // What clients ask often has nothing to do with it.
  await attempt(actions.filter((action) => action.kind !== "client"));
  let size = Math.ceil(actions.length / 2);
  while (size >= 1 && runs < maxRuns) {
    let removed = false;
    // From the end: what comes late is needless most often.
    for (let start = actions.length - size; runs < maxRuns && actions.length > 0; start -= size) {
      const from = Math.max(0, start);
      if (await attempt([...actions.slice(0, from), ...actions.slice(from + size)])) removed = true;
      if (from === 0) break;
    }
    if (size === 1 && !removed) break;
    size = removed ? Math.min(size, Math.ceil(actions.length / 2)) : Math.floor(size / 2);
  }
  return { plan: { ...plan, actions }, runs };
}
