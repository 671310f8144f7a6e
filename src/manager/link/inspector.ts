/** Asks all agents what their kernels hold. */
import type { Node } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { NodeStatus_State as NodeState } from "../../api/generated/docker/swarmkit/v1/types.js";
import {
  InspectorService,
  type NodeObservation,
  type ObserveRequest,
  type ObserveResponse,
} from "../../api/generated/tswarm/v1/link.js";
import { partialService } from "../../api/partial-service.js";
import { unary } from "../../api/server-call.js";
import type { Store } from "../../store/store.js";
import type { LinkService } from "./link-service.js";

const OBSERVE_TIMEOUT_MS = 5000;

export class Inspector {
  readonly #store: Store;
  readonly #links: LinkService;
  readonly #log: (line: string) => void;

  constructor(store: Store, links: LinkService, log: (line: string) => void) {
    this.#store = store;
    this.#links = links;
    this.#log = log;
  }

  /** The gRPC service. */
  service() {
    const observe = unary((request: ObserveRequest) => this.observe(request), this.#log);
    return partialService(InspectorService, { observe }, this.#log);
  }

  /** Every node answers or says why not. */
  async observe(request: ObserveRequest): Promise<ObserveResponse> {
    const nodes = [...this.#store.view((read) => read.all("node"))].sort((a, b) =>
      hostname(a).localeCompare(hostname(b)),
    );
    return { nodes: await Promise.all(nodes.map((node) => this.#observeNode(node, request))) };
  }

  async #observeNode(node: Node, request: ObserveRequest): Promise<NodeObservation> {
    const about = { nodeId: node.id, hostname: hostname(node) };
    if (node.status?.state === NodeState.DOWN) return { ...about, error: "the node is down", result: undefined };
    try {
      const result = await this.#links.observe(node.id, request, OBSERVE_TIMEOUT_MS);
      return { ...about, error: result.error, result };
    } catch (error) {
      return { ...about, error: error instanceof Error ? error.message : String(error), result: undefined };
    }
  }
}

function hostname(node: Node): string {
  return node.description?.hostname ?? "";
}
