/** How a node that has nothing but a token comes to trust a cluster. */
import { callUnary, openChannel } from "../../api/client-call.js";
import { CAService } from "../../api/generated/docker/swarmkit/v1/ca.js";
import { certificateFacts } from "../../security/pki/certificate-facts.js";
import { rootDigest } from "../../security/pki/root-digest.js";
import { grpcTarget, trustingCredentials } from "../../security/transport.js";

/** What answers there is not the cluster of the token. Nobody is asked any further. */
export class ForeignClusterError extends Error {
  override readonly name = "ForeignClusterError";
}

/**
 * Asks a manager for its root over a connection that proves nothing, and believes the answer by its digest alone.
 * @param address "HOST:PORT"
 * @param digest as the token says it, "sha256:…"
 * @returns PEM, as the digest was made of
 * @throws ForeignClusterError; ServiceError when nobody answers
 */
export async function fetchRoot(address: string, digest: string, timeoutMs: number): Promise<string> {
  const client = openChannel(grpcTarget(address), trustingCredentials(), true);
  let certificate: Buffer;
  try {
    ({ certificate } = await callUnary(client, CAService.getRootCaCertificate, {}, { timeoutMs }));
  } finally {
    client.close();
  }
  const found = rootDigest(certificate);
  if (found !== digest) {
    throw new ForeignClusterError(
      `remote CA does not match fingerprint. Expected: ${digest.replace("sha256:", "")}: the manager at ${address} is of another cluster than the token, or its root was changed since; "tsctl join-token" there shows the token that holds`,
    );
  }
  const pem = certificate.toString("latin1");
  // Of the digest's right, but it has to be one, too.
  certificateFacts(pem);
  return pem;
}
