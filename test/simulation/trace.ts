/** What happened, in order: as lines for a person, and as one number that tells whether two runs went alike. */
import type { VirtualTime } from "./virtual-time.js";

/** Older lines are forgotten: a run that goes in circles must not fill the memory. */
const MAX_LINES = 20_000;

export class Trace {
  readonly #time: VirtualTime;
  readonly #lines: string[] = [];
  #hash = 0x811c9dc5;

  constructor(time: VirtualTime) {
    this.#time = time;
  }

  note(who: string, what: string): void {
    const line = `${(this.#time.now / 1000).toFixed(4).padStart(9)} s  ${who.padEnd(8)} ${what}`;
    for (let i = 0; i < line.length; i++) this.mix(line.charCodeAt(i));
    this.#lines.push(line);
    if (this.#lines.length > MAX_LINES) this.#lines.splice(0, MAX_LINES / 2);
  }

  /** Something that is worth no line. */
  mix(value: number): void {
    this.#hash = Math.imul(this.#hash ^ (value | 0), 0x01000193);
  }

  get lines(): readonly string[] {
    return this.#lines;
  }

  get hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, "0");
  }
}
