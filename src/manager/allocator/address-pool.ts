/**
 * The addresses of one subnet, given out one after the other. An address that comes back rests for a while before it is
 * given out again, so that no node still holds a path to whoever had it before.
 */
import { AllocationError } from "./allocation-error.js";
import { contains, type Ipv4Range } from "./ipv4-range.js";
import { SparseBitmap } from "./sparse-bitmap.js";

export const ADDRESS_REST_MS = 60_000;

export class AddressPool {
  readonly subnet: Ipv4Range;
  readonly #taken: SparseBitmap;
  /** Offsets that came back, oldest first, and until when they rest. */
  readonly #resting = new Map<number, number>();
  /** What is given out unasked: offsets start…end-1. */
  readonly #start: number;
  readonly #end: number;
  #cursor: number;

  /**
   * @param range the part of the subnet that is given out
   * @param excluded addresses that are never given out: the gateway, reserved ones
   */
  constructor(subnet: Ipv4Range, range: Ipv4Range, excluded: readonly number[]) {
    this.subnet = subnet;
    this.#taken = new SparseBitmap(subnet.last - subnet.first + 1);
    this.#start = range.first - subnet.first;
    this.#end = range.last - subnet.first + 1;
    this.#cursor = this.#start;
    // The network's own address and the broadcast address; /31 and /32 have none.
    const edges = subnet.length < 31 ? [subnet.first, subnet.last] : [];
    for (const address of [...edges, ...excluded]) {
      if (contains(subnet, address)) this.#taken.add(address - subnet.first);
    }
  }

  /** @returns the next free address; undefined when there is none now */
  take(nowMs: number): number | undefined {
    this.#wake(nowMs);
    const offset = this.#taken.nextAbsent(this.#cursor, this.#end) ?? this.#taken.nextAbsent(this.#start, this.#cursor);
    if (offset === undefined) return undefined;
    this.#taken.add(offset);
    this.#cursor = offset + 1;
    return this.subnet.first + offset;
  }

  /** Takes a certain address, resting or not. @throws AllocationError when it is taken or not of this subnet */
  claim(address: number): void {
    if (!contains(this.subnet, address)) throw new AllocationError("the address lies outside of the subnet");
    const offset = address - this.subnet.first;
    if (this.#taken.has(offset) && !this.#resting.delete(offset)) throw new AllocationError("the address is in use");
    this.#taken.add(offset);
    // After a restart the search goes on behind what was given out: what came back just before is not given out at once.
    if (offset < this.#end) this.#cursor = Math.max(this.#cursor, offset + 1);
  }

  /** Gives back an address that nobody has used: it need not rest. */
  giveBack(address: number): void {
    this.#taken.delete(address - this.subnet.first);
  }

  release(address: number, nowMs: number): void {
    const offset = address - this.subnet.first;
    if (this.#taken.has(offset)) this.#resting.set(offset, nowMs + ADDRESS_REST_MS);
  }

  /** When the next resting address can be given out; undefined when none rests. */
  nextWakeMs(nowMs: number): number | undefined {
    this.#wake(nowMs);
    const [next] = this.#resting.values();
    return next;
  }

  #wake(nowMs: number): void {
    for (const [offset, until] of this.#resting) {
      if (until > nowMs) return;
      this.#resting.delete(offset);
      this.#taken.delete(offset);
    }
  }
}
