/**
 * Which rows have not reached every node that takes part in their network, and whom each still waits for. A message to a
 * node carries the relay's revision; a node that has applied a revision has applied every row that changed up to it.
 */
interface Waiting {
  readonly ownerNodeId: string;
  /** The owner's revision of the row. */
  readonly rowRevision: number;
  /** The relay's revision that carries the row. */
  readonly revision: number;
  readonly nodes: Set<string>;
}

/** A row that every node has applied. */
export interface AppliedRow {
  readonly ownerNodeId: string;
  readonly endpointId: string;
  readonly rowRevision: number;
}

export class Acknowledgements {
  readonly #rows = new Map<string, Waiting>();
  /** Per node the rows that it holds up: endpoint id → revision. In the order of their revisions. */
  readonly #byNode = new Map<string, Map<string, number>>();

  isWaiting(endpointId: string): boolean {
    return this.#rows.has(endpointId);
  }

  get size(): number {
    return this.#rows.size;
  }

  /** A row has changed and goes to these nodes. @returns the row at once when there are none */
  begin(row: AppliedRow, revision: number, nodes: readonly string[]): readonly AppliedRow[] {
    const { endpointId, ownerNodeId, rowRevision } = row;
    this.cancel(endpointId);
    if (nodes.length === 0) return [row];
    this.#rows.set(endpointId, { ownerNodeId, rowRevision, revision, nodes: new Set(nodes) });
    for (const nodeId of nodes) this.#await(nodeId, endpointId, revision);
    return [];
  }

  /** A node begins to take part in the network of a waiting row: the row waits for it too. */
  join(nodeId: string, endpointId: string, revision: number): void {
    const row = this.#rows.get(endpointId);
    if (!row || row.ownerNodeId === nodeId || row.nodes.has(nodeId)) return;
    row.nodes.add(nodeId);
    this.#await(nodeId, endpointId, Math.max(revision, row.revision));
  }

  /** A node does not take part in the row's network any more. */
  leave(nodeId: string, endpointId: string): readonly AppliedRow[] {
    return this.#byNode.get(nodeId)?.has(endpointId) ? this.#release(nodeId, endpointId) : [];
  }

  /** A node has applied everything up to a revision. */
  applied(nodeId: string, revision: number): readonly AppliedRow[] {
    const done = [...(this.#byNode.get(nodeId) ?? [])].filter(([, wanted]) => wanted <= revision);
    return done.flatMap(([endpointId]) => this.#release(nodeId, endpointId));
  }

  /** Nobody waits for a node whose link is down. */
  nodeLeft(nodeId: string): readonly AppliedRow[] {
    return [...(this.#byNode.get(nodeId)?.keys() ?? [])].flatMap((endpointId) => this.#release(nodeId, endpointId));
  }

  /** The row is gone, or has changed again. */
  cancel(endpointId: string): void {
    const row = this.#rows.get(endpointId);
    if (!row) return;
    this.#rows.delete(endpointId);
    for (const nodeId of row.nodes) this.#forget(nodeId, endpointId);
  }

  #await(nodeId: string, endpointId: string, revision: number): void {
    const rows = this.#byNode.get(nodeId);
    if (rows) rows.set(endpointId, revision);
    else this.#byNode.set(nodeId, new Map([[endpointId, revision]]));
  }

  #release(nodeId: string, endpointId: string): readonly AppliedRow[] {
    this.#forget(nodeId, endpointId);
    const row = this.#rows.get(endpointId);
    if (!row) return [];
    row.nodes.delete(nodeId);
    if (row.nodes.size > 0) return [];
    this.#rows.delete(endpointId);
    return [{ ownerNodeId: row.ownerNodeId, endpointId, rowRevision: row.rowRevision }];
  }

  #forget(nodeId: string, endpointId: string): void {
    const rows = this.#byNode.get(nodeId);
    rows?.delete(endpointId);
    if (rows?.size === 0) this.#byNode.delete(nodeId);
  }
}
