import type { ManagerStart } from "./start-plan.js";

/** Whatever starts the manager's program and keeps it running while this node manages. */
export interface ManagerRunner {
  /** It runs, or shall run. */
  readonly isKept: boolean;
  /**
   * Starts it for the first time in this daemon's life. From then on it is kept.
   * @throws Error with the manager's own line when it does not come up
   */
  begin(start: ManagerStart): Promise<void>;
  /** The same for a node that becomes a manager while it runs: what goes wrong is tried again. */
  promote(start: ManagerStart): void;
  /** Resolves when it has ended and will not be started again. */
  stop(): Promise<void>;
  /** This daemon ends. A manager that is no child of it runs on. */
  release(): Promise<void>;
}
