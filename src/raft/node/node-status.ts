import type { MachineStatus } from "../core/machine.js";
import type { LogStorageStats } from "../storage/log-storage.js";
import type { PeerStatus } from "../transport/transport.js";
import { haveQuorum } from "./contacts.js";
import type { Member, RaftStatus } from "./raft.js";

export interface StatusSources extends Pick<RaftStatus, "tickMs" | "electionTicks" | "heartbeatTicks" | "missedTicks"> {
  readonly machine: MachineStatus;
  readonly members: readonly Member[];
  readonly peers: readonly PeerStatus[];
  readonly log: LogStorageStats;
  /** Ticks since a leader was known; 0 while there is one. */
  readonly leaderlessTicks: number;
  isReachable(id: string): boolean;
}

export function statusFrom(sources: StatusSources): RaftStatus {
  const { machine, members, peers, log, leaderlessTicks, tickMs, electionTicks, heartbeatTicks, missedTicks } = sources;
  const isReachable = (id: string) => id === machine.id || sources.isReachable(id);
  const hasLostQuorum =
    machine.role === "leader" ? !haveQuorum(machine.membership.voters, isReachable) : leaderlessTicks >= electionTicks;
  return {
    machine,
    members: members.map((member) => ({
      ...member,
      isLeader: member.raftId === machine.leader,
      isSelf: member.raftId === machine.id,
      isReachable: isReachable(member.raftId),
    })),
    peers,
    log,
    hasLostQuorum,
    tickMs,
    electionTicks,
    heartbeatTicks,
    missedTicks,
  };
}
