import test from "ava";
import fc from "fast-check";
import { FRAME_BYTES, FRAME_HEADER_BYTES, MAX_CHUNK_BYTES } from "../../../src/raft/snapshot/snapshot-format.js";
import { SnapshotReader } from "../../../src/raft/snapshot/snapshot-reader.js";
import { SnapshotWriter } from "../../../src/raft/snapshot/snapshot-writer.js";
import { LogDamagedError } from "../../../src/raft/storage/log-storage.js";
import { MemoryDisk } from "../disk/memory-disk.js";
import type { MemoryFile } from "../disk/memory-file.js";
import { snapshotAt, testKeyRing } from "../storage/log-contents.js";

const keyRing = testKeyRing(1);
const NAME = "0000000000000007-0000000000000002.snap";

async function written(chunks: readonly Uint8Array[]): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  const metadata = snapshotAt(7, 2);
  const salt = (size: number) => Buffer.alloc(size, 5);
  const writer = await SnapshotWriter.create(disk, "snapshot-1.new", metadata, keyRing.current, salt);
  for (const chunk of chunks) await writer.write(chunk);
  await writer.commit(metadata);
  return disk;
}

async function read(disk: MemoryDisk): Promise<Buffer[]> {
  const reader = await SnapshotReader.open(disk, NAME, keyRing);
  const chunks: Buffer[] = [];
  for await (const chunk of reader.chunks()) chunks.push(Buffer.from(chunk));
  return chunks;
}

/** Offset and length of each frame. */
function framesOf(file: MemoryFile): { readonly offset: number; readonly length: number }[] {
  const frames = [];
  const header = file.read(12, 4).readUInt32LE(0);
  for (let offset = 48 + header + 4; offset < file.size; ) {
    const length = FRAME_HEADER_BYTES + (file.read(offset, 4).readUInt32LE(0) & 0x7fff_ffff);
    frames.push({ offset, length });
    offset += length;
  }
  return frames;
}

test("chunks come back as they were written, whatever their sizes", async (t) => {
  const length = fc.oneof(
    fc.nat(100),
    fc.nat(3 * FRAME_BYTES),
    fc.integer({ min: FRAME_BYTES - 5, max: FRAME_BYTES + 5 }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(length, { maxLength: 6 }), async (lengths) => {
      const chunks = lengths.map((bytes, at) => Buffer.alloc(bytes, at + 1));
      const found = await read(await written(chunks));
      t.is(found.length, chunks.length);
      t.true(found.every((chunk, at) => chunk.equals(chunks[at]!)));
    }),
    { numRuns: 40 },
  );
});

test("it is under its name, and durable, once it is committed", async (t) => {
  const disk = await written([Buffer.from("state")]);
  disk.losePower();
  t.deepEqual(disk.names(), [NAME]);
  t.deepEqual(await read(disk), [Buffer.from("state")]);
});

test("a chunk that is too long is refused", async (t) => {
  const disk = new MemoryDisk();
  const writer = await SnapshotWriter.create(disk, "s.new", snapshotAt(7, 2), keyRing.current, Buffer.alloc);
  await t.throwsAsync(writer.write({ length: MAX_CHUNK_BYTES + 1 } as Uint8Array), { instanceOf: RangeError });
  await writer.abort();
  t.deepEqual(disk.names(), []);
});

test("cut after a frame, it is damaged: the last one is missing", async (t) => {
  const disk = await written([Buffer.alloc(FRAME_BYTES), Buffer.alloc(FRAME_BYTES), Buffer.from("end")]);
  const file = disk.file(NAME);
  const frames = framesOf(file);
  t.true(frames.length >= 3);
  for (const { offset } of frames) {
    const other = await written([Buffer.alloc(FRAME_BYTES), Buffer.alloc(FRAME_BYTES), Buffer.from("end")]);
    other.file(NAME).truncate(offset);
    const error = await t.throwsAsync(read(other), { instanceOf: LogDamagedError, message: /ends too early/ });
    t.is(error.offset, offset);
  }
});

test("frames that changed places, or stand there twice, do not open", async (t) => {
  const chunks = [Buffer.alloc(FRAME_BYTES, 1), Buffer.alloc(FRAME_BYTES, 2), Buffer.from("end")];
  const disk = await written(chunks);
  const file = disk.file(NAME);
  const [first, second] = framesOf(file) as [{ offset: number; length: number }, { offset: number; length: number }];
  t.is(first.length, second.length);
  const [one, two] = [file.read(first.offset, first.length), file.read(second.offset, second.length)];
  file.write(first.offset, two);
  await t.throwsAsync(read(disk), { instanceOf: LogDamagedError, message: /frame 0 cannot be opened/ });
  file.write(second.offset, one);
  await t.throwsAsync(read(disk), { instanceOf: LogDamagedError, message: /frame 0 cannot be opened/ });
  file.write(first.offset, one);
  await t.throwsAsync(read(disk), { instanceOf: LogDamagedError, message: /frame 1 cannot be opened/ });
});

test("every bit counts, and what follows the last frame too", async (t) => {
  const { size } = (await written([Buffer.from("some state")])).file(NAME);
  for (let at = 0; at < size; at++) {
    const disk = await written([Buffer.from("some state")]);
    disk.file(NAME).flip(at, 8);
    // The key's id is checked by the checksum before any key is looked up.
    await t.throwsAsync(read(disk), { instanceOf: LogDamagedError }, `offset ${at}`);
  }
  const longer = await written([Buffer.from("some state")]);
  longer.file(NAME).write(size, Buffer.from([0]));
  await t.throwsAsync(read(longer), { instanceOf: LogDamagedError, message: /goes on after the last frame/ });
});
