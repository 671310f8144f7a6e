/** What is wrong with a node's certificate on the disk. */
export type CertificateFilesFault =
  | "key-missing"
  | "certificate-missing"
  | "root-missing"
  /** One of them cannot be read as what it is. */
  | "damaged"
  /** The key is not that of the certificate. */
  | "key-mismatch"
  /** The certificate does not chain to the roots beside it. */
  | "untrusted";

/** One line that names the file. Names no key material. */
export class CertificateFilesError extends Error {
  override readonly name = "CertificateFilesError";
  constructor(
    readonly fault: CertificateFilesFault,
    message: string,
  ) {
    super(message);
  }
}
