import { createHash, randomBytes } from "node:crypto";

/** Bytes of a data encryption key: AES-256 and HKDF-SHA256 take them. */
export const DATA_KEY_BYTES = 32;

/** A data encryption key: everything on the disk is sealed with keys derived from it. */
export interface DataKey {
  /** 16 hexadecimal digits of the key's hash: the same id is the same key. */
  readonly id: string;
  readonly bytes: Uint8Array;
}

/** The data keys by id. What is new is sealed with the current one; older ones open what they have sealed. */
export interface KeyRing {
  readonly current: DataKey;
  get(id: string): DataKey | undefined;
  /**
   * All keys but the current one and those in use may be forgotten for good. `inUse` is asked when it happens, so that a key
   * taken up in between is kept.
   */
  retain(inUse: () => ReadonlySet<string>): Promise<void>;
}

export function makeDataKey(random: (bytes: number) => Uint8Array = randomBytes): DataKey {
  return dataKey(Buffer.from(random(DATA_KEY_BYTES)));
}

/** @throws RangeError when it has another length */
export function dataKey(bytes: Uint8Array): DataKey {
  if (bytes.length !== DATA_KEY_BYTES)
    throw new RangeError(`a data key has ${DATA_KEY_BYTES} bytes, not ${bytes.length}`);
  const id = createHash("sha256").update("tswarm data key").update(bytes).digest("hex").slice(0, 16);
  return { id, bytes };
}

/** Keys in memory alone. */
export class MemoryKeyRing implements KeyRing {
  readonly #keys = new Map<string, DataKey>();
  #current: DataKey;

  /** The last one is current. */
  constructor(first: DataKey, ...more: readonly DataKey[]) {
    this.#current = first;
    for (const key of [first, ...more]) this.add(key);
  }

  get current(): DataKey {
    return this.#current;
  }

  get(id: string): DataKey | undefined {
    return this.#keys.get(id);
  }

  /** From the oldest to the newest. */
  keys(): readonly DataKey[] {
    return [...this.#keys.values()];
  }

  /** Makes it the current one. */
  add(key: DataKey): void {
    this.#keys.set(key.id, key);
    this.#current = key;
  }

  async retain(inUse: () => ReadonlySet<string>): Promise<void> {
    const kept = inUse();
    for (const id of this.#keys.keys()) {
      if (id !== this.#current.id && !kept.has(id)) this.#keys.delete(id);
    }
  }
}
