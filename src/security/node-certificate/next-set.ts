/** A set of files in one text: `{ "version": 1, "rootPem": …, "certificatePem": …, "keyPem": … }`, or `{ "version": 1, "none": true }`. */
import { CertificateFilesError } from "./certificate-files-error.js";
import type { StoredCertificate } from "./certificate-store.js";

const VERSION = 1;

/** @param set "none": the files are to go */
export function encodeNextSet(set: StoredCertificate | "none"): string {
  if (set === "none") return JSON.stringify({ version: VERSION, none: true });
  const { rootPem, certificatePem, keyPem } = set;
  return JSON.stringify({ version: VERSION, rootPem, certificatePem, keyPem });
}

/** @throws CertificateFilesError */
export function decodeNextSet(text: string, path: string): StoredCertificate | "none" {
  let fields: Record<string, unknown>;
  try {
    fields = (JSON.parse(text) as Record<string, unknown> | null) ?? {};
  } catch {
    // The parser's own message cites the text, which holds a key.
    throw new CertificateFilesError("damaged", `${path} is damaged: remove it, what was stored before it counts then`);
  }
  const { version, none, rootPem, certificatePem, keyPem } = fields;
  if (version !== VERSION) {
    throw new CertificateFilesError("damaged", `${path} is of a version other than ${VERSION}, or is damaged`);
  }
  if (none === true) return "none";
  if (typeof rootPem !== "string" || typeof certificatePem !== "string" || typeof keyPem !== "string") {
    throw new CertificateFilesError("damaged", `${path} is damaged: remove it, what was stored before it counts then`);
  }
  return { rootPem, certificatePem, keyPem };
}
