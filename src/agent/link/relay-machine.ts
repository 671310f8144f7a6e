/**
 * The agent's side of the endpoint relay as a pure machine: what to send when, what the view becomes, which publications
 * are known to be applied everywhere. No sockets, no timers.
 *
 * A node's own rows are its own: they enter the view at once, and nothing that the manager says removes or replaces them.
 */
import type {
  AgentMessage,
  Endpoint,
  ManagerMessage,
  ObserveRequest,
  RowUpdate,
} from "../../api/generated/tswarm/v1/link.js";
import { RowTable } from "../network/row-table.js";

export interface RelayIdentity {
  readonly nodeId: string;
  readonly hostname: string;
  readonly tunnelAddress: string;
}

/** What the shell must do after an input, in this order. */
export interface RelayOutput {
  readonly send: readonly AgentMessage[];
  /** Changes of the view, already in it. */
  readonly updates: readonly RowUpdate[];
  /** Publications that every node has applied. */
  readonly acknowledged: readonly { readonly id: string; readonly revision: number }[];
  readonly observe?: ObserveRequest;
}

const NOTHING: RelayOutput = { send: [], updates: [], acknowledged: [] };

export class RelayMachine {
  readonly rows = new RowTable();
  readonly #own = new Map<string, Endpoint>();
  #subscription: ReadonlySet<string> = new Set();
  #linked = false;

  constructor(readonly identity: RelayIdentity) {}

  get linked(): boolean {
    return this.#linked;
  }

  /** Takes over rows of an earlier run, so that a restart with no manager in reach changes nothing. */
  restore(snapshot: RowUpdate): RowUpdate {
    const others = { ...this.#withoutOwn(snapshot), revision: 0 };
    this.rows.apply(others);
    return others;
  }

  linkUp(): RelayOutput {
    this.#linked = true;
    this.rows.revision = 0;
    return {
      ...NOTHING,
      send: [
        { message: { $case: "hello", value: this.identity } },
        subscriptionMessage(this.#subscription),
        { message: { $case: "update", value: { complete: true, endpoints: [...this.#own.values()], removedIds: [] } } },
      ],
    };
  }

  linkDown(): void {
    this.#linked = false;
  }

  subscribe(networkIds: ReadonlySet<string>): RelayOutput {
    if (sameSet(this.#subscription, networkIds)) return NOTHING;
    this.#subscription = new Set(networkIds);
    return this.#linked ? { ...NOTHING, send: [subscriptionMessage(networkIds)] } : NOTHING;
  }

  publish(endpoint: Endpoint): RelayOutput {
    this.#own.set(endpoint.id, endpoint);
    return this.#ownChange([endpoint], []);
  }

  withdraw(endpointIds: readonly string[]): RelayOutput {
    const known = endpointIds.filter((id) => this.#own.delete(id));
    return known.length === 0 ? NOTHING : this.#ownChange([], known);
  }

  applied(revision: number): RelayOutput {
    // A revision of an earlier manager means nothing to this one.
    if (!this.#linked || revision > this.rows.revision) return NOTHING;
    return { ...NOTHING, send: [{ message: { $case: "applied", value: { revision } } }] };
  }

  received(message: ManagerMessage): RelayOutput {
    switch (message.message?.$case) {
      case "rows": {
        const update = this.#withoutOwn(message.message.value);
        this.rows.apply(update, (endpoint) => this.#own.has(endpoint.id));
        return { ...NOTHING, updates: [update] };
      }
      case "applied":
        return {
          ...NOTHING,
          acknowledged: message.message.value.rows.map((row) => ({ id: row.endpointId, revision: row.revision })),
        };
      case "observe":
        return { ...NOTHING, observe: message.message.value };
      default:
        return NOTHING;
    }
  }

  #ownChange(endpoints: readonly Endpoint[], removedIds: readonly string[]): RelayOutput {
    const update: RowUpdate = {
      revision: 0,
      complete: false,
      services: [],
      removedServices: [],
      endpoints,
      removedEndpointIds: removedIds,
    };
    this.rows.apply(update);
    const message: AgentMessage = { message: { $case: "update", value: { complete: false, endpoints, removedIds } } };
    return { ...NOTHING, updates: [update], send: this.#linked ? [message] : [] };
  }

  #withoutOwn(update: RowUpdate): RowUpdate {
    return {
      ...update,
      endpoints: update.endpoints.filter((endpoint) => endpoint.nodeId !== this.identity.nodeId),
      removedEndpointIds: update.removedEndpointIds.filter((id) => !this.#own.has(id)),
    };
  }
}

function subscriptionMessage(networkIds: ReadonlySet<string>): AgentMessage {
  return { message: { $case: "subscription", value: { networkIds: [...networkIds].sort() } } };
}

function sameSet(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && [...a].every((item) => b.has(item));
}
