/** One member, driven by hand: its peers are whoever writes the test. */
import { type Entry, type Message, MessageType } from "../../../src/api/generated/raftpb/raft.js";
import type { RaftConfig } from "../../../src/raft/core/config.js";
import { type MemberId, NOBODY } from "../../../src/raft/core/member-id.js";
import { draft } from "../../../src/raft/core/outgoing.js";
import type { Ready } from "../../../src/raft/core/ready.js";
import { CONFIG, MemoryMember, votersState } from "./memory-member.js";

export interface Given {
  /** Without itself: "2" and "3". */
  readonly peers?: readonly MemberId[];
  readonly learners?: readonly MemberId[];
  /** Of each entry of the log, from index 1 on. */
  readonly logTerms?: readonly number[];
  readonly term?: number;
  readonly vote?: MemberId;
  readonly commit?: number;
  readonly config?: Partial<RaftConfig>;
}

/** Member "1". */
export function member(given: Given = {}): MemoryMember {
  const {
    peers = ["2", "3"],
    learners = [],
    logTerms = [],
    term = logTerms.at(-1) ?? 0,
    vote = NOBODY,
    commit = 0,
  } = given;
  const one = new MemoryMember(
    { ...CONFIG, id: "1", ...given.config },
    {
      index: 0,
      term: 0,
      confState: votersState(
        ["1", ...peers].filter((id) => !learners.includes(id)),
        learners,
      ),
    },
  );
  one.disk.entries = entries(1, ...logTerms);
  one.disk.hardState = { term, vote, commit };
  one.restart();
  return one;
}

/** Entries of these terms from an index on. */
export function entries(first: number, ...terms: number[]): Entry[] {
  return terms.map((term, at) => ({
    Index: first + at,
    Term: term,
    Type: 0,
    Data: Buffer.from(`${first + at}.${term}`),
  }));
}

/** To member "1". */
export function from(peer: MemberId, type: MessageType, term: number, fields: Partial<Message> = {}): Message {
  return { ...draft(type, peer, "1", term), ...fields };
}

export interface Settled {
  readonly messages: readonly Message[];
  readonly applied: readonly Entry[];
  readonly readys: readonly Ready[];
}

/** Does all that is to be done, with a disk that is quick. */
export function settle(one: MemoryMember): Settled {
  const messages: Message[] = [];
  const applied: Entry[] = [];
  const readys: Ready[] = [];
  for (;;) {
    for (let written = one.write(); written !== undefined; written = one.write()) {
      messages.push(...written.messagesAfterPersist);
    }
    const ready = one.take();
    if (ready === undefined) return { messages, applied, readys };
    readys.push(ready);
    messages.push(...ready.messages);
    one.apply(ready.committed);
    applied.push(...ready.committed);
  }
}

/** What it says to a message. */
export function answer(one: MemoryMember, message: Message): readonly Message[] {
  settle(one);
  one.core.step(message);
  return settle(one).messages;
}

export function ticks(one: MemoryMember, count: number): Settled {
  for (let i = 0; i < count; i++) one.core.tick();
  return settle(one);
}

/** Campaigns, and is elected by all; its empty entry has gone out, and is not answered. */
export function leader(given: Given = {}): MemoryMember {
  const one = member({ ...given, config: { ...given.config } });
  one.core.campaign();
  settle(one);
  const { peers = ["2", "3"] } = given;
  if (one.config.preVote)
    for (const peer of peers) one.core.step(from(peer, MessageType.MsgPreVoteResp, one.core.term + 1));
  settle(one);
  for (const peer of peers) one.core.step(from(peer, MessageType.MsgVoteResp, one.core.term));
  settle(one);
  if (one.core.role !== "leader") throw new Error(`it is a ${one.core.role}`);
  return one;
}

/** A leader whose empty entry has arrived everywhere and is committed. */
export function settledLeader(given: Given = {}): MemoryMember {
  const one = leader(given);
  const { peers = ["2", "3"] } = given;
  for (const peer of peers) accept(one, peer, one.core.lastIndex);
  settle(one);
  return one;
}

/** A peer has everything up to an index. */
export function accept(one: MemoryMember, peer: MemberId, index: number): void {
  one.core.step(from(peer, MessageType.MsgAppResp, one.core.term, { index }));
}

export function ofType(messages: readonly Message[], type: MessageType): readonly Message[] {
  return messages.filter((message) => message.type === type);
}

export const logTerms = (one: MemoryMember): number[] => one.log.entries.map(({ Term }) => Term);
