import type { SnapshotMetadata } from "../../api/generated/raftpb/raft.js";
import type { DataKey } from "../../security/at-rest/key-ring.js";
import { SALT_BYTES } from "../../security/at-rest/sealing.js";
import type { Disk, DiskFile } from "../disk/disk.js";
import { varintBytes, writeVarint } from "../wal/entry-codec.js";
import { encodeFrame, encodeHeader, FRAME_BYTES, MAX_CHUNK_BYTES, snapshotKey } from "./snapshot-format.js";
import { snapshotName } from "./snapshot-name.js";

/** So much is given to the disk before it is made durable: a long sync at the end would hold up the log's. */
const SYNC_EVERY_BYTES = 4 << 20;

/** Writes one snapshot's file, a frame at a time. Calls one after the other. */
export class SnapshotWriter {
  readonly #disk: Disk;
  readonly #file: DiskFile;
  readonly #key: Uint8Array;
  readonly #frame = Buffer.allocUnsafe(FRAME_BYTES);
  #inFrame = 0;
  #frames = 0;
  #unsyncedBytes = 0;
  #offset: number;

  private constructor(disk: Disk, file: DiskFile, key: Uint8Array, offset: number) {
    this.#disk = disk;
    this.#file = file;
    this.#key = key;
    this.#offset = offset;
  }

  /** @param temporaryName until {@link commit} @throws DiskError, RangeError */
  static async create(
    disk: Disk,
    temporaryName: string,
    metadata: SnapshotMetadata,
    dataKey: DataKey,
    randomBytes: (size: number) => Uint8Array,
  ): Promise<SnapshotWriter> {
    const salt = randomBytes(SALT_BYTES);
    const key = snapshotKey(dataKey, salt);
    const header = encodeHeader(metadata, salt, dataKey.id, key);
    const file = await disk.create(temporaryName, 0);
    const writer = new SnapshotWriter(disk, file, key, header.length);
    try {
      await file.write(0, header);
      return writer;
    } catch (error) {
      await writer.abort();
      throw error;
    }
  }

  /** So far. */
  get bytes(): number {
    return this.#offset;
  }

  /** @throws DiskError; RangeError when the chunk is too long */
  async write(chunk: Uint8Array): Promise<void> {
    if (chunk.length > MAX_CHUNK_BYTES) throw new RangeError(`a chunk of ${chunk.length} bytes is too long`);
    const size = varintBytes(chunk.length) + chunk.length;
    if (size > FRAME_BYTES - this.#inFrame) await this.#flush();
    if (size > FRAME_BYTES) {
      const whole = Buffer.allocUnsafe(size);
      whole.set(chunk, writeVarint(whole, 0, chunk.length));
      await this.#put(whole, false);
    } else {
      this.#frame.set(chunk, writeVarint(this.#frame, this.#inFrame, chunk.length));
      this.#inFrame += size;
    }
  }

  /** Durable under the snapshot's name once resolved. */
  async commit(metadata: SnapshotMetadata): Promise<void> {
    await this.#put(this.#frame.subarray(0, this.#inFrame), true);
    await this.#file.sync();
    await this.#file.close();
    await this.#disk.rename(this.#file.name, snapshotName(metadata));
    await this.#disk.syncFolder();
  }

  async abort(): Promise<void> {
    await this.#file.close();
    await this.#disk.remove(this.#file.name);
  }

  async #flush(): Promise<void> {
    if (this.#inFrame === 0) return;
    await this.#put(this.#frame.subarray(0, this.#inFrame), false);
    this.#inFrame = 0;
  }

  async #put(content: Uint8Array, isLast: boolean): Promise<void> {
    const frame = encodeFrame(content, this.#key, this.#frames++, isLast);
    await this.#file.write(this.#offset, frame);
    this.#offset += frame.length;
    this.#unsyncedBytes += frame.length;
    if (this.#unsyncedBytes < SYNC_EVERY_BYTES) return;
    this.#unsyncedBytes = 0;
    await this.#file.sync();
  }
}
