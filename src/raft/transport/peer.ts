/** One other member: its outbox, and the connection that empties it. Dials again whenever that breaks. */
import { type ChannelCredentials, status } from "@grpc/grpc-js";
import type { Message } from "../../api/generated/raftpb/raft.js";
import type { MemberId } from "../core/member-id.js";
import type { TransportClock, TransportLimits } from "./limits.js";
import { MessageStream, type StreamEnd } from "./message-stream.js";
import { Outbox } from "./outbox.js";
import { PeerChannel } from "./peer-channel.js";
import { saysRemoved } from "./removed.js";
import { ReportLimiter } from "./report-limiter.js";
import { SwarmKitCalls } from "./swarmkit-calls.js";
import type { PeerStatus } from "./transport.js";

/** What all peers of one transport share. */
export interface PeerSettings {
  readonly credentials: () => ChannelCredentials;
  readonly head: Buffer;
  readonly limits: TransportLimits;
  readonly clock: TransportClock;
  readonly random: () => number;
  readonly log: (line: string) => void;
}

export interface PeerEvents {
  unreachable(): void;
  removedByPeer(): void;
  /** After {@link Peer.retire}, once. */
  gone(): void;
}

export class Peer {
  readonly id: MemberId;
  readonly #settings: PeerSettings;
  readonly #events: PeerEvents;
  readonly #outbox: Outbox;
  readonly #unreachable: ReportLimiter;
  #address: string;
  #channel: PeerChannel | undefined;
  #stream: MessageStream | undefined;
  #calls: SwarmKitCalls | undefined;
  #isConnected = false;
  #openedAt = 0;
  #attempt = 0;
  #stopPause: () => void = () => {};
  #stopRetiring: () => void = () => {};
  #isRetiring = false;
  #isGone = false;

  constructor(id: MemberId, address: string, settings: PeerSettings, events: PeerEvents) {
    this.id = id;
    this.#address = address;
    this.#settings = settings;
    this.#events = events;
    this.#outbox = new Outbox(settings.limits);
    this.#unreachable = new ReportLimiter(settings.clock, settings.limits.reportIntervalMs, () => events.unreachable());
  }

  get address(): string {
    return this.#address;
  }

  get protocol(): PeerStatus["protocol"] {
    if (this.#calls) return "rpc";
    return this.#isConnected ? "stream" : "none";
  }

  get status(): PeerStatus {
    return {
      id: this.id,
      address: this.#address,
      connected: this.#isConnected,
      queuedMessages: this.#outbox.messages,
      queuedBytes: this.#outbox.bytes,
      droppedMessages: this.#outbox.dropped,
      protocol: this.protocol,
    };
  }

  connect(): void {
    const { head, limits, clock } = this.#settings;
    this.#channel = new PeerChannel(this.#address, this.#settings.credentials());
    this.#stream = new MessageStream(
      { client: this.#channel.client, head, outbox: this.#outbox, limits, clock },
      {
        opened: () => this.#opened(),
        drained: () => this.#drained(),
        ended: (end) => this.#streamEnded(end),
      },
    );
  }

  /** Goes out with the next {@link flush}. */
  push(message: Message): void {
    if (!this.#isRetiring && !this.#outbox.push(message)) this.#unreachable.report();
  }

  flush(): void {
    if (this.#stream) this.#stream.flush();
    else this.#calls?.flush();
  }

  move(address: string): void {
    if (address === this.#address || this.#isRetiring) return;
    this.#address = address;
    this.#disconnect();
    this.#attempt = 0;
    this.connect();
  }

  /** Tries again at once, unless a connection stands. */
  nudge(): void {
    if (this.#channel || this.#isGone) return;
    this.#stopPause();
    this.connect();
  }

  /** Sends what is queued, for a short while, and ends. */
  retire(): void {
    if (this.#isRetiring) return;
    this.#isRetiring = true;
    this.#stopRetiring = this.#settings.clock.after(this.#settings.limits.drainMs, () => this.close());
    if (this.#outbox.messages === 0) this.#drained();
  }

  close(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#isRetiring = true;
    this.#stopRetiring();
    this.#unreachable.stop();
    this.#disconnect();
    this.#outbox.clear();
    this.#events.gone();
  }

  #opened(): void {
    this.#isConnected = true;
    this.#openedAt = this.#settings.clock.now();
    if (this.#isRetiring && this.#outbox.messages === 0) this.#drained();
  }

  #drained(): void {
    if (!this.#isRetiring) return;
    if (this.#stream?.isOpen) this.#stream.finish();
    else if (!this.#calls?.isBusy) this.close();
  }

  #streamEnded(end: StreamEnd): void {
    if (end.code !== status.UNIMPLEMENTED || this.#isConnected) {
      this.#failed(end);
      return;
    }
    const { limits, log } = this.#settings;
    log(`raft: ${this.#name} is no manager of tswarm: it gets SwarmKit's calls`);
    this.#stream = undefined;
    this.#calls = new SwarmKitCalls(
      { client: this.#channel!.client, outbox: this.#outbox, limits },
      {
        answered: () => this.#answered(),
        refused: (error) => {
          log(`raft: ${this.#name} refuses a message: ${error.details}`);
          this.#unreachable.report();
        },
        drained: () => this.#drained(),
        ended: (error) => this.#failed(error),
      },
    );
    this.#calls.flush();
  }

  #answered(): void {
    if (!this.#isConnected) this.#opened();
  }

  #failed(end: StreamEnd): void {
    const { clock, limits, random, log } = this.#settings;
    const stood = this.#isConnected;
    if (this.#isRetiring) {
      this.close();
      return;
    }
    // One line for a connection that stood, and one for a peer that is away: not one for every try.
    if (stood) log(`raft: the connection to ${this.#name} broke: ${end.details}`);
    else if (this.#attempt === 0) log(`raft: ${this.#name} cannot be reached: ${end.details}`);
    if (stood && clock.now() - this.#openedAt > limits.lastPauseMs) this.#attempt = 0;
    this.#disconnect();
    this.#outbox.clear();
    if (saysRemoved(end)) this.#events.removedByPeer();
    this.#unreachable.report();
    // Whoever was told may have ended everything.
    if (this.#isGone) return;
    const pauseMs = Math.min(limits.firstPauseMs * 2 ** Math.min(this.#attempt, 20), limits.lastPauseMs);
    this.#attempt++;
    this.#stopPause = clock.after(pauseMs * (0.5 + random() / 2), () => this.connect());
  }

  #disconnect(): void {
    this.#stopPause();
    this.#stream?.close();
    this.#calls?.close();
    this.#channel?.close();
    this.#stream = undefined;
    this.#calls = undefined;
    this.#channel = undefined;
    this.#isConnected = false;
  }

  get #name(): string {
    return `member ${this.id} at ${this.#address}`;
  }
}
