import { createHash } from "node:crypto";

/** "sha256:" and 64 hexadecimal digits, of the text of a root or a bundle of them byte for byte; as SwarmKit's `RootCA.Digest`. */
export function rootDigest(rootPem: string | Uint8Array): string {
  return `sha256:${createHash("sha256").update(rootPem).digest("hex")}`;
}
