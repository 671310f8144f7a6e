/** How often a node may begin a session: one that cannot keep any shall not keep the log busy. Limits are SwarmKit's. Pure. */

const MAX_REGISTRATIONS = 3;
const WINDOW_MS = 8000;
/** Windows that are over are thrown away when there are so many. */
const TIDY_AT = 10_000;

interface Window {
  readonly sinceMs: number;
  count: number;
}

export class RegistrationLimit {
  readonly #windows = new Map<string, Window>();

  /** @returns whether the node may begin one more session now */
  admit(nodeId: string, nowMs: number): boolean {
    const window = this.#windows.get(nodeId);
    if (!window || nowMs - window.sinceMs >= WINDOW_MS) {
      if (this.#windows.size >= TIDY_AT) this.#tidy(nowMs);
      this.#windows.set(nodeId, { sinceMs: nowMs, count: 1 });
      return true;
    }
    window.count++;
    return window.count <= MAX_REGISTRATIONS;
  }

  #tidy(nowMs: number): void {
    for (const [nodeId, { sinceMs }] of this.#windows) {
      if (nowMs - sinceMs >= WINDOW_MS) this.#windows.delete(nodeId);
    }
  }
}
