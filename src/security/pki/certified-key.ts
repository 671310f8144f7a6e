/** A private key, and the certificate that says whose it is. */
export interface CertifiedKey {
  readonly certificatePem: string;
  /** PKCS #8 */
  readonly keyPem: string;
}

/** A key that signs certificates. */
export interface CertificateAuthority extends CertifiedKey {
  /**
   * Sent along behind each certificate that it signs: while one root follows another, the new root's key, signed by the old root, so
   * that whoever trusts either of them finds a way.
   */
  readonly intermediatesPem?: string | undefined;
}
