/** Why a certificate is not taken. */
export type CertificateFault =
  /** It cannot be read. */
  | "malformed"
  | "missing"
  /** More certificates than there may be. */
  | "too-many"
  | "unsupported-algorithm"
  /** No way leads from it to a trusted root. */
  | "untrusted"
  | "expired"
  | "not-yet-valid"
  | "wrong-organization"
  | "wrong-role"
  | "wrong-node"
  | "wrong-purpose"
  /** It is not that of the private key. */
  | "key-mismatch"
  /** A root that is to be used is none. */
  | "no-ca"
  | "not-self-signed"
  | "expires-soon"
  /** The root allows nothing between it and the nodes, which a change of roots needs. */
  | "no-intermediates";

/** Names no key material. */
export class CertificateError extends Error {
  override readonly name = "CertificateError";
  constructor(
    readonly fault: CertificateFault,
    message: string,
  ) {
    super(message);
  }
}
