/** The transport of one member over the simulated network. */
import { type Message, MessageType } from "../../src/api/generated/raftpb/raft.js";
import type { MemberId } from "../../src/raft/core/member-id.js";
import type { PeerStatus, Transport, TransportHandler } from "../../src/raft/transport/transport.js";
import type { Network } from "./network.js";
import type { SimulatedProcess } from "./process-host.js";

/** A receiver that says nothing of a snapshot for so long is given up. */
const SNAPSHOT_TIMEOUT_MS = 3000;
/** A peer is reported as unreachable at most so often. */
const REPORT_INTERVAL_MS = 100;

/** Who can be reached: by address, which is the name of a host. */
export class Switchboard {
  readonly #byAddress = new Map<string, SimulatedTransport>();

  constructor(
    readonly network: Network,
    /** Sees every message as it is sent. */
    readonly onSent: (from: SimulatedProcess, message: Message) => void,
  ) {}

  plug(transport: SimulatedTransport): void {
    this.#byAddress.set(transport.address, transport);
  }

  /** The transport of the process that runs there now. */
  at(address: string): SimulatedTransport | undefined {
    const transport = this.#byAddress.get(address);
    return transport?.process.isAlive && !transport.isStopped ? transport : undefined;
  }
}

export class SimulatedTransport implements Transport {
  isStopped = false;
  readonly #switchboard: Switchboard;
  readonly #peers = new Map<MemberId, { address: string; reportedAt: number }>();
  readonly #snapshotsTo = new Set<MemberId>();

  constructor(
    switchboard: Switchboard,
    readonly process: SimulatedProcess,
    readonly id: MemberId,
    readonly address: string,
    readonly handler: TransportHandler,
  ) {
    this.#switchboard = switchboard;
    switchboard.plug(this);
  }

  send(messages: readonly Message[]): void {
    if (!this.#isUp) return;
    const batches = new Map<MemberId, Message[]>();
    for (const message of messages) {
      if (message.type === MessageType.MsgSnap) this.#sendSnapshot(message);
      else {
        const batch = batches.get(message.to);
        if (batch) batch.push(message);
        else batches.set(message.to, [message]);
      }
    }
    for (const [to, batch] of batches) this.#sendBatch(to, batch);
    for (const message of messages) this.#switchboard.onSent(this.process, message);
  }

  setPeer(id: MemberId, address: string): void {
    this.#peers.set(id, { address, reportedAt: Number.NEGATIVE_INFINITY });
  }

  removePeer(id: MemberId): void {
    // What was sent is on its way already.
    this.#peers.delete(id);
  }

  peers(): readonly PeerStatus[] {
    return [...this.#peers].map(([id, { address }]) => ({
      id,
      address,
      connected: this.#canReach(id, address),
      queuedMessages: 0,
      queuedBytes: 0,
      droppedMessages: 0,
      protocol: "stream",
    }));
  }

  async stop(): Promise<void> {
    this.isStopped = true;
  }

  get #isUp(): boolean {
    return this.process.isAlive && !this.isStopped;
  }

  #canReach(id: MemberId, address: string): boolean {
    const peer = this.#switchboard.at(address);
    return peer !== undefined && peer.id === id && this.#switchboard.network.passes(this.address, address);
  }

  #sendBatch(to: MemberId, messages: readonly Message[]): void {
    const peer = this.#peers.get(to);
    if (!peer) return;
    const { network } = this.#switchboard;
    if (!this.#canReach(to, peer.address)) this.#reportUnreachable(to);
    network.send(this.address, peer.address, () => {
      const target = this.#switchboard.at(peer.address);
      if (!target) return;
      target.process.host.perform(() => target.#take(this, to, messages));
    });
  }

  #take(from: SimulatedTransport, to: MemberId, messages: readonly Message[]): void {
    if (!this.#isUp || to !== this.id) return;
    if (this.handler.isRemoved(from.id)) this.#refuse(from);
    else this.handler.receive(from.id, from.address, messages);
  }

  #refuse(removed: SimulatedTransport): void {
    this.#switchboard.network.send(this.address, removed.address, () => {
      removed.process.host.perform(() => {
        if (removed.#isUp) removed.handler.removedByPeers(this.id);
      });
    });
  }

  #reportUnreachable(id: MemberId): void {
    const peer = this.#peers.get(id);
    const now = this.process.now();
    if (!peer || now - peer.reportedAt < REPORT_INTERVAL_MS) return;
    peer.reportedAt = now;
    this.process.afterReal(0, () => {
      if (this.#isUp) this.handler.unreachable(id);
    });
  }

  /** Chunk by chunk, each after the receiver has taken the one before; and then how it ended, to the sender. */
  #sendSnapshot(message: Message): void {
    const { to } = message;
    const peer = this.#peers.get(to);
    const opened = this.#snapshotsTo.has(to) || !peer ? undefined : this.handler.openSnapshot();
    if (!peer || !opened) {
      this.process.afterReal(0, () => this.#isUp && this.handler.snapshotSent(to, false));
      return;
    }
    this.#snapshotsTo.add(to);
    let isOver = false;
    const end = (delivered: boolean) => {
      if (isOver) return;
      isOver = true;
      this.#snapshotsTo.delete(to);
      giveUp();
      if (this.#isUp) this.handler.snapshotSent(to, delivered);
    };
    const giveUp = this.process.afterReal(SNAPSHOT_TIMEOUT_MS, () => end(false));
    const { address } = peer;
    const { network } = this.#switchboard;
    const reach = (): Promise<SimulatedTransport> =>
      new Promise((resolve, reject) => {
        const fail = () => reject(new Error("the connection broke"));
        const deliver = () => {
          const target = this.#switchboard.at(address);
          if (!target || target.id !== to || !this.#isUp) return fail();
          target.process.host.perform(() => (target.#isUp ? resolve(target) : fail()));
        };
        network.sendReliably(this.address, address, deliver, fail);
      });
    const answer = (delivered: boolean) =>
      network.sendReliably(
        address,
        this.address,
        () => this.process.host.perform(() => end(delivered)),
        () => end(false),
      );
    const metadata = { data: Buffer.alloc(0), metadata: opened.metadata };
    reach()
      .then(async (target) => {
        if (target.handler.isRemoved(this.id)) {
          target.#refuse(this);
          throw new Error("the sender was removed");
        }
        await target.handler.receiveSnapshot({ ...message, snapshot: metadata }, carried(opened.chunks, reach, target));
      })
      .then(
        () => answer(true),
        () => answer(false),
      );
  }
}

/** The chunks as they come out at the other end; breaks off as the way does, or when another process runs there. */
async function* carried(
  chunks: AsyncIterable<Uint8Array>,
  reach: () => Promise<SimulatedTransport>,
  target: SimulatedTransport,
): AsyncGenerator<Uint8Array> {
  const source = chunks[Symbol.asyncIterator]();
  for (;;) {
    const next = await inTime(source.next(), target.process);
    if (next.done) return;
    if ((await inTime(reach(), target.process)) !== target) throw new Error("another process is there now");
    yield next.value;
  }
}

/** The sender may be dead: nothing comes then. */
function inTime<T>(promise: Promise<T>, process: SimulatedProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = process.afterReal(SNAPSHOT_TIMEOUT_MS, () => reject(new Error("nothing came for a while")));
    promise.then(
      (value) => {
        cancel();
        resolve(value);
      },
      (error) => {
        cancel();
        reject(error);
      },
    );
  });
}
