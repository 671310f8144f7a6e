/** What a manager that holds sessions asks of the leader, whether that is itself or another. */
import type { RefusedReport } from "../../api/generated/tswarm/v1/dispatcher.js";
import type { Arrival } from "./node-registry.js";
import type { StatusReport } from "./status-collector.js";

export interface LeaderLink {
  /** First of all, and again when there are more that the leader has not heard of: these nodes have sessions. */
  claim(nodeIds: readonly string[]): void;
  /**
   * A node begins a session. Resolves when it is written and this manager's own store has it.
   * @param held called as soon as the leader holds the node to be here, in its order with what the leader says besides: whatever it says of
   * the node before concerns an earlier session, whatever it says afterwards this one, also before this resolves
   * @throws StatusError; LinkLostError
   */
  arrive(arrival: Arrival, held?: () => void): Promise<void>;
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
