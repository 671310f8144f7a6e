import type { Message, SnapshotMetadata } from "../../api/generated/raftpb/raft.js";
import type { MemberId } from "../core/member-id.js";

export interface PeerStatus {
  readonly id: MemberId;
  readonly address: string;
  /** A stream or connection stands. */
  readonly connected: boolean;
  readonly queuedMessages: number;
  readonly queuedBytes: number;
  readonly droppedMessages: number;
  readonly protocol: "stream" | "rpc" | "none";
}

/** Carries messages to other members. Nothing here blocks or throws: what cannot be sent is dropped and reported. */
export interface Transport {
  /** Messages to members that are not known are dropped. A MsgSnap has no data: it is read from the handler. */
  send(messages: readonly Message[]): void;
  /** From now on, or at another address from now on. */
  setPeer(id: MemberId, address: string): void;
  /** Lets what is queued go out for a short while (a removed member should learn that it is), then closes. */
  removePeer(id: MemberId): void;
  peers(): readonly PeerStatus[];
  stop(): Promise<void>;
}

/** What the transport asks of its member. */
export interface TransportHandler {
  /** Messages of one peer, in order. `address` is where that peer says it can be reached. */
  receive(from: MemberId, address: string | undefined, messages: readonly Message[]): void;
  /**
   * A snapshot comes in: takes the chunks (parts of docker.swarmkit.v1.Snapshot), and steps the message once they are durable.
   * Rejects when it does not want it, or could not store it; the sender is told then.
   */
  receiveSnapshot(message: Message, chunks: AsyncIterable<Uint8Array>): Promise<void>;
  /** The newest snapshot that can be sent, as of now; undefined without one. The metadata may be newer than what was asked for. */
  openSnapshot(): { readonly metadata: SnapshotMetadata; readonly chunks: AsyncIterable<Uint8Array> } | undefined;
  /** A peer could not be reached, at most about once per tick and peer. */
  unreachable(id: MemberId): void;
  /** How sending a snapshot ended. */
  snapshotSent(id: MemberId, delivered: boolean): void;
  /** Whether this id was once a member: its messages are refused then with the text that tells it so. */
  isRemoved(id: MemberId): boolean;
  /** A peer refuses us because we were removed. @param by who says so: without it, one word is enough */
  removedByPeers(by?: MemberId): void;
}

/** Makes the transport of one member, once its id is known. */
export type TransportFactory = (
  self: { readonly id: MemberId; readonly address: string },
  handler: TransportHandler,
) => Transport;
