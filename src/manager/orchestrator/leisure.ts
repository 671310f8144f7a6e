/** Runs work that pauses, so that it holds nobody up. Pacing only: what comes out does not depend on it. */

/** At a stretch. */
const SLICE_MS = 2;

export async function atLeisure<T>(work: Generator<undefined, T>): Promise<T> {
  let endMs = performance.now() + SLICE_MS;
  for (;;) {
    const step = work.next();
    if (step.done) return step.value;
    if (performance.now() < endMs) continue;
    await new Promise((resolve) => setImmediate(resolve));
    endMs = performance.now() + SLICE_MS;
  }
}
