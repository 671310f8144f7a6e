/** What a manager that holds sessions asks of the leader, whether that is itself or another. */
import type { RefusedReport } from "../../api/generated/tswarm/v1/dispatcher.js";
import type { Arrival } from "./node-registry.js";
import type { StatusReport } from "./status-collector.js";

export interface LeaderLink {
  /** First of all: these nodes have sessions. */
  claim(nodeIds: readonly string[]): void;
  /**
   * A node begins a session. Resolves when it is written and this manager's own store has it: the node is held from then on.
   * @throws StatusError; LinkLostError
   */
  arrive(arrival: Arrival): Promise<void>;
  /** Resolves when it is written. @returns what the node had no right to report @throws StatusError; LinkLostError */
  report(nodeId: string, reports: readonly StatusReport[]): Promise<readonly RefusedReport[]>;
  /** A session has ended. @param graceMs so long the node still counts as alive */
  left(nodeId: string, graceMs: number): void;
}

/** Nobody knows whether it was done: to be done again with the next leader. */
export class LinkLostError extends Error {
  override readonly name = "LinkLostError";
  constructor() {
    super("the leader that was asked leads no more, or is out of reach");
  }
}
