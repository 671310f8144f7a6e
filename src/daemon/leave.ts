/** A node leaves its cluster: its tasks end, and what the daemon made goes, in the kernel and in the state folder. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { clearHost } from "./clear-host.js";
import { type Membership, otherManagers, removeMembership, unmarkJoining } from "./membership.js";
import type { StateDirectory } from "./state-directory.js";

/** Parts of the state folder that belong to the life in the cluster. */
const PARTS = ["worker", "tasks", "network", "manager", "certificates"];

/** @throws Error with one clear line on a manager that others count on: without it they may have no quorum */
export function checkLeave(membership: Membership | undefined): void {
  if (membership?.role !== "manager") return;
  const others = membership.managers.filter((manager) => manager.nodeId !== membership.nodeId);
  if (others.length === 0 && otherManagers(membership).length === 0) return;
  throw new Error(
    `this node is one of the cluster's ${others.length + 1} managers: start it and run "tsctl leave" on it first; --force leaves all the same, and the others then count it as dead`,
  );
}

/** Of a node whose agent and manager do not run. Who comes again is another node: the cluster never takes back an id. */
export async function leaveCluster(state: StateDirectory, { nodeId }: Membership, log: (line: string) => void) {
  await clearHost(state.path, nodeId, log);
  forget(state);
}

/** All that the state folder holds of a cluster. What the kernel has is named by the node's id: that goes last. */
export function forget(state: StateDirectory): void {
  for (const part of PARTS) rmSync(join(state.path, part), { recursive: true, force: true });
  removeMembership(state.path);
  unmarkJoining(state.path);
}
