/** How far the nodes are from a new root. */
import type { Cluster, Node } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { desiredRoot, isRotating } from "./root-certificate.js";

export interface RotationProgress {
  /** Of the root that shall be. */
  readonly digest: string;
  readonly total: number;
  /** Nodes whose certificates the new root signed. */
  readonly certified: number;
  /** Nodes that trust the new root and no other. */
  readonly trusting: number;
  /** Those that have not got a new certificate. */
  readonly waitingFor: readonly Node[];
  readonly done: boolean;
}

export function assessRotation(cluster: Cluster, nodes: readonly Node[]): RotationProgress {
  const root = desiredRoot(cluster);
  const waitingFor = nodes.filter((node) => !hasIssuer(node, root.publicKey));
  const trusting = nodes.filter(({ description }) => description?.tlsInfo?.trustRoot.toString() === root.pem).length;
  return {
    digest: root.digest,
    total: nodes.length,
    certified: nodes.length - waitingFor.length,
    trusting,
    waitingFor,
    done: !isRotating(cluster) && waitingFor.length === 0 && trusting === nodes.length,
  };
}

/** True when the node says that this key signed its certificate. */
export function hasIssuer(node: Node, publicKey: Buffer | undefined): boolean {
  const issuer = node.description?.tlsInfo?.certIssuerPublicKey;
  return publicKey !== undefined && issuer !== undefined && publicKey.equals(issuer);
}
