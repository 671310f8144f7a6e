/**
 * Tasks, of which there are most by far. What a task has in common with the others of its service (specification, endpoint,
 * networks, names, log driver) is shared; bytes and meaning are those of the generated code.
 */
import {
  Endpoint,
  Meta,
  Network,
  type NetworkAttachment,
  NetworkAttachment_DriverAttachmentOptsEntry,
  type Task,
} from "../../api/generated/docker/swarmkit/v1/objects.js";
import { TaskSpec } from "../../api/generated/docker/swarmkit/v1/specs.js";
import {
  Annotations,
  Driver,
  GenericResource,
  TaskStatus,
  Version,
  VolumeAttachment,
} from "../../api/generated/docker/swarmkit/v1/types.js";
import type { MessageReader } from "./message-reader.js";
import type { MessageWriter } from "./message-writer.js";
import {
  appended,
  type Mutable,
  NO_ENTRIES,
  NO_ITEMS,
  readAnnotations,
  readMeta,
  readTaskStatus,
} from "./small-messages.js";

export function writeTask(task: Task, writer: MessageWriter): void {
  if (task.id !== "") writer.uint32(10).string(task.id);
  if (task.meta !== undefined) {
    Meta.encode(task.meta, writer.uint32(18).fork().generated);
    writer.join();
  }
  if (task.spec !== undefined) writer.sharedField(26, task.spec, TaskSpec);
  if (task.specVersion !== undefined) {
    Version.encode(task.specVersion, writer.uint32(114).fork().generated);
    writer.join();
  }
  if (task.serviceId !== "") writer.uint32(34).string(task.serviceId);
  if (task.slot !== 0) writer.uint32(40).uint64(task.slot);
  if (task.nodeId !== "") writer.uint32(50).string(task.nodeId);
  if (task.annotations !== undefined) {
    Annotations.encode(task.annotations, writer.uint32(58).fork().generated);
    writer.join();
  }
  if (task.serviceAnnotations !== undefined) writer.sharedField(66, task.serviceAnnotations, Annotations);
  if (task.status !== undefined) {
    TaskStatus.encode(task.status, writer.uint32(74).fork(2).generated);
    writer.join();
  }
  if (task.desiredState !== 0) writer.uint32(80).int32(task.desiredState);
  for (const attachment of task.networks) {
    writer.uint32(90).fork(2);
    writeAttachment(attachment, writer);
    writer.join();
  }
  if (task.endpoint !== undefined) writer.sharedField(98, task.endpoint, Endpoint);
  if (task.logDriver !== undefined) writer.sharedField(106, task.logDriver, Driver);
  for (const one of task.assignedGenericResources) {
    GenericResource.encode(one, writer.uint32(122).fork().generated);
    writer.join();
  }
  if (task.jobIteration !== undefined) {
    Version.encode(task.jobIteration, writer.uint32(130).fork().generated);
    writer.join();
  }
  for (const one of task.volumes) {
    VolumeAttachment.encode(one, writer.uint32(138).fork().generated);
    writer.join();
  }
}

function writeAttachment(
  { network, addresses, aliases, driverAttachmentOpts }: NetworkAttachment,
  writer: MessageWriter,
): void {
  if (network !== undefined) writer.sharedField(10, network, Network);
  for (const address of addresses) writer.uint32(18).string(address);
  for (const alias of aliases) writer.uint32(26).string(alias);
  for (const key in driverAttachmentOpts) {
    const value = driverAttachmentOpts[key]!;
    NetworkAttachment_DriverAttachmentOptsEntry.encode({ key, value }, writer.uint32(34).fork().generated);
    writer.join();
  }
}

/** @param end where the task ends in the reader */
export function readTask(reader: MessageReader, end: number): Task {
  // All fields at once, so that all tasks have one hidden class.
  const task: Mutable<Task> = {
    id: "",
    meta: undefined,
    spec: undefined,
    specVersion: undefined,
    serviceId: "",
    slot: 0,
    nodeId: "",
    annotations: undefined,
    serviceAnnotations: undefined,
    status: undefined,
    desiredState: 0,
    networks: NO_ITEMS,
    endpoint: undefined,
    logDriver: undefined,
    assignedGenericResources: NO_ITEMS,
    jobIteration: undefined,
    volumes: NO_ITEMS,
  };
  while (reader.pos < end) {
    const tag = reader.uint32();
    switch (tag) {
      case 10:
        task.id = reader.string();
        break;
      case 18:
        task.meta = readMeta(reader);
        break;
      case 26:
        task.spec = reader.sharedMessage(TaskSpec);
        break;
      case 114:
        task.specVersion = reader.sharedMessage(Version);
        break;
      case 34:
        task.serviceId = reader.sharedString();
        break;
      case 40:
        task.slot = Number(reader.uint64());
        break;
      case 50:
        task.nodeId = reader.sharedString();
        break;
      case 58:
        task.annotations = readAnnotations(reader);
        break;
      case 66:
        task.serviceAnnotations = reader.sharedMessage(Annotations);
        break;
      case 74:
        task.status = readTaskStatus(reader);
        break;
      case 80:
        task.desiredState = reader.int32();
        break;
      case 90:
        task.networks = appended(task.networks, readAttachment(reader));
        break;
      case 98:
        task.endpoint = reader.sharedMessage(Endpoint);
        break;
      case 106:
        task.logDriver = reader.sharedMessage(Driver);
        break;
      case 122:
        task.assignedGenericResources = appended(
          task.assignedGenericResources,
          GenericResource.decode(reader, reader.uint32()),
        );
        break;
      case 130:
        task.jobIteration = reader.sharedMessage(Version);
        break;
      case 138:
        task.volumes = appended(task.volumes, VolumeAttachment.decode(reader, reader.uint32()));
        break;
      default:
        reader.skip(tag & 7, tag >>> 3);
    }
  }
  return task;
}

function readAttachment(reader: MessageReader): NetworkAttachment {
  const end = reader.endOfMessage();
  const attachment: Mutable<NetworkAttachment> = {
    network: undefined,
    addresses: NO_ITEMS,
    aliases: NO_ITEMS,
    driverAttachmentOpts: NO_ENTRIES,
  };
  while (reader.pos < end) {
    const tag = reader.uint32();
    switch (tag) {
      case 10:
        attachment.network = reader.sharedMessage(Network);
        break;
      case 18:
        attachment.addresses = appended(attachment.addresses, reader.string());
        break;
      case 26:
        attachment.aliases = appended(attachment.aliases, reader.sharedString());
        break;
      case 34: {
        const { key, value } = NetworkAttachment_DriverAttachmentOptsEntry.decode(reader, reader.uint32());
        attachment.driverAttachmentOpts = { ...attachment.driverAttachmentOpts, [key]: value };
        break;
      }
      default:
        reader.skip(tag & 7, tag >>> 3);
    }
  }
  attachment.aliases = reader.sharedList(attachment.aliases);
  return attachment;
}
