/** AES-256-GCM with keys that are derived for one use each (NIST SP 800-38D; HKDF: RFC 5869). */
import { createCipheriv, createDecipheriv, hkdfSync } from "node:crypto";

export const TAG_BYTES = 16;
export const NONCE_BYTES = 12;
export const SALT_BYTES = 16;

const ALGORITHM = "aes-256-gcm";
const KEY_BYTES = 32;

/** A key for one purpose and one salt; nonces need to be unique under it alone. */
export function deriveKey(secret: Uint8Array, salt: Uint8Array, purpose: string): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", secret, salt, purpose, KEY_BYTES));
}

/** Ciphertext, then the tag, into `target` at `offset`: as many bytes as the plain text has, and {@link TAG_BYTES}. */
export function sealInto(
  target: Buffer,
  offset: number,
  key: Uint8Array,
  nonce: Uint8Array,
  associated: Uint8Array,
  plain: Uint8Array,
): void {
  const cipher = createCipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(associated);
  target.set(cipher.update(plain), offset);
  cipher.final();
  target.set(cipher.getAuthTag(), offset + plain.length);
}

export function seal(key: Uint8Array, nonce: Uint8Array, associated: Uint8Array, plain: Uint8Array): Buffer {
  const sealed = Buffer.allocUnsafe(plain.length + TAG_BYTES);
  sealInto(sealed, 0, key, nonce, associated, plain);
  return sealed;
}

/** @returns undefined when it was sealed with another key, nonce or associated data, or has changed since */
export function unseal(
  key: Uint8Array,
  nonce: Uint8Array,
  associated: Uint8Array,
  sealed: Uint8Array,
): Buffer | undefined {
  if (sealed.length < TAG_BYTES) return undefined;
  const end = sealed.length - TAG_BYTES;
  const decipher = createDecipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(associated);
  decipher.setAuthTag(sealed.subarray(end));
  const plain = decipher.update(sealed.subarray(0, end));
  try {
    decipher.final();
  } catch {
    return undefined;
  }
  return plain;
}

/** `number` below 2^53, then `kind`: 12 bytes, big-endian. */
export function counterNonce(number: number, kind = 0): Buffer {
  const nonce = Buffer.alloc(NONCE_BYTES);
  nonce.writeUInt32BE(Math.floor(number / 0x1_0000_0000), 0);
  nonce.writeUInt32BE(number >>> 0, 4);
  nonce.writeUInt32BE(kind, 8);
  return nonce;
}
