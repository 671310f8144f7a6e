/** The data keys of a manager, in a file of its state folder: plain, or sealed with the cluster's unlock key. */
import { randomBytes } from "node:crypto";
import { type DataKey, type KeyRing, MemoryKeyRing, makeDataKey } from "./key-ring.js";
import { decodeKeys, encodeKeys, isSealed, KeyFileError, type StoredKeys } from "./sealed-keys.js";
import type { TextFile } from "./text-file.js";
import { KEK_BYTES } from "./unlock-key.js";

export interface KeyFileOptions {
  readonly file: TextFile;
  /** The unlock key's bytes; undefined: not locked. */
  readonly kek?: Uint8Array | undefined;
  readonly kekVersion?: number;
  readonly randomBytes?: (size: number) => Uint8Array;
}

export type KeyFileState = "missing" | "plain" | "sealed";

/** Every change is durable before it counts, and is made one after the other. */
export class KeyFile implements KeyRing {
  readonly #file: TextFile;
  readonly #random: (size: number) => Uint8Array;
  #ring: MemoryKeyRing;
  #kek: Uint8Array | undefined;
  #kekVersion: number;
  #changes: Promise<unknown> = Promise.resolve();

  private constructor({ file, kek, randomBytes: random = randomBytes }: KeyFileOptions, stored: StoredKeys) {
    this.#file = file;
    this.#random = random;
    this.#kek = kek;
    this.#kekVersion = stored.kekVersion;
    this.#ring = ringOf(stored.keys, stored.currentId);
  }

  /** What stands there, without opening it. @throws KeyFileError when it is damaged */
  static async look(file: TextFile): Promise<KeyFileState> {
    const contents = await file.read();
    return contents === undefined ? "missing" : isSealed(contents, file.name) ? "sealed" : "plain";
  }

  /**
   * With a KEK for a file that is not sealed, it stays so until {@link setKek}.
   * @throws LogLockedError when the KEK is needed, or wrong; KeyFileError when the file is missing or damaged
   */
  static async open(options: KeyFileOptions): Promise<KeyFile> {
    const { file, kek } = options;
    const contents = await file.read();
    if (contents === undefined) throw new KeyFileError(file.name, "is missing");
    checkKek(kek);
    const stored = decodeKeys(contents, kek, file.name);
    return new KeyFile({ ...options, kek: isSealed(contents, file.name) ? kek : undefined }, stored);
  }

  /** A new file with one new key. @throws KeyFileError when there is one */
  static async create(options: KeyFileOptions): Promise<KeyFile> {
    if ((await options.file.read()) !== undefined) throw new KeyFileError(options.file.name, "exists");
    checkKek(options.kek);
    const key = makeDataKey(options.randomBytes);
    const file = new KeyFile(options, { keys: [key], currentId: key.id, kekVersion: options.kekVersion ?? 0 });
    await file.#change((ring) => ring);
    return file;
  }

  get current(): DataKey {
    return this.#ring.current;
  }

  get(id: string): DataKey | undefined {
    return this.#ring.get(id);
  }

  /** Of all keys. */
  get ids(): readonly string[] {
    return this.#ring.keys().map(({ id }) => id);
  }

  get isLocked(): boolean {
    return this.#kek !== undefined;
  }

  get kekVersion(): number {
    return this.#kekVersion;
  }

  /** Seals the same keys with another KEK, or with none. */
  setKek(kek: Uint8Array | undefined, version: number): Promise<void> {
    checkKek(kek);
    return this.#change((ring) => ring, { kek, version });
  }

  /** As {@link setKek} and {@link addKey} in one: what comes cannot be read with the old KEK and a copy of the file as it was. */
  async reseal(kek: Uint8Array | undefined, version: number): Promise<void> {
    checkKek(kek);
    const key = makeDataKey(this.#random);
    await this.#change((ring) => ringOf([...ring.keys(), key], key.id), { kek, version });
  }

  /** Makes a new key the current one. What is sealed with the others stays readable. @returns its id */
  async addKey(): Promise<string> {
    const key = makeDataKey(this.#random);
    await this.#change((ring) => ringOf([...ring.keys(), key], key.id));
    return key.id;
  }

  retain(inUse: () => ReadonlySet<string>): Promise<void> {
    return this.#change((ring) => {
      const used = inUse();
      const kept = ring.keys().filter(({ id }) => id === ring.current.id || used.has(id));
      return kept.length === ring.keys().length ? undefined : ringOf(kept, ring.current.id);
    });
  }

  /** @param next the ring from now on; undefined: nothing changes */
  #change(
    next: (ring: MemoryKeyRing) => MemoryKeyRing | undefined,
    lock?: { readonly kek: Uint8Array | undefined; readonly version: number },
  ): Promise<void> {
    const change = async () => {
      const ring = next(this.#ring);
      if (!ring) return;
      const { kek, version: kekVersion } = lock ?? { kek: this.#kek, version: this.#kekVersion };
      const stored = { keys: ring.keys(), currentId: ring.current.id, kekVersion };
      await this.#file.replace(encodeKeys(stored, kek, this.#random));
      this.#ring = ring;
      this.#kek = kek;
      this.#kekVersion = kekVersion;
    };
    const done = this.#changes.then(change, change);
    this.#changes = done.catch(() => undefined);
    return done;
  }
}

function ringOf(keys: readonly DataKey[], currentId: string): MemoryKeyRing {
  const others = keys.filter(({ id }) => id !== currentId);
  const current = keys.find(({ id }) => id === currentId)!;
  return others[0] ? new MemoryKeyRing(others[0], ...others.slice(1), current) : new MemoryKeyRing(current);
}

function checkKek(kek: Uint8Array | undefined): void {
  if (kek && kek.length !== KEK_BYTES) throw new RangeError(`an unlock key has ${KEK_BYTES} bytes, not ${kek.length}`);
}
