/** A member's life with its log, from a seed: what it writes, and how the power fails in between. */
import type { SnapshotMetadata } from "../../../src/api/generated/raftpb/raft.js";
import { openLogStorage, type SealedLogStorage } from "../../../src/raft/storage/disk-log-storage.js";
import { dataKey, type MemoryKeyRing } from "../../../src/security/at-rest/key-ring.js";
import { FaultyDisk } from "../disk/faulty-disk.js";
import { MemoryDisk } from "../disk/memory-disk.js";
import { chunksOf, entry, hardState, snapshotAt, storeSnapshot, testKeyRing } from "./log-contents.js";
import { LogModel } from "./log-model.js";

/** In [0, 1): mulberry32. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b_79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

/** Bytes from the same source. */
export function seededBytes(random: () => number): (size: number) => Uint8Array {
  return (size) => Uint8Array.from({ length: size }, () => Math.floor(random() * 256));
}

const SEGMENT_BYTES = 4 << 10;
const GROUP_BYTES = 700;
const STEPS = 14;

/** Where the member stands; only what a Raft member would do is done. */
interface Member {
  /** Durable, like the vote. */
  term: number;
  vote: string;
  lastIndex: number;
  commit: number;
  snapshotIndex: number;
  readonly terms: Map<number, number>;
}

export class CrashStory {
  readonly disk = new MemoryDisk();
  readonly keyRing: MemoryKeyRing = testKeyRing(1);
  readonly #seed: number;
  readonly #random: () => number;
  readonly #model = new LogModel();
  #member: Member = { term: 0, vote: "0", lastIndex: 0, commit: 0, snapshotIndex: 0, terms: new Map() };
  #keys = 1;

  constructor(seed: number) {
    this.#seed = seed;
    this.#random = seeded(seed);
  }

  /**
   * One life, until it ends so or the story does.
   * @returns changes of the disk
   */
  async live(end: { readonly powerFailsAfter?: number; readonly processEndsAfter?: number } = {}): Promise<number> {
    // What chance decides about the disk must not change what is written: every crash point is one of the same story.
    const random = seeded(this.#seed * 31 + (end.powerFailsAfter ?? end.processEndsAfter ?? 0));
    const faulty = new FaultyDisk(this.disk, { random, ...end });
    try {
      const storage = this.#open(faulty);
      await this.#load(storage);
      for (let step = 0; step < STEPS; step++) await this.#step(storage);
      await storage.close();
    } catch (error) {
      if (!faulty.isOver) throw error;
    }
    if (end.processEndsAfter === undefined) faulty.losePower();
    else faulty.kill();
    await turn();
    return faulty.changes;
  }

  /** A life that only looks. */
  async check(): Promise<void> {
    const storage = this.#open(this.disk);
    await this.#load(storage);
    await storage.close();
  }

  #open(disk: FaultyDisk | MemoryDisk): SealedLogStorage {
    return openLogStorage({
      disk,
      keyRing: this.keyRing,
      segmentBytes: SEGMENT_BYTES,
      maxGroupBytes: GROUP_BYTES,
      randomBytes: seededBytes(seeded(this.#keys * 7919 + this.#seed)),
      now: () => 0,
    });
  }

  async #load(storage: SealedLogStorage): Promise<void> {
    const state = await storage.load();
    const { index } = state.snapshot;
    const content = index > 0 ? Buffer.concat(await chunksOf(storage, index)).toString() : undefined;
    const reason = this.#model.recovered(state, content);
    if (reason) throw new Error(`seed ${this.#seed}: ${reason}`);
    const lastIndex = state.entries.at(-1)?.Index ?? index;
    this.#member = {
      term: state.hardState.term,
      vote: state.hardState.vote,
      lastIndex,
      commit: state.hardState.commit,
      snapshotIndex: index,
      terms: new Map([[index, state.snapshot.term], ...state.entries.map((one) => [one.Index, one.Term] as const)]),
    };
  }

  async #step(storage: SealedLogStorage): Promise<void> {
    const chance = this.#random();
    if (this.#member.term === 0) await this.#vote(storage);
    else if (chance < 0.35) await this.#append(storage, this.#member.lastIndex + 1);
    else if (chance < 0.45) await this.#overlapping(storage);
    else if (chance < 0.55) await this.#truncate(storage);
    else if (chance < 0.62) await this.#vote(storage);
    else if (chance < 0.7) await this.#moveCommit(storage);
    else if (chance < 0.85) await this.#compact(storage);
    else if (chance < 0.9) await this.#install(storage);
    else if (chance < 0.95) await this.#rotateKey(storage);
    else await this.#identify(storage);
  }

