/** What the transport asks of this member. */
import { type Message, MessageType, type SnapshotMetadata } from "../../api/generated/raftpb/raft.js";
import type { RaftMachine } from "../core/machine.js";
import type { MemberId } from "../core/member-id.js";
import type { LogStorage } from "../storage/log-storage.js";
import type { TransportHandler } from "../transport/transport.js";
import type { Contacts } from "./contacts.js";
import { RemovalNotices } from "./removal-notices.js";
import type { Roster } from "./roster.js";
import { SnapshotReceiver, SnapshotRefusedError } from "./snapshot-receiver.js";

export interface InboxSurroundings {
  readonly self: MemberId;
  readonly core: RaftMachine;
  readonly storage: LogStorage;
  readonly contacts: Contacts;
  readonly roster: Roster;
  /** Ids that were removed before this member joined; it may not have the log that says so yet. */
  readonly removedBefore: ReadonlySet<MemberId>;
  /** Index 0 without one. */
  newestSnapshot(): SnapshotMetadata;
  heardFrom(id: MemberId, address: string): void;
  wake(): void;
  /** The others say that this member was removed. */
  removed(): void;
  failed(error: unknown): void;
}

export class Inbox implements TransportHandler {
  readonly #around: InboxSurroundings;
  readonly #receiver: SnapshotReceiver;
  readonly #notices = new RemovalNotices();
  #openSnapshots = 0;
  #ended = false;

  constructor(around: InboxSurroundings) {
    this.#around = around;
    const { core, self, storage } = around;
    this.#receiver = new SnapshotReceiver(storage, {
      id: self,
      get term() {
        return core.term;
      },
      get commit() {
        return core.commit;
      },
      step: (message) => {
        core.step(message);
        around.wake();
      },
    });
  }

  /** Snapshots that are being read for others. */
  get openSnapshots(): number {
    return this.#openSnapshots;
  }

  receive(from: MemberId, address: string | undefined, messages: readonly Message[]): void {
    if (this.#ended || this.isRemoved(from)) return;
    const { core, contacts, self, heardFrom, wake } = this.#around;
    contacts.heard(from);
    this.#notices.heard(from);
    if (address !== undefined && address !== "") heardFrom(from, address);
    try {
      for (const message of messages) {
        // A snapshot comes with its data, or not at all; and nobody speaks for others.
        if (message.type === MessageType.MsgSnap || message.from !== from || message.to !== self) continue;
        core.step(message);
      }
    } catch (error) {
      this.#around.failed(error);
    }
    wake();
  }

  async receiveSnapshot(message: Message, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    if (this.#ended) throw new SnapshotRefusedError("this manager has stopped");
    if (this.isRemoved(message.from)) throw new SnapshotRefusedError(`member ${message.from} was removed`);
    this.#around.contacts.heard(message.from);
    await this.#receiver.receive(message, chunks);
  }

  openSnapshot() {
    const metadata = this.#around.newestSnapshot();
    if (this.#ended || metadata.index === 0) return undefined;
    return { metadata, chunks: this.#read(metadata.index) };
  }

  unreachable(id: MemberId): void {
    if (this.#ended) return;
    this.#around.core.reportUnreachable(id);
  }

  snapshotSent(id: MemberId, delivered: boolean): void {
    if (this.#ended) return;
    this.#around.core.reportSnapshot(id, delivered);
    this.#around.wake();
  }

  isRemoved(id: MemberId): boolean {
    return this.#around.roster.isRemoved(id) || this.#around.removedBefore.has(id);
  }

  removedByPeers(by?: MemberId): void {
    if (this.#ended) return;
    const { core, roster, self, removed } = this.#around;
    const peers = roster.raftMembers().flatMap(({ raftId }) => (raftId === self ? [] : [raftId]));
    if (this.#notices.told(by, core.leader, peers)) removed();
  }

  end(): void {
    this.#ended = true;
    this.#receiver.end();
  }

  async *#read(index: number): AsyncGenerator<Uint8Array> {
    this.#openSnapshots++;
    try {
      yield* this.#around.storage.readSnapshot(index);
    } finally {
      this.#openSnapshots--;
    }
  }
}
