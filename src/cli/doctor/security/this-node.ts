/** The node that tsctl runs on, as the probes see it. */
import { CAService } from "../../../api/generated/docker/swarmkit/v1/ca.js";
import { ControlService } from "../../../api/generated/docker/swarmkit/v1/control.js";
import { LocalNodeService, type NodeInfoResponse } from "../../../api/generated/tswarm/v1/node.js";
import { localSockets } from "../../../api/local-sockets.js";
import { CommandError, UsageError } from "../../failure.js";
import type { Invocation } from "../../invocation.js";
import { listNodes, theCluster } from "../../objects.js";
import { Channel, type TlsSettings } from "../../rpc/channel.js";
import { CallFailure, ConnectError } from "../../rpc/errors.js";
import { parseSocketAddress } from "../../socket-address.js";
import { agentIdentity } from "./certificate-probes.js";
import { processAt } from "./processes.js";
import type { ManagerReply, SecurityWorld } from "./world.js";

const ASK_TIMEOUT_MS = 3000;

/** @param info what the daemon says, undefined when it does not answer */
export async function thisNode(invocation: Invocation, info: NodeInfoResponse | undefined): Promise<SecurityWorld> {
  const { socket } = invocation.settings;
  if (socket.kind !== "unix") throw new UsageError("a manager elsewhere cannot be looked at: leave out --socket");
  const sockets = localSockets(info?.controlSocket || socket.path);
  const world: SecurityWorld = {
    nowMs: invocation.terminal.now(),
    sockets,
    info,
    agent: processAt(sockets.node),
    manager: processAt(sockets.control),
    ...(info?.controlAvailable ? await swarmOf(invocation) : NO_SWARM),
    ask: (address, what, as) => askManager(address, what, as === "agent" ? () => agentIdentity(world) : undefined),
  };
  return world;
}

export async function nodeInfo(invocation: Invocation): Promise<NodeInfoResponse> {
  return (await invocation.connectNode()).call(LocalNodeService.info, {});
}

const NO_SWARM = { swarm: undefined, swarmError: "" };

async function swarmOf(invocation: Invocation): Promise<Pick<SecurityWorld, "swarm" | "swarmError">> {
  const connection = await invocation.connect();
  try {
    const [cluster, nodes] = await Promise.all([theCluster(connection), listNodes(connection)]);
    return { swarm: { cluster, nodes }, swarmError: "" };
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return { swarm: undefined, swarmError: error.message };
  }
}

/** @param identity by which to prove oneself; undefined: by nothing, and trusting anybody */
export async function askManager(
  address: string,
  what: "root" | "nodes",
  identity: (() => TlsSettings | undefined) | undefined,
): Promise<ManagerReply> {
  const skewTo = (timeMs: number | undefined) => (timeMs === undefined ? undefined : timeMs - Date.now());
  let channel: Channel | undefined;
  try {
    const tls = identity?.();
    if (identity && !tls) return { outcome: "unreachable", reason: "this node has no certificate", skewMs: undefined };
    channel = new Channel(parseSocketAddress(`tcp://${address}`, "manager"), tls);
    const { path } = what === "root" ? CAService.getRootCaCertificate : ControlService.listNodes;
    // Both requests are empty.
    const { serverTimeMs } = await channel.call(path, Buffer.alloc(0), ASK_TIMEOUT_MS);
    return { outcome: "answered", reason: "", skewMs: skewTo(serverTimeMs) };
  } catch (error) {
    if (error instanceof CallFailure)
      return { outcome: "refused", reason: error.details, skewMs: skewTo(error.serverTimeMs) };
    if (error instanceof ConnectError || error instanceof UsageError)
      return { outcome: "unreachable", reason: error.message, skewMs: undefined };
    throw error;
  } finally {
    channel?.close();
  }
}
