/** Nodes by the values of the labels over which tasks are spread: a branch for every value, a leaf for every combination that there is. */
import type { Node } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { type SpreadLabel, spreadValue } from "./spread-label.js";

export interface LabelBranch {
  /** By the label's value; empty in a leaf. */
  readonly children: Map<string, LabelBranch>;
  /** Number of the leaf; undefined in a branch with children. */
  readonly leaf: number | undefined;
}

export class LabelTree {
  readonly root: LabelBranch;
  readonly #labels: readonly SpreadLabel[];
  #leaves = 0;

  constructor(labels: readonly SpreadLabel[]) {
    this.#labels = labels;
    this.root = this.#branch(0);
  }

  /** Leaves have the numbers below it. */
  get leafCount(): number {
    return this.#leaves;
  }

  /** @returns the leaf of a node; a new one for a combination that was not seen yet */
  leafOf(node: Node): number {
    let branch = this.root;
    this.#labels.forEach((label, depth) => {
      const value = spreadValue(label, node);
      let child = branch.children.get(value);
      if (!child) {
        child = this.#branch(depth + 1);
        branch.children.set(value, child);
      }
      branch = child;
    });
    return branch.leaf!;
  }

  #branch(depth: number): LabelBranch {
    return { children: new Map(), leaf: depth === this.#labels.length ? this.#leaves++ : undefined };
  }
}
