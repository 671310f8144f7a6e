/**
 * What a task's prober answers to one order, see launch-scripts.ts: NUL TOKEN "(" newline, what the check writes, NUL TOKEN ")" status
 * newline. Bytes that belong to no order, of a check that an earlier agent asked for, are passed over. Pure.
 */
import type { CheckResult } from "../../health/health-text.js";

/** The FIFOs in the task's folder. */
export const PROBE_ORDERS = "probe-orders";
export const PROBE_ANSWERS = "probe-answers";

/** As much as Docker keeps. */
const KEPT_OUTPUT_BYTES = 4096;
/** A status and a newline. */
const STATUS_BYTES = 12;

export class ProbeAnswer {
  readonly #begin: Buffer;
  readonly #end: Buffer;
  #begun = false;
  /** Bytes in which a mark may have begun. */
  #rest: Buffer = Buffer.alloc(0);
  readonly #kept: Buffer[] = [];
  #keptBytes = 0;

  constructor(token: string) {
    this.#begin = Buffer.from(`\0${token}(\n`);
    this.#end = Buffer.from(`\0${token})`);
  }

  /** @returns the result when the answer is complete */
  take(chunk: Buffer): CheckResult | undefined {
    let data = Buffer.concat([this.#rest, chunk]);
    if (!this.#begun) {
      const at = data.indexOf(this.#begin);
      if (at < 0) {
        this.#rest = data.subarray(Math.max(0, data.length - this.#begin.length + 1));
        return undefined;
      }
      this.#begun = true;
      data = data.subarray(at + this.#begin.length);
    }
    const at = data.indexOf(this.#end);
    if (at < 0) {
      const safe = Math.max(0, data.length - this.#end.length + 1);
      this.#keep(data.subarray(0, safe));
      this.#rest = Buffer.from(data.subarray(safe));
      return undefined;
    }
    this.#keep(data.subarray(0, at));
    const status = /^(\d{1,3})\n/.exec(
      data.toString("latin1", at + this.#end.length, at + this.#end.length + STATUS_BYTES),
    )?.[1];
    this.#rest = Buffer.from(data.subarray(at));
    return status === undefined ? undefined : { status: Number(status), output: this.output };
  }

  /** What has come so far. */
  get output(): string {
    return Buffer.concat(this.#kept).toString();
  }

  #keep(data: Buffer): void {
    const kept = Buffer.from(data.subarray(0, KEPT_OUTPUT_BYTES - this.#keptBytes));
    if (kept.length === 0) return;
    this.#kept.push(kept);
    this.#keptBytes += kept.length;
  }
}
