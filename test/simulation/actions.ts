/** What is done to a simulated cluster, as data: a story can be made shorter by leaving some of it out. */
import { MessageType } from "../../src/api/generated/raftpb/raft.js";
import type { Weather } from "./network.js";

/** A host by its place among those that there are then, whoever they are. */
export type HostNumber = number;

export type Fault =
  /** The process ends, or the power fails; it starts again after a while. */
  | { readonly kind: "crash"; readonly host: HostNumber; readonly power: boolean; readonly downMs: number }
  /** The power fails in one of the next operations of the disk. */
  | { readonly kind: "crash-in-write"; readonly host: HostNumber; readonly operations: number; readonly downMs: number }
  /** The power fails as soon as the host has sent a message of this kind: what it has promised with that must be on the disk. */
  | {
      readonly kind: "crash-on-message";
      readonly host: HostNumber;
      readonly message: MessageType;
      readonly downMs: number;
    }
  /** Power fails at the leader, and at everybody else for a blink when it has voted; and letters are slow. */
  | { readonly kind: "contest"; readonly downMs: number; readonly blinkMs: number; readonly maxDelayMs: number }
  /** The power fails everywhere, but at hosts with the letter b; each comes back at a time of its own. */
  | { readonly kind: "blackout"; readonly sides: string; readonly downMs: number }
  /** While the process is down, bits of its disk turn. */
  | { readonly kind: "corrupt"; readonly host: HostNumber; readonly where: number; readonly downMs: number }
  /** Hosts with different letters do not reach each other: letter n is for host n, and again from the first. */
  | { readonly kind: "partition"; readonly sides: string; readonly forMs: number }
  /** Nothing goes from one to the other; the way back stays. */
  | { readonly kind: "cut"; readonly from: HostNumber; readonly to: HostNumber; readonly forMs: number }
  /** Nothing goes out of a host, or nothing comes in. */
  | { readonly kind: "deafen"; readonly host: HostNumber; readonly direction: "out" | "in"; readonly forMs: number }
  | { readonly kind: "weather"; readonly weather: Weather; readonly forMs: number }
  | { readonly kind: "slow-disk"; readonly host: HostNumber; readonly syncMs: number; readonly forMs: number }
  | { readonly kind: "pause"; readonly host: HostNumber; readonly forMs: number }
  | { readonly kind: "clock-jump"; readonly host: HostNumber; readonly byMs: number }
  | { readonly kind: "clock-rate"; readonly host: HostNumber; readonly rate: number }
  | { readonly kind: "join" }
  | { readonly kind: "remove"; readonly host: HostNumber }
  | { readonly kind: "replace"; readonly host: HostNumber }
  | { readonly kind: "transfer"; readonly to: HostNumber }
  | { readonly kind: "snapshot"; readonly host: HostNumber }
  /** The manager is asked to stop, and starts again after a while. */
  | { readonly kind: "stop"; readonly host: HostNumber; readonly downMs: number }
  /** What is written from now on is sealed with another key. */
  | { readonly kind: "rotate-key"; readonly host: HostNumber };

export type ClientRequest =
  | { readonly ask: "read" | "stale-read" | "create" | "update" | "swap" | "remove" | "pair" }
  /** An update on top of the version that the client saw last, however long ago. */
  | { readonly ask: "update-seen" };

export type ClientAction = ClientRequest & {
  readonly kind: "client";
  readonly client: number;
  readonly host: HostNumber;
  /** Goes to whom that host takes for the leader. */
  readonly viaLeader: boolean;
  readonly key: number;
  /** Reads up to date before it writes, so that a refusal tells something, too. */
  readonly barrier: boolean;
};

export type Action = { readonly at: number } & (Fault | ClientAction);

export function describeAction(action: Action): string {
  switch (action.kind) {
    case "crash":
      return `${action.power ? "power fails" : "process is killed"} at host #${action.host}, back after ${ms(action.downMs)}`;
    case "crash-in-write":
      return `power fails at host #${action.host} in the disk operation ${action.operations} from now, back after ${ms(action.downMs)}`;
    case "crash-on-message":
      return `power fails at host #${action.host} when it has sent its next ${MessageType[action.message]}, back after ${ms(action.downMs)}`;
    case "contest":
      return `power fails at the leader, back after ${ms(action.downMs)}; and for ${ms(action.blinkMs)} at each that has voted for another; up to ${ms(action.maxDelayMs)} late`;
    case "blackout":
      return `power fails at hosts ${action.sides} (a), back after ${ms(action.downMs)} and later`;
    case "corrupt":
      return `host #${action.host} is killed and a sector of its disk goes bad (at ${action.where.toFixed(3)}), back after ${ms(action.downMs)}`;
    case "partition":
      return `partition ${action.sides} for ${ms(action.forMs)}`;
    case "cut":
      return `nothing goes from #${action.from} to #${action.to} for ${ms(action.forMs)}`;
    case "deafen":
      return `nothing ${action.direction === "in" ? "comes in at" : "goes out of"} #${action.host} for ${ms(action.forMs)}`;
    case "weather": {
      const { loss, duplication, maxDelayMs, stragglers } = action.weather;
      return `weather for ${ms(action.forMs)}: ${percent(loss)} lost, ${percent(duplication)} doubled, up to ${ms(maxDelayMs)} late, ${percent(stragglers)} very late`;
    }
    case "slow-disk":
      return `disk of #${action.host} takes ${ms(action.syncMs)} for a sync, for ${ms(action.forMs)}`;
    case "pause":
      return `host #${action.host} pauses for ${ms(action.forMs)}`;
    case "clock-jump":
      return `clock of #${action.host} jumps by ${ms(action.byMs)}`;
    case "clock-rate":
      return `clock of #${action.host} runs at ${action.rate.toFixed(3)}`;
    case "join":
      return "a new host joins";
    case "remove":
      return `host #${action.host} is removed`;
    case "replace":
      return `host #${action.host} is removed, and a new one joins`;
    case "transfer":
      return `leadership is handed to #${action.to}`;
    case "snapshot":
      return `host #${action.host} takes a snapshot`;
    case "stop":
      return `host #${action.host} is stopped, back after ${ms(action.downMs)}`;
    case "rotate-key":
      return `host #${action.host} gets a new key`;
    case "client":
      return `client ${action.client} asks ${action.viaLeader ? "the leader as known at " : ""}#${action.host}: ${action.ask} k${action.key}${action.barrier ? " after a barrier" : ""}`;
  }
}

function ms(value: number): string {
  return Math.abs(value) >= 1000 ? `${(value / 1000).toFixed(2)} s` : `${value.toFixed(1)} ms`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`;
}
