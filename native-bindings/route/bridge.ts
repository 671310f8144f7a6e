/** Options of a bridge (`IFLA_BR_*`) and of a bridge's port (`IFLA_BRPORT_*`), include/uapi/linux/if_link.h. */
import { bool, bool32, centiseconds, type FieldTable, u8, u16, u32 } from "../netlink/attribute-fields.js";

export interface BridgeOptions {
  readonly forwardDelayMs?: number;
  /** How long a learned entry lives, in steps of 10; 0: for ever. */
  readonly ageingMs?: number;
  readonly stp?: boolean;
  readonly priority?: number;
  readonly vlanFiltering?: boolean;
  readonly groupForwardMask?: number;
  readonly multicastRouter?: number;
  readonly multicastSnooping?: boolean;
  readonly multicastQuerier?: boolean;
  readonly callIptables?: boolean;
  readonly callIp6tables?: boolean;
  readonly callArptables?: boolean;
  /** VLAN of untagged frames; 0: none. Needs a kernel with bridge VLAN filtering, also to be read. */
  readonly vlanDefaultPvid?: number;
}

export const BRIDGE_FIELDS: FieldTable<BridgeOptions> = {
  forwardDelayMs: [1, centiseconds],
  ageingMs: [4, centiseconds],
  stp: [5, bool32],
  priority: [6, u16],
  vlanFiltering: [7, bool],
  groupForwardMask: [9, u16],
  multicastRouter: [22, u8],
  multicastSnooping: [23, bool],
  multicastQuerier: [25, bool],
  callIptables: [36, bool],
  callIp6tables: [37, bool],
  callArptables: [38, bool],
  vlanDefaultPvid: [39, u16],
};

export interface BridgePortOptions {
  /** 0 disabled, 1 listening, 2 learning, 3 forwarding, 4 blocking. */
  readonly state?: number;
  readonly priority?: number;
  readonly cost?: number;
  /** Frames may leave by the port that they came from. */
  readonly hairpin?: boolean;
  readonly guard?: boolean;
  readonly learning?: boolean;
  /** Whether frames to unknown unicast addresses leave by this port. */
  readonly unicastFlood?: boolean;
  readonly proxyArp?: boolean;
  readonly multicastFlood?: boolean;
  readonly broadcastFlood?: boolean;
  readonly neighbourSuppress?: boolean;
  /** Isolated ports reach only those that are not isolated. */
  readonly isolated?: boolean;
}

export const BRIDGE_PORT_FIELDS: FieldTable<BridgePortOptions> = {
  state: [1, u8],
  priority: [2, u16],
  cost: [3, u32],
  hairpin: [4, bool],
  guard: [5, bool],
  learning: [8, bool],
  unicastFlood: [9, bool],
  proxyArp: [10, bool],
  multicastFlood: [27, bool],
  broadcastFlood: [30, bool],
  neighbourSuppress: [32, bool],
  isolated: [33, bool],
};
