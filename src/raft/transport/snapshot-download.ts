/** The receiving end of a snapshot, in either protocol: the first message, and the chunks as they come. */
import { status } from "@grpc/grpc-js";
import { StreamRaftMessageRequest } from "../../api/generated/docker/swarmkit/v1/raft.js";
import { type Message, MessageType } from "../../api/generated/raftpb/raft.js";
import { RaftSnapshotChunk } from "../../api/generated/tswarm/v1/raft.js";
import { aborted, invalidArgument, StatusError } from "../../api/status-error.js";
import { MAX_CHUNK_BYTES } from "./limits.js";

/** What the frame of a full chunk takes. */
const FRAME_BYTES = 64 << 10;

export interface Download {
  /** Of a MsgSnap, without its data. */
  readonly message: Message;
  /** Throws when the sender did not send everything. Of any other message there are none. */
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** @throws StatusError */
export async function openDownload(requests: AsyncIterable<Buffer>): Promise<Download> {
  const parts = requests[Symbol.asyncIterator]();
  const first = await nextChunk(parts);
  if (first?.message?.type !== MessageType.MsgSnap || !first.message.snapshot?.metadata) {
    throw invalidArgument("a snapshot's stream begins with its MsgSnap");
  }
  return { message: withoutData(first.message), chunks: restOf(first, parts) };
}

async function* restOf(first: RaftSnapshotChunk, parts: AsyncIterator<Buffer>): AsyncGenerator<Uint8Array> {
  let chunk: RaftSnapshotChunk | undefined = first;
  while (chunk) {
    if (chunk.data.length > 0) yield chunk.data;
    if (chunk.last) return;
    chunk = await nextChunk(parts);
  }
  throw aborted("the snapshot ended before its last chunk");
}

async function nextChunk(parts: AsyncIterator<Buffer>): Promise<RaftSnapshotChunk | undefined> {
  const bytes = await nextBytes(parts);
  return bytes && decode(bytes, RaftSnapshotChunk.decode);
}

/**
 * SwarmKit sends one message, and of a snapshot the same one again and again with further data. That it is whole is known by
 * the end of the stream.
 * @throws StatusError
 */
export async function openSwarmKitDownload(requests: AsyncIterable<Buffer>): Promise<Download | undefined> {
  const parts = requests[Symbol.asyncIterator]();
  const first = await nextMessage(parts);
  if (!first) return undefined;
  if (first.type === MessageType.MsgSnap) {
    if (!first.snapshot?.metadata) throw invalidArgument("a MsgSnap came without the metadata of its snapshot");
    return { message: withoutData(first), chunks: restOfSwarmKit(first, parts) };
  }
  if (await nextMessage(parts)) throw invalidArgument(`Raft message chunk is not of type ${MessageType.MsgSnap}`);
  return { message: first, chunks: none() };
}

async function* restOfSwarmKit(first: Message, parts: AsyncIterator<Buffer>): AsyncGenerator<Uint8Array> {
  for (let message: Message | undefined = first; message; message = await nextMessage(parts)) {
    if (message.type !== MessageType.MsgSnap) {
      throw invalidArgument(`Raft message chunk is not of type ${MessageType.MsgSnap}`);
    }
    if (message.index !== first.index) {
      throw invalidArgument(
        `Raft message chunk with index ${message.index} is different from the previously received raft message index ${first.index}`,
      );
    }
    if (message.snapshot && message.snapshot.data.length > 0) yield message.snapshot.data;
  }
}

async function nextMessage(parts: AsyncIterator<Buffer>): Promise<Message | undefined> {
  const bytes = await nextBytes(parts);
  return bytes && (decode(bytes, StreamRaftMessageRequest.decode).message ?? undefined);
}

async function nextBytes(parts: AsyncIterator<Buffer>): Promise<Buffer | undefined> {
  let next: IteratorResult<Buffer>;
  try {
    next = await parts.next();
  } catch (error) {
    throw aborted(`the sender of the snapshot went away: ${(error as Error).message}`);
  }
  if (next.done) return undefined;
  if (next.value.length > MAX_CHUNK_BYTES + FRAME_BYTES) {
    throw new StatusError(
      status.RESOURCE_EXHAUSTED,
      `a chunk of ${next.value.length} bytes is too large: the limit is ${MAX_CHUNK_BYTES}`,
    );
  }
  return next.value;
}

function decode<T>(bytes: Buffer, decoder: (bytes: Buffer) => T): T {
  try {
    return decoder(bytes);
  } catch (error) {
    throw new StatusError(status.INTERNAL, `a chunk of a snapshot cannot be read: ${(error as Error).message}`);
  }
}

export function withoutData(message: Message): Message {
  const { snapshot } = message;
  return snapshot ? { ...message, snapshot: { data: Buffer.alloc(0), metadata: snapshot.metadata } } : message;
}

async function* none(): AsyncGenerator<Uint8Array> {}

export async function* single(data: Uint8Array): AsyncGenerator<Uint8Array> {
  if (data.length > 0) yield data;
}
