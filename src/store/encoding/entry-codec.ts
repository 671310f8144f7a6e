/**
 * An entry of the log: `InternalRaftRequest{id, action[]}`, one for each transaction. Objects carry the version that they get
 * by it, so that applying it depends on nothing; of what is removed only the id is there.
 */
import { StoreActionKind } from "../../api/generated/docker/swarmkit/v1/raft.js";
import type { Change, ChangeAction } from "../change.js";
import type { RandomBytes } from "../object-id.js";
import type { Kind, ObjectTypes } from "../tables.js";
import { MessageReader } from "./message-reader.js";
import { MessageWriter } from "./message-writer.js";
import { kindOfActionField, readObject, WIRE_KINDS, writeObject } from "./object-kinds.js";
import { SharedMessages } from "./shared-messages.js";

const ACTION_NUMBERS: Readonly<Record<ChangeAction, number>> = {
  create: StoreActionKind.STORE_ACTION_CREATE,
  update: StoreActionKind.STORE_ACTION_UPDATE,
  remove: StoreActionKind.STORE_ACTION_REMOVE,
};
const ACTIONS: Readonly<Record<number, ChangeAction>> = Object.fromEntries(
  Object.entries(ACTION_NUMBERS).map(([action, number]) => [number, action as ChangeAction]),
);
/** Of most objects. */
const LENGTH_BYTES = 2;
const ID_TAG = 8;
const ACTION_TAG = 18;
const ACTION_KIND_TAG = 8;

export class EntryCodec {
  readonly #shared: SharedMessages;
  readonly #writer: MessageWriter;
  readonly #scratch: MessageWriter;
  #nextId: bigint;

  /** @param random entries have ids that no other manager's have; without it they count from 1 */
  constructor(shared = new SharedMessages(), random?: RandomBytes) {
    this.#shared = shared;
    this.#writer = new MessageWriter(shared);
    this.#scratch = new MessageWriter(shared);
    this.#nextId = random ? Buffer.from(random(8)).readBigUInt64LE() | 1n : 1n;
  }

  encode(changes: readonly Change[]): Uint8Array {
    const writer = this.#writer;
    writer.uint32(ID_TAG).uint64(this.#nextId);
    this.#nextId = BigInt.asUintN(64, this.#nextId + 2n);
    for (const { kind, action, object } of changes) {
      writer.uint32(ACTION_TAG).fork(LENGTH_BYTES);
      writer.uint32(ACTION_KIND_TAG).int32(ACTION_NUMBERS[action]);
      writer.uint32(WIRE_KINDS[kind].actionField * 8 + 2).fork(LENGTH_BYTES);
      if (action === "remove") writer.uint32(10).string(object.id);
      else writeObject(kind, object, writer);
      writer.join().join();
    }
    return writer.finish();
  }

  /** Bytes that an object takes, about. */
  sizeOf<K extends Kind>(kind: K, object: ObjectTypes[K]): number {
    this.#scratch.clear();
    writeObject(kind, object, this.#scratch);
    return this.#scratch.length;
  }

  /**
   * @param skipped called with the reason for each action that is left out: one of a newer version's
   * @throws RangeError when the data is no such entry
   */
  decode(data: Uint8Array, skipped: (reason: string) => void): readonly Change[] {
    const reader = new MessageReader(data, this.#shared);
    const changes: Change[] = [];
    while (reader.pos < reader.len) {
      const tag = reader.uint32();
      if (tag !== ACTION_TAG) {
        reader.skip(tag & 7, tag >>> 3);
        continue;
      }
      const change = readAction(reader, reader.endOfMessage());
      if (typeof change === "string") skipped(change);
      else changes.push(change);
    }
    return changes;
  }
}

/** @returns why it is left out, else the change */
function readAction(reader: MessageReader, end: number): Change | string {
  let number = 0;
  let target: { readonly kind: Kind; readonly object: ObjectTypes[Kind] } | undefined;
  let unknownField = 0;
  while (reader.pos < end) {
    const tag = reader.uint32();
    const kind = (tag & 7) === 2 ? kindOfActionField(tag >>> 3) : undefined;
    if (tag === ACTION_KIND_TAG) {
      number = reader.int32();
    } else if (kind) {
      target = { kind, object: readObject(kind, reader) };
    } else {
      unknownField = tag >>> 3;
      reader.skip(tag & 7, unknownField);
    }
  }
  if (!target) return `a change of an object of a kind that is not known here (field ${unknownField})`;
  const action = ACTIONS[number];
  if (!action) return `action ${number} on ${target.kind} ${target.object.id}, which is not known here`;
  return { ...target, action } as Change;
}
