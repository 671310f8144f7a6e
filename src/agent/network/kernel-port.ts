/** What the data plane asks of the kernel: the layers below, gathered behind one interface. Synchronous. */
import type { LoadBalancer } from "../../../ipvs/load-balancer.js";
import type { PacketFilter } from "../../../netns/packet-filter/rules.js";
import type { NodeWanted } from "../../../overlay/wanted.js";
import type { ObservedItem } from "../../api/generated/tswarm/v1/link.js";
import type { DataPlaneFacts, DataPlaneProblem } from "./data-plane-protocol.js";

/** Which part of the node's links a pass concerns. */
export type OverlayScope =
  | "all"
  | {
      /** Networks that come to this node or leave it. */
      readonly networkIds: ReadonlySet<string>;
      /** Networks of which only endpoints on other nodes changed. */
      readonly entryNetworkIds: ReadonlySet<string>;
      readonly sandboxIds: ReadonlySet<string>;
    };

export interface OverlayPort {
  /** Makes and mends what is wanted; removes nothing that something may still use. */
  extend(wanted: NodeWanted, scope: OverlayScope): readonly DataPlaneProblem[];
  /** Removes what is not wanted. */
  trim(wanted: NodeWanted, scope: OverlayScope): readonly DataPlaneProblem[];
  /** Compares without writing. */
  observe(wanted: NodeWanted): readonly ObservedItem[];
  /** Removes every namespace and link of this node. */
  removeAll(wanted: NodeWanted): readonly DataPlaneProblem[];
}

export type NamespacePlace = "host" | { readonly sandboxId: string };

export interface KernelPort {
  readonly facts: Omit<DataPlaneFacts, "gatewaySubnet">;
  /**
   * Whether ports of the gateway bridge can be kept apart by the bridge itself. Where bridged frames pass the packet filter, an isolated port
   * would also drop what a task sends to a published port of its own host; there the rules keep sandboxes apart.
   */
  canIsolatePorts(): boolean;
  readonly overlay: OverlayPort;
  /** Absent where no back-end works. */
  readonly packetFilter?: PacketFilter;
  /** A driver for one sandbox; undefined where no driver works. */
  loadBalancer(sandboxId: string): LoadBalancer | undefined;
  /** Runs `work` with the thread inside the namespace. @throws when there is no such namespace */
  inside<T>(place: NamespacePlace, work: () => T): T;
  /** Ends UDP flows to these ports in the namespace that the thread is in, so that a stale one does not keep its old way. */
  forgetUdpFlows(destinationPorts: ReadonlySet<number>): void;
}
