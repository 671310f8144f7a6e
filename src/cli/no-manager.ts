/** Why no manager answers on this node: its daemon knows. */

import { NodeRole } from "../api/generated/docker/swarmkit/v1/types.js";
import { LocalNodeService, LocalNodeState, type NodeInfoResponse } from "../api/generated/tswarm/v1/node.js";
import { type Connection, DeniedError, UnreachableError } from "./connection.js";
import { CommandError } from "./failure.js";

const NO_MEMBER =
  'This node is not a swarm manager. Use "tsctl init" or "tsctl join" to connect this node to swarm and try again.';
const WORKER =
  "This node is not a swarm manager. Worker nodes can't be used to view or modify cluster state. Please run this command on a manager node or promote the current node to a manager.";
const LOCKED =
  'Swarm is encrypted and needs to be unlocked before it can be used. Please use "tsctl unlock" to unlock it.';

/** The node's state as an error of a command that needs a manager. */
export function noManagerError(info: NodeInfoResponse): CommandError {
  switch (info.state) {
    case LocalNodeState.NODE_INACTIVE:
      return new CommandError(NO_MEMBER);
    case LocalNodeState.NODE_LOCKED:
      return new CommandError(LOCKED);
    case LocalNodeState.NODE_ERROR:
      return new CommandError(`this node has failed: ${info.error || "its log says more"}`);
    case LocalNodeState.NODE_PENDING:
      return new CommandError(`this node is not ready: ${info.error || "it joins, or its manager starts"}; try again`);
    default:
      if (info.role === NodeRole.WORKER && !info.controlAvailable) return new CommandError(WORKER);
      return new CommandError(
        `the manager of this node does not answer: ${info.error || `it listens at ${info.controlSocket}`}`,
      );
  }
}

/** @returns undefined when the daemon is away too */
export async function whyNoManager(node: Connection): Promise<CommandError | undefined> {
  try {
    return noManagerError(await node.call(LocalNodeService.info, {}));
  } catch (error) {
    if (error instanceof DeniedError) return error;
    if (error instanceof UnreachableError) return undefined;
    throw error;
  }
}
