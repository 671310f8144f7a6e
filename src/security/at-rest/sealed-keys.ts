/**
 * The text of a key file. Without a key encryption key (KEK):
 *
 *     { "version": 1, "kekVersion": 0, "current": ID, "ids": [ID, …], "keys": [BASE64, …] }
 *
 * With one, the keys are sealed: AES-256-GCM under a key derived from the KEK and a salt of this text; all other fields
 * are authenticated. "check" says whether a KEK is the right one, so that a wrong KEK and a damaged file are two errors.
 *
 *     { …, "ids": [ID, …], "sealed": { "salt": BASE64, "check": BASE64, "keys": BASE64 } }
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { DATA_KEY_BYTES, type DataKey, dataKey } from "./key-ring.js";
import { LogLockedError } from "./locked-error.js";
import { counterNonce, deriveKey, SALT_BYTES, seal, unseal } from "./sealing.js";

const VERSION = 1;
const CHECK_BYTES = 16;
/** The key is used once: the salt is new in each text. */
const NONCE = counterNonce(0);

export interface StoredKeys {
  /** In any order; the current one is among them. */
  readonly keys: readonly DataKey[];
  readonly currentId: string;
  /** Counts changes of the KEK, as the cluster says; 0 without one so far. */
  readonly kekVersion: number;
}

/** What a key file holds is not what was written. Names no key material. */
export class KeyFileError extends Error {
  override readonly name = "KeyFileError";
  constructor(
    readonly path: string,
    reason: string,
  ) {
    super(`the key file ${path} ${reason}`);
  }
}

export function encodeKeys(
  { keys, currentId, kekVersion }: StoredKeys,
  kek: Uint8Array | undefined,
  randomBytes: (size: number) => Uint8Array,
): string {
  const open = { version: VERSION, kekVersion, current: currentId, ids: keys.map(({ id }) => id) };
  if (!kek) return text({ ...open, keys: keys.map(({ bytes }) => base64(bytes)) });
  const salt = randomBytes(SALT_BYTES);
  const plain = Buffer.concat(keys.map(({ bytes }) => bytes));
  const sealed = seal(sealingKey(kek, salt), NONCE, Buffer.from(text(open)), plain);
  return text({ ...open, sealed: { salt: base64(salt), check: base64(checkOf(kek, salt)), keys: base64(sealed) } });
}

export function isSealed(contents: string, path: string): boolean {
  return parse(contents, path).sealed !== undefined;
}

/** @throws LogLockedError without the KEK, or with a wrong one; KeyFileError */
export function decodeKeys(contents: string, kek: Uint8Array | undefined, path: string): StoredKeys {
  const { sealed, keys, ...open } = parse(contents, path);
  const plain = sealed ? openSealed(open, sealed, kek, path) : keys;
  const stored = plain.map((bytes) => dataKey(bytes));
  if (stored.some(({ id }, at) => id !== open.ids[at]) || !open.ids.includes(open.current)) {
    throw new KeyFileError(path, "is damaged: its keys are not those that it names");
  }
  return { keys: stored, currentId: open.current, kekVersion: open.kekVersion };
}

interface OpenFields {
  readonly version: number;
  readonly kekVersion: number;
  readonly current: string;
  readonly ids: readonly string[];
}

interface SealedFields {
  readonly salt: Buffer;
  readonly check: Buffer;
  readonly keys: Buffer;
}

function openSealed(
  open: OpenFields,
  { salt, check, keys }: SealedFields,
  kek: Uint8Array | undefined,
  path: string,
): Buffer[] {
  if (!kek) throw new LogLockedError(`${path} is locked: the unlock key is needed`, "unlock-key-needed");
  const ours = checkOf(kek, salt);
  if (ours.length !== check.length || !timingSafeEqual(ours, check)) {
    throw new LogLockedError(`${path} is locked, and not with this unlock key`, "unlock-key-wrong");
  }
  const plain = unseal(sealingKey(kek, salt), NONCE, Buffer.from(text(open)), keys);
  if (plain?.length !== open.ids.length * DATA_KEY_BYTES) {
    throw new KeyFileError(path, "is damaged: the unlock key is right, and does not open it");
  }
  return open.ids.map((_, at) => plain.subarray(at * DATA_KEY_BYTES, (at + 1) * DATA_KEY_BYTES));
}

function parse(
  contents: string,
  path: string,
): OpenFields & { readonly sealed: SealedFields | undefined; readonly keys: Buffer[] } {
  const fields = parseJson(contents, path);
  const { version, kekVersion, current, ids, keys, sealed } = fields as Record<string, unknown>;
  if (version !== VERSION)
    throw new KeyFileError(path, `is of version ${String(version).slice(0, 20)}, not ${VERSION}`);
  const damaged = () => new KeyFileError(path, "is damaged: a field is missing, or is not what it should be");
  if (!Number.isSafeInteger(kekVersion) || typeof current !== "string" || !isTexts(ids)) throw damaged();
  const open = { version, kekVersion: kekVersion as number, current, ids };
  if (sealed === undefined) {
    if (!isTexts(keys) || keys.length !== ids.length) throw damaged();
    const bytes = keys.map((key) => Buffer.from(key, "base64"));
    if (bytes.some(({ length }) => length !== DATA_KEY_BYTES)) throw damaged();
    return { ...open, sealed: undefined, keys: bytes };
  }
  const { salt, check, keys: box } = (sealed ?? {}) as Record<string, unknown>;
  if (!isTexts([salt, check, box])) throw damaged();
  const [saltBytes, checkBytes, boxBytes] = [salt, check, box].map((part) => Buffer.from(part as string, "base64"));
  return { ...open, sealed: { salt: saltBytes!, check: checkBytes!, keys: boxBytes! }, keys: [] };
}

function parseJson(contents: string, path: string): object {
  let fields: unknown;
  try {
    fields = JSON.parse(contents);
  } catch {
    // The parser's own message cites the text, which may be a key.
    throw new KeyFileError(path, "is damaged: it is no JSON");
  }
  if (typeof fields !== "object" || fields === null) throw new KeyFileError(path, "is damaged: it is no JSON object");
  return fields;
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((one) => typeof one === "string");
}

function sealingKey(kek: Uint8Array, salt: Uint8Array): Uint8Array {
  return deriveKey(kek, salt, "tswarm key file");
}

function checkOf(kek: Uint8Array, salt: Uint8Array): Buffer {
  const key = deriveKey(kek, salt, "tswarm key file check");
  return createHmac("sha256", key).digest().subarray(0, CHECK_BYTES);
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}

function text(fields: object): string {
  return `${JSON.stringify(fields, undefined, 2)}\n`;
}
