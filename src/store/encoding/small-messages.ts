/**
 * Small messages that every object has some of. What is the same as in the object before is the same object; what is empty is one
 * empty thing. Of 100,000 tasks that makes a hundred megabytes.
 */
import type { Meta } from "../../api/generated/docker/swarmkit/v1/objects.js";
import {
  Annotations,
  type ContainerStatus,
  PortStatus,
  type TaskStatus,
  type Version,
} from "../../api/generated/docker/swarmkit/v1/types.js";
import type { Timestamp } from "../../api/generated/google/protobuf/timestamp.js";
import type { MessageReader } from "./message-reader.js";

export type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export const NO_ITEMS: readonly never[] = Object.freeze([]);
export const NO_ENTRIES: { [key: string]: string } = Object.freeze({});

/** With an item more: of an array that grows by itself V8 makes one for seventeen. */
export function appended<T>(list: readonly T[], item: T): readonly T[] {
  return list.length === 0 ? [item] : list.concat([item]);
}

/** Length and message; likewise the others. */
export function readMeta(reader: MessageReader): Meta {
  const end = reader.endOfMessage();
  const meta: Mutable<Meta> = { version: undefined, createdAt: undefined, updatedAt: undefined };
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 10) meta.version = readVersion(reader);
    else if (tag === 18) meta.createdAt = readTimestamp(reader);
    else if (tag === 26) meta.updatedAt = readTimestamp(reader);
    else reader.skip(tag & 7, tag >>> 3);
  }
  return meta;
}

let lastVersion: Version = Object.freeze({ index: 0 });

export function readVersion(reader: MessageReader): Version {
  const end = reader.endOfMessage();
  let index = 0;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 8) index = Number(reader.uint64());
    else reader.skip(tag & 7, tag >>> 3);
  }
  if (lastVersion.index !== index) lastVersion = Object.freeze({ index });
  return lastVersion;
}

let lastTimestamp: Timestamp = Object.freeze({ seconds: 0, nanos: 0 });

function readTimestamp(reader: MessageReader): Timestamp {
  const end = reader.endOfMessage();
  let seconds = 0;
  let nanos = 0;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 8) seconds = Number(reader.int64());
    else if (tag === 16) nanos = reader.int32();
    else reader.skip(tag & 7, tag >>> 3);
  }
  if (lastTimestamp.seconds !== seconds || lastTimestamp.nanos !== nanos) {
    lastTimestamp = Object.freeze({ seconds, nanos });
  }
  return lastTimestamp;
}

export function readAnnotations(reader: MessageReader): Annotations {
  const read = Annotations.decode(reader, reader.uint32());
  const isBare = Object.keys(read.labels).length === 0 && read.indices.length === 0;
  return isBare ? { name: read.name, labels: NO_ENTRIES, indices: NO_ITEMS } : read;
}

export function readTaskStatus(reader: MessageReader): TaskStatus {
  const end = reader.endOfMessage();
  const status: Mutable<TaskStatus> = {
    timestamp: undefined,
    state: 0,
    message: "",
    err: "",
    runtimeStatus: undefined,
    portStatus: undefined,
    appliedBy: "",
    appliedAt: undefined,
  };
  while (reader.pos < end) {
    const tag = reader.uint32();
    switch (tag) {
      case 10:
        status.timestamp = readTimestamp(reader);
        break;
      case 16:
        status.state = reader.int32();
        break;
      case 26:
        status.message = reader.sharedString();
        break;
      case 34:
        status.err = reader.sharedString();
        break;
      case 42:
        status.runtimeStatus = { $case: "container", value: readContainerStatus(reader) };
        break;
      case 50:
        status.portStatus = reader.sharedMessage(PortStatus);
        break;
      case 58:
        status.appliedBy = reader.sharedString();
        break;
      case 66:
        status.appliedAt = readTimestamp(reader);
        break;
      default:
        reader.skip(tag & 7, tag >>> 3);
    }
  }
  return status;
}

function readContainerStatus(reader: MessageReader): ContainerStatus {
  const end = reader.endOfMessage();
  const status: Mutable<ContainerStatus> = { containerId: "", pid: 0, exitCode: 0 };
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 10) status.containerId = reader.string();
    else if (tag === 16) status.pid = reader.int32();
    else if (tag === 24) status.exitCode = reader.int32();
    else reader.skip(tag & 7, tag >>> 3);
  }
  return status;
}
