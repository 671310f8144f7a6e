/** Brings nodes' roles and the log's members in line with what is asked for. Runs on the leader, for one term. */
import { NodeRole } from "../../api/generated/docker/swarmkit/v1/types.js";
import { type Raft, RaftError } from "../../raft/node/raft.js";
import type { StoreEvent } from "../../store/change.js";
import type { Clock } from "../../store/clock.js";
import type { Store } from "../../store/store.js";
import type { Selector } from "../../store/watch-hub.js";
import { isTermOver } from "../leadership/term-over.js";
import type { Reconciler } from "../loop/reconciler.js";
import { planRoles, type RolePlan, type RoleStep } from "./role-plan.js";

export interface RoleManagerOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly raft: Pick<Raft<unknown>, "members" | "canRemove" | "removeMember" | "transferLeadership">;
  readonly selfNodeId: string;
  readonly log: (line: string) => void;
}

const RETRY_MS = 5000;
/** Each round removes one member at most. */
const MAX_ROUNDS = 100;

export class RoleManager implements Reconciler {
  readonly name = "role manager";
  readonly selectors: readonly Selector[] = [{ kind: "node" }];
  readonly #options: RoleManagerOptions;
  /** What was said last to be in the way: said once. */
  #said = "";

  constructor(options: RoleManagerOptions) {
    this.#options = options;
  }

  begin(): void {}

  noticed(events: readonly StoreEvent[]): boolean {
    return events.some(
      (event) =>
        event.kind === "node" &&
        (event.action !== "update" ||
          event.object.role !== event.previous?.role ||
          event.object.spec?.desiredRole !== event.previous?.spec?.desiredRole),
    );
  }

  /** @returns when to look again, while something is left to do */
  async reconcile(): Promise<number | undefined> {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const { steps, blocked } = this.#plan();
      if (steps.length === 0) {
        this.#say(blocked);
        return blocked.length > 0 ? this.#options.clock.now() + RETRY_MS : undefined;
      }
      try {
        for (const step of steps) await this.#perform(step);
      } catch (error) {
        if (!(error instanceof RaftError) || isTermOver(error)) throw error;
        this.#say([...blocked, error.message]);
        return this.#options.clock.now() + RETRY_MS;
      }
      // Another leads now: it goes on.
      if (steps.some(({ kind }) => kind === "hand-over")) return undefined;
    }
    return this.#options.clock.now() + RETRY_MS;
  }

  #plan(): RolePlan {
    const { store, raft, selfNodeId } = this.#options;
    return planRoles({
      nodes: store.view((read) => read.all("node")),
      members: raft.members(),
      selfNodeId,
      canRemove: (raftId) => raft.canRemove(raftId),
    });
  }

  async #perform(step: RoleStep): Promise<void> {
    const { raft, log } = this.#options;
    switch (step.kind) {
      case "promote":
        log(`node ${step.nodeId} becomes a manager`);
        return this.#setRole(step.nodeId, NodeRole.MANAGER);
      case "demote":
        log(`node ${step.nodeId} is a worker from now on`);
        return this.#setRole(step.nodeId, NodeRole.WORKER);
      case "remove-member":
        log(`manager ${step.nodeId} (raft id ${step.raftId}) is removed`);
        return raft.removeMember(step.raftId);
      case "hand-over":
        log("this manager is to become a worker: it hands leadership over");
        await raft.transferLeadership();
    }
  }

  /** Unless something else is asked for by now. */
  async #setRole(nodeId: string, role: NodeRole): Promise<void> {
    await this.#options.store.update((tx) => {
      const node = tx.get("node", nodeId);
      if (!node || node.role === role || node.spec?.desiredRole !== role) return;
      tx.update("node", { ...node, role, ...(role === NodeRole.WORKER ? { managerStatus: undefined } : {}) });
    });
  }

  #say(lines: readonly string[]): void {
    const text = lines.join("; ");
    if (text !== this.#said && text !== "") this.#options.log(`role manager: ${text}`);
    this.#said = text;
  }
}
