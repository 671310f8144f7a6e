import type { Cluster, Node } from "../../../api/generated/docker/swarmkit/v1/objects.js";
import type { NodeInfoResponse } from "../../../api/generated/tswarm/v1/node.js";
import type { LocalSockets } from "../../../api/local-sockets.js";
import type { LocalProcess } from "./processes.js";

/** What the probes may know. */
export interface SecurityWorld {
  readonly nowMs: number;
  readonly sockets: LocalSockets;
  /** What the daemon says; undefined when it does not answer. */
  readonly info: NodeInfoResponse | undefined;
  /** Of whom the sockets are; undefined where that cannot be seen. */
  readonly agent: LocalProcess | undefined;
  readonly manager: LocalProcess | undefined;
  /** What this node's manager knows; undefined on a worker, or when it does not answer. */
  readonly swarm: { readonly cluster: Cluster; readonly nodes: readonly Node[] } | undefined;
  /** Why it is not known though this node has a manager; else empty. */
  readonly swarmError: string;
  /** Asks another manager, or this node's own, for the root certificate or for the nodes. */
  readonly ask: AskManager;
}

/** What came of a call to a manager's remote port. */
export interface ManagerReply {
  /** "answered", or how it failed: "refused" by a server that was reached, "unreachable" otherwise. */
  readonly outcome: "answered" | "refused" | "unreachable";
  readonly reason: string;
  /** The manager's clock minus ours, to about a second; undefined when it does not say. */
  readonly skewMs: number | undefined;
}

/** @param as with the agent's certificate and verifying the manager's, or as somebody without any */
export type AskManager = (address: string, what: "root" | "nodes", as: "agent" | "nobody") => Promise<ManagerReply>;
