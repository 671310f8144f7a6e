/** A group at the mercy of a seed, and what must hold of it whatever happens (figure 3 of the paper). */
import {
  ConfChangeTransition,
  ConfChangeType,
  type Entry,
  type Message,
} from "../../../src/api/generated/raftpb/raft.js";
import type { MembershipChange } from "../../../src/raft/core/machine.js";
import type { MemberId } from "../../../src/raft/core/member-id.js";
import type { Ready } from "../../../src/raft/core/ready.js";
import { CONFIG, MemoryMember, NO_STATE, votersState } from "./memory-member.js";
import { tellEntry } from "./telling.js";

/** More messages than these are never on their way: the oldest are lost. */
const MAX_ON_THE_WAY = 200;
const HEAL_ROUNDS = 400;

interface Explored {
  readonly elections: number;
  readonly applied: number;
  readonly crashes: number;
  readonly snapshots: number;
  readonly reads: number;
}

interface Running {
  readonly member: MemoryMember;
  /** Handed out, and not applied yet. */
  toApply: Entry[];
}

export class Explorer {
  readonly #random: () => number;
  readonly #running: Running[];
  readonly #changesMembership: boolean;
  #way: Message[] = [];
  /** Members whose messages are lost, both ways. */
  #cutOff = new Set<MemberId>();
  #proposed = 0;

  readonly #leaders = new Map<number, MemberId>();
  /** What was applied anywhere, by index. */
  readonly #chosen: Entry[] = [];
  /** Of each read: what had been applied anywhere when it was asked for. */
  readonly #reads = new Map<string, number>();
  #crashes = 0;
  #snapshots = 0;
  #readsAnswered = 0;

