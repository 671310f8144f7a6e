/** Stores over scripted logs, and what they hold as plain data. */
import { ReplicatedStore } from "../../src/store/replicated-store.js";
import type { Store } from "../../src/store/store.js";
import { KINDS } from "../../src/store/tables.js";
import { ManualClock, seededBytes } from "../manager/manual-clock.js";
import { ScriptedLog } from "./scripted-log.js";

export interface Replica {
  readonly replicated: ReplicatedStore;
  readonly store: Store;
  readonly log: ScriptedLog;
  readonly clock: ManualClock;
  readonly logged: string[];
}

/** @param lastIndex of the log, when it begins with a snapshot */
export function newReplica(lastIndex = 0, seed = 1): Replica {
  const clock = new ManualClock();
  const logged: string[] = [];
  const replicated = new ReplicatedStore({ clock, random: seededBytes(seed), log: (line) => logged.push(line) });
  const log = new ScriptedLog(replicated.machine, lastIndex);
  replicated.attach(log);
  return { replicated, store: replicated.store, log, clock, logged };
}

/** All objects, by kind and id. */
export function contents(store: Store): unknown {
  return store.view((read) =>
    KINDS.map((kind) => [kind, [...read.all(kind)].sort((a, b) => (a.id < b.id ? -1 : 1))] as const),
  );
}

export async function* stream(parts: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* parts;
}
