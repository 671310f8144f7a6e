/** What a line's task, service and node are called. Tasks that begin later are looked up when their first line comes. */
import type { LogContext } from "../../api/generated/docker/swarmkit/v1/logbroker.js";
import type { Node, Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import type { Connection } from "../connection.js";
import { listNodes, listTasks, nodeName } from "../objects.js";

export interface LineOrigin {
  readonly taskId: string;
  readonly nodeId: string;
  readonly serviceId: string;
  /** Name, or id where names are not wanted; "" for a task without service. */
  readonly service: string;
  readonly node: string;
  /** "1"; a node's id for a global service. */
  readonly slot: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** A task of which nothing can be found any more is asked for no more often. */
const ASK_AGAIN_MS = 2000;

export class LogNames {
  readonly #connection: Connection;
  readonly #resolves: boolean;
  readonly #now: () => number;
  readonly #tasks = new Map<string, Task>();
  #nodes = new Map<string, Node>();
  /** When a task was asked for, by its id. */
  readonly #askedAtMs = new Map<string, number>();

  /** @param resolves names instead of ids */
  constructor(connection: Connection, resolves: boolean, now: () => number) {
    this.#connection = connection;
    this.#resolves = resolves;
    this.#now = now;
  }

  /** Tasks that are known already. */
  learn(tasks: readonly Task[]): void {
    for (const task of tasks) this.#tasks.set(task.id, task);
  }

  /** Asks the cluster where it has to; without an answer ids stand for names. */
  async originOf(context: LogContext): Promise<LineOrigin> {
    if (!this.#tasks.has(context.taskId) || (this.#resolves && !this.#nodes.has(context.nodeId))) {
      await this.#ask(context);
    }
    return this.origin(context);
  }

  /** From what is known. */
  origin({ taskId, nodeId, serviceId }: LogContext): LineOrigin {
    const task = this.#tasks.get(taskId);
    const node = this.#resolves ? this.#nodes.get(nodeId) : undefined;
    const name = this.#resolves ? task?.serviceAnnotations?.name : undefined;
    return {
      taskId,
      nodeId,
      serviceId,
      service: name || serviceId,
      node: (node && nodeName(node)) || nodeId,
      slot: task ? (task.slot > 0 ? String(task.slot) : nodeId) : "",
      labels: task?.serviceAnnotations?.labels ?? {},
    };
  }

  async #ask({ taskId, serviceId }: LogContext): Promise<void> {
    if (this.#now() - (this.#askedAtMs.get(taskId) ?? Number.NEGATIVE_INFINITY) < ASK_AGAIN_MS) return;
    this.#askedAtMs.set(taskId, this.#now());
    try {
      const [tasks, nodes] = await Promise.all([
        listTasks(this.#connection, serviceId === "" ? {} : { serviceIds: [serviceId] }),
        this.#resolves ? listNodes(this.#connection) : [],
      ]);
      this.learn(tasks);
      this.#nodes = new Map(nodes.map((node) => [node.id, node]));
    } catch {
      // While a leader is elected lines go on all the same.
    }
  }
}
