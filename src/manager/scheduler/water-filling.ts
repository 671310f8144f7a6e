/**
 * Chooses branches of a label tree so that the result is the most even that there is, whatever it starts from: as water fills the lowest
 * place first. At each level the branch with the fewest tasks of the service that still has a node for one more.
 */
import type { LabelBranch, LabelTree } from "./label-tree.js";
import { PriorityQueue } from "./priority-queue.js";

interface Basin {
  tasks: number;
  /** Decides between equals. */
  readonly order: number;
  readonly leaf: number | undefined;
  /** Those that are not full. */
  readonly children: PriorityQueue<Basin>;
}

export class WaterFilling {
  readonly #root: Basin;
  readonly #isFull: (leaf: number) => boolean;
  /** From the root to the leaf that was chosen last. */
  #path: Basin[] = [];

  /**
   * @param tasksIn tasks of the service that a leaf has
   * @param isFull whether the leaf can take no more; once it is, it stays so
   */
  constructor(tree: LabelTree, tasksIn: (leaf: number) => number, isFull: (leaf: number) => boolean) {
    this.#isFull = isFull;
    let made = 0;
    const build = (branch: LabelBranch): Basin => {
      const order = made++;
      const children = [...branch.children.values()].map(build);
      const own = branch.leaf === undefined ? 0 : tasksIn(branch.leaf);
      return {
        tasks: children.reduce((sum, { tasks }) => sum + tasks, own),
        order,
        leaf: branch.leaf,
        children: new PriorityQueue(isLower, children),
      };
    };
    this.#root = build(tree.root);
  }

  /** @returns the leaf for the next task; undefined when all are full */
  next(): number | undefined {
    this.#path = [];
    return this.#descend(this.#root) ? this.#path.at(-1)!.leaf : undefined;
  }

  /** The leaf that {@link next} gave has got a task. */
  filled(): void {
    for (let at = this.#path.length - 1; at >= 0; at--) {
      this.#path[at]!.tasks++;
      this.#path[at - 1]?.children.topChanged();
    }
  }

  #descend(basin: Basin): boolean {
    if (basin.leaf !== undefined) {
      if (this.#isFull(basin.leaf)) return false;
      this.#path.push(basin);
      return true;
    }
    this.#path.push(basin);
    while (basin.children.top) {
      if (this.#descend(basin.children.top)) return true;
      basin.children.pop();
    }
    this.#path.pop();
    return false;
  }
}

function isLower(a: Basin, b: Basin): boolean {
  return a.tasks !== b.tasks ? a.tasks < b.tasks : a.order < b.order;
}
