/** The contents of one file of a {@link MemoryDisk}: what is durable, and what was written since. */

/** What a device writes as a whole. */
export const SECTOR_BYTES = 512;

/** Zeros to the end without holding them. */
class Image {
  #bytes = new Uint8Array(0);
  size = 0;

  copyOf(other: Image): void {
    this.#bytes = other.#bytes.slice();
    this.size = other.size;
  }

  write(offset: number, bytes: Uint8Array): void {
    const end = offset + bytes.length;
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(end, this.#bytes.length * 2, 1024));
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    this.#bytes.set(bytes, offset);
    this.size = Math.max(this.size, end);
  }

  read(offset: number, length: number): Buffer {
    const bytes = Buffer.alloc(Math.max(0, Math.min(length, this.size - offset)));
    bytes.set(this.#bytes.subarray(offset, offset + bytes.length));
    return bytes;
  }

  truncate(size: number): void {
    if (size < this.size) this.#bytes.fill(0, Math.min(size, this.#bytes.length));
    this.size = size;
  }
}

type Change =
  | { readonly kind: "write"; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: "truncate"; readonly size: number };

export class MemoryFile {
  readonly #durable = new Image();
  readonly #current = new Image();
  #unsynced: Change[] = [];

  constructor(sizeBytes: number) {
    this.#durable.size = sizeBytes;
    this.#current.size = sizeBytes;
  }

  get size(): number {
    return this.#current.size;
  }

  read(offset: number, length: number): Buffer {
    return this.#current.read(offset, length);
  }

  write(offset: number, bytes: Uint8Array): void {
    const copy = bytes.slice();
    this.#unsynced.push({ kind: "write", offset, bytes: copy });
    this.#current.write(offset, copy);
  }

  truncate(size: number): void {
    this.#unsynced.push({ kind: "truncate", size });
    this.#current.truncate(size);
  }

  sync(): void {
    for (const change of this.#unsynced) apply(this.#durable, change);
    this.#unsynced = [];
  }

  /** Bits that turn at rest: at once, everywhere. */
  flip(offset: number, mask: number): void {
    for (const image of [this.#durable, this.#current]) {
      const [byte = 0] = image.read(offset, 1);
      image.write(offset, Uint8Array.of(byte ^ mask));
    }
  }

  /** Of what was not synced each sector stays or is lost, as `keeps` says. */
  losePower(keeps: () => boolean): void {
    for (const change of this.#unsynced) {
      for (const part of sectorsOf(change)) if (keeps()) apply(this.#durable, part);
    }
    this.#unsynced = [];
    this.#current.copyOf(this.#durable);
  }
}

/** The parts of a change that a device does as a whole each. */
function sectorsOf(change: Change): Change[] {
  if (change.kind === "truncate") return [change];
  const parts: Change[] = [];
  for (let at = 0; at < change.bytes.length; ) {
    const end = Math.min(change.bytes.length, at + SECTOR_BYTES - ((change.offset + at) % SECTOR_BYTES));
    parts.push({ kind: "write", offset: change.offset + at, bytes: change.bytes.subarray(at, end) });
    at = end;
  }
  return parts;
}

function apply(image: Image, change: Change): void {
  if (change.kind === "truncate") image.truncate(change.size);
  else image.write(change.offset, change.bytes);
}
