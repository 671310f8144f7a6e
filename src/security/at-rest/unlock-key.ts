/**
 * The text of a key encryption key, as people keep it: `SWMKEY-1-` and base64 (RFC 4648 section 4, without padding), as in
 * SwarmKit's `manager/encryption`.
 */
import { randomBytes } from "node:crypto";

/** Bytes of a key encryption key. */
export const KEK_BYTES = 32;

const PREFIX = "SWMKEY-1-";
const BASE64 = /^[A-Za-z0-9+/]*$/;

/** Never holds what was given: it may be a key with a typing error. */
export class UnlockKeyError extends Error {
  override readonly name = "UnlockKeyError";
}

export function makeKek(random: (bytes: number) => Uint8Array = randomBytes): Buffer {
  return Buffer.from(random(KEK_BYTES));
}

export function formatUnlockKey(kek: Uint8Array): string {
  return PREFIX + Buffer.from(kek.buffer, kek.byteOffset, kek.byteLength).toString("base64").replace(/=+$/, "");
}

/**
 * Any number of bytes, as in SwarmKit; whoever uses them as a key asks for {@link KEK_BYTES}.
 * @throws UnlockKeyError
 */
export function parseUnlockKey(text: string): Buffer {
  const encoded = text.slice(PREFIX.length).replace(/[\r\n]/g, "");
  // A single character left over holds no whole byte.
  if (!text.startsWith(PREFIX) || !BASE64.test(encoded) || encoded.length % 4 === 1) {
    throw new UnlockKeyError(`invalid key string: an unlock key is ${PREFIX} and 43 characters`);
  }
  return Buffer.from(encoded, "base64");
}
