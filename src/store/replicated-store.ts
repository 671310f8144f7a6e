/**
 * The store as the state machine of the replicated log. Each entry is one transaction and stands for itself; what this process
 * proposed is applied from the transaction's own objects, everything else is decoded.
 */
import { timestampMs } from "../api/time.js";
import type { CommittedEntry, StateMachine } from "../raft/node/raft.js";
import { type StoreEvent, versionOf } from "./change.js";
import type { Clock } from "./clock.js";
import { CommittedState, type RestoredObjects, Tables } from "./committed-state.js";
import { EntryCodec } from "./encoding/entry-codec.js";
import { WIRE_KINDS } from "./encoding/object-kinds.js";
import { SharedMessages } from "./encoding/shared-messages.js";
import { readSnapshotPart, type SnapshotObject, writeSnapshot } from "./encoding/snapshot-part.js";
import type { RandomBytes } from "./object-id.js";
import type { Proposal } from "./proposer.js";
import { type ProposalLog, RaftProposer } from "./raft-proposer.js";
import { Store } from "./store.js";
import { KINDS, type StoredObject } from "./tables.js";

export interface ReplicatedStoreOptions {
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly log: (line: string) => void;
}

/** Objects that are taken out of a snapshot in one go: about a millisecond. */
const OBJECTS_AT_ONCE = 100;
const IDS_AT_ONCE = 5000;

const SNAPSHOT_ORDER = [...KINDS].sort((a, b) => WIRE_KINDS[a].snapshotField - WIRE_KINDS[b].snapshotField);

export class ReplicatedStore {
  readonly store: Store;
  /** What the log applies to. */
  readonly machine: StateMachine<Proposal>;
  readonly #log: (line: string) => void;
  readonly #shared = new SharedMessages();
  readonly #state: CommittedState;
  readonly #codec: EntryCodec;
  readonly #proposer = new RaftProposer();

  constructor({ clock, random, log }: ReplicatedStoreOptions) {
    this.#log = log;
    this.#state = new CommittedState(log);
    this.#codec = new EntryCodec(this.#shared, random);
    this.store = new Store(this.#proposer, clock, { state: this.#state, codec: this.#codec });
    this.machine = {
      apply: (entries) => {
        for (const entry of entries) this.#apply(entry);
      },
      snapshot: () => {
        const held = SNAPSHOT_ORDER.map((kind) => [kind, this.#state.all(kind)] as const);
        return writeSnapshot(held, this.#shared);
      },
      restore: (parts, index) => this.#restore(parts, index),
    };
  }

  /** From now on transactions go into this log. */
  attach(log: ProposalLog): void {
    this.#proposer.attach(log);
  }

  #apply({ index, data, local }: CommittedEntry<Proposal>): void {
    if (local) {
      local.apply(local);
      return;
    }
    if (data.length === 0) return;
    try {
      const changes = this.#codec.decode(data, (reason) =>
        this.#log(`store: entry ${index}: ${reason}; it is left out`),
      );
      this.store.applyForeign(index, changes, data.length);
    } catch (error) {
      // Every member finds the same in it, so all leave it out.
      this.#log(`store: entry ${index} cannot be read and is left out: ${(error as Error).message}`);
    }
  }

  /** The present state stays until the new one is whole; an object that is in both stays the same one. */
  async #restore(parts: AsyncIterable<Uint8Array>, index: number): Promise<void> {
    const restored = new RestoredState(this.#state);
    for await (const part of parts) {
      let count = 0;
      for (const found of readSnapshotPart(part, this.#shared)) {
        restored.add(found);
        count++;
        if (count % OBJECTS_AT_ONCE === 0) await aPause();
      }
      await aPause();
    }
    await restored.finish();
    await this.store.replaceState(index, restored);
  }
}

/** A state in the making, and how it differs from the present one. */
class RestoredState implements RestoredObjects {
  readonly tables = new Tables();
  readonly events: StoreEvent[] = [];
  lastTimeMs = 0;
  readonly #present: CommittedState;

  constructor(present: CommittedState) {
    this.#present = present;
  }

  add({ kind, object }: SnapshotObject): void {
    this.lastTimeMs = Math.max(this.lastTimeMs, timestampMs(object.meta?.updatedAt));
    const previous = this.#present.get(kind, object.id);
    if (previous && isSame(previous, object)) {
      this.tables.of(kind).put(previous as never);
      return;
    }
    this.tables.of(kind).put(object as never);
    this.events.push({ kind, action: previous ? "update" : "create", object, previous } as StoreEvent);
  }

  /** Finds what is gone. */
  async finish(): Promise<void> {
    let count = 0;
    for (const kind of KINDS) {
      const present = this.#present.all(kind);
      for (const previous of present) {
        if (!this.tables.of(kind).has(previous.id)) {
          this.events.push({ kind, action: "remove", object: previous, previous } as StoreEvent);
        }
        count++;
        if (count % IDS_AT_ONCE === 0) await aPause();
      }
    }
  }
}

/** A version is given once. */
function isSame(a: StoredObject, b: StoredObject): boolean {
  return versionOf(a) === versionOf(b) && timestampMs(a.meta?.updatedAt) === timestampMs(b.meta?.updatedAt);
}

const aPause = () => new Promise<void>((resolve) => setImmediate(resolve));
