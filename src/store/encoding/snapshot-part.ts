/**
 * A state as parts, each a `docker.swarmkit.v1.Snapshot` with some of the objects. Together they are one such message:
 * protobuf merges a field that is there twice.
 */
import type { Kind, ObjectTypes } from "../tables.js";
import { MessageReader } from "./message-reader.js";
import { MessageWriter } from "./message-writer.js";
import { kindOfSnapshotField, readObject, WIRE_KINDS, writeObject } from "./object-kinds.js";
import type { SharedMessages } from "./shared-messages.js";

/** Kinds as they follow each other in a snapshot, with all their objects. */
export type HeldObjects = readonly (readonly [Kind, readonly ObjectTypes[Kind][]])[];

export interface SnapshotObject {
  readonly kind: Kind;
  readonly object: ObjectTypes[Kind];
}

/** A part is done when its objects take so many bytes: well under a millisecond of work. */
const PART_BYTES = 96 * 1024;
/** Of a part, and of most objects. */
const LENGTH_BYTES = 3;
const OBJECT_LENGTH_BYTES = 2;
const STORE_TAG = 3 * 8 + 2;

/** Encodes a part when it is asked for. */
export function* writeSnapshot(held: HeldObjects, shared: SharedMessages): Generator<Uint8Array> {
  const writer = new MessageWriter(shared);
  writer.uint32(STORE_TAG).fork(LENGTH_BYTES);
  const emptyLength = writer.length;
  for (const [kind, objects] of held) {
    const tag = WIRE_KINDS[kind].snapshotField * 8 + 2;
    for (const object of objects) {
      writer.uint32(tag).fork(OBJECT_LENGTH_BYTES);
      writeObject(kind, object, writer);
      writer.join();
      if (writer.length < PART_BYTES) continue;
      yield writer.join().finish();
      writer.uint32(STORE_TAG).fork(LENGTH_BYTES);
    }
  }
  if (writer.length > emptyLength) yield writer.join().finish();
}

/** @returns the objects of a part, decoded as they are asked for; what else it holds is skipped @throws RangeError */
export function* readSnapshotPart(part: Uint8Array, shared: SharedMessages): Generator<SnapshotObject> {
  const reader = new MessageReader(part, shared);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag !== STORE_TAG) {
      reader.skip(tag & 7, tag >>> 3);
      continue;
    }
    const end = reader.endOfMessage();
    while (reader.pos < end) {
      const objectTag = reader.uint32();
      const kind = (objectTag & 7) === 2 ? kindOfSnapshotField(objectTag >>> 3) : undefined;
      if (kind) yield { kind, object: readObject(kind, reader) };
      else reader.skip(objectTag & 7, objectTag >>> 3);
    }
  }
}
