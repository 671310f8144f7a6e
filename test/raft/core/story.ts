/**
 * Stories: text files that drive a small group and say what came of it. A line at the margin is a command, one that begins with
 * "#" is for the reader, and indented lines are what happened: they are compared, or written anew.
 */
import {
  ConfChangeTransition,
  ConfChangeType,
  type Message,
  type SnapshotMetadata,
} from "../../../src/api/generated/raftpb/raft.js";
import type { RaftConfig } from "../../../src/raft/core/config.js";
import type { MembershipChange, ProposalResult } from "../../../src/raft/core/machine.js";
import type { MemberId } from "../../../src/raft/core/member-id.js";
import { encodeChange } from "../../../src/raft/core/membership-change.js";
import type { Ready } from "../../../src/raft/core/ready.js";
import { CONFIG, MemoryMember, NO_STATE, votersState } from "./memory-member.js";
import { idOf, nameOf, tellFollower, tellMembership, tellMessage, tellReady } from "./telling.js";

/** A group that does not come to rest after so many rounds never does. */
const MAX_ROUNDS = 100;

/** @returns the story with what happens in it now @throws when a command is unknown, or an expectation fails */
export function tell(text: string): string {
  const story = new Story();
  const lines: string[] = [];
  for (const [at, line] of text.split("\n").entries()) {
    if (line.startsWith(" ")) continue;
    lines.push(line);
    if (line === "" || line.startsWith("#")) continue;
    try {
      lines.push(...story.run(line).map((one) => `  ${one}`));
    } catch (error) {
      throw new Error(`line ${at + 1}, "${line}": ${(error as Error).message}`, { cause: error });
    }
  }
  return lines.join("\n");
}

const NO_SNAPSHOT: SnapshotMetadata = { index: 0, term: 0, confState: NO_STATE };

type Command = readonly [pattern: RegExp, run: (...words: string[]) => void];

class Story {
  readonly #members = new Map<MemberId, MemoryMember>();
  readonly #down = new Set<MemberId>();
  #way: Message[] = [];
  #options: Omit<RaftConfig, "id"> = CONFIG;
  /** "1>2": nothing that 1 sends arrives at 2. */
  readonly #cut = new Set<string>();
  #told: string[] = [];

