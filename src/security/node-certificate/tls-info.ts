import type { NodeTLSInfo } from "../../api/generated/docker/swarmkit/v1/types.js";
import { checkChain } from "../pki/chain.js";
import type { NodeCertificate } from "./node-certificate.js";

/**
 * What a node says of itself: by whose key its certificate is signed, and whom it trusts. While one root follows another, managers
 * wait until it is the next one's for every node.
 * @throws CertificateError when it does not chain to its roots
 */
export function tlsInfoOf({ certificatePem, rootPem }: Omit<NodeCertificate, "keyPem">): NodeTLSInfo {
  const [leaf, issuer] = checkChain({ certificatePem, rootPem });
  return {
    trustRoot: Buffer.from(rootPem),
    certIssuerSubject: leaf!.issuerDer,
    certIssuerPublicKey: issuer!.publicKeyDer,
  };
}
