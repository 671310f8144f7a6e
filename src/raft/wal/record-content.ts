/**
 * What one record holds, before it is sealed: items, each a kind (1 byte), a length (varint) and its bytes.
 *
 *     entry       raftpb.Entry: replaces what the log has at its index and drops what follows
 *     hard state  raftpb.HardState
 *     identity    as given to setIdentity
 *     kept        the snapshot that the log leans on from now on, and the first segment that still counts
 *     restart     raftpb.SnapshotMetadata: the log is empty, and goes on after this snapshot
 *     continued   nothing: the segment is complete, and the next one stands on the disk
 *     closed      nothing: the member stopped in an orderly way
 *
 * The items of a record take effect together or not at all.
 */
import { type Entry, HardState, SnapshotMetadata } from "../../api/generated/raftpb/raft.js";
import { ByteReader, entryBytes, readEntry, varintBytes, writeEntry, writeVarint } from "./entry-codec.js";

export interface SnapshotPosition {
  readonly index: number;
  readonly term: number;
}

export interface Kept {
  /** Index 0 without one. */
  readonly snapshot: SnapshotPosition;
  /** Segments with a lower sequence do not count any more: they are gone, or about to go. */
  readonly firstSequence: number;
}

/** What counts after both were said, in whichever order: neither ever goes back. */
export function laterKept(a: Kept, b: Kept): Kept {
  return {
    snapshot: a.snapshot.index > b.snapshot.index ? a.snapshot : b.snapshot,
    firstSequence: Math.max(a.firstSequence, b.firstSequence),
  };
}

/** All optional; takes effect in this order. */
export interface RecordContent {
  readonly restart?: SnapshotMetadata | undefined;
  readonly entries: readonly Entry[];
  readonly hardState?: HardState | undefined;
  readonly identity?: Uint8Array | undefined;
  readonly kept?: Kept | undefined;
  readonly mark?: "continued" | "closed" | undefined;
}

const KIND = { entry: 1, hardState: 2, identity: 3, kept: 4, restart: 5, continued: 6, closed: 7 } as const;

/** The plain bytes of a record, ready to be sealed. */
export function encodeContent(content: RecordContent): Buffer {
  const small: [kind: number, bytes: Uint8Array][] = [];
  if (content.hardState) small.push([KIND.hardState, HardState.encode(content.hardState).finish()]);
  if (content.identity) small.push([KIND.identity, content.identity]);
  if (content.kept) small.push([KIND.kept, encodeKept(content.kept)]);
  if (content.mark) small.push([KIND[content.mark], NOTHING]);
  const restart = content.restart && SnapshotMetadata.encode(content.restart).finish();

  let size = restart ? itemBytes(restart.length) : 0;
  const sizes: number[] = new Array(content.entries.length);
  for (const [at, entry] of content.entries.entries()) {
    sizes[at] = entryBytes(entry);
    size += itemBytes(sizes[at]);
  }
  for (const [, bytes] of small) size += itemBytes(bytes.length);

  const target = Buffer.allocUnsafe(size);
  let at = restart ? writeItem(target, 0, KIND.restart, restart) : 0;
  for (const [number, entry] of content.entries.entries()) {
    target[at] = KIND.entry;
    at = writeEntry(target, writeVarint(target, at + 1, sizes[number]!), entry);
  }
  for (const [kind, bytes] of small) at = writeItem(target, at, kind, bytes);
  return target;
}

/** @throws RangeError when the bytes are something else */
export function decodeContent(bytes: Buffer): RecordContent {
  const entries: Entry[] = [];
  const content: { -readonly [Key in keyof RecordContent]: RecordContent[Key] } = { entries };
  for (const reader = new ByteReader(bytes); !reader.isAtEnd; ) {
    const kind = reader.byte();
    const length = reader.varint();
    if (kind === KIND.entry) entries.push(readEntry(reader.part(length)));
    else if (kind === KIND.hardState) content.hardState = HardState.decode(reader.bytes(length));
    else if (kind === KIND.identity) content.identity = reader.bytes(length);
    else if (kind === KIND.kept) content.kept = decodeKept(reader.part(length));
    else if (kind === KIND.restart) content.restart = SnapshotMetadata.decode(reader.bytes(length));
    else if (kind === KIND.continued) content.mark = "continued";
    else if (kind === KIND.closed) content.mark = "closed";
    else throw new RangeError(`no item is of kind ${kind}`);
  }
  return content;
}

function itemBytes(length: number): number {
  return 1 + varintBytes(length) + length;
}

function writeItem(target: Buffer, offset: number, kind: number, bytes: Uint8Array): number {
  target[offset] = kind;
  const at = writeVarint(target, offset + 1, bytes.length);
  target.set(bytes, at);
  return at + bytes.length;
}

function encodeKept({ snapshot, firstSequence }: Kept): Buffer {
  const numbers = [snapshot.index, snapshot.term, firstSequence];
  const bytes = Buffer.allocUnsafe(numbers.reduce((sum, number) => sum + varintBytes(number), 0));
  numbers.reduce((at, number) => writeVarint(bytes, at, number), 0);
  return bytes;
}

function decodeKept(reader: ByteReader): Kept {
  return { snapshot: { index: reader.varint(), term: reader.varint() }, firstSequence: reader.varint() };
}

const NOTHING = new Uint8Array(0);
