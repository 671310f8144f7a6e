import test from "ava";
import fc from "fast-check";
import { type ClusterSnapshot, Snapshot, StoreSnapshot } from "../../../src/api/generated/docker/swarmkit/v1/raft.js";
import { SnapshotFormatError, type SnapshotPiece, SnapshotSplitter } from "../../../src/raft/node/snapshot-splitter.js";

const text = fc.string({ maxLength: 40 });
const member = fc.record({
  raftId: fc.bigInt({ min: 1n, max: (1n << 63n) - 1n }).map(String),
  nodeId: text,
  addr: text,
});
const membership = fc.record({
  members: fc.array(member, { maxLength: 4 }),
  removed: fc.array(fc.bigInt({ min: 1n, max: (1n << 63n) - 1n }).map(String), { maxLength: 4 }),
});
const named = fc.array(fc.record({ id: text }), { maxLength: 8 });
const store = fc.record({ nodes: named, services: named, tasks: named, extensions: named });
const snapshots = fc
  .record({ membership: fc.option(membership, { nil: undefined }), store: fc.option(store, { nil: undefined }) })
  .map((value) => Snapshot.create(value));

/** Cuts at any places: the numbers are lengths, over and over. */
function cut(bytes: Uint8Array, lengths: readonly number[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const length = lengths[i % lengths.length]!;
    chunks.push(bytes.subarray(at, at + length));
    at += length;
  }
  return chunks;
}

function split(chunks: readonly Uint8Array[], pieceBytes?: number): SnapshotPiece[] {
  const splitter = new SnapshotSplitter(pieceBytes);
  const pieces = chunks.flatMap((chunk) => [...splitter.push(chunk)]);
  splitter.end();
  return pieces;
}

/** What all pieces say together. */
function merged(pieces: readonly SnapshotPiece[]): { store: StoreSnapshot; membership: ClusterSnapshot } {
  const parts = pieces.flatMap((piece) => (piece.kind === "store" ? [Snapshot.decode(piece.bytes)] : []));
  const told = pieces.flatMap((piece) => (piece.kind === "membership" ? [piece.membership] : []));
  const all = <K extends keyof StoreSnapshot>(key: K) => parts.flatMap((part) => [...part.store![key]]);
  return {
    store: StoreSnapshot.create({
      nodes: all("nodes"),
      services: all("services"),
      tasks: all("tasks"),
      extensions: all("extensions"),
    }),
    membership: {
      members: told.flatMap(({ members }) => members),
      removed: told.flatMap(({ removed }) => removed),
    },
  };
}

test("any snapshot, cut anywhere, into pieces of any size, gives the same objects and members", (t) => {
  const lengths = fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 10 });
  fc.assert(
    fc.property(
      fc.array(snapshots, { maxLength: 4 }),
      lengths,
      fc.integer({ min: 1, max: 500 }),
      (parts, cuts, size) => {
        // Several one after the other are one message.
        const bytes = Buffer.concat(parts.map((part) => Snapshot.encode(part).finish()));
        const whole = merged(split(bytes.length > 0 ? [bytes] : []));
        const expected = {
          store: StoreSnapshot.create({
            nodes: parts.flatMap((part) => part.store?.nodes ?? []),
            services: parts.flatMap((part) => part.store?.services ?? []),
            tasks: parts.flatMap((part) => part.store?.tasks ?? []),
            extensions: parts.flatMap((part) => part.store?.extensions ?? []),
          }),
          membership: {
            members: parts.flatMap((part) => part.membership?.members ?? []),
            removed: parts.flatMap((part) => part.membership?.removed ?? []),
          },
        };
        t.deepEqual(whole, expected);
        t.deepEqual(merged(split(cut(bytes, cuts), size)), expected);
      },
    ),
    { numRuns: 300 },
  );
});

test("pieces are no larger than asked for, unless one object is", (t) => {
  const extensions = Array.from({ length: 200 }, (_, i) => ({ id: `${i}`.padStart(i === 77 ? 5000 : 20, "0") }));
  const bytes = Snapshot.encode(Snapshot.create({ store: { extensions } })).finish();
  const sizes = split([bytes], 256).flatMap((piece) => (piece.kind === "store" ? [piece.bytes.length] : []));
  t.is(sizes.filter((size) => size > 256 + 8).length, 1);
  t.true(sizes.length >= 200 / 11);
});

test("a whole small part goes on as it is, not copied", (t) => {
  const bytes = Snapshot.encode(Snapshot.create({ store: { extensions: [{ id: "a" }, { id: "b" }] } })).finish();
  const [piece, ...rest] = split([bytes]);
  t.deepEqual(rest, []);
  t.is(piece?.kind === "store" ? piece.bytes.buffer : undefined, bytes.buffer);
});

test("fields that are not known are passed over", (t) => {
  const known = Snapshot.encode(Snapshot.create({ store: { extensions: [{ id: "a" }] } })).finish();
  // Field 15: a varint, eight bytes, four bytes, and three bytes with a length.
  const strange = Buffer.from("78ac02" + "79" + "0102030405060708" + "7d" + "01020304" + "7a03" + "010203", "hex");
  const bytes = Buffer.concat([strange, known, strange]);
  for (let length = 1; length < bytes.length; length++) {
    const { store: found } = merged(split(cut(bytes, [length])));
    t.deepEqual(
      found.extensions.map(({ id }) => id),
      ["a"],
    );
  }
});

const BROKEN: readonly (readonly [what: string, hex: string])[] = [
  ["ends in a head", "1a"],
  ["ends in the store", "1a05"],
  ["ends in an object", "1a040a03"],
  ["has an object that is longer than the store", "1a040a1001020304"],
  ["has a head that is longer than the store", "1a010a0101"],
  ["has a version that is not known", "0801"],
  ["has a field 0", "0200"],
  ["has a group", "1b"],
  ["has a length beyond all reason", "12ffffffff0f"],
  ["has a number without end", "ffffffffffffffffffffffff"],
  ["has a store that is a number", "1801"],
  ["has members that are none", "1203ffffff"],
];

for (const [what, hex] of BROKEN) {
  test(`a snapshot that ${what} is refused, however it is cut`, (t) => {
    const bytes = Buffer.from(hex, "hex");
    for (let length = 1; length <= bytes.length; length++) {
      t.throws(() => split(cut(bytes, [length])), { instanceOf: SnapshotFormatError });
    }
  });
}

test("garbage never gives anything else than a named error", (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 1, max: 50 }), (bytes, length) => {
      try {
        split(cut(bytes, [length]));
      } catch (error) {
        t.true(error instanceof SnapshotFormatError, String(error));
      }
    }),
    { numRuns: 500 },
  );
  t.pass();
});
