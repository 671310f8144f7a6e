/** What makes a process a node of a cluster to the others. */
export interface NodeCertificate {
  /** The node's own, then what lies between it and a root. */
  readonly certificatePem: string;
  /** PKCS #8, open. */
  readonly keyPem: string;
  /** All roots that are trusted. */
  readonly rootPem: string;
}
