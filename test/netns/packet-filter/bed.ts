import type { ExecutionContext } from "ava";
import type { Namespace } from "../../../netns/namespace.js";
import type { PacketFilter, PacketRules } from "../../../netns/packet-filter/rules.js";
import type { Network } from "./network.js";
import type { Responder } from "./traffic.js";

/** What every test of the suite works with. */
export interface Bed {
  readonly network: Network;
  readonly filter: PacketFilter;
  /** Each answers by its name on port 80. */
  readonly responders: Readonly<Record<"server" | "router" | "client" | "aside", Responder>>;
  apply(namespace: Namespace, rules: PacketRules): number;
}

export type Declare = (title: string, body: (t: ExecutionContext, bed: Bed) => Promise<void> | void) => void;
