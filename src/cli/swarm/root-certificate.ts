import { createHash, X509Certificate } from "node:crypto";
import type { Cluster } from "../../api/generated/docker/swarmkit/v1/objects.js";

/** A root, as nodes tell by which one their certificates are signed. */
export interface RootFacts {
  readonly pem: string;
  /** `sha256:…` of the PEM text, which join tokens carry. */
  readonly digest: string;
  /** DER of SubjectPublicKeyInfo; undefined when there is no readable certificate. */
  readonly publicKey: Buffer | undefined;
}

/** The root that the nodes are to have: while it is rotated, the new one. */
export function desiredRoot(cluster: Cluster | undefined): RootFacts {
  const pem = (cluster?.rootCa?.rootRotation?.caCert ?? cluster?.rootCa?.caCert ?? Buffer.alloc(0)).toString();
  return { pem, digest: `sha256:${createHash("sha256").update(pem).digest("hex")}`, publicKey: publicKeyOf(pem) };
}

export function isRotating(cluster: Cluster | undefined): boolean {
  return cluster?.rootCa?.rootRotation !== undefined;
}

function publicKeyOf(pem: string): Buffer | undefined {
  try {
    return new X509Certificate(pem).publicKey.export({ type: "spki", format: "der" });
  } catch {
    return undefined;
  }
}
