import { LocalNodeService, LocalNodeState } from "../../api/generated/tswarm/v1/node.js";
import { type Connection, RpcError } from "../connection.js";
import { CommandError } from "../failure.js";
import { Status } from "../rpc/status.js";

const ALREADY = 'This node is already part of a swarm. Use "tsctl leave" to leave this swarm and join another one.';
const MEMBERS: readonly LocalNodeState[] = [
  LocalNodeState.NODE_PENDING,
  LocalNodeState.NODE_ACTIVE,
  LocalNodeState.NODE_LOCKED,
];

/** Makes a member of the node; when it is one already, says so in Docker's words. @throws CommandError */
export async function becomeMember<T>(node: Connection, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof RpcError) || error.code !== Status.FAILED_PRECONDITION) throw error;
    const { state } = await node.call(LocalNodeService.info, {});
    throw MEMBERS.includes(state) ? new CommandError(ALREADY) : error;
  }
}
