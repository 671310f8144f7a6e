/** A network in one process: messages take a millisecond, links can be cut, and addresses lead to whoever listens there. */
import { Message, MessageType } from "../../../src/api/generated/raftpb/raft.js";
import type { MemberId } from "../../../src/raft/core/member-id.js";
import type { PeerStatus, Transport, TransportHandler } from "../../../src/raft/transport/transport.js";
import type { VirtualTime } from "../../simulation/virtual-time.js";

const DELAY_MS = 1;

export class Switchboard {
  readonly #listening = new Map<string, BoardTransport>();
  readonly #cut = new Set<string>();
  /** Messages of these kinds get lost. */
  readonly lost = new Set<MessageType>();
  /** How many of each kind were sent so far. */
  readonly sent = new Map<MessageType, number>();

  constructor(readonly time: VirtualTime) {}

  transport(self: { readonly id: MemberId; readonly address: string }, handler: TransportHandler): BoardTransport {
    const transport = new BoardTransport(this, self.id, self.address, handler);
    this.#listening.set(self.address, transport);
    return transport;
  }

  at(address: string): BoardTransport | undefined {
    return this.#listening.get(address);
  }

  /** Nobody listens there any more. */
  silence(address: string): void {
    this.#listening.delete(address);
  }

  isolate(address: string): void {
    this.#cut.add(address);
  }

  heal(): void {
    this.#cut.clear();
    this.lost.clear();
  }

  isCut(address: string): boolean {
    return this.#cut.has(address);
  }
}

export class BoardTransport implements Transport {
  readonly #peers = new Map<MemberId, string>();
  readonly #board: Switchboard;
  #stopped = false;

  constructor(
    board: Switchboard,
    readonly id: MemberId,
    readonly address: string,
    readonly handler: TransportHandler,
  ) {
    this.#board = board;
  }

  send(messages: readonly Message[]): void {
    for (const message of messages) {
      const address = this.#peers.get(message.to);
      this.#board.sent.set(message.type, (this.#board.sent.get(message.type) ?? 0) + 1);
      if (address === undefined || this.#stopped || this.#board.lost.has(message.type)) continue;
      const copy = Message.decode(Message.encode(message).finish());
      this.#board.time.after(DELAY_MS, () => this.#deliver(address, copy));
    }
  }

  setPeer(id: MemberId, address: string): void {
    this.#peers.set(id, address);
  }

  removePeer(id: MemberId): void {
    this.#peers.delete(id);
  }

  addressOf(id: MemberId): string | undefined {
    return this.#peers.get(id);
  }

  peers(): readonly PeerStatus[] {
    return [...this.#peers].map(([id, address]) => ({
      id,
      address,
      connected: true,
      queuedMessages: 0,
      queuedBytes: 0,
      droppedMessages: 0,
      protocol: "stream",
    }));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#board.at(this.address) === this) this.#board.silence(this.address);
  }

  #deliver(address: string, message: Message): void {
    const board = this.#board;
    const isSnapshot = message.type === MessageType.MsgSnap;
    const target = board.at(address);
    if (!target || target.id !== message.to || board.isCut(address) || board.isCut(this.address)) {
      if (isSnapshot) this.handler.snapshotSent(message.to, false);
      this.handler.unreachable(message.to);
    } else if (target.handler.isRemoved(this.id)) {
      this.handler.removedByPeers(target.id);
    } else if (isSnapshot) {
      this.#deliverSnapshot(target, message);
    } else {
      target.handler.receive(this.id, this.address, [message]);
    }
  }

  #deliverSnapshot(target: BoardTransport, message: Message): void {
    const sent = (delivered: boolean) => this.handler.snapshotSent(message.to, delivered);
    const snapshot = this.handler.openSnapshot();
    if (!snapshot) {
      sent(false);
      return;
    }
    const { metadata, chunks } = snapshot;
    target.handler.receiveSnapshot({ ...message, snapshot: { data: Buffer.alloc(0), metadata } }, chunks).then(
      () => sent(true),
      () => sent(false),
    );
  }
}
