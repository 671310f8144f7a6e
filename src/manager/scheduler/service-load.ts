/** Where tasks of one service are meant to run: how many on each node, by the node's row. */
export class ServiceLoad {
  /** While it has tasks on one node only that one is remembered: many services have one task. */
  #onlyNode = NONE;
  #onlyTasks = 0;
  #tasksOn: Map<number, number> | undefined;

  tasksOn(index: number): number {
    if (this.#tasksOn) return this.#tasksOn.get(index) ?? 0;
    return index === this.#onlyNode ? this.#onlyTasks : 0;
  }

  /** On how many nodes it has tasks. */
  get nodeCount(): number {
    return this.#tasksOn?.size ?? (this.#onlyNode === NONE ? 0 : 1);
  }

  get nodes(): Iterable<readonly [index: number, tasks: number]> {
    return this.#tasksOn ?? (this.#onlyNode === NONE ? [] : [[this.#onlyNode, this.#onlyTasks]]);
  }

  change(index: number, sign: 1 | -1): void {
    const tasks = this.tasksOn(index) + sign;
    if (!this.#tasksOn) {
      if (index === this.#onlyNode || this.#onlyNode === NONE) {
        this.#onlyNode = tasks > 0 ? index : NONE;
        this.#onlyTasks = tasks;
        return;
      }
      this.#tasksOn = new Map([[this.#onlyNode, this.#onlyTasks]]);
    }
    if (tasks > 0) this.#tasksOn.set(index, tasks);
    else this.#tasksOn.delete(index);
  }
}

const NONE = -1;
