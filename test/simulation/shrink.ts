/** Makes a failing story short: leaves out what is not needed for it to fail (Zeller's delta debugging). */

/** What is left out of. */
interface Story<A> {
  readonly actions: readonly A[];
}

export interface Shrunk<P> {
  readonly plan: P;
  readonly runs: number;
}

/**
 * @param fails runs a plan: whether it fails in the same way
 * @param maxRuns after so many the shortest so far is good enough
 */
export async function shrink<A extends { readonly kind: string }, P extends Story<A>>(
  plan: P,
  fails: (plan: P) => Promise<boolean>,
  maxRuns: number,
): Promise<Shrunk<P>> {
  let runs = 0;
  let actions: readonly A[] = plan.actions;
  const attempt = async (rest: readonly A[]): Promise<boolean> => {
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
