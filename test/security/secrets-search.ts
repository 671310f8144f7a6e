/** Looks for secrets in texts and files, in every form that they may have come to. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/** Something that nobody but its holder may read. */
export interface Secret {
  /** For people: never the secret itself. */
  readonly name: string;
  readonly bytes: Buffer;
}

/** Where a secret was found. */
export interface Finding {
  readonly secret: string;
  readonly place: string;
}

/** PKCS #8 of any key on P-256 begins so; what follows is the key (RFC 5915, RFC 5208). */
const P256_KEY = Buffer.from("308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420", "hex");
/** Of SEC 1, where its 32 bytes follow at once. */
const SEC1_KEY = Buffer.from("30770201010420", "hex");
const PRIVATE_PEM = Buffer.from("PRIVATE KEY-----");
const SEALED_PEM = Buffer.from("ENCRYPTED PRIVATE KEY-----");

/** Kinds of keys, whoever holds them. */
export const ANY_KEY: readonly Secret[] = [
  { name: "a private key (PKCS #8)", bytes: P256_KEY },
  { name: "a private key (SEC 1)", bytes: SEC1_KEY },
];

export class SecretSearch {
  readonly #secrets = new Map<string, { readonly name: string; readonly forms: readonly Buffer[] }>();

  add(...secrets: readonly Secret[]): void {
    for (const { name, bytes } of secrets) this.#secrets.set(bytes.toString("hex"), { name, forms: formsOf(bytes) });
  }

  get count(): number {
    return this.#secrets.size;
  }

  /** @returns names of what is in there */
  in(contents: Buffer): readonly string[] {
    // Base64 and PEM are broken into lines, in JSON by "\n" spelled out.
    const joined = Buffer.from(contents.toString("latin1").replaceAll(/\\[rn]|\s/g, ""), "latin1");
    const found = [...this.#secrets.values()].filter(({ forms }) =>
      forms.some((form) => contents.includes(form) || joined.includes(form)),
    );
    return found.map(({ name }) => name);
  }
}

/** As text or bytes, in base64 of both alphabets at each place within its three bytes, in hexadecimal. */
function formsOf(bytes: Buffer): readonly Buffer[] {
  const hex = bytes.toString("hex");
  const base64 = [0, 1, 2].map((shift) => {
    const encoded = Buffer.concat([Buffer.alloc(shift), bytes])
      .toString("base64")
      .replace(/=+$/, "");
    // The first characters, and perhaps the last one, stand for neighbours too.
    return encoded.slice(shift === 0 ? 0 : shift + 1, (bytes.length + shift) % 3 === 0 ? undefined : -1);
  });
  const url = base64.map((text) => text.replaceAll("+", "-").replaceAll("/", "_"));
  return [bytes, ...[...new Set([hex, hex.toUpperCase(), ...base64, ...url])].map((text) => Buffer.from(text))];
}

/** @returns whether a text holds the PEM of a private key that is not sealed */
export function hasOpenPem(contents: Buffer): boolean {
  for (let at = contents.indexOf(PRIVATE_PEM); at >= 0; at = contents.indexOf(PRIVATE_PEM, at + 1)) {
    const before = SEALED_PEM.length - PRIVATE_PEM.length;
    if (!contents.subarray(Math.max(0, at - before), at + PRIVATE_PEM.length).equals(SEALED_PEM)) return true;
  }
  return false;
}

export interface FoundFile {
  readonly path: string;
  /** Permissions, as in chmod. */
  readonly mode: number;
  readonly kind: "file" | "folder" | "other";
}

/** Everything below a folder, itself left out; what goes meanwhile is passed over. */
export function everythingIn(folder: string): readonly FoundFile[] {
  const found: FoundFile[] = [];
  for (const entry of list(folder)) {
    const path = join(folder, entry.name);
    if (entry.isSymbolicLink()) continue;
    let mode: number;
    try {
      mode = statSync(path).mode & 0o777;
    } catch (error) {
      if (isGone(error)) continue;
      throw error;
    }
    const kind = entry.isDirectory() ? "folder" : entry.isFile() ? "file" : "other";
    found.push({ path, mode, kind });
    if (kind === "folder") found.push(...everythingIn(path));
  }
  return found;
}

function list(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
}

/** @returns nothing of a file that is not there any more */
export function contentsOf(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    if (isGone(error)) return Buffer.alloc(0);
    throw error;
  }
}

function isGone(error: unknown): boolean {
  return ["ENOENT", "ESRCH", "ENOTDIR", "EACCES"].includes((error as NodeJS.ErrnoException).code ?? "");
}
