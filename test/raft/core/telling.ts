/** Messages, entries and Readys as lines that people read. Members are called a, b, c … */
import {
  ConfChangeTransition,
  ConfChangeType,
  type ConfState,
  type Entry,
  type Message,
  MessageType,
} from "../../../src/api/generated/raftpb/raft.js";
import type { FollowerStatus } from "../../../src/raft/core/machine.js";
import { type MemberId, NOBODY } from "../../../src/raft/core/member-id.js";
import { asV2, decodeChange } from "../../../src/raft/core/membership-change.js";
import type { Ready } from "../../../src/raft/core/ready.js";

export function idOf(name: string): MemberId {
  if (!/^[a-z]$/.test(name)) throw new Error(`"${name}" is no member: they are called a to z`);
  return String(name.charCodeAt(0) - 96);
}

export function nameOf(id: MemberId): string {
  return id === NOBODY ? "nobody" : String.fromCharCode(96 + Number(id));
}

const names = (ids: readonly MemberId[]): string => ids.map(nameOf).join(" ");

export function tellMembership(state: ConfState): string {
  const parts = [`voters ${names(state.voters) || "none"}`];
  if (state.votersOutgoing.length > 0) parts.push(`outgoing ${names(state.votersOutgoing)}`);
  if (state.learners.length > 0) parts.push(`learners ${names(state.learners)}`);
  if (state.learnersNext.length > 0) parts.push(`learners next ${names(state.learnersNext)}`);
  if (state.autoLeave) parts.push("leaves by itself");
  return parts.join(", ");
}

const CHANGES: Record<number, string> = {
  [ConfChangeType.ConfChangeAddNode]: "add",
  [ConfChangeType.ConfChangeRemoveNode]: "remove",
  [ConfChangeType.ConfChangeUpdateNode]: "update",
  [ConfChangeType.ConfChangeAddLearnerNode]: "learner",
};

const TRANSITIONS: Record<number, string> = {
  [ConfChangeTransition.ConfChangeTransitionAuto]: "",
  [ConfChangeTransition.ConfChangeTransitionJointImplicit]: "implicit ",
  [ConfChangeTransition.ConfChangeTransitionJointExplicit]: "explicit ",
};

export function tellData(entry: Entry): string {
  const change = decodeChange(entry);
  if (change === undefined) return entry.Data.length === 0 ? "empty" : entry.Data.toString();
  const { transition, changes } = asV2(change);
  if (changes.length === 0) return "[leave joint]";
  const parts = changes.map(({ type, nodeId }) => `${CHANGES[type]} ${nameOf(nodeId)}`).join(", ");
  return `[${change.kind} ${TRANSITIONS[transition]}${parts}]`;
}

/** Index, term and what it says. */
export const tellEntry = (entry: Entry): string => `${entry.Index}.${entry.Term} ${tellData(entry)}`;

const tellEntries = (entries: readonly Entry[]): string => entries.map(tellEntry).join(", ");

export function tellMessage(message: Message): string {
  return `${nameOf(message.from)} → ${nameOf(message.to)}: ${tellContent(message)}`;
}

function tellContent(message: Message): string {
  const { index, term, logTerm, commit, reject, context } = message;
  const answer = reject ? "no" : "yes";
  const inTerm = `in term ${term}`;
  switch (message.type) {
    case MessageType.MsgApp: {
      const what = message.entries.length === 0 ? "nothing" : tellEntries(message.entries);
      return `append ${what} after ${index}.${logTerm}, commit ${commit}, ${inTerm}`;
    }
    case MessageType.MsgAppResp:
      return reject
        ? `refuses the append after ${index}, try ${message.rejectHint}.${logTerm}, ${inTerm}`
        : `has all up to ${index}, ${inTerm}`;
    case MessageType.MsgVote:
      return `vote for me? log ends at ${index}.${logTerm}, ${inTerm}${context.length > 0 ? `, ${context}` : ""}`;
    case MessageType.MsgPreVote:
      return `would you vote for me? log ends at ${index}.${logTerm}, ${inTerm}`;
    case MessageType.MsgVoteResp:
      return `vote: ${answer}, ${inTerm}`;
    case MessageType.MsgPreVoteResp:
      return `would vote: ${answer}, ${inTerm}`;
    case MessageType.MsgHeartbeat:
      return `heartbeat, commit ${commit}${tellRound(context)}, ${inTerm}`;
    case MessageType.MsgHeartbeatResp:
      return `is alive${tellRound(context)}, ${inTerm}`;
    case MessageType.MsgSnap: {
      const metadata = message.snapshot!.metadata!;
      return `snapshot ${metadata.index}.${metadata.term}, ${tellMembership(metadata.confState!)}, ${inTerm}`;
    }
    case MessageType.MsgTimeoutNow:
      return `campaign now, ${inTerm}`;
    case MessageType.MsgReadIndex:
      return `wants to read ${message.entries[0]!.Data}`;
    case MessageType.MsgReadIndexResp:
      return `read ${message.entries[0]!.Data} at ${index}, ${inTerm}`;
    default:
      throw new Error(`nobody sends a ${MessageType[message.type]}`);
  }
}

const tellRound = (context: Buffer): string => (context.length === 0 ? "" : `, read round ${context[0]}`);

/** What a member has to do, beside its messages. */
export function tellReady(name: string, ready: Ready): string[] {
  const lines: string[] = [];
  if (ready.softState !== undefined) {
    const { role, leader } = ready.softState;
    lines.push(role === "leader" ? `${name} leads` : `${name} is a ${role}, led by ${nameOf(leader)}`);
  }
  const writes: string[] = [];
  if (ready.snapshot !== undefined) writes.push(`snapshot ${ready.snapshot.index}.${ready.snapshot.term}`);
  if (ready.entries.length > 0) writes.push(tellEntries(ready.entries));
  if (ready.hardState !== undefined) {
    const { term, vote, commit } = ready.hardState;
    writes.push(`term ${term}, vote ${nameOf(vote)}, commit ${commit}`);
  }
  if (writes.length > 0) lines.push(`${name} writes ${writes.join("; ")}${ready.mustSync ? "" : " (need not last)"}`);
  if (ready.committed.length > 0) lines.push(`${name} applies ${tellEntries(ready.committed)}`);
  for (const { context, index } of ready.readStates) {
    lines.push(`${name} may read ${Buffer.from(context)} at ${index}`);
  }
  return lines;
}

export function tellFollower(one: FollowerStatus): string {
  const parts = [`${nameOf(one.id)}: ${one.state}, match ${one.match}, next ${one.next}`];
  if (one.isLearner) parts.push("learner");
  if (one.paused) parts.push("paused");
  if (one.pendingSnapshot > 0) parts.push(`snapshot ${one.pendingSnapshot} under way`);
  if (one.inflight > 0) parts.push(`${one.inflight} in flight`);
  if (!one.recentlyActive) parts.push("silent");
  return parts.join(", ");
}
