/** `tswarmd leave`: ends the node's tasks and removes what the daemon made, in the kernel and in the state folder. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { ProcessExecutor } from "../agent/executor/process/process-executor.js";
import { DataPlaneClient } from "../agent/network/data-plane-client.js";
import { BRIDGE_NAME } from "./agent.js";
import { MEMBERSHIP_FILE, type Membership } from "./membership.js";
import { NODE_ID_FILE, type StateDirectory } from "./state-directory.js";

/**
 * Parts of the state folder that belong to the life in the cluster. The node's id goes last, since what the kernel has is named by
 * it: a node that comes again is another one, because the cluster never takes back an id that it has removed.
 */
const PARTS = ["worker", "tasks", "network", "manager", MEMBERSHIP_FILE, NODE_ID_FILE];

/** @throws Error with one clear line on a manager that others count on: without it they may have no quorum */
export function checkLeave(membership: Membership | undefined, nodeId: string): void {
  if (membership?.role !== "manager") return;
  const others = membership.managers.filter((manager) => manager.nodeId !== nodeId);
  if (others.length === 0) return;
  throw new Error(
    `this node is one of the cluster's ${others.length + 1} managers: start it and run "tsctl cluster leave" on it first; --force leaves all the same, and the others then count it as dead`,
  );
}

export async function leave(state: StateDirectory, log: (line: string) => void): Promise<void> {
  const executor = new ProcessExecutor({ stateDir: state.path, runDir: state.runPath, nodeId: state.nodeId, log });
  const taskIds = await executor.list();
  await Promise.all(taskIds.map((id) => executor.purge(id)));
  const { client } = await DataPlaneClient.start(
    {
      nodeId: state.nodeId,
      stateDir: state.path,
      vxlanPort: 4789,
      underlayMtu: 1500,
      bridgeName: BRIDGE_NAME,
      loadBalancer: "auto",
      packetFilter: "auto",
      lookIntervalMs: 2 ** 30,
    },
    log,
    (error) => log(error.message),
  );
  await client.teardown();
  await client.stop();
  rmSync(state.runPath, { recursive: true, force: true });
  for (const part of PARTS) rmSync(join(state.path, part), { recursive: true, force: true });
}
