/**
 * Stands between the links and the relay: of what nodes ask for and say, only what they may gets through. What they may not yet is
 * kept, and gets through once they may: an agent can be ahead of what this manager knows of its tasks. Pure.
 */
import type { Endpoint, EndpointUpdate } from "../../api/generated/tswarm/v1/link.js";
import { resourceExhausted } from "../../api/status-error.js";
import { isOwnRow, type NodeScope } from "./node-scope.js";
import type { RelayMachine } from "./relay-machine.js";

/** What one node may ask for and say at most, allowed or not. */
export const MAX_NETWORKS = 4096;
export const MAX_ROWS = 16_384;

interface Gate {
  scope: NodeScope;
  /** What the node asks for; undefined before it has. */
  wanted: readonly string[] | undefined;
  /** Its rows, as it says. */
  readonly said: Map<string, Endpoint>;
}

export class LinkGate {
  readonly #machine: RelayMachine;
  readonly #gates = new Map<string, Gate>();

  constructor(machine: RelayMachine) {
    this.#machine = machine;
  }

  linkUp(nodeId: string, scope: NodeScope): void {
    this.#gates.set(nodeId, { scope, wanted: undefined, said: new Map() });
    this.#machine.linkUp(nodeId);
  }

  linkDown(nodeId: string): void {
    this.#gates.delete(nodeId);
    this.#machine.linkDown(nodeId);
  }

  /** @throws StatusError RESOURCE_EXHAUSTED */
  subscribe(nodeId: string, networkIds: readonly string[]): void {
    const gate = this.#gates.get(nodeId);
    if (!gate) return;
    if (networkIds.length > MAX_NETWORKS) throw resourceExhausted(`at most ${MAX_NETWORKS} networks of one node`);
    gate.wanted = networkIds;
    this.#machine.subscribe(nodeId, allowed(gate));
  }

  /** @throws StatusError RESOURCE_EXHAUSTED */
  update(nodeId: string, update: EndpointUpdate): void {
    const gate = this.#gates.get(nodeId);
    if (!gate) return;
    if (update.complete) gate.said.clear();
    for (const id of update.removedIds) gate.said.delete(id);
    for (const row of update.endpoints) gate.said.set(row.id, row);
    if (gate.said.size > MAX_ROWS) throw resourceExhausted(`at most ${MAX_ROWS} rows of one node`);
    const endpoints = update.endpoints.filter((row) => isOwnRow(gate.scope, row));
    this.#machine.update(nodeId, { ...update, endpoints });
  }

  /** What the node may has changed. Its networks come before its rows: whoever is told that its row is everywhere knows the others'. */
  scopeChanged(nodeId: string, scope: NodeScope): void {
    const gate = this.#gates.get(nodeId);
    if (!gate) return;
    const before = gate.wanted && allowed(gate);
    gate.scope = scope;
    if (gate.wanted) {
      const now = allowed(gate);
      if (now.join() !== before!.join()) this.#machine.subscribe(nodeId, now);
    }
    const known = this.#machine.rows.endpoints;
    const endpoints = [...gate.said.values()].filter((row) => isOwnRow(scope, row) && !isSame(known.get(row.id), row));
    const removedIds = this.#machine.rows.endpointsOfNode(nodeId).filter((id) => !isOwnRow(scope, known.get(id)!));
    if (endpoints.length + removedIds.length > 0) {
      this.#machine.update(nodeId, { complete: false, endpoints, removedIds });
    }
  }
}

function allowed({ scope, wanted }: Gate): readonly string[] {
  return (wanted ?? []).filter((id) => scope.networkIds.has(id));
}

/** The relay knows the row as it was said, or better. */
function isSame(known: Endpoint | undefined, row: Endpoint): boolean {
  return known !== undefined && known.revision >= row.revision;
}
