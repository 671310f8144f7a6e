/** A node's word for its id, taken as it is: what managers went by before they had certificates to look at. */
import { Metadata } from "@grpc/grpc-js";
import { NodeRole } from "../api/generated/docker/swarmkit/v1/types.js";
import { FORWARDED } from "../api/proxy/forwarded-metadata.js";
import type { CallContext } from "../api/server-call.js";
import { permissionDenied, unauthenticated } from "../api/status-error.js";
import type { Caller, CallerIdentity, CallOrigin } from "./identity.js";

const NODE_ID_KEY = "tswarm-node-id";
const NODE_ID = /^[0-9a-z]{25}$/;

export function nodeIdMetadata(nodeId: string): Metadata {
  const metadata = new Metadata();
  metadata.set(NODE_ID_KEY, nodeId);
  return metadata;
}

export type RoleOf = (nodeId: string) => NodeRole | undefined;

export class DeclaredIdentity implements CallerIdentity {
  readonly #roleOf: RoleOf;

  constructor(roleOf: RoleOf) {
    this.#roleOf = roleOf;
  }

  origin(context: CallContext): CallOrigin {
    return { peer: context.peer, caller: this.identify(context) };
  }

  identify({ metadata, path, peer }: CallContext): Caller {
    const nodeId = text(metadata, NODE_ID_KEY);
    if (!NODE_ID.test(nodeId)) {
      throw unauthenticated(`${path} needs the id of the calling node (25 characters) in ${NODE_ID_KEY}`);
    }
    const role = this.#roleOf(nodeId) ?? NodeRole.WORKER;
    const by = { nodeId, role, peer };
    return text(metadata, FORWARDED.mark) === "true" ? this.#origin(metadata, path, by) : by;
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
