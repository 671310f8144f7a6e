/** How each kind of object stands in SwarmKit's messages. */
import {
  Cluster,
  Config,
  Extension,
  Network,
  Node,
  Resource,
  Secret,
  Service,
  Task,
  Volume,
} from "../../api/generated/docker/swarmkit/v1/objects.js";
import type { Kind, ObjectTypes } from "../tables.js";
import type { MessageFns } from "./message-fns.js";
import type { MessageReader } from "./message-reader.js";
import type { MessageWriter } from "./message-writer.js";
import { readTask, writeTask } from "./task-codec.js";

export interface WireKind<K extends Kind> {
  readonly kind: K;
  /** Field number in StoreAction. */
  readonly actionField: number;
  /** Field number in StoreSnapshot. */
  readonly snapshotField: number;
  readonly fns: MessageFns<ObjectTypes[K]>;
}

export const WIRE_KINDS: { readonly [K in Kind]: WireKind<K> } = {
  node: { kind: "node", actionField: 2, snapshotField: 1, fns: Node },
  service: { kind: "service", actionField: 3, snapshotField: 2, fns: Service },
  network: { kind: "network", actionField: 5, snapshotField: 3, fns: Network },
  task: { kind: "task", actionField: 4, snapshotField: 4, fns: Task },
  cluster: { kind: "cluster", actionField: 6, snapshotField: 5, fns: Cluster },
  secret: { kind: "secret", actionField: 7, snapshotField: 6, fns: Secret },
  resource: { kind: "resource", actionField: 8, snapshotField: 7, fns: Resource },
  extension: { kind: "extension", actionField: 9, snapshotField: 8, fns: Extension },
  config: { kind: "config", actionField: 10, snapshotField: 9, fns: Config },
  volume: { kind: "volume", actionField: 11, snapshotField: 10, fns: Volume },
};

const ALL = Object.values(WIRE_KINDS) as readonly WireKind<Kind>[];
const BY_ACTION_FIELD = new Map(ALL.map((one) => [one.actionField, one]));
const BY_SNAPSHOT_FIELD = new Map(ALL.map((one) => [one.snapshotField, one]));

export const kindOfActionField = (field: number): Kind | undefined => BY_ACTION_FIELD.get(field)?.kind;
export const kindOfSnapshotField = (field: number): Kind | undefined => BY_SNAPSHOT_FIELD.get(field)?.kind;

/** The object alone, without tag and length. */
export function writeObject<K extends Kind>(kind: K, object: ObjectTypes[K], writer: MessageWriter): void {
  if (kind === "task") writeTask(object as Task, writer);
  else WIRE_KINDS[kind].fns.encode(object, writer.generated);
}

/** An object with its length before it. */
export function readObject<K extends Kind>(kind: K, reader: MessageReader): ObjectTypes[K] {
  const end = reader.endOfMessage();
  if (kind === "task") return readTask(reader, end) as ObjectTypes[K];
  return WIRE_KINDS[kind].fns.decode(reader, end - reader.pos);
}
