/** What the agent's main thread and its data-plane Worker say to each other. Everything here can be cloned. */
import type { ObserveRequest, ObserveResult, RowUpdate } from "../../api/generated/tswarm/v1/link.js";
import type { LocalTask } from "./local-task.js";
import type { NetworkFacts } from "./network-facts.js";

export type LoadBalancerChoice = "auto" | "ipvs" | "nftables";
export type PacketFilterChoice = "auto" | "nftables" | "iptables-nft" | "iptables-legacy";

export interface DataPlaneOptions {
  readonly nodeId: string;
  /** Where the gateway addresses are kept. */
  readonly stateDir: string;
  readonly vxlanPort: number;
  /** The link that carries VXLAN and its MTU in bytes. */
  readonly underlayMtu: number;
  readonly bridgeName: string;
  readonly loadBalancer: LoadBalancerChoice;
  readonly packetFilter: PacketFilterChoice;
  /** Pause between two looks at the whole kernel state, ms. */
  readonly lookIntervalMs: number;
}

export interface IngressFacts {
  readonly networkId: string;
  /** "10.0.0.2/24" */
  readonly addressPrefix: string;
}

/** Each is answered by `done` with the same sequence once the kernel holds it. */
export type DataPlaneChange =
  | { readonly kind: "rows"; readonly update: RowUpdate }
  | { readonly kind: "networks"; readonly networks: readonly NetworkFacts[] }
  | { readonly kind: "ingress"; readonly ingress: IngressFacts }
  | { readonly kind: "task"; readonly task: LocalTask }
  | { readonly kind: "task-gone"; readonly taskId: string }
  /** All tasks that this node still has are known: sandboxes of others may go. */
  | { readonly kind: "restored" };

export type ToDataPlane =
  | { readonly kind: "change"; readonly sequence: number; readonly change: DataPlaneChange }
  | { readonly kind: "observe"; readonly sequence: number; readonly request: ObserveRequest }
  | { readonly kind: "teardown"; readonly sequence: number };

export interface DataPlaneFacts {
  readonly loadBalancer: "ipvs" | "nftables" | "none";
  /** Why not the others, one line each. */
  readonly loadBalancerReasons: readonly string[];
  readonly packetFilter: "nftables" | "iptables-nft" | "iptables-legacy" | "none";
  readonly packetFilterReasons: readonly string[];
  readonly gatewaySubnet: string;
  /** The kernel speaks IPv6. */
  readonly hasIpv6: boolean;
  /** The load balancer takes virtual addresses of IPv6. Without, names stand for the tasks themselves. */
  readonly balancesIpv6: boolean;
  /** MTU of the link that carries VXLAN, bytes. */
  readonly underlayMtu: number;
}

export type FromDataPlane =
  | { readonly kind: "ready"; readonly facts: DataPlaneFacts }
  | { readonly kind: "failed"; readonly error: string }
  /** Every change up to `sequence` is in the kernel; `problems` says what the kernel refused. */
  | { readonly kind: "done"; readonly sequence: number; readonly problems: readonly DataPlaneProblem[] }
  | { readonly kind: "observed"; readonly sequence: number; readonly result: ObserveResult }
  | { readonly kind: "log"; readonly line: string };

export interface DataPlaneProblem {
  /** The sandbox, network or `host`. */
  readonly place: string;
  readonly text: string;
}