  constructor(seed: number) {
    this.#random = randomFrom(seed);
    this.#changesMembership = this.#chance(0.5);
    const size = 3 + 2 * this.#below(2);
    const ids = Array.from({ length: size }, (_, at) => String(at + 1));
    const spare = this.#changesMembership ? ["8", "9"] : [];
    const isCautious = this.#changesMembership || this.#chance(0.5);
    const isLazy = this.#chance(0.5);
    this.#running = [...ids, ...spare].map((id) => ({
      member: new MemoryMember(
        {
          ...CONFIG,
          id,
          preVote: isCautious,
          checkQuorum: isCautious,
          lazyCommit: isLazy,
          maxMessageBytes: 60,
          maxInflightMessages: 3,
          maxCommittedBytesPerReady: 60,
          random: this.#random,
        },
        // The group began somewhere else: those who come later know nothing of it.
        spare.includes(id)
          ? { index: 0, term: 0, confState: NO_STATE }
          : { index: 1, term: 1, confState: votersState(ids) },
      ),
      toApply: [],
    }));
  }

  explore(steps: number): void {
    for (let i = 0; i < steps; i++) {
      this.#step();
      if (i % 100 === 0) this.#checkLogsMatch();
    }
    this.#checkLogsMatch();
  }

  /** Everything works from now on: then what is proposed must arrive everywhere. */
  heal(): Explored {
    this.#cutOff.clear();
    for (let round = 0; round < HEAL_ROUNDS; round++) {
      for (const one of this.#running) {
        one.member.core.tick();
        one.member.core.tellCommit();
        // Whoever carries snapshots says what has become of them.
        if (round % 20 === 0) {
          for (const { id, state } of one.member.core.status().followers) {
            if (state === "snapshot") one.member.core.reportSnapshot(id, false);
          }
        }
        this.#workOff(one);
      }
      const way = this.#way;
      this.#way = [];
      for (const message of way) this.#arrive(message);
    }
    const leaders = this.#running.filter(({ member }) => member.core.role === "leader");
    if (leaders.length !== 1) throw new Error(`${leaders.length} members lead after all has healed`);
    const { core } = leaders[0]!.member;
    const { voters, learners, votersOutgoing } = core.status().membership;
    for (const { member } of this.#running) {
      if (![...voters, ...learners, ...votersOutgoing].includes(member.id)) continue;
      if (member.applied !== core.lastIndex)
        throw new Error(`${member.id} has applied ${member.applied} of ${core.lastIndex}`);
    }
    if (votersOutgoing.length > 0) throw new Error("the group is still in a joint configuration");
    this.#checkLogsMatch();
    return {
      elections: this.#leaders.size,
      applied: this.#chosen.length,
      crashes: this.#crashes,
      snapshots: this.#snapshots,
      reads: this.#readsAnswered,
    };
  }

  #step(): void {
    const one = this.#running[this.#below(this.#running.length)]!;
    const { member } = one;
    const { core } = member;
    const dice = this.#random();
    if (dice < 0.14) core.tick();
    else if (dice < 0.15) core.tellCommit();
    else if (dice < 0.31) this.#take(one);
    else if (dice < 0.49) this.#write(one);
    else if (dice < 0.56) this.#apply(one, 1 + this.#below(3));
    else if (dice < 0.9) this.#deliver();
    else if (dice < 0.96) core.propose(Buffer.from(String(++this.#proposed)));
    else if (dice < 0.968) this.#read(member);
    else if (dice < 0.98) this.#compact(one);
    else if (dice < 0.982) this.#crash(one);
    else if (dice < 0.984) this.#cut();
    else if (dice < 0.986) core.transferLeadership(this.#someId());
    else if (dice < 0.988) core.reportUnreachable(this.#someId());
    else if (dice < 0.992) core.reportSnapshot(this.#someId(), this.#chance(0.5));
    else if (dice < 0.993) core.campaign();
    else if (dice < 0.994) core.forgetLeader();
    else if (this.#changesMembership) core.proposeMembershipChange(this.#someChange());
    this.#checkLeadership(member);
  }

  #take(one: Running): void {
    const ready = one.member.take();
    if (ready === undefined) return;
    this.#send(ready.messages);
    one.toApply.push(...ready.committed);
    for (const { context, index } of ready.readStates) this.#checkRead(String(context), index);
  }

  #write(one: Running): void {
    // What was handed out before a snapshot is applied before it.
    if (one.member.unwritten[0]?.snapshot !== undefined) {
      this.#apply(one, one.toApply.length);
      this.#snapshots++;
    }
    const ready = one.member.write();
    if (ready !== undefined) this.#send(ready.messagesAfterPersist);
  }

  #apply(one: Running, count: number): void {
    const entries = one.toApply.splice(0, count);
    for (const entry of entries) {
      const before = this.#chosen[entry.Index];
      if (before === undefined) {
        this.#checkDurable(entry);
        this.#chosen[entry.Index] = entry;
      } else if (before.Term !== entry.Term || !before.Data.equals(entry.Data)) {
        throw new Error(
          `state machine safety: ${one.member.id} applies ${tellEntry(entry)}, another ${tellEntry(before)}`,
        );
      }
    }
    one.member.apply(entries);
  }

  #workOff(one: Running): void {
    for (
      let ready: Ready | undefined = one.member.core.hasReady() ? one.member.take() : undefined;
      ready !== undefined;
      ready = one.member.take()
    ) {
      this.#send(ready.messages);
      one.toApply.push(...ready.committed);
      for (const { context, index } of ready.readStates) this.#checkRead(String(context), index);
      while (one.member.unwritten.length > 0) this.#write(one);
      this.#apply(one, one.toApply.length);
    }
    while (one.member.unwritten.length > 0) this.#write(one);
    this.#apply(one, one.toApply.length);
    this.#checkLeadership(one.member);
  }

  #send(messages: readonly Message[]): void {
    for (const message of messages) {
      // Nobody may change what is on its way.
      Object.freeze(message.entries);
      this.#way.push(Object.freeze(message));
    }
    if (this.#way.length > MAX_ON_THE_WAY) this.#way = this.#way.slice(-MAX_ON_THE_WAY);
  }

  #deliver(): void {
    if (this.#way.length === 0) return;
    // Mostly in order, and not always.
    const at = this.#chance(0.7) ? 0 : this.#below(this.#way.length);
    const message = this.#way[at]!;
    if (this.#chance(0.95)) this.#way.splice(at, 1);
    if (this.#chance(0.93)) this.#arrive(message);
  }

  #arrive(message: Message): void {
    if (this.#cutOff.has(message.from) !== this.#cutOff.has(message.to)) return;
    const receiver = this.#running.find(({ member }) => member.id === message.to);
    if (receiver === undefined) return;
    receiver.member.core.step(message);
    this.#checkLeadership(receiver.member);
  }

  #read({ core }: MemoryMember): void {
    const name = `read ${this.#reads.size}`;
    this.#reads.set(name, this.#chosen.length - 1);
    core.readIndex(Buffer.from(name));
  }

  #compact(one: Running): void {
    // A shell waits for its disk before it takes a snapshot.
    if (one.member.unwritten.some(({ snapshot }) => snapshot !== undefined)) return;
    if (one.member.applied > one.member.disk.snapshot.index) one.member.compact(one.member.applied - this.#below(4));
  }

  #crash(one: Running): void {
    this.#crashes++;
    one.toApply = [];
    one.member.restart();
  }

  #cut(): void {
    this.#cutOff.clear();
    if (this.#chance(0.5)) for (let i = 0; i <= this.#below(2); i++) this.#cutOff.add(this.#someId());
  }

  #someId(): MemberId {
    return this.#running[this.#below(this.#running.length)]!.member.id;
  }

  #someChange(): MembershipChange {
    const context = Buffer.alloc(0);
    if (this.#chance(0.2)) return { kind: "v2", change: { transition: 0, changes: [], context } };
    const part = () => ({
      type: [
        ConfChangeType.ConfChangeAddNode,
        ConfChangeType.ConfChangeRemoveNode,
        ConfChangeType.ConfChangeAddLearnerNode,
      ][this.#below(3)]!,
      nodeId: this.#someId(),
    });
    if (this.#chance(0.5)) return { kind: "v1", change: { ...part(), context, id: "0" } };
    const transition = this.#chance(0.5)
      ? ConfChangeTransition.ConfChangeTransitionAuto
      : ConfChangeTransition.ConfChangeTransitionJointImplicit;
    return { kind: "v2", change: { transition, changes: Array.from({ length: 1 + this.#below(3) }, part), context } };
  }

  /** At most one leader is elected in a term, and it has every entry that was ever committed. */
  #checkLeadership(member: MemoryMember): void {
    const { role, term } = member.core;
    if (role !== "leader") return;
    const known = this.#leaders.get(term);
    if (known === member.id) return;
    if (known !== undefined) throw new Error(`election safety: ${known} and ${member.id} lead in term ${term}`);
    this.#leaders.set(term, member.id);
    const { entries, snapshot } = member.log;
    const first = entries[0]?.Index ?? snapshot.index + 1;
    for (let index = Math.max(first, snapshot.index + 1); index < this.#chosen.length; index++) {
      const entry = this.#chosen[index];
      if (entry !== undefined && entries[index - first]?.Term !== entry.Term) {
        throw new Error(`leader completeness: ${member.id} leads in term ${term} without ${tellEntry(entry)}`);
      }
    }
  }

  /** What is committed lies on the disks of a majority. Where the members change, nobody here knows whose. */
  #checkDurable(entry: Entry): void {
    if (this.#changesMembership) return;
    const holders = this.#running.filter(({ member: { disk } }) => {
      const first = disk.entries[0]?.Index ?? disk.snapshot.index + 1;
      return disk.snapshot.index >= entry.Index || disk.entries[entry.Index - first]?.Term === entry.Term;
    });
    if (2 * holders.length <= this.#running.length)
      throw new Error(`${tellEntry(entry)} is applied, and lies on ${holders.length} disks`);
  }

  /** Where two logs have an entry of the same index and term, they are the same up to there. */
  #checkLogsMatch(): void {
    const logs = this.#running.map(({ member }) => member.log.entries);
    for (const [at, one] of logs.entries()) {
      for (const other of logs.slice(at + 1)) {
        if (one.length === 0 || other.length === 0) continue;
        const first = Math.max(one[0]!.Index, other[0]!.Index);
        let doMatch = false;
        for (let index = Math.min(one.at(-1)!.Index, other.at(-1)!.Index); index >= first; index--) {
          const mine = one[index - one[0]!.Index]!;
          const theirs = other[index - other[0]!.Index]!;
          doMatch ||= mine.Term === theirs.Term;
          if (doMatch && (mine.Term !== theirs.Term || !mine.Data.equals(theirs.Data))) {
            throw new Error(`log matching: ${tellEntry(mine)} and ${tellEntry(theirs)} before what is the same`);
          }
        }
      }
    }
  }

  #checkRead(name: string, index: number): void {
    this.#readsAnswered++;
    if (index < this.#reads.get(name)!)
      throw new Error(`${name} at ${index} misses what was applied before it was asked for`);
  }

  #below(count: number): number {
    return Math.floor(this.#random() * count);
  }

  #chance(probability: number): boolean {
    return this.#random() < probability;
  }
}

/** The same numbers for the same seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}
