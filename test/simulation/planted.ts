/** Faults that are planted in a member's parts, so that it can be shown that the simulation finds such. */
import type { StateMachine } from "../../src/raft/node/raft.js";
import type { LogStorage } from "../../src/raft/storage/log-storage.js";
import type { TransportFactory } from "../../src/raft/transport/transport.js";
import type { Proposal } from "../../src/store/proposer.js";

/** Each takes a sound part and gives one that breaks a rule. */
export interface Planted {
  readonly storage?: (sound: LogStorage) => LogStorage;
  readonly machine?: (sound: StateMachine<Proposal>) => StateMachine<Proposal>;
  readonly transport?: (sound: TransportFactory) => TransportFactory;
  /** Of reads that ought to be up to date. */
  readonly readBarrier?: (sound: () => Promise<void>) => Promise<void>;
}

export const SOUND: Planted = {};
