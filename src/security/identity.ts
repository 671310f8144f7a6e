/** Who calls. Every RPC that depends on its caller asks a {@link CallerIdentity}, and nothing else. */
import { Metadata } from "@grpc/grpc-js";
import { NodeRole } from "../api/generated/docker/swarmkit/v1/types.js";
import type { CallContext } from "../api/server-call.js";
import { unauthenticated } from "../api/status-error.js";

export interface Caller {
  readonly nodeId: string;
  readonly role: NodeRole;
}

export interface CallerIdentity {
  /** @throws StatusError (UNAUTHENTICATED) when the call does not say who makes it */
  identify(context: CallContext): Caller;
}

/** gRPC metadata that names the calling node. */
const NODE_ID_KEY = "tswarm-node-id";
const NODE_ID = /^[0-9a-z]{25}$/;

export function nodeIdMetadata(nodeId: string): Metadata {
  const metadata = new Metadata();
  metadata.set(NODE_ID_KEY, nodeId);
  return metadata;
}

/** Takes the node's word for its id. The manager's own node has the manager's role, every other node is a worker. */
export class DeclaredIdentity implements CallerIdentity {
  readonly #managerNodeId: string;

  constructor(managerNodeId: string) {
    this.#managerNodeId = managerNodeId;
  }

  identify(context: CallContext): Caller {
    const [nodeId] = context.metadata.get(NODE_ID_KEY);
    if (typeof nodeId !== "string" || !NODE_ID.test(nodeId)) {
      throw unauthenticated(`${context.path} needs the id of the calling node (25 characters) in ${NODE_ID_KEY}`);
    }
    return { nodeId, role: nodeId === this.#managerNodeId ? NodeRole.MANAGER : NodeRole.WORKER };
  }
}
