/**
 * Gives the objects of one kind the addresses that they need: plan in memory, commit, look what the store holds, and put
 * back what it does not. Remembers who holds what and who waits for what.
 */
import type { Clock } from "../../store/clock.js";
import type { StoreReader } from "../../store/reader.js";
import { MAX_CHANGES_PER_COMMIT, type Store } from "../../store/store.js";
import type { ObjectTypes } from "../../store/tables.js";
import type { Transaction } from "../../store/transaction.js";
import { AllocationError, type Hindrance } from "./allocation-error.js";
import { eachAddress, type Holding, lost, sameAddresses, without } from "./holding.js";
import type { HeldAddress, NetworkPools, TakeOptions } from "./network-pools.js";
import { spareOf, withSpare } from "./network-record.js";
import { Waiting } from "./waiting.js";

export type AddressedKind = "node" | "service" | "task";

export interface Grant<T> {
  /** All that the object holds afterwards. */
  readonly holding: Holding;
  /** What it goes without for now. */
  readonly lacking?: AllocationError | undefined;
  /** The object with them; undefined when it has changed so that the plan does not fit any more. */
  write(current: T): T | undefined;
}

/** See {@link NetworkPools.takeAddresses}. */
export type TakeAddresses = (networkId: string, options?: TakeOptions) => readonly HeldAddress[];

export interface GrantRules<K extends AddressedKind> {
  readonly kind: K;
  /** What the object holds, as it stands in the object; one that is over holds nothing. */
  holdingOf(object: ObjectTypes[K]): Holding;
  /**
   * @param take takes addresses of a network; what is taken is put back when the plan fails
   * @returns undefined when the object needs nothing
   * @throws AllocationError when something cannot be had now
   */
  plan(object: ObjectTypes[K], read: StoreReader, take: TakeAddresses): Grant<ObjectTypes[K]> | undefined;
}

interface Planned<T> {
  readonly id: string;
  readonly grant: Grant<T>;
  readonly taken: readonly HeldAddress[];
  /** It was written in the transaction's last run. */
  isWritten: boolean;
}

/** Commits that are under way at once. */
const MAX_IN_FLIGHT = 4;

export class Grants<K extends AddressedKind> {
  /** Objects to look at. */
  readonly dirty = new Set<string>();
  /** Objects without what they need. They are looked at again after {@link retry}. */
  readonly waiting = new Waiting();
  /** Objects whose reason to wait is new; whoever tells of it takes them out. */
  readonly explained = new Set<string>();
  readonly #held = new Map<string, Holding>();
  readonly #underWay = new Set<string>();
  readonly #rules: GrantRules<K>;
  readonly #pools: NetworkPools;
  readonly #store: Store;
  readonly #clock: Clock;

  constructor(rules: GrantRules<K>, pools: NetworkPools, store: Store, clock: Clock) {
    this.#rules = rules;
    this.#pools = pools;
    this.#store = store;
    this.#clock = clock;
  }

  /** Takes note of what an object holds already. @throws AllocationError when another holds it; the rest is noted */
  restore(object: ObjectTypes[K]): void {
    const conflicts: (HeldAddress & { readonly reason: string })[] = [];
    const holding = this.#rules.holdingOf(object);
    eachAddress(holding, (networkId, address) => {
      try {
        this.#pools.claimAddress(networkId, address);
      } catch (error) {
        if (!(error instanceof AllocationError)) throw error;
        conflicts.push({ networkId, address, reason: error.message });
      }
    });
    this.#hold(object.id, conflicts.length > 0 ? without(holding, conflicts) : holding);
    if (conflicts.length === 0) return;
    throw new AllocationError(conflicts.map(({ address, reason }) => `${address}: ${reason}`).join("; "));
  }