  readonly #commands: readonly Command[] = [
    [
      /^members ([a-z ]+?)(?: and learners ([a-z ]+?))?(?: from snapshot (\d+)\.(\d+))?(?: with (.+))?$/,
      (voters, learners, index, term, options) => {
        this.#options = optionsOf(options ?? "");
        const confState = votersState(idsOf(voters!), idsOf(learners ?? ""));
        for (const id of [...confState.voters, ...confState.learners]) {
          this.#add(id, { index: Number(index ?? 0), term: Number(term ?? 0), confState });
        }
      },
    ],
    [
      /^([a-z]) founds the group$/,
      (name) => {
        const member = this.#add(idOf(name!), NO_SNAPSHOT);
        const { type, data } = encodeChange(changeOf(`v1 add ${name}`));
        member.disk.entries = [{ Term: 1, Index: 1, Type: type, Data: data }];
        member.disk.hardState = { term: 1, vote: "0", commit: 1 };
        member.restart();
      },
    ],
    [/^([a-z]) is new$/, (name) => this.#add(idOf(name!), NO_SNAPSHOT)],
    [
      /^([a-z]) holds entries of terms ([\d ]+)$/,
      (name, terms) => {
        const member = this.#member(name!);
        member.disk.entries = terms!
          .split(" ")
          .map((term, at) => ({ Term: Number(term), Index: at + 1, Type: 0, Data: Buffer.from(`x${at + 1}`) }));
        member.disk.hardState = { term: member.disk.entries.at(-1)!.Term, vote: "0", commit: 0 };
        member.restart();
      },
    ],

    [/^([a-z]) campaigns$/, (name) => this.#member(name!).core.campaign()],
    [
      /^([a-z]) ticks(?: (\d+))?$/,
      (name, count) => {
        for (let i = 0; i < Number(count ?? 1); i++) this.#member(name!).core.tick();
      },
    ],
    [
      /^all tick(?: (\d+))?$/,
      (count) => {
        for (let i = 0; i < Number(count ?? 1); i++) for (const member of this.#up()) member.core.tick();
      },
    ],

    [
      /^([a-z]) proposes (?!change)(.+)$/,
      (name, data) => this.#tellResult(this.#member(name!).core.propose(Buffer.from(data!))),
    ],
    [
      /^([a-z]) proposes change (.+)$/,
      (name, text) => this.#tellResult(this.#member(name!).core.proposeMembershipChange(changeOf(text!))),
    ],
    [
      /^([a-z]) reads (\w+)$/,
      (name, context) => {
        if (!this.#member(name!).core.readIndex(Buffer.from(context!))) this.#told.push("it knows nobody to ask");
      },
    ],
    [
      /^([a-z]) hands over to ([a-z])$/,
      (name, to) => {
        if (!this.#member(name!).core.transferLeadership(idOf(to!))) this.#told.push("it cannot");
      },
    ],
    [/^([a-z]) forgets its leader$/, (name) => this.#member(name!).core.forgetLeader()],
    [/^([a-z]) cannot reach ([a-z])$/, (name, to) => this.#member(name!).core.reportUnreachable(idOf(to!))],
    [
      /^([a-z])'s snapshot to ([a-z]) (arrived|failed)$/,
      (name, to, how) => this.#member(name!).core.reportSnapshot(idOf(to!), how === "arrived"),
    ],
    [
      /^([a-z]) compacts, keeping (\d+)$/,
      (name, kept) => {
        const member = this.#member(name!);
        const { index, term, confState } = member.compact(member.applied + 1 - Number(kept));
        this.#told.push(
          `snapshot ${index}.${term}, ${tellMembership(confState ?? NO_STATE)}; log from ${member.core.status().firstIndex}`,
        );
      },
    ],

    [/^([a-z]) works$/, (name) => this.#work(this.#member(name!))],
    [
      /^([a-z]) takes a Ready$/,
      (name) => {
        const ready = this.#member(name!).take();
        if (ready !== undefined) this.#handle(this.#member(name!), ready);
      },
    ],
    [
      /^([a-z])'s disk writes(?: (\d+))?$/,
      (name, count) => {
        for (let i = 0; i < Number(count ?? 1); i++) this.#write(this.#member(name!));
      },
    ],
    [
      /^([a-z]) hears(?: ([a-z ]+))?$/,
      (name, from) =>
        this.#deliver(
          (message) => message.to === idOf(name!) && (from === undefined || idsOf(from).includes(message.from)),
        ),
    ],
    [/^deliver all$/, () => this.#deliverAll()],
    [
      /^deliver all quietly$/,
      () => {
        const { length } = this.#told;
        this.#deliverAll();
        this.#told.length = length;
      },
    ],

    [
      /^cut ([a-z]) from ([a-z ]+)$/,
      (name, others) => {
        for (const other of idsOf(others!)) this.#cut.add(`${idOf(name!)}>${other}`).add(`${other}>${idOf(name!)}`);
      },
    ],
    [/^heal$/, () => this.#cut.clear()],
    [
      /^lose what is on the way(?: to ([a-z]))?$/,
      (to) => {
        this.#way = this.#way.filter((message) => {
          if (to !== undefined && message.to !== idOf(to)) return true;
          this.#told.push(`${tellMessage(message)} (lost)`);
          return false;
        });
      },
    ],
    [/^([a-z]) crashes$/, (name) => void this.#down.add(idOf(name!))],
    [
      /^([a-z]) restarts$/,
      (name) => {
        this.#down.delete(idOf(name!));
        this.#member(name!).restart();
      },
    ],

    [/^show ([a-z])$/, (name) => this.#show(this.#member(name!))],
    [/^expect ([a-z]) leads$/, (name) => expect(this.#member(name!).core.role, "leader")],
    [
      /^expect ([a-z]) follows ([a-z]|nobody)$/,
      (name, leader) => {
        const { role, leader: actual } = this.#member(name!).core;
        expect(`${role} of ${nameOf(actual)}`, `follower of ${leader}`);
      },
    ],
    [
      /^expect nobody leads$/,
      () => {
        for (const { id, core } of this.#up()) if (core.role === "leader") throw new Error(`${nameOf(id)} leads`);
      },
    ],
    [
      /^expect ([a-z ]+) to have applied (\d+)$/,
      (names, index) => {
        for (const id of idsOf(names!))
          expect(`${nameOf(id)} ${this.#members.get(id)?.applied}`, `${nameOf(id)} ${index}`);
      },
    ],
    [
      /^expect equal logs at ([a-z ]+)$/,
      (names) => {
        const [first, ...others] = idsOf(names!).map((id) => logOf(this.#members.get(id)!));
        for (const other of others) expect(other, first!);
      },
    ],
  ];

  run(line: string): readonly string[] {
    this.#told = [];
    for (const [pattern, run] of this.#commands) {
      const match = pattern.exec(line);
      if (match === null) continue;
      run(...match.slice(1));
      return this.#told;
    }
    throw new Error("nobody knows this command");
  }

  #config(id: MemberId): RaftConfig {
    // Of two that lose their leader at once, the one that comes first in the alphabet notices first.
    return { ...this.#options, id, random: () => (Number(id) - 1) / 10 };
  }

  #add(id: MemberId, snapshot: SnapshotMetadata): MemoryMember {
    const member = new MemoryMember(this.#config(id), snapshot);
    this.#members.set(id, member);
    return member;
  }

  #member(name: string): MemoryMember {
    const member = this.#members.get(idOf(name));
    if (member === undefined || this.#down.has(member.id)) throw new Error(`${name} is not there`);
    return member;
  }

  #up(): MemoryMember[] {
    return [...this.#members.values()].filter(({ id }) => !this.#down.has(id));
  }

  #deliverAll(): void {
    for (let round = 0; ; round++) {
      if (round > MAX_ROUNDS) throw new Error("the group does not come to rest");
      for (const member of this.#up()) this.#work(member);
      if (this.#way.length === 0) return;
      this.#deliver(() => true);
    }
  }

  #work(member: MemoryMember): void {
    for (let ready = member.take(); ready !== undefined; ready = member.take()) {
      this.#handle(member, ready);
      while (member.unwritten.length > 0) this.#write(member);
    }
    while (member.unwritten.length > 0) this.#write(member);
  }

  #handle(member: MemoryMember, ready: Ready): void {
    this.#told.push(...tellReady(nameOf(member.id), ready));
    this.#way.push(...ready.messages);
    member.apply(ready.committed);
  }

  #write(member: MemoryMember): void {
    const ready = member.write();
    if (ready !== undefined) this.#way.push(...ready.messagesAfterPersist);
  }

  #deliver(isMeant: (message: Message) => boolean): void {
    const way = this.#way;
    this.#way = [];
    for (const message of way) {
      if (!isMeant(message)) {
        this.#way.push(message);
        continue;
      }
      const receiver = this.#members.get(message.to);
      const isLost =
        receiver === undefined || this.#down.has(message.to) || this.#cut.has(`${message.from}>${message.to}`);
      this.#told.push(`${tellMessage(message)}${isLost ? " (lost)" : ""}`);
      if (!isLost) receiver.core.step(message);
    }
  }

  #tellResult(result: ProposalResult): void {
    this.#told.push(result.accepted ? `at ${result.index}.${result.term}` : `refused: ${result.reason}`);
  }

  #show({ core, applied }: MemoryMember): void {
    const { role, leader, hardState, firstIndex, lastIndex, lastTerm, membership, followers } = core.status();
    this.#told.push(
      `${role} of ${nameOf(leader)} in term ${hardState.term}; log ${firstIndex} to ${lastIndex}.${lastTerm}, commit ${hardState.commit}, applied ${applied}`,
      tellMembership(membership),
      ...followers.map(tellFollower),
    );
  }
}

const idsOf = (names: string): MemberId[] => names.split(" ").filter(Boolean).map(idOf);

function logOf(member: MemoryMember): string {
  return member.log.entries.map(({ Index, Term }) => `${Index}.${Term}`).join(" ");
}

function expect(actual: string, expected: string): void {
  if (actual !== expected) throw new Error(`it is "${actual}", not "${expected}"`);
}

const OPTIONS: readonly (readonly [RegExp, (amount: number) => Partial<RaftConfig>])[] = [
  [/^pre-vote$/, () => ({ preVote: true })],
  [/^check-quorum$/, () => ({ checkQuorum: true })],
  [/^lease reads$/, () => ({ readOnly: "lease" })],
  [/^messages of (\d+) bytes$/, (bytes) => ({ maxMessageBytes: bytes })],
  [/^(\d+) messages in flight$/, (count) => ({ maxInflightMessages: count })],
  [/^(\d+) bytes in flight$/, (bytes) => ({ maxInflightBytes: bytes })],
  [/^(\d+) bytes uncommitted$/, (bytes) => ({ maxUncommittedBytes: bytes })],
  [/^entries of (\d+) bytes$/, (bytes) => ({ maxEntryBytes: bytes })],
  [/^(\d+) committed bytes at a time$/, (bytes) => ({ maxCommittedBytesPerReady: bytes })],
];

function optionsOf(text: string): Omit<RaftConfig, "id"> {
  const chosen = text
    .split(", ")
    .filter(Boolean)
    .map((word) => {
      for (const [pattern, make] of OPTIONS) {
        const match = pattern.exec(word);
        if (match !== null) return make(Number(match[1]));
      }
      throw new Error(`nobody knows the option "${word}"`);
    });
  return Object.assign({ ...CONFIG }, ...chosen);
}

const KINDS: Record<string, ConfChangeType> = {
  add: ConfChangeType.ConfChangeAddNode,
  remove: ConfChangeType.ConfChangeRemoveNode,
  update: ConfChangeType.ConfChangeUpdateNode,
  learner: ConfChangeType.ConfChangeAddLearnerNode,
};

const TRANSITIONS: Record<string, ConfChangeTransition> = {
  auto: ConfChangeTransition.ConfChangeTransitionAuto,
  implicit: ConfChangeTransition.ConfChangeTransitionJointImplicit,
  explicit: ConfChangeTransition.ConfChangeTransitionJointExplicit,
};

/** "v1 add d", "v2 explicit add d, remove a", "leave joint". */
function changeOf(text: string): MembershipChange {
  const context = Buffer.alloc(0);
  if (text === "leave joint") return { kind: "v2", change: { transition: TRANSITIONS.auto!, changes: [], context } };
  const [, version, transition, list] = /^(v1|v2) (?:(auto|implicit|explicit) )?(.+)$/.exec(text) ?? [];
  if (list === undefined) throw new Error(`nobody knows the change "${text}"`);
  const changes = list.split(", ").map((one) => {
    const [kind, name] = one.split(" ");
    const type = KINDS[kind!];
    if (type === undefined) throw new Error(`nobody knows the change "${one}"`);
    return { type, nodeId: idOf(name!) };
  });
  if (version === "v1") return { kind: "v1", change: { ...changes[0]!, context, id: "0" } };
  return { kind: "v2", change: { transition: TRANSITIONS[transition ?? "auto"]!, changes, context } };
}
