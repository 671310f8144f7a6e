import type { SnapshotMetadata } from "../../api/generated/raftpb/raft.js";
import type { KeyRing } from "../../security/at-rest/key-ring.js";
import type { Disk, DiskFile } from "../disk/disk.js";
import { LogDamagedError, LogLockedError } from "../storage/log-storage.js";
import { ByteReader } from "../wal/entry-codec.js";
import {
  FRAME_HEADER_BYTES,
  isWholeFrame,
  MAX_HEADER_BYTES,
  openFrame,
  openHeader,
  parseFrameHeader,
  parseHeader,
  type SealedSnapshotHeader,
  snapshotKey,
} from "./snapshot-format.js";
import { parseSnapshotName } from "./snapshot-name.js";

/** A snapshot's file that is open for reading. {@link close} it. */
export class SnapshotReader {
  readonly #file: DiskFile;
  readonly #key: Uint8Array;
  readonly #header: SealedSnapshotHeader;

  private constructor(
    file: DiskFile,
    readonly metadata: SnapshotMetadata,
    readonly sizeBytes: number,
    header: SealedSnapshotHeader,
    key: Uint8Array,
  ) {
    this.#file = file;
    this.#header = header;
    this.#key = key;
  }

  get keyId(): string {
    return this.#header.keyId;
  }

  /** Reads the header. @throws LogDamagedError, LogLockedError, DiskError */
  static async open(disk: Disk, name: string, keyRing: Pick<KeyRing, "get">): Promise<SnapshotReader> {
    const file = await disk.open(name);
    try {
      const header = parseHeader(asBuffer(await file.read(0, MAX_HEADER_BYTES)));
      if (typeof header === "string") throw new LogDamagedError(name, 0, header);
      const dataKey = keyRing.get(header.keyId);
      if (!dataKey) {
        throw new LogLockedError(
          `${name} is sealed with key ${header.keyId}, which the key file does not hold`,
          "data-key-unknown",
          header.keyId,
        );
      }
      const key = snapshotKey(dataKey, header.salt);
      const metadata = openHeader(header, key);
      if (!metadata) throw new LogDamagedError(name, 0, `the header cannot be opened with key ${header.keyId}`);
      const id = parseSnapshotName(name);
      if (id && (id.index !== metadata.index || id.term !== metadata.term)) {
        throw new LogDamagedError(name, 0, `the file holds snapshot ${metadata.index}: it was renamed or swapped`);
      }
      return new SnapshotReader(file, metadata, await file.size(), header, key);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** As they were written, to the last one. @throws LogDamagedError, DiskError */
  async *chunks(): AsyncGenerator<Uint8Array, void, undefined> {
    const { name } = this.#file;
    let offset = this.#header.bytes;
    for (let number = 0; ; number++) {
      const damaged = (reason: string) => new LogDamagedError(name, offset, reason);
      const header = parseFrameHeader(asBuffer(await this.#file.read(offset, FRAME_HEADER_BYTES)));
      if (!header) throw damaged(offset < this.sizeBytes ? "a frame has a wrong length" : "the file ends too early");
      const sealed = asBuffer(await this.#file.read(offset + FRAME_HEADER_BYTES, header.sealedBytes));
      if (sealed.length < header.sealedBytes) throw damaged("the file ends within a frame");
      if (!isWholeFrame(header, sealed)) throw damaged("a frame fails its checksum");
      const content = openFrame(header, sealed, this.#key, number);
      if (!content) throw damaged(`frame ${number} cannot be opened with key ${this.keyId}`);
      for (const reader = new ByteReader(content); !reader.isAtEnd; ) yield reader.bytes(reader.varint());
      offset += FRAME_HEADER_BYTES + header.sealedBytes;
      if (!header.isLast) continue;
      if (offset !== this.sizeBytes) throw damaged("the file goes on after the last frame");
      return;
    }
  }

  /** Reads all of it. @throws LogDamagedError, DiskError */
  async verify(): Promise<void> {
    for await (const _ of this.chunks());
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