  /** The object is gone or over. @returns whether it held anything */
  release(id: string): boolean {
    this.dirty.delete(id);
    this.waiting.delete(id);
    this.explained.delete(id);
    const held = this.#held.get(id);
    if (!held) return false;
    const now = this.#clock.now();
    eachAddress(held, (networkId, address) => this.#pools.releaseAddress(networkId, address, now));
    this.#held.delete(id);
    return true;
  }

  /** Looks again at those that wait for something. @param most at most as many @returns how many */
  retry(kind: Hindrance["kind"], hindranceId: string, most = Number.POSITIVE_INFINITY): number {
    let count = 0;
    for (const id of this.waiting.waitingFor(kind, hindranceId)) {
      if (count >= most) break;
      this.dirty.add(id);
      count++;
    }
    return count;
  }

  /** Looks at all dirty objects. */
  async run(): Promise<void> {
    const commits: Promise<void>[] = [];
    const failures: unknown[] = [];
    while (this.dirty.size > 0 && failures.length === 0) {
      const ids = this.#next();
      if (ids.length === 0) {
        // All of them have changed while they were being written: once more, when that is done.
        await commits.shift();
        continue;
      }
      const planned = this.#store.view((read) => ids.flatMap((id) => this.#plan(id, read)));
      if (planned.length > 0) commits.push(this.#commit(planned).catch((error: unknown) => void failures.push(error)));
      if (commits.length >= MAX_IN_FLIGHT) await commits.shift();
      if (this.dirty.size > 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all(commits);
    if (failures.length > 0) throw failures[0];
  }

  #next(): readonly string[] {
    const ids: string[] = [];
    for (const id of this.dirty) {
      if (this.#underWay.has(id)) continue;
      ids.push(id);
      if (ids.length === MAX_CHANGES_PER_COMMIT) break;
    }
    for (const id of ids) this.dirty.delete(id);
    return ids;
  }

  #plan(id: string, read: StoreReader): readonly Planned<ObjectTypes[K]>[] {
    const object = read.get(this.#rules.kind, id);
    const taken: HeldAddress[] = [];
    const lacks = (error: AllocationError) => {
      if (this.waiting.set(id, error)) this.explained.add(id);
    };
    try {
      const grant =
        object &&
        this.#rules.plan(object, read, (networkId, options) => {
          const addresses = this.#pools.takeAddresses(networkId, this.#clock.now(), options);
          taken.push(...addresses);
          return addresses;
        });
      if (grant?.lacking) lacks(grant.lacking);
      else this.waiting.delete(id);
      return grant ? [{ id, grant, taken, isWritten: false }] : [];
    } catch (error) {
      if (!(error instanceof AllocationError)) throw error;
      this.#giveBack(taken);
      lacks(error);
      return [];
    }
  }

  async #commit(planned: readonly Planned<ObjectTypes[K]>[]): Promise<void> {
    for (const { id } of planned) this.#underWay.add(id);
    let isCommitted = false;
    try {
      await this.#store.batch(planned, (tx, one) => {
        const current = tx.get(this.#rules.kind, one.id);
        const written = current && one.grant.write(current);
        one.isWritten = written !== undefined;
        if (!written) return;
        tx.update(this.#rules.kind, written);
        for (const { networkId } of one.taken) this.#writeSpare(tx, networkId);
      });
      isCommitted = true;
    } finally {
      this.#store.view((read) => {
        for (const one of planned) this.#settle(one, read, isCommitted);
      });
    }
  }

  /** What is spare is written with what was taken: whoever leads next must not give out the same once more. */
  #writeSpare(tx: Transaction, networkId: string): void {
    const network = tx.get("network", networkId);
    const spare = this.#pools.spareOf(networkId);
    if (network && spareOf(network) !== spare) tx.update("network", withSpare(network, spare));
  }

  #settle({ id, grant, taken, isWritten }: Planned<ObjectTypes[K]>, read: StoreReader, isCommitted: boolean): void {
    this.#underWay.delete(id);
    if (!isCommitted) this.dirty.add(id);
    const object = read.get(this.#rules.kind, id);
    if (!object || !sameAddresses(this.#rules.holdingOf(object), grant.holding)) {
      // What was in the store for a moment rests like all that comes back.
      if (isCommitted && !isWritten) this.#giveBack(taken);
      else this.#releaseAll(taken);
      return;
    }
    const before = this.#held.get(id);
    if (before) this.#releaseAll(lost(before, grant.holding));
    this.#hold(id, grant.holding);
  }

  #giveBack(addresses: readonly HeldAddress[]): void {
    const now = this.#clock.now();
    for (const { networkId, address } of addresses) this.#pools.giveBackAddress(networkId, address, now);
  }

  #releaseAll(addresses: readonly HeldAddress[]): void {
    const now = this.#clock.now();
    for (const { networkId, address } of addresses) this.#pools.releaseAddress(networkId, address, now);
  }

  #hold(id: string, holding: Holding): void {
    if (holding.length > 0) this.#held.set(id, holding);
    else this.#held.delete(id);
  }
}
