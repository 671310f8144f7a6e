/**
 * Join tokens, as SwarmKit's `ca.GenerateJoinToken`: what a node needs to trust a cluster, and to be let in.
 *
 *     SWMTKN-1-<50: SHA-256 of the root's PEM text>-<25: 16 random bytes>
 *     SWMTKN-2-<1: FIPS, 0: not>-<50>-<25>
 *
 * Both numbers are in base 36, big-endian, with leading zeros.
 */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

export type JoinTokenFault = "format" | "version" | "digest" | "secret";

/** Never holds what was given: it may be a token with a typing error. */
export class JoinTokenError extends Error {
  override readonly name = "JoinTokenError";
  constructor(
    readonly fault: JoinTokenFault,
    reason: string,
  ) {
    super(`invalid join token: ${reason}`);
  }
}

export interface JoinToken {
  readonly version: 1 | 2;
  /** Of the root, "sha256:" and 64 hexadecimal digits, as `rootDigest` gives it. */
  readonly digest: string;
  /** 25 characters. */
  readonly secret: string;
  readonly fips: boolean;
}

const PREFIX = "SWMTKN";
const DIGEST_DIGITS = 50;
const SECRET_DIGITS = 25;
const SECRET_BYTES = 16;
const DIGEST_BITS = 256n;
const BASE_36 = /^[0-9A-Za-z]*$/;
/** A text longer than this is not looked at. */
const MAX_TOKEN_LENGTH = 200;

export interface JoinTokenOptions {
  readonly fips?: boolean;
  readonly random?: (bytes: number) => Uint8Array;
}

/** A new token. @param rootPem what nodes fetch, byte for byte */
export function joinToken(rootPem: string, { fips = false, random = randomBytes }: JoinTokenOptions = {}): string {
  const digest = base36(createHash("sha256").update(rootPem).digest(), DIGEST_DIGITS);
  return [PREFIX, ...(fips ? ["2", "1"] : ["1"]), digest, base36(random(SECRET_BYTES), SECRET_DIGITS)].join("-");
}

/** @throws JoinTokenError */
export function parseJoinToken(text: string): JoinToken {
  const parts = text.length > MAX_TOKEN_LENGTH ? [] : text.split("-");
  const [prefix, version] = parts;
  if (prefix !== PREFIX) throw new JoinTokenError("format", `it does not begin with ${PREFIX}-`);
  const [digest = "", secret = "", ...more] = version === "1" ? parts.slice(2) : parts.slice(3);
  if (version !== "1" && version !== "2") throw new JoinTokenError("version", "it is of a version that is not known");
  const fips = version === "2" ? parts[2] : "0";
  if (more.length > 0 || (fips !== "0" && fips !== "1")) {
    throw new JoinTokenError("format", "it has more or fewer parts than a token has");
  }
  if (digest.length !== DIGEST_DIGITS || !BASE_36.test(digest)) {
    throw new JoinTokenError("digest", `the digest of the root is not ${DIGEST_DIGITS} digits and letters`);
  }
  if (secret.length !== SECRET_DIGITS || !BASE_36.test(secret)) {
    throw new JoinTokenError("secret", `its last part is not ${SECRET_DIGITS} digits and letters`);
  }
  const number = numberOf(digest);
  if (number >> DIGEST_BITS !== 0n) throw new JoinTokenError("digest", "the digest of the root is too large");
  const hex = number.toString(16).padStart(Number(DIGEST_BITS / 4n), "0");
  return { version: version === "1" ? 1 : 2, digest: `sha256:${hex}`, secret, fips: fips === "1" };
}

/** In a time that says nothing of where they differ. No token at all matches nothing. */
export function tokenMatches(given: string, expected: string): boolean {
  const [one, other] = [given, expected].map((text) => createHash("sha256").update(text).digest());
  return timingSafeEqual(one!, other!) && given.length > 0;
}

function base36(bytes: Uint8Array, digits: number): string {
  return BigInt(`0x${Buffer.from(bytes).toString("hex")}`)
    .toString(36)
    .padStart(digits, "0");
}

function numberOf(digits: string): bigint {
  let number = 0n;
  for (const digit of digits) number = number * 36n + BigInt(Number.parseInt(digit, 36));
  return number;
}
