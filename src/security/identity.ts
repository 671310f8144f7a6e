/** Who calls. Every RPC that depends on its caller asks a {@link CallerIdentity}, and nothing else. */
import { Metadata } from "@grpc/grpc-js";
import { NodeRole } from "../api/generated/docker/swarmkit/v1/types.js";
import type { CallContext } from "../api/server-call.js";
import { permissionDenied, unauthenticated } from "../api/status-error.js";

export interface Caller {
  readonly nodeId: string;
  readonly role: NodeRole;
  /** Where the caller is, "10.0.0.1:53210", also when another manager passed the call on; the socket's path over a unix socket. */
  readonly peer: string;
  /** The manager that passed the call on. */
  readonly forwardedBy?: string;
}

export interface CallerIdentity {
  /** @throws StatusError: UNAUTHENTICATED when the call does not say who makes it, PERMISSION_DENIED when it may not speak for another */
  identify(context: CallContext): Caller;
}

/** gRPC metadata that names the calling node. */
const NODE_ID_KEY = "tswarm-node-id";
const NODE_ID = /^[0-9a-z]{25}$/;

/** Metadata of a call that a manager passes on to the leader; names are SwarmKit's. The manager names itself as the calling node. */
const FORWARDED = {
  mark: "forwarded_cert",
  nodeId: "forwarded_cert_cn",
  peer: "remote_addr",
} as const;

/** The organizational unit of a node's certificate says its role. */
export const ORGANIZATIONAL_UNIT: Readonly<Record<number, string>> = {
  [NodeRole.WORKER]: "swarm-worker",
  [NodeRole.MANAGER]: "swarm-manager",
};

export function nodeIdMetadata(nodeId: string): Metadata {
  const metadata = new Metadata();
  metadata.set(NODE_ID_KEY, nodeId);
  return metadata;
}

function isForwarded(metadata: Metadata): boolean {
  return text(metadata, FORWARDED.mark) === "true";
}

/** @returns the role that the cluster knows a node to have; undefined for a node that it does not know */
export type RoleOf = (nodeId: string) => NodeRole | undefined;

/** Takes the node's word for its id; what that node is to the cluster, the cluster says. A node that is not known is a worker. */
export class DeclaredIdentity implements CallerIdentity {
  readonly #roleOf: RoleOf;

  constructor(roleOf: RoleOf) {
    this.#roleOf = roleOf;
  }

  identify({ metadata, path, peer }: CallContext): Caller {
    const nodeId = text(metadata, NODE_ID_KEY);
    if (!NODE_ID.test(nodeId)) {
      throw unauthenticated(`${path} needs the id of the calling node (25 characters) in ${NODE_ID_KEY}`);
    }
    const role = this.#roleOf(nodeId) ?? NodeRole.WORKER;
    return isForwarded(metadata) ? this.#origin(metadata, path, { nodeId, role, peer }) : { nodeId, role, peer };
  }

  #origin(metadata: Metadata, path: string, by: Caller): Caller {
    if (by.role !== NodeRole.MANAGER) {
      throw permissionDenied(`${path}: node ${by.nodeId} is no manager: it cannot pass on calls of others`);
    }
    const nodeId = text(metadata, FORWARDED.nodeId);
    if (!NODE_ID.test(nodeId)) throw unauthenticated(`${path} was passed on without the id of the node that calls`);
    const role = this.#roleOf(nodeId) ?? NodeRole.WORKER;
    return { nodeId, role, peer: text(metadata, FORWARDED.peer), forwardedBy: by.nodeId };
  }
}

function text(metadata: Metadata, key: string): string {
  const [value] = metadata.get(key);
  return typeof value === "string" ? value : "";
}
