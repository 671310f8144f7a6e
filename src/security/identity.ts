/** Who calls. Every RPC that depends on its caller asks a {@link CallerIdentity}, and nothing else. */
import type { Metadata } from "@grpc/grpc-js";
import { NodeRole } from "../api/generated/docker/swarmkit/v1/types.js";
import type { CertificateSubject } from "../api/peer-certificate.js";
import { FORWARDED } from "../api/proxy/forwarded-metadata.js";
import type { CallContext } from "../api/server-call.js";
import { permissionDenied } from "../api/status-error.js";

export interface Caller {
  readonly nodeId: string;
  readonly role: NodeRole;
  /** The cluster's id. */
  readonly organization?: string;
  /** Where the caller is, "10.0.0.1:53210", also when another manager passed the call on; the socket's path over a unix socket. */
  readonly peer: string;
  /** The manager that passed the call on. */
  readonly forwardedBy?: string;
}

/** Where a call comes from, when it may be that nobody has to answer for it. */
export interface CallOrigin {
  readonly peer: string;
  /** undefined without a certificate. */
  readonly caller: Caller | undefined;
}

export interface CallerIdentity {
  /** @throws StatusError (PERMISSION_DENIED) when the call does not prove who makes it, or who it is may not call */
  identify(context: CallContext): Caller;
  /** For calls that need no certificate. @throws StatusError (PERMISSION_DENIED) for a certificate that does not count, or a forged origin */
  origin(context: CallContext): CallOrigin;
}

/** The organizational unit of a node's certificate says its role. */
export const ORGANIZATIONAL_UNIT: Readonly<Record<number, string>> = {
  [NodeRole.WORKER]: "swarm-worker",
  [NodeRole.MANAGER]: "swarm-manager",
};

/** What the cluster knows of its nodes at this moment. */
export interface KnownNodes {
  /** Its certificates are refused. */
  isRemoved(nodeId: string): boolean;
  /** Whether the node may act as a manager; undefined when it is not known here, as to a manager that has only just joined. */
  isManager(nodeId: string): boolean | undefined;
}

/**
 * Takes the caller from its certificate. What that says of a role is an upper bound: a manager's certificate of a node that the cluster
 * does not want as a manager any more counts as a worker's. A manager may name another as the caller, whose call it passes on.
 */
export class CertificateIdentity implements CallerIdentity {
  readonly #clusterId: () => string | undefined;
  readonly #nodes: KnownNodes;

  /** @param clusterId the organization that certificates must name; while there is none, nobody is known */
  constructor(clusterId: () => string | undefined, nodes: KnownNodes) {
    this.#clusterId = clusterId;
    this.#nodes = nodes;
  }

  identify(context: CallContext): Caller {
    const { caller } = this.origin(context);
    if (!caller) throw permissionDenied("Permission denied: no client certificates in request");
    return caller;
  }

  origin({ certificate, metadata, peer }: CallContext): CallOrigin {
    if (metadata.get(FORWARDED.mark).length > 0) return this.#forwarded(certificate, metadata);
    return { peer, caller: certificate && this.#callerOf(certificate, peer) };
  }

  #forwarded(certificate: CertificateSubject | undefined, metadata: Metadata): CallOrigin {
    if (!certificate)
      throw permissionDenied("Permission denied: unauthorized forwarder role: no client certificates in request");
    const { nodeId: forwardedBy, role } = this.#callerOf(certificate, "");
    if (role !== NodeRole.MANAGER) {
      throw permissionDenied(
        "Permission denied: unauthorized forwarder role: Permission denied: remote certificate not part of OUs: [swarm-manager]",
      );
    }
    const nodeId = text(metadata, FORWARDED.nodeId);
    const organizationalUnit = text(metadata, FORWARDED.organizationalUnit);
    const organization = text(metadata, FORWARDED.organization);
    const peer = text(metadata, FORWARDED.peer);
    if (nodeId === "" && organizationalUnit === "") return { peer, caller: undefined };
    if (nodeId === "" || organizationalUnit === "" || organization === "") {
      throw permissionDenied("Permission denied: missing information in forwarded request");
    }
    return { peer, caller: { ...this.#callerOf({ nodeId, organizationalUnit, organization }, peer), forwardedBy } };
  }

  #callerOf({ nodeId, organizationalUnit, organization }: CertificateSubject, peer: string): Caller {
    if (this.#nodes.isRemoved(nodeId))
      throw permissionDenied(`Permission denied: node ${nodeId} was removed from swarm`);
    const clusterId = this.#clusterId();
    if (clusterId === undefined || organization !== clusterId) {
      throw permissionDenied(`Permission denied: remote certificate not part of organization: ${clusterId ?? ""}`);
    }
    return { nodeId, role: this.#roleOf(nodeId, organizationalUnit), organization, peer };
  }

  #roleOf(nodeId: string, organizationalUnit: string): NodeRole {
    if (organizationalUnit === ORGANIZATIONAL_UNIT[NodeRole.WORKER]) return NodeRole.WORKER;
    if (organizationalUnit !== ORGANIZATIONAL_UNIT[NodeRole.MANAGER] || nodeId === "") throw notPartOf(BOTH_ROLES);
    return (this.#nodes.isManager(nodeId) ?? true) ? NodeRole.MANAGER : NodeRole.WORKER;
  }
}

/** Whoever may open this host's socket counts as this node's manager; any other call is looked at as the other identity does. */
export class LocalIdentity implements CallerIdentity {
  readonly #nodeId: () => string;
  readonly #others: CallerIdentity;

  /** @param others for calls that came by the network */
  constructor(nodeId: () => string, others: CallerIdentity) {
    this.#nodeId = nodeId;
    this.#others = others;
  }

  identify(context: CallContext): Caller {
    return context.isLocal ? this.#self(context) : this.#others.identify(context);
  }

  origin(context: CallContext): CallOrigin {
    if (!context.isLocal) return this.#others.origin(context);
    return { peer: context.peer, caller: this.#self(context) };
  }

  #self({ peer }: CallContext): Caller {
    return { nodeId: this.#nodeId(), role: NodeRole.MANAGER, peer };
  }
}

const BOTH_ROLES = "[swarm-worker swarm-manager]";

/** @param units as SwarmKit writes a list */
export function notPartOf(units: string) {
  return permissionDenied(
    `Permission denied: unauthorized peer role: Permission denied: remote certificate not part of OUs: ${units}`,
  );
}

function text(metadata: Metadata, key: string): string {
  const [value] = metadata.get(key);
  return typeof value === "string" ? value : "";
}
