/** Sends one snapshot, piece by piece, in either protocol. */
import type { Client } from "@grpc/grpc-js";
import { RaftService, StreamRaftMessageRequest } from "../../api/generated/docker/swarmkit/v1/raft.js";
import type { Message, SnapshotMetadata } from "../../api/generated/raftpb/raft.js";
import { RaftSnapshotChunk, RaftTransportService } from "../../api/generated/tswarm/v1/raft.js";
import { varintBytes, writeVarint } from "../wal/entry-codec.js";
import { SNAPSHOT_PIECE_BYTES, type TransportClock } from "./limits.js";
import { snapshotPieces } from "./snapshot-pieces.js";
import { Upload } from "./upload.js";

/** Field 2 of RaftSnapshotChunk, bytes. */
const DATA_TAG = 0x12;
const NO_BYTES = Buffer.alloc(0);

export interface OpenSnapshot {
  readonly metadata: SnapshotMetadata;
  readonly chunks: AsyncIterable<Uint8Array>;
}

export interface UploadOptions {
  readonly client: Client;
  readonly clock: TransportClock;
  readonly stallMs: number;
  readonly signal: AbortSignal;
}

/** Resolves when the peer has stored all of it. @throws ServiceError, or what reading the snapshot throws */
export async function uploadSnapshot(message: Message, snapshot: OpenSnapshot, options: UploadOptions): Promise<void> {
  await upload(RaftTransportService.snapshot.path, options, async (to) => {
    await to.write(encodeChunk({ message: withSnapshot(message, snapshot, NO_BYTES), data: NO_BYTES, last: false }));
    for await (const parts of snapshotPieces(snapshot.chunks, SNAPSHOT_PIECE_BYTES)) {
      if (to.isAnswered) return;
      await to.write(dataChunk(parts));
    }
    await to.write(encodeChunk({ message: undefined, data: NO_BYTES, last: true }));
  });
}

/** The same for a manager of SwarmKit, which puts the data of all messages of one stream together. */
export async function uploadToSwarmKit(
  message: Message,
  snapshot: OpenSnapshot,
  options: UploadOptions,
): Promise<void> {
  await upload(RaftService.streamRaftMessage.path, options, async (to) => {
    let isEmpty = true;
    const write = (data: Buffer) =>
      to.write(
        Buffer.from(StreamRaftMessageRequest.encode({ message: withSnapshot(message, snapshot, data) }).finish()),
      );
    for await (const parts of snapshotPieces(snapshot.chunks, SNAPSHOT_PIECE_BYTES)) {
      if (to.isAnswered) return;
      isEmpty = false;
      await write(Buffer.concat(parts));
    }
    if (isEmpty) await write(NO_BYTES);
  });
}

async function upload(path: string, options: UploadOptions, write: (to: Upload) => Promise<void>): Promise<void> {
  const { client, clock, stallMs, signal } = options;
  const to = new Upload(client, path, clock, stallMs);
  const abort = () => to.cancel(signal.reason as Error);
  signal.addEventListener("abort", abort);
  try {
    signal.throwIfAborted();
    await write(to);
    await to.finish();
  } catch (error) {
    to.cancel(error as Error);
    throw error;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

function withSnapshot(message: Message, { metadata }: OpenSnapshot, data: Buffer): Message {
  return { ...message, snapshot: { data, metadata } };
}

function encodeChunk(chunk: RaftSnapshotChunk): Buffer {
  return Buffer.from(RaftSnapshotChunk.encode(chunk).finish());
}

/** One copy, whatever the parts are. */
function dataChunk(parts: readonly Uint8Array[]): Buffer {
  let bytes = 0;
  for (const part of parts) bytes += part.length;
  const head = Buffer.alloc(1 + varintBytes(bytes));
  head[0] = DATA_TAG;
  writeVarint(head, 1, bytes);
  return Buffer.concat([head, ...parts]);
}
