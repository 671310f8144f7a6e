/** Where tasks of one service are meant to run: how many on each node, by the node's row. */
export class ServiceLoad {
  readonly #tasksOn = new Map<number, number>();

  tasksOn(index: number): number {
    return this.#tasksOn.get(index) ?? 0;
  }

  /** On how many nodes it has tasks. */
  get nodeCount(): number {
    return this.#tasksOn.size;
  }

  get nodes(): IterableIterator<[index: number, tasks: number]> {
    return this.#tasksOn.entries();
  }

  change(index: number, sign: 1 | -1): void {
    const tasks = this.tasksOn(index) + sign;
    if (tasks > 0) this.#tasksOn.set(index, tasks);
    else this.#tasksOn.delete(index);
  }
}
