/**
 * What must be true of what nodes really run and hold, at the moment of its happening:
 *
 * - A node runs only what it was assigned.
 * - No two tasks of one slot run at once anywhere, unless the service starts the new one first, or one of them is excused: its node was
 *   declared lost while it was there (see ledger.ts). That a node is cut off, and nobody says so yet, excuses nothing.
 * - A task that runs is not forgotten, unless it is excused.
 * - A node holds a secret only while a task that it is to run needs it.
 */
import type { Assignments } from "../../src/agent/worker/assignment-set.js";
import type { Task } from "../../src/api/generated/docker/swarmkit/v1/objects.js";
import { ResourceType } from "../../src/api/generated/docker/swarmkit/v1/types.js";
import { isWanted } from "../../src/manager/task-life.js";
import type { HostWatch } from "./fake-host.js";
import { type Ledger, slotOf, startsFirst, tell } from "./ledger.js";

export class NodeRules implements HostWatch {
  readonly #ledger: Ledger;
  readonly #broken: (rule: string, text: string) => void;
  /** By slot: what runs, and where. */
  readonly #running = new Map<string, Map<string, string>>();
  /** Tasks that were ever started. */
  starts = 0;

  constructor(ledger: Ledger, broken: (rule: string, text: string) => void) {
    this.#ledger = ledger;
    this.#broken = broken;
  }

  started(nodeId: string, task: Task): void {
    this.starts++;
    const assigned = this.#ledger.nodeOf(task.id);
    if (assigned !== nodeId) {
      this.#broken(
        "nodes run what they were assigned",
        `${nodeId} runs ${tell(task)}, which is ${assigned ?? "nobody"}'s`,
      );
    }
    const slot = slotOf(task);
    const others = this.#running.get(slot) ?? new Map<string, string>();
    this.#running.set(slot, others);
    const { excused } = this.#ledger;
    for (const [id, where] of others) {
      if (startsFirst(task) || excused.has(id) || excused.has(task.id)) continue;
      this.#broken("no slot runs twice", `${tell(task)} begins on ${nodeId} while ${id} runs on ${where}`);
    }
    others.set(task.id, nodeId);
  }

  ended(_nodeId: string, task: Task): void {
    this.#running.get(slotOf(task))?.delete(task.id);
  }

  /** The cluster does not know the task any more. */
  forgotten(task: Task): void {
    const where = this.#running.get(slotOf(task))?.get(task.id);
    if (where !== undefined) this.#broken("what runs is not forgotten", `${tell(task)} runs on ${where}`);
  }

  /** A node has taken in what it is told. */
  assigned(nodeId: string, { tasks, secrets }: Assignments): void {
    if (secrets.size === 0) return;
    const needed = new Set<string>();
    for (const task of tasks.values()) if (isWanted(task)) for (const id of secretsOf(task)) needed.add(id);
    for (const id of secrets.keys()) {
      if (!needed.has(id)) this.#broken("secrets only where they are needed", `${nodeId} holds ${id}`);
    }
  }
}

export function secretsOf(task: Task): readonly string[] {
  const references = task.spec?.resourceReferences ?? [];
  return references
    .filter(({ resourceType }) => resourceType === ResourceType.SECRET)
    .map(({ resourceId }) => resourceId);
}
