/**
 * Gives the objects of one kind the addresses that they need: plan in memory, commit, look what the store holds, and put
 * back what it does not. Remembers who holds what and who waits for what.
 */
import type { Clock } from "../../store/clock.js";
import type { StoreReader } from "../../store/reader.js";
import { MAX_CHANGES_PER_COMMIT, type Store } from "../../store/store.js";
import type { ObjectTypes } from "../../store/tables.js";
import { AllocationError } from "./allocation-error.js";
import type { HeldAddress, NetworkPools } from "./network-pools.js";

export type AddressedKind = "node" | "service" | "task";

export interface Grant<T> {
  /** All addresses that the object has afterwards. */
  readonly addresses: readonly HeldAddress[];
  /** The object with them; undefined when it has changed so that the plan does not fit any more. */
  write(current: T): T | undefined;
}

export interface GrantRules<K extends AddressedKind> {
  readonly kind: K;
  addressesOf(object: ObjectTypes[K]): readonly HeldAddress[];
  /**
   * @param take takes an address of a network; what is taken is put back when the plan fails
   * @returns undefined when the object needs nothing
   * @throws AllocationError when something cannot be had now
   */
  plan(
    object: ObjectTypes[K],
    read: StoreReader,
    take: (networkId: string) => HeldAddress,
  ): Grant<ObjectTypes[K]> | undefined;
}

interface Planned<T> {
  readonly id: string;
  readonly grant: Grant<T>;
  readonly taken: readonly HeldAddress[];
}

export class Grants<K extends AddressedKind> {
  /** Objects to look at. */
  readonly dirty = new Set<string>();
  /** Objects without what they need, and why. They are looked at again after {@link retry}. */
  readonly waiting = new Map<string, string>();
  readonly #held = new Map<string, readonly HeldAddress[]>();
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
    const conflicts: string[] = [];
    const held = this.#rules.addressesOf(object).filter((address) => {
      try {
        this.#pools.claimAddress(address);
        return true;
      } catch (error) {
        if (!(error instanceof AllocationError)) throw error;
        conflicts.push(`${address.address}: ${error.message}`);
        return false;
      }
    });
    this.#hold(object.id, held);
    if (conflicts.length > 0) throw new AllocationError(conflicts.join("; "));
  }

  /** The object is gone or over. */
  release(id: string): void {
    this.dirty.delete(id);
    this.waiting.delete(id);
    const now = this.#clock.now();
    for (const address of this.#held.get(id) ?? []) this.#pools.releaseAddress(address, now);
    this.#held.delete(id);
  }

  retry(): void {
    for (const id of this.waiting.keys()) this.dirty.add(id);
  }

  /** Looks at all dirty objects. @returns ids of those whose reason to wait is new */
  async run(): Promise<readonly string[]> {
    const explained: string[] = [];
    while (this.dirty.size > 0) {
      const ids = [...this.dirty].slice(0, MAX_CHANGES_PER_COMMIT);
      const planned = this.#store.view((read) => ids.flatMap((id) => this.#plan(id, read, explained)));
      try {
        await this.#store.update((tx) => {
          for (const { id, grant } of planned) {
            const current = tx.get(this.#rules.kind, id);
            const written = current && grant.write(current);
            if (written) tx.update(this.#rules.kind, written);
          }
        });
        for (const id of ids) this.dirty.delete(id);
      } finally {
        this.#store.view((read) => this.#settle(planned, read));
      }
      if (this.dirty.size > 0) await new Promise((resolve) => setImmediate(resolve));
    }
    return explained;
  }

  #plan(id: string, read: StoreReader, explained: string[]): readonly Planned<ObjectTypes[K]>[] {
    const object = read.get(this.#rules.kind, id);
    const taken: HeldAddress[] = [];
    try {
      const grant =
        object &&
        this.#rules.plan(object, read, (networkId) => {
          const address = { networkId, address: this.#pools.takeAddress(networkId, this.#clock.now()) };
          taken.push(address);
          return address;
        });
      this.waiting.delete(id);
      return grant ? [{ id, grant, taken }] : [];
    } catch (error) {
      if (!(error instanceof AllocationError)) throw error;
      for (const address of taken) this.#pools.giveBackAddress(address);
      if (this.waiting.get(id) !== error.message) explained.push(id);
      this.waiting.set(id, error.message);
      return [];
    }
  }

  #settle(planned: readonly Planned<ObjectTypes[K]>[], read: StoreReader): void {
    for (const { id, grant, taken } of planned) {
      const object = read.get(this.#rules.kind, id);
      if (!object || !sameAddresses(this.#rules.addressesOf(object), grant.addresses)) {
        for (const address of taken) this.#pools.giveBackAddress(address);
        continue;
      }
      const kept = new Set(grant.addresses.map(addressKey));
      for (const before of this.#held.get(id) ?? []) {
        if (!kept.has(addressKey(before))) this.#pools.releaseAddress(before, this.#clock.now());
      }
      this.#hold(id, grant.addresses);
    }
  }

  #hold(id: string, addresses: readonly HeldAddress[]): void {
    if (addresses.length > 0) this.#held.set(id, addresses);
    else this.#held.delete(id);
  }
}

function addressKey({ networkId, address }: HeldAddress): string {
  return `${networkId}/${address}`;
}

function sameAddresses(a: readonly HeldAddress[], b: readonly HeldAddress[]): boolean {
  return a.length === b.length && a.every((one, i) => addressKey(one) === addressKey(b[i]!));
}
