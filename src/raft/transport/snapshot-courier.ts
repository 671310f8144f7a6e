/** Takes snapshots to peers that need one: one at a time to each, and few at a time in all. Each has a connection of its own. */
import { type ServiceError, status } from "@grpc/grpc-js";
import type { Message } from "../../api/generated/raftpb/raft.js";
import type { MemberId } from "../core/member-id.js";
import type { PeerSettings } from "./peer.js";
import { PeerChannel } from "./peer-channel.js";
import { saysRemoved } from "./removed.js";
import { type UploadOptions, uploadSnapshot, uploadToSwarmKit } from "./snapshot-upload.js";
import type { TransportHandler } from "./transport.js";

interface Delivery {
  readonly id: MemberId;
  readonly message: Message;
  readonly abort: AbortController;
  isUnderWay: boolean;
}

/** Where a peer is, and what it speaks as far as is known. */
export type Destination = { readonly address: string; readonly isSwarmKit: boolean } | undefined;

export type CourierEvents = Pick<TransportHandler, "openSnapshot" | "snapshotSent" | "removedByPeers">;

export class SnapshotCourier {
  readonly #settings: PeerSettings;
  readonly #handler: CourierEvents;
  readonly #destinationOf: (id: MemberId) => Destination;
  /** In the order in which they begin. */
  readonly #deliveries = new Map<MemberId, Delivery>();
  #underWay = 0;
  #isStopped = false;

  constructor(settings: PeerSettings, handler: CourierEvents, destinationOf: (id: MemberId) => Destination) {
    this.#settings = settings;
    this.#handler = handler;
    this.#destinationOf = destinationOf;
  }

  /** @param message a MsgSnap without data. While an older one of the same term is under way to the same member, it is dropped. */
  send(message: Message): void {
    const id = message.to;
    const present = this.#deliveries.get(id);
    if (this.#isStopped || (present?.isUnderWay && present.message.term >= message.term)) return;
    present?.abort.abort(new Error("another snapshot takes its place"));
    // It waits its turn anew.
    this.#deliveries.delete(id);
    this.#deliveries.set(id, { id, message, abort: new AbortController(), isUnderWay: false });
    this.#next();
  }

  /** The member is not one any more, or lives elsewhere. */
  cancel(id: MemberId): void {
    const present = this.#deliveries.get(id);
    if (!present) return;
    const reason = new Error("the member is gone, or moved");
    present.abort.abort(reason);
    if (present.isUnderWay) return;
    this.#deliveries.delete(id);
    this.#report(id, reason);
  }

  stop(): void {
    this.#isStopped = true;
    for (const id of [...this.#deliveries.keys()]) this.cancel(id);
  }

  #next(): void {
    for (const delivery of this.#deliveries.values()) {
      if (this.#underWay >= this.#settings.limits.snapshots) return;
      if (!delivery.isUnderWay) void this.#run(delivery);
    }
  }

  async #run(delivery: Delivery): Promise<void> {
    const { id } = delivery;
    delivery.isUnderWay = true;
    this.#underWay++;
    let error: unknown;
    try {
      // Whoever sends is not called back before its call has returned.
      await undefined;
      await this.#deliver(delivery);
    } catch (reason) {
      error = reason;
    }
    this.#underWay--;
    // Of one that was replaced nobody wants to hear.
    if (this.#deliveries.get(id) === delivery) {
      this.#deliveries.delete(id);
      this.#report(id, error);
    }
    this.#next();
  }

  #report(id: MemberId, error: unknown): void {
    if (this.#isStopped) return;
    if (error !== undefined) {
      this.#settings.log(`raft: the snapshot for member ${id} was not delivered: ${(error as Error).message}`);
      if (isServiceError(error) && saysRemoved(error)) this.#handler.removedByPeers(id);
    }
    this.#handler.snapshotSent(id, error === undefined);
  }

  async #deliver({ id, message, abort }: Delivery): Promise<void> {
    const to = this.#destinationOf(id);
    if (!to) throw new Error("the member is not known");
    const { credentials, clock, limits } = this.#settings;
    const channel = new PeerChannel(to.address, credentials());
    const options: UploadOptions = {
      client: channel.client,
      clock,
      stallMs: limits.snapshotStallMs,
      signal: abort.signal,
    };
    try {
      if (!to.isSwarmKit) {
        try {
          await uploadSnapshot(message, this.#open(), options);
          return;
        } catch (error) {
          if (!isServiceError(error) || error.code !== status.UNIMPLEMENTED) throw error;
        }
      }
      await uploadToSwarmKit(message, this.#open(), options);
    } finally {
      channel.close();
    }
  }

  #open(): NonNullable<ReturnType<TransportHandler["openSnapshot"]>> {
    const snapshot = this.#handler.openSnapshot();
    if (!snapshot) throw new Error("there is none");
    return snapshot;
  }
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && "code" in error && "details" in error;
}
