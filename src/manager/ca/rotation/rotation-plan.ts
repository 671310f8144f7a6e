/** What is to be done so that every node has a certificate of the root to which the cluster turns. Pure. */
import type { Node } from "../../../api/generated/docker/swarmkit/v1/objects.js";
import { IssuanceStatus_State as Issuance } from "../../../api/generated/docker/swarmkit/v1/types.js";
import { isRequested, issuanceOf } from "../certificate-record.js";

/** By whom certificates are to be signed, as nodes tell it. */
export interface Issuer {
  /** DER of Name */
  readonly subject: Buffer;
  /** DER of SubjectPublicKeyInfo */
  readonly publicKey: Buffer;
}

export interface RotationPlan {
  /** Nodes that are to be asked for another certificate, a batch of them. */
  readonly mark: readonly string[];
  /** Nodes that do not have one of the wanted issuer, or have not said so yet. */
  readonly behind: number;
}

export interface RotationFacts {
  readonly nodes: readonly Pick<Node, "id" | "certificate" | "description">[];
  readonly issuer: Issuer;
  /** Asked already and not long ago: they have, or had, their chance. */
  readonly wasAsked: (nodeId: string) => boolean;
  readonly limit: number;
}

export function planRotation({ nodes, issuer, wasAsked, limit }: RotationFacts): RotationPlan {
  const mark: string[] = [];
  let behind = 0;
  for (const node of nodes) {
    if (hasIssuer(node, issuer)) continue;
    behind++;
    const { certificate } = node;
    const isAsked = isRequested(certificate) || issuanceOf(certificate) === Issuance.ROTATE;
    if (mark.length < limit && !isAsked && !wasAsked(node.id)) mark.push(node.id);
  }
  return { mark, behind };
}

/** The whole change is done when each node says so itself. */
export function hasIssuer({ description }: Pick<Node, "description">, { subject, publicKey }: Issuer): boolean {
  const info = description?.tlsInfo;
  return info?.certIssuerSubject.equals(subject) === true && info.certIssuerPublicKey.equals(publicKey);
}
