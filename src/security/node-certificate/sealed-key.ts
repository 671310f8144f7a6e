/** A private key that opens with the cluster's unlock key alone: encrypted PKCS #8 (RFC 5958, PBES2 of RFC 8018). */
import { createPrivateKey } from "node:crypto";
import { LogLockedError } from "../at-rest/locked-error.js";
import { deriveKey } from "../at-rest/sealing.js";
import { KEK_BYTES } from "../at-rest/unlock-key.js";
import { readPrivateKey } from "../pki/private-key.js";

const LABEL = "-----BEGIN ENCRYPTED PRIVATE KEY-----";
const CIPHER = "aes-256-cbc";
/** The format brings a salt of its own, and the KEK is no word that could be guessed. */
const NO_SALT = new Uint8Array(0);

export function isSealedKey(keyPem: string): boolean {
  return keyPem.includes(LABEL);
}

/** @param keyPem open. @param kek {@link KEK_BYTES} bytes */
export function sealKey(keyPem: string, kek: Uint8Array): string {
  const passphrase = passphraseOf(kek);
  return readPrivateKey(keyPem).export({ type: "pkcs8", format: "pem", cipher: CIPHER, passphrase }).toString();
}

/**
 * @param name of the file, for messages
 * @throws LogLockedError without a KEK, or when it does not open with this one
 */
export function unsealKey(sealedPem: string, kek: Uint8Array | undefined, name: string): string {
  if (!kek) throw new LogLockedError(`${name} is locked: the unlock key is needed`, "unlock-key-needed");
  const passphrase = passphraseOf(kek);
  try {
    return createPrivateKey({ key: sealedPem, passphrase }).export({ type: "pkcs8", format: "pem" }).toString();
  } catch {
    throw new LogLockedError(`${name} is locked, and does not open with this unlock key`, "unlock-key-wrong");
  }
}

function passphraseOf(kek: Uint8Array): string {
  if (kek.length !== KEK_BYTES) throw new RangeError(`an unlock key has ${KEK_BYTES} bytes, not ${kek.length}`);
  return Buffer.from(deriveKey(kek, NO_SALT, "tswarm node key")).toString("base64");
}