  /** @returns resolves when acknowledged */
  async #append(storage: SealedLogStorage, first: number): Promise<void> {
    const member = this.#member;
    const count = 1 + Math.floor(this.#random() * 4);
    const some = Array.from({ length: count }, (_, at) => {
      const data = seededBytes(this.#random)(Math.floor(this.#random() * 400));
      member.terms.set(first + at, member.term);
      return entry(first + at, member.term, data);
    });
    member.lastIndex = first + count - 1;
    const commit = Math.min(member.lastIndex, member.commit + Math.floor(this.#random() * 3));
    const state = this.#random() < 0.5 ? hardState(member.term, commit, member.vote) : undefined;
    if (state) member.commit = commit;
    const acknowledge = this.#model.append(some, state, true);
    await storage.append({ entries: some, hardState: state, mustSync: true });
    acknowledge();
  }

  async #overlapping(storage: SealedLogStorage): Promise<void> {
    const outcomes = [];
    for (let at = 0; at < 4; at++) outcomes.push(this.#append(storage, this.#member.lastIndex + 1));
    await allDone(outcomes);
  }

  async #truncate(storage: SealedLogStorage): Promise<void> {
    const member = this.#member;
    if (member.lastIndex === member.commit) return;
    const first = member.commit + 1 + Math.floor(this.#random() * (member.lastIndex - member.commit));
    await this.#vote(storage);
    await this.#append(storage, first);
  }

  async #vote(storage: SealedLogStorage): Promise<void> {
    const member = this.#member;
    member.term++;
    member.vote = String(Math.floor(this.#random() * 3));
    const state = hardState(member.term, member.commit, member.vote);
    const acknowledge = this.#model.append([], state, true);
    await storage.append({ entries: [], hardState: state, mustSync: true });
    acknowledge();
  }

  async #moveCommit(storage: SealedLogStorage): Promise<void> {
    const member = this.#member;
    member.commit = member.lastIndex;
    const state = hardState(member.term, member.commit, member.vote);
    const acknowledge = this.#model.append([], state, false);
    await storage.append({ entries: [], hardState: state, mustSync: false });
    acknowledge();
  }

  async #compact(storage: SealedLogStorage): Promise<void> {
    const { commit, terms, snapshotIndex } = this.#member;
    if (commit <= snapshotIndex) return;
    const metadata = snapshotAt(commit, terms.get(commit));
    await this.#store(storage, metadata);
    if (this.#random() < 0.2) return;
    this.#member.snapshotIndex = commit;
    const keepFrom = commit + 1 - Math.floor(this.#random() * 5);
    const acknowledge = this.#model.compact(commit, keepFrom);
    await storage.compact(metadata, keepFrom, 1 + Math.floor(this.#random() * 2));
    acknowledge();
  }

  async #install(storage: SealedLogStorage): Promise<void> {
    const member = this.#member;
    const index = member.lastIndex + 5;
    const metadata = snapshotAt(index, member.term);
    await this.#store(storage, metadata);
    if (this.#random() < 0.2) return;
    member.lastIndex = member.commit = member.snapshotIndex = index;
    member.terms.set(index, member.term);
    const state = hardState(member.term, index, member.vote);
    const acknowledge = this.#model.install(index, state);
    const installed = storage.installSnapshot(metadata, state);
    await allDone([installed.then(acknowledge), this.#append(storage, index + 1)]);
  }

  async #store(storage: SealedLogStorage, metadata: SnapshotMetadata): Promise<void> {
    const content = `snapshot ${metadata.index} of term ${metadata.term} `.repeat(40);
    this.#model.snapshot(metadata.index, content);
    await storeSnapshot(storage, metadata, [Buffer.from(content.slice(0, 100)), Buffer.from(content.slice(100))]);
  }

  async #rotateKey(storage: SealedLogStorage): Promise<void> {
    this.#keys++;
    this.keyRing.add(dataKey(Buffer.alloc(32, this.#keys)));
    await storage.rotateKey();
  }

  async #identify(storage: SealedLogStorage): Promise<void> {
    const identity = `member ${Math.floor(this.#random() * 1000)}`;
    const acknowledge = this.#model.setIdentity(identity);
    await storage.setIdentity(Buffer.from(identity));
    acknowledge();
  }
}

/** As Promise.all, but waits for those that are under way when one has failed. */
async function allDone(some: readonly Promise<unknown>[]): Promise<void> {
  const failed = (await Promise.allSettled(some)).find((one) => one.status === "rejected");
  if (failed) throw failed.reason;
}

/** What a life that is over has left in the queue of the event loop fails now. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
