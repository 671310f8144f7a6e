/** What is done to a simulated cluster besides what is done to its managers, as data: a story can be made shorter by leaving some of it out. */
import { type Action, describeAction, type Fault } from "../simulation/actions.js";

/** A node by its place among those that there are then. */
export type NodeNumber = number;

export type NodeFault =
  /** The agent is killed, and what it runs goes on; or the power fails, and nothing does. */
  | { readonly kind: "node-crash"; readonly node: NodeNumber; readonly power: boolean; readonly downMs: number }
  /** The same at all nodes but those with the letter b. */
  | { readonly kind: "nodes-crash"; readonly sides: string; readonly power: boolean; readonly downMs: number }
  /** Nothing goes out of a node, or nothing comes in, or neither. */
  | {
      readonly kind: "node-cut";
      readonly node: NodeNumber;
      readonly direction: "out" | "in" | "both";
      readonly forMs: number;
    }
  /** Managers and nodes with different letters do not reach each other. */
  | { readonly kind: "split"; readonly managers: string; readonly nodes: string; readonly forMs: number }
  | { readonly kind: "node-pause"; readonly node: NodeNumber; readonly forMs: number }
  | { readonly kind: "node-clock"; readonly node: NodeNumber; readonly byMs: number }
  | { readonly kind: "node-clock-rate"; readonly node: NodeNumber; readonly rate: number }
  /** So many messages with assignments do not arrive, and then the connection breaks. */
  | { readonly kind: "lose-assignments"; readonly node: NodeNumber; readonly messages: number }
  /** Connections of all nodes but those with the letter b break, so often. */
  | { readonly kind: "storm"; readonly sides: string; readonly times: number; readonly everyMs: number }
  /** A node is switched off for good and removed, and another one comes. */
  | { readonly kind: "replace-node"; readonly node: NodeNumber };

export const PEOPLE_ACTS = [
  "create-service",
  "update-service",
  "scale",
  "roll-back",
  "remove-service",
  "create-network",
  "remove-network",
  "create-secret",
  "drain",
  "pause-node",
  "activate",
  "label",
] as const;

/** Somebody asks a manager for something. */
export interface PeopleAction {
  readonly kind: "people";
  readonly act: (typeof PEOPLE_ACTS)[number];
  /** What it is done to, by its place among those that there are then. */
  readonly pick: number;
  /** Decides all else. */
  readonly seed: number;
  /** The manager that is asked. */
  readonly host: number;
}

export type ClusterAction = { readonly at: number } & (Fault | NodeFault | PeopleAction);

export function describeClusterAction(action: ClusterAction): string {
  switch (action.kind) {
    case "node-crash":
      return `${action.power ? "power fails at" : "the agent is killed on"} node #${action.node}, back after ${ms(action.downMs)}`;
    case "nodes-crash":
      return `${action.power ? "power fails at" : "agents are killed on"} nodes ${action.sides} (a), back after ${ms(action.downMs)} and later`;
    case "node-cut":
      return `nothing ${{ out: "goes out of", in: "comes in at", both: "passes to or from" }[action.direction]} node #${action.node} for ${ms(action.forMs)}`;
    case "split":
      return `split of managers ${action.managers} and nodes ${action.nodes} for ${ms(action.forMs)}`;
    case "node-pause":
      return `node #${action.node} pauses for ${ms(action.forMs)}`;
    case "node-clock":
      return `clock of node #${action.node} jumps by ${ms(action.byMs)}`;
    case "node-clock-rate":
      return `clock of node #${action.node} runs at ${action.rate.toFixed(3)}`;
    case "lose-assignments":
      return `node #${action.node} loses ${action.messages} messages with assignments`;
    case "storm":
      return `connections of nodes ${action.sides} (a) break ${action.times} times, every ${ms(action.everyMs)}`;
    case "replace-node":
      return `node #${action.node} is removed, and another one comes`;
    case "people":
      return `somebody asks manager #${action.host}: ${action.act} #${action.pick} (${action.seed})`;
    default:
      return describeAction(action as Action);
  }
}

function ms(value: number): string {
  return Math.abs(value) >= 1000 ? `${(value / 1000).toFixed(2)} s` : `${value.toFixed(1)} ms`;
}
